// RUN: heddle-opt --split-input-file --hgnn-unroll %s | FileCheck %s
// Data of edges: a relation that has the feature fetches its rows, one that has it not gets the default. Of zeros
// nothing is computed, and parameters that only they would read are no states.

// CHECK-NOT: hgnn.state parameter @"convs.0.convs.<a___v___p>.lin_edge"
// CHECK: hgnn.state parameter @"convs.0.convs.<a___v___p>.scale" {{.*}}shape = array<i64: 2>
// CHECK-NOT: hgnn.state parameter @"convs.0.convs.<a___v___p>.lin_edge"
// CHECK: hgnn.state parameter @"convs.0.convs.<a___w___p>.lin_edge" {{.*}}shape = array<i64: 3, 2>
// CHECK-LABEL: hgnn.entry train_step
// CHECK: %[[V:.*]] = hgnn.sample {{.*}}@"a:v:p"
// CHECK: %[[W:.*]] = hgnn.sample {{.*}}@"a:w:p"
// CHECK-NOT: hgnn.linear
// CHECK: %[[N:.*]] = hgnn.gather_src %{{.*}}, %[[V]]
// CHECK-NOT: hgnn.add
// CHECK: hgnn.reduce_dst %[[N]], %[[V]]
// CHECK: hgnn.edge_constant %[[V]] {value = 5.000000e-01 : f64, width = 3 : i64}
// CHECK: %[[G:.*]] = hgnn.fetch_edge "g" of %[[W]] : {{.*}} -> !hgnn.tensor<edges(0, @"a:w:p") : 3xf32>
// CHECK: %[[M:.*]] = hgnn.linear %[[G]], %{{.*}} : !hgnn.tensor<edges(0, @"a:w:p") : 3xf32>, !hgnn.tensor<param : 3x2xf32>
// CHECK: %[[E:.*]] = hgnn.gather_src %{{.*}}, %[[W]]
// CHECK: hgnn.add %[[E]], %[[M]]
// Rows that are read twice are fetched once.
// CHECK-NOT: hgnn.fetch_edge
// CHECK-LABEL: hgnn.entry eval_step
// CHECK: hgnn.fetch_edge "g"
hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:v:p" from @a to @p {id = 0 : i64, name = "v", num_edges = 0 : i64}
hgnn.relation @"a:w:p" from @a to @p {id = 1 : i64, name = "w", num_edges = 0 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.relation @"p:c:p" from @p to @p {id = 2 : i64, name = "c", num_edges = 9 : i64, excluded}
hgnn.relation @"p:rev_w:a" from @p to @a {id = 3 : i64, name = "rev_w", num_edges = 0 : i64, reverse_of = 1 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %e = hgnn.edge_feature "g" default 0.0 : <edge : ?xf32>
  %w = hgnn.param "lin_edge" scope relation shape ["edge.g", "out"] init "ones" : <param : ?xf32>
  %s = hgnn.param "scale" scope relation shape ["out"] init "ones" : <param : ?xf32>
  %m = hgnn.linear %e, %w : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<param : ?xf32>
  %x = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %y = hgnn.add %x, %m : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<edge : ?xf32>
  %z = hgnn.reduce_dst %y, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  %b = hgnn.add_bias %z, %s : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  %d = hgnn.edge_feature "g" default 0.5 : <edge : 3xf32>
  %f = hgnn.slice %d {offset = 1 : i64, size = 2 : i64} : !hgnn.tensor<edge : 3xf32>
  %g = hgnn.reduce_dst %f, %adj : !hgnn.tensor<edge : 2xf32>, !hgnn.adj<any>
  %h = hgnn.add %b, %g : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : 2xf32>
  hgnn.yield %h : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}
