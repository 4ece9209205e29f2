// RUN: heddle-opt --hgnn-unroll %s | FileCheck %s
// RUN: heddle-opt %s --pass-pipeline="builtin.module(hgnn-unroll,hgnn-verify-phase{phase=metatree})" -o /dev/null
//
// At hop 1 there are rows of @a only, and no relation ends at @a: no message says how wide the rows are that
// `update` reads. The message program does: its weight gives 5 columns, the layer 6.

hgnn.node_type @a {id = 0 : i64, num_nodes = 7 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 12 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2, 2>, overrides = {}, eval_fanout = array<i64: -1, -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}

// CHECK: hgnn.state parameter @convs.0.head {{.*}}shape = array<i64: 5, 6>}
// No relation, no weight of it.
// CHECK-NOT: @"convs.0.convs
// CHECK: hgnn.state parameter @"convs.1.convs.<a___w___p>.weight" {{.*}}shape = array<i64: 6, 5>}
// CHECK: hgnn.entry train_step
// CHECK: %[[ADJ:.*]] = hgnn.sample
// CHECK-NEXT: %[[IDS:.*]] = hgnn.frontier samples(%[[ADJ]])
// CHECK: %[[ZEROS:.*]] = hgnn.zeros %[[IDS]] {{.*}}!hgnn.tensor<rows(1, @a) : 5xf32>
// CHECK: hgnn.linear %[[ZEROS]],

hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 4xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 4xf32>
}
hgnn.layer @first combine sum attributes {index = 0 : i64, in_size = 4 : i64, out_size = 6 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %sum = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  %w = hgnn.param "weight" scope relation shape ["in", 5] init "xavier_uniform" : <param : ?xf32>
  %m = hgnn.linear %sum, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %h = hgnn.param "head" scope layer shape [5, "out"] init "xavier_uniform" : <param : ?xf32>
  %y = hgnn.linear %c, %h : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %y : !hgnn.tensor<dst : ?xf32>
}
hgnn.layer @last combine sum attributes {index = 1 : i64, in_size = 6 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %sum = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  %w = hgnn.param "weight" scope relation shape ["in", 5] init "xavier_uniform" : <param : ?xf32>
  %m = hgnn.linear %sum, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %h = hgnn.param "head" scope layer shape [5, "out"] init "xavier_uniform" : <param : ?xf32>
  %y = hgnn.linear %c, %h : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %y : !hgnn.tensor<dst : ?xf32>
}
