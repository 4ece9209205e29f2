// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// Heads that do not divide, scores and positions that do not fit, terms in the wrong place.

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<edges(0, @r) : 4xf32>, %s: !hgnn.tensor<edges(0, @r) : 3xf32>):
  // expected-error@+1 {{'term' of softmax<3> needs a width that 3 heads divide, got '!hgnn.tensor<edges(0, @r) : 4xf32>'}}
  %t = hgnn.term softmax<3> %x, %s : !hgnn.tensor<edges(0, @r) : 4xf32>, !hgnn.tensor<edges(0, @r) : 3xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<edges(0, @r) : 4xf32>, %s: !hgnn.tensor<edges(0, @r) : 1xf32>):
  // expected-error@+1 {{'term' needs a score of width 2 over #hgnn.domain<edges(0, @r)>, got '!hgnn.tensor<edges(0, @r) : 1xf32>'}}
  %t = hgnn.term softmax<2> %x, %s : !hgnn.tensor<edges(0, @r) : 4xf32>, !hgnn.tensor<edges(0, @r) : 1xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<edges(0, @r) : 4xf32>, %s: !hgnn.tensor<edges(0, @r) : 2xf32>):
  // expected-error@+1 {{'term' needs a position of width 1 over #hgnn.domain<edges(0, @r)>, got '!hgnn.tensor<edges(0, @r) : 2xf32>'}}
  %t = hgnn.term argmax %x, %s : !hgnn.tensor<edges(0, @r) : 4xf32>, !hgnn.tensor<edges(0, @r) : 2xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<edges(0, @r) : 4xf32>, %s: !hgnn.tensor<edges(0, @r) : 1xf32>):
  // expected-error@+1 {{'term' of argmax needs the id of its relation as link, in [0, 16777216), or of edges their hgnn.edge_position; got 3 beside that}}
  %t = hgnn.term argmax %x, %s {link = 3 : i64} : !hgnn.tensor<edges(0, @r) : 4xf32>, !hgnn.tensor<edges(0, @r) : 1xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<edges(0, @r) : 4xf32>, %s: !hgnn.tensor<edges(0, @r) : 1xf32>):
  // expected-error@+1 {{'term' takes a score for softmax, for argmax of edges their positions, and for max nothing beside the value}}
  %t = hgnn.term max %x, %s : !hgnn.tensor<edges(0, @r) : 4xf32>, !hgnn.tensor<edges(0, @r) : 1xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<edges(0, @r) : 6xf32>, %a: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'reduce_dst' of softmax<4> merges terms, got '!hgnn.tensor<edges(0, @r) : 6xf32>'; make them with hgnn.term}}
  %t = hgnn.reduce_dst %x, %a of softmax<4> : !hgnn.tensor<edges(0, @r) : 6xf32>, !hgnn.adj<0, @r from @a to @p>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>):
  // expected-error@+1 {{'combine' needs terms of softmax<4> (the value's numbers and two more for each head), got '!hgnn.tensor<rows(0, @p) : 6xf32>'}}
  %t = hgnn.combine softmax<4> %x : !hgnn.tensor<rows(0, @p) : 6xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>, %s: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'scale_rows' needs a scale of width 1, or one number for each head, got '!hgnn.tensor<rows(0, @p) : 4xf32>' for '!hgnn.tensor<rows(0, @p) : 6xf32>'}}
  %t = hgnn.scale_rows %x, %s : !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>):
  // expected-error@+1 {{'row_dot' of 4 heads needs rows of a width that they divide, got '!hgnn.tensor<rows(0, @p) : 6xf32>'}}
  %t = hgnn.row_dot %x, %x {heads = 4 : i64} : !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.tensor<rows(0, @p) : 6xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>, %i: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'dropout' of 4 heads needs rows of a width that they divide, got '!hgnn.tensor<rows(0, @p) : 6xf32>'}}
  %t = hgnn.dropout %x, %i {p = 0.5 : f64, site = 0 : i64, heads = 4 : i64} : !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.ids<rows(0, @p)>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>, %w: !hgnn.tensor<param : 4x2x2xf32>):
  // expected-error@+1 {{'head_linear' of rows of width 6 needs a weight of heads times 6 / heads, got '!hgnn.tensor<param : 4x2x2xf32>'}}
  %t = hgnn.head_linear %x, %w : !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.tensor<param : 4x2x2xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>, %w: !hgnn.tensor<param : 6x6xf32>):
  // expected-error@+1 {{'head_linear' needs weight of rank 3, got '!hgnn.tensor<param : 6x6xf32>'}}
  %t = hgnn.head_linear %x, %w : !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.tensor<param : 6x6xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>):
  // expected-error@+1 {{'head_linear_grad_weight' needs rows of 4 heads, got '!hgnn.tensor<rows(0, @p) : 6xf32>' and '!hgnn.tensor<rows(0, @p) : 6xf32>'}}
  %t = hgnn.head_linear_grad_weight %x, %x {heads = 4 : i64} : !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.tensor<rows(0, @p) : 6xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>):
  // expected-error@+1 {{only softmax has heads, at least one; got max of 2}}
  %t = hgnn.combine max<2> %x : !hgnn.tensor<rows(0, @p) : 6xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>):
  // expected-error@+1 {{only softmax has heads, at least one; got softmax of 0}}
  %t = hgnn.combine softmax<0> %x : !hgnn.tensor<rows(0, @p) : 6xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 6xf32>):
  // expected-error@+1 {{expected sum, max, argmax or softmax, got 'softmin'}}
  %t = hgnn.combine softmin %x : !hgnn.tensor<rows(0, @p) : 6xf32>
}

// -----

hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 4 : i64, out_size = 4 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %v = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %t = hgnn.term softmax %v, %v : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<edge : ?xf32>
  %m = hgnn.reduce_dst %t, %adj of softmax : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  // expected-error@+1 {{yields terms of a softmax; take the value out with hgnn.combined, or let the layer combine softmax}}
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}
