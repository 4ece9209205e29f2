// RUN: heddle-opt --split-input-file --verify-diagnostics %s

!src = !hgnn.tensor<src : ?xf32>
!dst = !hgnn.tensor<dst : ?xf32>
!edge = !hgnn.tensor<edge : ?xf32>
!adj = !hgnn.adj<any>
// expected-error@+1 {{has a region `self`, which gives the identity link's part of a softmax; with combine sum use the own rows in `update`}}
hgnn.layer @sum combine sum attributes {index = 0 : i64, in_size = 0 : i64, out_size = 0 : i64} message {
^bb0(%adj: !adj, %src: !src, %own: !dst):
  %l = hgnn.gather_src %src, %adj : !src, !adj
  %m = hgnn.reduce_dst %l, %adj : !edge, !adj
  hgnn.yield %m : !dst
} self {
^bb0(%own: !dst, %ids: !hgnn.ids<dst>):
  hgnn.yield %own, %own : !dst, !dst
} update {
^bb0(%c: !dst, %own: !dst, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !dst
}

// -----

!src = !hgnn.tensor<src : ?xf32>
!dst = !hgnn.tensor<dst : ?xf32>
!edge = !hgnn.tensor<edge : ?xf32>
!adj = !hgnn.adj<any>
// expected-error@+1 {{self must end with hgnn.yield of a value and its score}}
hgnn.layer @score combine softmax attributes {index = 0 : i64, in_size = 0 : i64, out_size = 0 : i64} message {
^bb0(%adj: !adj, %src: !src, %own: !dst):
  %l = hgnn.gather_src %src, %adj : !src, !adj
  %m = hgnn.reduce_dst %l, %adj : !edge, !adj
  hgnn.yield %m, %m : !dst, !dst
} self {
^bb0(%own: !dst, %ids: !hgnn.ids<dst>):
  hgnn.yield %own : !dst
} update {
^bb0(%c: !dst, %own: !dst, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !dst
}

// -----

!p = !hgnn.tensor<param : 2x3xf32>
!q = !hgnn.tensor<param : 6xf32>
hgnn.entry train_step @shapes {
  %p = hgnn.read @p : !p
  %q = hgnn.read @q : !q
  // expected-error@+1 {{'row_dot' needs params of one shape, got}}
  %d = hgnn.row_dot %p, %q {heads = 2 : i64} : !p, !q
}

// -----

!r = !hgnn.tensor<rows(0, @p) : 4xf32>
hgnn.kernel @heads {
^bb0(%x: !r):
  // expected-error@+1 {{only softmax has heads, at least one; got max of}}
  %t = hgnn.term max<"num_heads"> %x : !r
  hgnn.yield %t : !r
}
