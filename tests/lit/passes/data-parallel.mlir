// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=metatree > %t.metatree
// RUN: heddle-opt %t.metatree --hgnn-data-parallel=partitions=2 2> %t.remarks > %t.cut && FileCheck %s < %t.cut
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// RUN: heddle-opt %t.cut --hgnn-verify-phase=phase=partitioned -o /dev/null
// REMARK: remark: data-parallel: 2 partitions, each with its block of the seeds; activations 8 bytes a step; remote_features 20 bytes a row of @paper and 8 a stored number, for rows that another partition keeps; embedding_rows forward 40 bytes a row of @author, for rows that another partition keeps

// Tables are spread, dense parameters have copies.
// CHECK: hgnn.state embedding_rows @embeddings.author.weight {{.*}}shape = array<i64: 8>, spread}
// CHECK-NOT: spread
// CHECK: hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
// CHECK: hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
// CHECK-NEXT: %[[ALL:.*]] = hgnn.seeds : <rows(0, @paper)>
// CHECK-NEXT: %[[S:.*]] = hgnn.seed_block %[[ALL]] {of = 2 : i64, partition = 1 : i64} : <rows(0, @paper)> -> <rows(0, @paper), owned(1) split>
// The whole DAG, for the block.
// CHECK-NEXT: hgnn.sample %[[S]] fanout 4 : <rows(0, @paper), owned(1) split> -> <0, @"author:reviews:paper" from @author to @paper, owned(1) split>
// CHECK-NEXT: hgnn.sample %[[S]] fanout 4 : {{.*}}@"author:writes:paper"
// CHECK-NEXT: hgnn.sample %[[S]] fanout 4 : {{.*}}@"paper:cites:paper"
// CHECK: %[[AU2:.*]], %{{.*}} = hgnn.frontier self {{.*}} -> (!hgnn.ids<rows(2, @author), owned(1) split>, !hgnn.link<1, @author, owned(1) split>)
// CHECK: %[[PA2:.*]], %{{.*}} = hgnn.frontier self {{.*}} -> (!hgnn.ids<rows(2, @paper), owned(1) split>
// Rows are asked for once a frontier; two features and their ids.
// CHECK: %[[KA:.*]] = hgnn.request_rows embedding_rows %[[AU2]] {bytes = 8 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(2, @author), owned(1) split> -> <rows(2, @author), kept(1)>
// CHECK-NEXT: %[[EMB:.*]] = hgnn.fetch_remote_rows @embeddings.author.weight of %[[AU2]] kept %[[KA]] {bytes = 32 : i64, id = 1 : i64, partitions = array<i64: 0, 1>} : {{.*}} -> !hgnn.tensor<rows(2, @author) : 8xf32, owned(1) split>
// CHECK: %[[KP:.*]] = hgnn.request_rows remote_features %[[PA2]] {bytes = 8 : i64, id = 2 : i64, partitions = array<i64: 0, 1>}
// CHECK: hgnn.fetch_remote_features "title" of %[[PA2]] kept %[[KP]] {bytes = 4 : i64, id = 3 : i64, partitions = array<i64: 0, 1>} : {{.*}} -> !hgnn.sparse<rows(2, @paper), 50, owned(1) split>
// CHECK-NOT: request_rows
// CHECK: hgnn.fetch_remote_features "year" of %[[PA2]] kept %[[KP]] {bytes = 8 : i64, id = 4 : i64, partitions = array<i64: 0, 1>} : {{.*}} -> !hgnn.tensor<rows(2, @paper) : 2xf32, owned(1) split>
// CHECK-NOT: hgnn.fetch_rows
// CHECK-NOT: hgnn.fetch_dense
// Labels are everywhere. The sum of the block is a term; the divisor is that of the whole batch.
// CHECK: hgnn.fetch_labels "field" of %[[S]]
// CHECK: %[[SUM:.*]] = hgnn.col_sum {{.*}}owned(1) split>
// CHECK-NEXT: %[[MERGED:.*]] = hgnn.merge_all activations %[[SUM]] {bytes = 8 : i64, id = 5 : i64, partitions = array<i64: 0, 1>} : <param : 1xf32, partial_sum> -> <param : 1xf32>
// CHECK: %[[INV:.*]] = hgnn.scalar inv_label_count
// CHECK: %[[LOSS:.*]] = hgnn.mul %[[MERGED]], %[[INV]]
// CHECK: hgnn.output "loss" %[[LOSS]]
// Nobody reads logits of training.
// CHECK-NOT: logits
// CHECK: hgnn.output "ids" %[[ALL]] : !hgnn.ids<rows(0, @paper)>
// CHECK: hgnn.entry eval_step @"eval_step:0"
// CHECK-NOT: hgnn.dropout
// CHECK: %[[G:.*]] = hgnn.gather_blocks activations %{{.*}} {bytes = 12 : i64, id = 6 : i64, partitions = array<i64: 0, 1>} : <rows(0, @paper) : 3xf32, owned(0) split> -> <rows(0, @paper) : 3xf32>
// CHECK: hgnn.output "logits" %[[G]]
// CHECK: hgnn.entry eval_step @"eval_step:1"

