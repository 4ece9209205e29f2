// Rows that depend on the whole batch: where the op stands, what it becomes, and what is refused.
// RUN: split-file %s %t
// RUN: heddle-compile --graph %inputs/graph.json --model %t/han.json --emit=metatree > %t/one.mlir
// RUN: FileCheck %t/han.json --input-file=%t/one.mlir --check-prefix=TREE
// RUN: heddle-opt %t/one.mlir --hgnn-differentiate | FileCheck %t/han.json --check-prefix=GRAD
// RUN: heddle-compile --graph %inputs/graph.json --model %t/han.json --emit=kernels | FileCheck %t/han.json --check-prefix=KERNELS

// A link is never shared, also where that would even out the loads, and there are no more partitions than links.
// RUN: heddle-opt %t/one.mlir --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=2 split=balance})" 2>&1 | FileCheck %t/han.json --check-prefix=WHOLE
// RUN: not heddle-opt %t/one.mlir --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=3})" 2>&1 | FileCheck %t/han.json --check-prefix=MORE
// RUN: not heddle-opt %t/one.mlir --pass-pipeline="builtin.module(hgnn-data-parallel{partitions=2})" 2>&1 | FileCheck %t/han.json --check-prefix=VANILLA

// Two layers have one at hop 1, where several partitions have rows of their own.
// RUN: sed 's/"num_layers": 1/"num_layers": 2/' %t/han.json > %t/deep.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t/deep.json --emit=metatree > %t/deep.mlir
// RUN: not heddle-opt %t/deep.mlir --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=2})" 2>&1 | FileCheck %t/han.json --check-prefix=DEEP
// RUN: heddle-opt %t/deep.mlir --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=1})" -o /dev/null

// The tool's choice of order leaves vanilla out, and says why.
// RUN: heddle-compile --graph %inputs/graph.json --model %t/han.json --partitions 2 --cpu=x86-64-v2 --force -o %t/two.plan > %t/two.txt 2>&1
// RUN: FileCheck %t/han.json --input-file=%t/two.txt --check-prefix=CHOICE
// RUN: %wrong heddle-compile --graph %inputs/graph.json --model %t/deep.json --partitions 2 --cpu=x86-64-v2 -o %t/no.plan | FileCheck %t/han.json --check-prefix=TOOL

// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-verify-phase=phase=partitioned %t/partitions.mlir

//--- han.json
// TREE: hgnn.entry train_step
// TREE: %[[SCORE:.*]] = hgnn.row_dot %{{[0-9]+}}, %{{[0-9]+}} : !hgnn.tensor<active(0, @"author:writes:paper") : 8xf32>
// TREE: %[[MEAN:.*]] = hgnn.batch_reduce mean %[[SCORE]] : !hgnn.tensor<active(0, @"author:writes:paper") : 1xf32>
// TREE: hgnn.term softmax %{{.*}}, %[[MEAN]]
// GRAD: %[[G:.*]] = hgnn.term_grad softmax {{.*}} : {{.*}}!hgnn.tensor<active(0, @"{{.*}}") : 8xf32>
// GRAD: hgnn.batch_reduce mean %{{.*}} : !hgnn.tensor<active(0, @"{{.*}}") : 1xf32>
// KERNELS-DAG: hgnn.col_sum %{{.*}} : !hgnn.tensor<active(0, @r0) : 1xf32>
// KERNELS-DAG: hgnn.ones %{{.*}} : !hgnn.tensor<active(0, @r0) : 1xf32>
// KERNELS-DAG: hgnn.broadcast_rows %{{.*}} : !hgnn.tensor<param : 1xf32>, !hgnn.tensor<active(0, @r0) : 1xf32>
// KERNELS-NOT: hgnn.batch_reduce
// WHOLE: partition {{[01]}} of 2 owns author:writes:paper ({{[0-9]+}});
// WHOLE-NOT: shared
// MORE: error: 'hgnn.batch_reduce' op is over all seeds of the batch, so its root link is not cut; there are 2 pieces for 3 partitions: use at most 2
// VANILLA: error: 'batch_reduce' is over the whole batch, and '!hgnn.tensor<active(0, @"{{.*}}") : 1xf32, owned(0) split>' is one partition's block of it; use relation-aggregation-first (--order raf) or one partition
// DEEP: error: 'hgnn.batch_reduce' op is over {{.*}}active(1, @"author:writes:paper")>, of which each partition has only the rows that its links need; with several partitions it stands in the last layer, or compile for one
// CHOICE: order: chose raf
// CHOICE-SAME: vanilla: not possible, {{.*}}'batch_reduce' is over the whole batch
// TOOL: with several partitions it stands in the last layer, or compile for one
{"version": "1.0",
 "task": {"target_ntype": "paper", "label": "field"},
 "inputs": {"author": {"learnable": true}},
 "model": {"encoder": "han", "num_layers": 1, "hidden_size": 8, "num_heads": 2, "dropout": 0.5,
           "relations": [["author", "writes", "paper"], ["paper", "cites", "paper"]]},
 "train": {"batch_size": 16}}

//--- partitions.mlir
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %a = hgnn.sample %s fanout -1 {block = 0 : i64, blocks = 2 : i64} : <rows(0, @p)> -> <0, @"a:w:p" from @a to @p, owned(0)>
  %d = hgnn.degree %a : !hgnn.adj<0, @"a:w:p" from @a to @p, owned(0)>
  // expected-error@+1 {{'hgnn.batch_reduce' op is over #hgnn.domain<active(0, @"a:w:p")>, of which this partition has a block}}
  %m = hgnn.batch_reduce mean %d : !hgnn.tensor<active(0, @"a:w:p") : 1xf32, owned(0)>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
}

// -----

hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %a = hgnn.sample %s fanout -1 : <rows(0, @p)> -> <0, @"a:w:p" from @a to @p, owned(0)>
  %f = hgnn.frontier samples(%a) : (!hgnn.adj<0, @"a:w:p" from @a to @p, owned(0)>) -> !hgnn.ids<rows(1, @a), owned(0)>
  %x = hgnn.fetch_dense "x" of %f : (!hgnn.ids<rows(1, @a), owned(0)>) -> !hgnn.tensor<rows(1, @a) : 2xf32, owned(0)>
  // expected-error@+1 {{'hgnn.batch_reduce' op is over #hgnn.domain<rows(1, @a)>, of which each partition has only the rows that its links need}}
  %m = hgnn.batch_reduce mean %x : !hgnn.tensor<rows(1, @a) : 2xf32, owned(0)>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
}
