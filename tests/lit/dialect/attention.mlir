// RUN: heddle-opt %s > %t.once
// RUN: FileCheck %s --input-file=%t.once
// RUN: heddle-opt %t.once | diff %t.once -
// RUN: heddle-opt --mlir-print-op-generic %s | heddle-opt | diff %t.once -
// RUN: heddle-opt --emit-bytecode %s | heddle-opt | diff %t.once -
// Merges over edges, with heads, print as they were written, also in one more round.

!src = !hgnn.tensor<rows(1, @a) : 6xf32>
!act = !hgnn.tensor<active(0, @r) : 6xf32>
!terms = !hgnn.tensor<active(0, @r) : 10xf32>
!edge = !hgnn.tensor<edges(0, @r) : 6xf32>
!two = !hgnn.tensor<edges(0, @r) : 2xf32>
!one = !hgnn.tensor<edges(0, @r) : 1xf32>
!adj = !hgnn.adj<0, @r from @a to @p>

// CHECK-LABEL: hgnn.kernel @attention
hgnn.kernel @attention {
^bb0(%x: !src, %q: !act, %g: !act, %adj: !adj, %w: !hgnn.tensor<param : 2x3x3xf32>, %p: !hgnn.tensor<param : 2x3xf32>, %n: !hgnn.tensor<param : 2xf32>):
  // CHECK: hgnn.head_linear %{{.*}}, %{{.*}} {transpose} : !hgnn.tensor<active(0, @r) : 6xf32>, !hgnn.tensor<param : 2x3x3xf32>
  %h = hgnn.head_linear %q, %w {transpose} : !act, !hgnn.tensor<param : 2x3x3xf32>
  // CHECK: hgnn.head_linear_grad_weight %{{.*}}, %{{.*}} {heads = 2 : i64} : !hgnn.tensor<active(0, @r) : 6xf32>
  %dw = hgnn.head_linear_grad_weight %q, %g {heads = 2 : i64} : !act, !act
  // CHECK: hgnn.scale_rows %{{.*}}, %{{.*}} : !hgnn.tensor<active(0, @r) : 6xf32>, !hgnn.tensor<param : 2xf32>
  %k = hgnn.scale_rows %h, %n : !act, !hgnn.tensor<param : 2xf32>
  // CHECK: hgnn.row_dot %{{.*}}, %{{.*}} {heads = 2 : i64} : !hgnn.tensor<active(0, @r) : 6xf32>, !hgnn.tensor<param : 2x3xf32>
  %d = hgnn.row_dot %k, %p {heads = 2 : i64} : !act, !hgnn.tensor<param : 2x3xf32>
  %v = hgnn.gather_src %x, %adj : !src, !adj
  %e = hgnn.gather_dst %k, %adj : !act, !adj
  // CHECK: %[[S:.*]] = hgnn.row_dot %{{.*}}, %{{.*}} {heads = 2 : i64} : !hgnn.tensor<edges(0, @r) : 6xf32>, !hgnn.tensor<edges(0, @r) : 6xf32>
  %s = hgnn.row_dot %v, %e {heads = 2 : i64} : !edge, !edge
  // CHECK: %[[I:.*]] = hgnn.edge_ids %{{.*}} : !hgnn.adj<0, @r from @a to @p>
  %i = hgnn.edge_ids %adj : !adj
  // CHECK: %[[V:.*]] = hgnn.dropout %{{.*}}, %[[I]] {heads = 2 : i64, {{.*}}} : !hgnn.tensor<edges(0, @r) : 6xf32>, !hgnn.ids<edges(0, @r)>
  %u = hgnn.dropout %v, %i {p = 0.5 : f64, site = 1 : i64, heads = 2 : i64} : !edge, !hgnn.ids<edges(0, @r)>
  // CHECK: %[[T:.*]] = hgnn.term softmax<2> %[[V]], %[[S]] : !hgnn.tensor<edges(0, @r) : 6xf32>, !hgnn.tensor<edges(0, @r) : 2xf32>
  %t = hgnn.term softmax<2> %u, %s : !edge, !two
  // CHECK: %[[M:.*]] = hgnn.reduce_dst %[[T]], %{{.*}} of softmax<2> : !hgnn.tensor<edges(0, @r) : 10xf32>, !hgnn.adj<0, @r from @a to @p>
  %m = hgnn.reduce_dst %t, %adj of softmax<2> : !hgnn.tensor<edges(0, @r) : 10xf32>, !adj
  // CHECK: hgnn.combined softmax<2> %[[M]] : !hgnn.tensor<active(0, @r) : 10xf32>
  %o = hgnn.combined softmax<2> %m : !terms
  // CHECK: %[[G:.*]] = hgnn.combined_grad softmax<2> %{{.*}}, %[[M]]
  %dm = hgnn.combined_grad softmax<2> %g, %m : !act, !terms
  %de = hgnn.gather_dst %dm, %adj : !terms, !adj
  // CHECK: hgnn.term_grad softmax<2> %{{.*}}, %[[S]] : !hgnn.tensor<edges(0, @r) : 10xf32>, !hgnn.tensor<edges(0, @r) : 2xf32>
  %dv = hgnn.term_grad softmax<2> %de, %s : !hgnn.tensor<edges(0, @r) : 10xf32>, !two
  // CHECK: hgnn.expand %[[M]], %{{.*}} of softmax<2> : !hgnn.tensor<active(0, @r) : 10xf32>
  %x0 = hgnn.expand %m, %adj of softmax<2> : !terms, !adj
  // CHECK: hgnn.partial %{{.*}} of softmax<2> {link = "r"} : !hgnn.tensor<rows(0, @p) : 10xf32>
  %x1 = hgnn.partial %x0 of softmax<2> {link = "r"} : !hgnn.tensor<rows(0, @p) : 10xf32>
  // CHECK: hgnn.merge_all activations %{{.*}} of softmax<2> {bytes = 80 : i64
  %x2 = hgnn.merge_all activations %x1 of softmax<2> {bytes = 80 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @p) : 10xf32, partial_softmax> -> <rows(0, @p) : 10xf32>
  // CHECK: %[[N:.*]] = hgnn.edge_position %{{.*}} : !hgnn.adj<0, @r from @a to @p>
  %pos = hgnn.edge_position %adj : !adj
  // CHECK: hgnn.term argmax %{{.*}}, %[[N]] : !hgnn.tensor<edges(0, @r) : 6xf32>, !hgnn.tensor<edges(0, @r) : 1xf32>
  %a = hgnn.term argmax %v, %pos : !edge, !one
  // CHECK: %[[A:.*]] = hgnn.reduce_dst %{{.*}}, %{{.*}} of argmax
  %b = hgnn.reduce_dst %a, %adj of argmax : !hgnn.tensor<edges(0, @r) : 12xf32>, !adj
  %c = hgnn.gather_dst %b, %adj : !hgnn.tensor<active(0, @r) : 12xf32>, !adj
  // CHECK: hgnn.term_grad argmax %{{.*}}, %[[N]]
  %da = hgnn.term_grad argmax %c, %pos : !hgnn.tensor<edges(0, @r) : 12xf32>, !one
  // CHECK: hgnn.unary softplus
  %f = hgnn.unary softplus %x : !src
  %l = hgnn.unary log %f : !src
  %ex = hgnn.unary exp %l : !src
  hgnn.yield %o : !act
}

// CHECK: hgnn.layer @l combine softmax attributes
// CHECK: hgnn.reduce_dst %{{.*}}, %{{.*}} of softmax<2> : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
hgnn.layer @l combine softmax attributes {index = 0 : i64, in_size = 4 : i64, out_size = 4 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %v = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %q = hgnn.gather_dst %own, %adj : !hgnn.tensor<dst : ?xf32>, !hgnn.adj<any>
  %s = hgnn.row_dot %v, %q {heads = 2 : i64} : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<edge : ?xf32>
  %t = hgnn.term softmax<2> %v, %s : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<edge : 2xf32>
  %m = hgnn.reduce_dst %t, %adj of softmax<2> : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}
