// RUN: heddle-opt %s | heddle-opt | FileCheck %s
// RUN: heddle-opt --mlir-print-op-generic %s | heddle-opt | FileCheck %s

// Texts that stand for numbers, and the identity link's part of a softmax: what the parser keeps of them.
!src = !hgnn.tensor<src : ?xf32>
!dst = !hgnn.tensor<dst : ?xf32>
!edge = !hgnn.tensor<edge : ?xf32>
!param = !hgnn.tensor<param : ?xf32>
!adj = !hgnn.adj<any>
// CHECK: hgnn.layer @all combine softmax
// CHECK-SAME: args = {num_heads = 4 : i64, slope = 2.000000e-01 : f64}
// CHECK-SAME: last_args = {num_heads = 1 : i64}
hgnn.layer @all combine softmax attributes {index = 0 : i64, in_size = 0 : i64, out_size = 0 : i64,
    args = {num_heads = 4, slope = 0.2}, last_args = {num_heads = 1}}
  message {
  ^bb0(%adj: !adj, %src: !src, %own: !dst):
    %a = hgnn.param "a" scope layer shape ["num_heads", "in / num_heads"] init "ones" : !param
    %l = hgnn.gather_src %src, %adj : !src, !adj
    // CHECK: %[[DOT:.*]] = hgnn.row_dot %{{.*}}, %{{.*}} {heads = "num_heads"} : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<param : ?xf32>
    %s = hgnn.row_dot %l, %a {heads = "num_heads"} : !edge, !param
    // CHECK: %[[BENT:.*]] = hgnn.unary leaky_relu %[[DOT]] {alpha = "slope"}
    %b = hgnn.unary leaky_relu %s {alpha = "slope"} : !edge
    // CHECK: %[[SCALED:.*]] = hgnn.scale %{{.*}} {factor = "1 / sqrt(in / num_heads)"}
    %x = hgnn.scale %l {factor = "1 / sqrt(in / num_heads)"} : !edge
    // CHECK: hgnn.dropout %[[SCALED]] {heads = "num_heads", p = "2 * 0.1", site = 3 : i64}
    %d = hgnn.dropout %x {p = "2 * 0.1", site = 3 : i64, heads = "num_heads"} : !edge
    // CHECK: hgnn.term softmax<"num_heads"> %{{.*}}, %[[BENT]]
    %t = hgnn.term softmax<"num_heads"> %d, %b : !edge, !edge
    // CHECK: hgnn.reduce_dst %{{.*}}, %{{.*}} of softmax<"num_heads"> : !hgnn.tensor<edge : ?xf32>
    %m = hgnn.reduce_dst %t, %adj of softmax<"num_heads"> : !edge, !adj
    hgnn.yield %m : !dst
  // CHECK: } self {
  } self {
  ^bb0(%own: !dst, %ids: !hgnn.ids<dst>):
    %a = hgnn.param "a" scope layer shape ["num_heads", "in / num_heads"] init "ones" : !param
    %s = hgnn.row_dot %own, %a {heads = "num_heads"} : !dst, !param
    // CHECK: hgnn.yield %{{.*}}, %{{.*}} : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
    hgnn.yield %own, %s : !dst, !dst
  // CHECK: } update {
  } update {
  ^bb0(%combined: !dst, %own: !dst, %ids: !hgnn.ids<dst>):
    // CHECK: hgnn.unary rsqrt
    %r = hgnn.unary rsqrt %combined {hidden_only} : !dst
    hgnn.yield %r : !dst
  }