// The gradients: terms where they leave the rows, rows to their keepers.
// RUN: heddle-opt %t.cut --hgnn-differentiate 2> %t.remarks > %t.training && FileCheck %s --check-prefix=GRAD < %t.training
// RUN: heddle-opt %t.training --hgnn-verify-phase=phase=training -o /dev/null
// RUN: FileCheck %s --check-prefix=BACK < %t.remarks
// BACK: remark: gradients of {{[0-9]+}} states: dense_gradients {{[0-9]+}} bytes a step in {{[0-9]+}} merges; embedding_rows 32 bytes a row of @author that another partition keeps
// GRAD: hgnn.state moment1 @embeddings.author.weight.moment1 {{.*}}, spread}
// GRAD: hgnn.state row_steps @embeddings.author.weight.row_steps {{.*}}, spread}
// GRAD: @"train_step:1"
// GRAD: %[[AU2:.*]], %{{.*}} = hgnn.frontier self {{.*}} -> (!hgnn.ids<rows(2, @author), owned(1) split>
// GRAD: %[[KA:.*]] = hgnn.request_rows embedding_rows
// GRAD: %[[INV:.*]] = hgnn.scalar inv_label_count
// GRAD: %[[G0:.*]] = hgnn.broadcast_rows %[[INV]], %{{.*}} : !hgnn.tensor<param : 1xf32>, !hgnn.ids<rows(0, @paper), owned(1) split>
// GRAD-NEXT: %[[G:.*]] = hgnn.softmax_xent_grad
// GRAD-NEXT: %[[BIAS:.*]] = hgnn.col_sum %[[G]]
// GRAD-NOT: hgnn.partial
// GRAD: %[[SUMS:.*]] = hgnn.push_rows %{{.*}} of %[[AU2]] kept %[[KA]] {bytes = 32 : i64, id = 6 : i64, partitions = array<i64: 0, 1>} : {{.*}} -> !hgnn.tensor<rows(2, @author) : 8xf32, kept(1)>
// GRAD: %[[MB:.*]] = hgnn.merge_all dense_gradients %[[BIAS]] {bytes = 24 : i64
// GRAD: hgnn.output "grad:embeddings.author.weight" %[[SUMS]]
// GRAD: hgnn.output "grad:convs.1.bias" %[[MB]]
// GRAD: hgnn.row_optimizer_step @embeddings.author.weight by %[[SUMS]] rows %[[KA]]
// GRAD: hgnn.optimizer_step @convs.1.bias by %[[MB]]

// What is refused, with what to do.
// RUN: not heddle-opt %t.metatree --hgnn-data-parallel=partitions=0 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: cannot be cut into 0 partitions; use at least 1
// RUN: not heddle-opt %t.cut --hgnn-data-parallel 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: 'hgnn.entry' op is one partition's already
// RUN: not heddle-opt %t.metatree --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-data-parallel)" 2>&1 | FileCheck %s --check-prefix=ORDER
// ORDER: error: 'hgnn.partial' op is of another order of the step; hgnn-data-parallel takes the metatree phase
// RUN: not heddle-opt %t.metatree --pass-pipeline="builtin.module(hgnn-differentiate,hgnn-data-parallel)" 2>&1 | FileCheck %s --check-prefix=LATE
// LATE: is there already; communication comes before hgnn-differentiate
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=model > %t.model
// RUN: not heddle-opt %t.model --hgnn-data-parallel 2>&1 | FileCheck %s --check-prefix=MODEL
// MODEL: error: has no hgnn.entry to cut; run hgnn-unroll first
