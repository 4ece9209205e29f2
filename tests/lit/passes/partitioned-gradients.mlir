// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=metatree > %t.metatree
// RUN: heddle-opt %t.metatree --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=2},hgnn-insert-communication,hgnn-differentiate)" 2> %t.log > %t.training && FileCheck %s < %t.training
// RUN: heddle-opt %t.training --hgnn-verify-phase=phase=training -o /dev/null
// RUN: FileCheck %s --check-prefix=REMARK < %t.log
// REMARK: remark: gradients of 15 states: dense_gradients 5504 bytes a step in 8 merges; embedding_rows 40 bytes a row of @author in each of 2 frontiers
// Kernels end where a collective is; partials and own uses stay only beside launches, as other names.
// RUN: heddle-opt %t.training --pass-pipeline="builtin.module(hgnn-fuse,hgnn-verify-phase{phase=kernels})" > %t.kernels && FileCheck %s --check-prefix=FUSE < %t.kernels
// FUSE: hgnn.kernel
// FUSE: hgnn.entry train_step @"train_step:1"
// FUSE: %[[SUM:.*]] = hgnn.launch @{{.*}} -> !hgnn.tensor<rows(0, @paper) : 3xf32, partial_sum>
// FUSE: hgnn.merge_all activations %[[SUM]]
// FUSE: hgnn.exchange_rows
// FUSE: %[[TERM:.*]] = hgnn.partial %{{.*}} {partition = 1 : i64} : !hgnn.tensor<param
// FUSE-NEXT: hgnn.merge_all dense_gradients %[[TERM]]

// Moments are where their parameter is.
// CHECK: hgnn.state moment1 @"convs.1.convs.<paper___cites___paper>.weight.moment1" {{.*}}partitions = array<i64: 0>

// CHECK: @"train_step:1"
// CHECK: %[[IDS:.*]], %{{.*}} = hgnn.frontier {{.*}} -> (!hgnn.ids<rows(2, @author), owned(1)>
// CHECK: %[[P:.*]] = hgnn.partial {{.*}} {link = "self"
// The gradient of a merge is that of its result: nothing is sent, and each sub-DAG has its own use of it.
// CHECK: %[[G:.*]] = hgnn.softmax_xent_grad
// CHECK-NEXT: %[[BIAS:.*]] = hgnn.col_sum %[[G]] : !hgnn.tensor<rows(0, @paper) : 3xf32>
// CHECK-NEXT: %[[OWN:.*]] = hgnn.own %[[G]] {partition = 1 : i64}
// CHECK-NOT: activations
// CHECK: %[[ROOT:.*]] = hgnn.linear_grad_weight {{.*}}, %[[OWN]] : {{.*}}owned(1)>
// Row gradients meet over the union of the partitions' rows.
// CHECK: %[[ALL:.*]], %[[SUMS:.*]] = hgnn.exchange_rows %[[IDS]], %{{.*}} {bytes = 40 : i64, id = 1 : i64, partitions = array<i64: 0, 1>} : {{.*}} -> (!hgnn.ids<rows(2, @author)>, !hgnn.tensor<rows(2, @author) : 8xf32>)
// A state that both partitions use below the merge: its terms are summed.
// CHECK: %[[T:.*]] = hgnn.partial %{{.*}} {partition = 1 : i64} : !hgnn.tensor<param : 50x8xf32, owned(1)>
// CHECK-NEXT: %[[TITLE:.*]] = hgnn.merge_all dense_gradients %[[T]] {bytes = 3200 : i64, id = 2 : i64, partitions = array<i64: 0, 1>} : <param : 50x8xf32, partial_sum> -> <param : 50x8xf32>
// CHECK: hgnn.output "grad:embeddings.author.weight" %[[SUMS]]
// CHECK: hgnn.output "grad:inputs.paper.title.weight" %[[TITLE]]
// One partition's own, and the head's: no collective.
// CHECK: hgnn.output "grad:convs.1.root" %[[ROOT]] : !hgnn.tensor<param : 8x3xf32, owned(1)>
// CHECK: hgnn.output "grad:convs.1.bias" %[[BIAS]] : !hgnn.tensor<param : 3xf32>
// CHECK: hgnn.row_optimizer_step @embeddings.author.weight by %[[SUMS]] rows %[[ALL]]
// CHECK: hgnn.optimizer_step @inputs.paper.title.weight by %[[TITLE]]
// CHECK: hgnn.optimizer_step @convs.1.bias by %[[BIAS]]
// CHECK-NOT: cites___paper>.weight by
// CHECK: eval_step

// With a leader the gradient of the merge comes back from it.
// RUN: heddle-opt %t.metatree --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=2},hgnn-insert-communication{mode=leader},hgnn-differentiate,hgnn-verify-phase{phase=training})" 2> %t.log | FileCheck %s --check-prefix=LEADER
// LEADER: @"train_step:0"
// LEADER: %[[G:.*]] = hgnn.softmax_xent_grad {{.*}}owned(0)>
// LEADER: %[[B:.*]] = hgnn.broadcast activations %[[G]] {bytes = 12 : i64, id = 1 : i64, leader = 0 : i64, partitions = array<i64: 0, 1>} : (!hgnn.tensor<rows(0, @paper) : 3xf32, owned(0)>) -> !hgnn.tensor<rows(0, @paper) : 3xf32>
// LEADER: hgnn.own %[[B]] {partition = 0 : i64}
// LEADER: @"train_step:1"
// LEADER: hgnn.merge_to
// LEADER-NEXT: %[[B:.*]] = hgnn.broadcast activations {bytes = 12 : i64, id = 1 : i64, leader = 0 : i64, partitions = array<i64: 0, 1>} : () -> !hgnn.tensor<rows(0, @paper) : 3xf32>
// LEADER: hgnn.own %[[B]] {partition = 1 : i64}

// One norm of all parameters: each partition sums the squares of those that it counts.
// RUN: sed 's/"batch_size": 16/"batch_size": 16, "max_grad_norm": 1.0/' %inputs/rgcn.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=metatree > %t.clip
// RUN: heddle-opt %t.clip --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=2},hgnn-insert-communication,hgnn-differentiate,hgnn-verify-phase{phase=training})" 2> %t.log | FileCheck %s --check-prefix=CLIP
// CLIP: @"train_step:1"
// CLIP: %[[Q:.*]] = hgnn.sum_squares {{.*}}owned(1)>
// CLIP: %[[S:.*]] = hgnn.partial %{{.*}} {partition = 1 : i64} : !hgnn.tensor<param : 1xf32, owned(1)>
// CLIP: %[[N:.*]] = hgnn.merge_all dense_gradients %[[S]] {bytes = 8 : i64
// CLIP: %[[F:.*]] = hgnn.clip_factor %[[N]] {max_norm = 1.000000e+00 : f64}
// CLIP: hgnn.optimizer_step {{.*}} clip %[[F]]
