// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// Each reason for which a compute op has no result type.

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 8xf32>, %y: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'gather_src' needs a value over rows of the source type one hop further; got '!hgnn.tensor<rows(1, @p) : 8xf32>' with '!hgnn.adj<0, @r from @a to @p>'}}
  %r = hgnn.gather_src %x, %y : !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 8xf32>, %y: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'gather_dst' needs a value over the active destinations of that adjacency; got '!hgnn.tensor<rows(1, @p) : 8xf32>' with '!hgnn.adj<0, @r from @a to @p>'}}
  %r = hgnn.gather_dst %x, %y : !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 8xf32>, %y: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'reduce_dst' needs a value over the edges of that adjacency; got '!hgnn.tensor<rows(1, @p) : 8xf32>' with '!hgnn.adj<0, @r from @a to @p>'}}
  %r = hgnn.reduce_dst %x, %y : !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 8xf32>, %y: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'reduce_src' needs a value over the edges of that adjacency; got '!hgnn.tensor<rows(1, @p) : 8xf32>' with '!hgnn.adj<0, @r from @a to @p>'}}
  %r = hgnn.reduce_src %x, %y : !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 8xf32>, %y: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'expand' needs a value over the active destinations of that adjacency; got '!hgnn.tensor<rows(1, @p) : 8xf32>' with '!hgnn.adj<0, @r from @a to @p>'}}
  %r = hgnn.expand %x, %y : !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 8xf32>, %y: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'restrict' needs a value over rows of the destination type at that hop; got '!hgnn.tensor<rows(1, @p) : 8xf32>' with '!hgnn.adj<0, @r from @a to @p>'}}
  %r = hgnn.restrict %x, %y : !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @a) : 8xf32>, %y: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'gather_src' needs a value over rows of the source type one hop further}}
  %r = hgnn.gather_src %x, %y : !hgnn.tensor<rows(0, @a) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 8xf32>, %y: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'restrict' needs a value over rows of the destination type at that hop}}
  %r = hgnn.restrict %x, %y : !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'gather_dst' needs a value over the active destinations of that adjacency}}
  %r = hgnn.gather_dst %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<dst : ?xf32>, %y: !hgnn.adj<any>):
  // expected-error@+1 {{'gather_src' needs a value over rows of the source type one hop further}}
  %r = hgnn.gather_src %x, %y : !hgnn.tensor<dst : ?xf32>, !hgnn.adj<any>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.link<0, @p>):
  // expected-error@+1 {{'self_gather' needs rows one hop beyond the link; got '!hgnn.tensor<rows(0, @p) : 8xf32>' with '!hgnn.link<0, @p>'}}
  %r = hgnn.self_gather %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.link<0, @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 8xf32>, %y: !hgnn.link<0, @p>):
  // expected-error@+1 {{'self_scatter' needs rows at the link's hop; got '!hgnn.tensor<rows(1, @p) : 8xf32>' with '!hgnn.link<0, @p>'}}
  %r = hgnn.self_scatter %x, %y : !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.link<0, @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'broadcast_rows' needs a parameter as input, got '!hgnn.tensor<rows(0, @p) : 8xf32>'}}
  %r = hgnn.broadcast_rows %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 8x2xf32>, %y: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'broadcast_rows' needs input of rank 1, got '!hgnn.tensor<param : 8x2xf32>'}}
  %r = hgnn.broadcast_rows %x, %y : !hgnn.tensor<param : 8x2xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'col_sum' sums rows of a domain; got '!hgnn.tensor<param : 8xf32>'}}
  %r = hgnn.col_sum %x : !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'linear' needs a parameter as weight, got '!hgnn.tensor<rows(0, @p) : 8xf32>'}}
  %r = hgnn.linear %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'linear' needs weight of rank 2, got '!hgnn.tensor<param : 8xf32>'}}
  %r = hgnn.linear %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 7x3xf32>):
  // expected-error@+1 {{'linear' of rows of width 8 needs a weight with 8 rows, got '!hgnn.tensor<param : 7x3xf32>'}}
  %r = hgnn.linear %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 7x3xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 8x3xf32>):
  // expected-error@+1 {{'linear' of rows of width 8 needs a weight with 8 columns, got '!hgnn.tensor<param : 8x3xf32>'}}
  %r = hgnn.linear %x, %y {transpose} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x3xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>):
  // expected-error@+1 {{'linear_grad_weight' needs operands of one domain, got '!hgnn.tensor<rows(0, @p) : 8xf32>' and '!hgnn.tensor<rows(1, @p) : 8xf32>'; change the domain of one with gather/reduce/expand/restrict}}
  %r = hgnn.linear_grad_weight %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(1, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : f32>, %y: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'linear_grad_weight' needs rows with a width}}
  %r = hgnn.linear_grad_weight %x, %y : !hgnn.tensor<rows(0, @p) : f32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.sparse<rows(0, @p), 5>, %y: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sparse_linear' needs a parameter as weight}}
  %r = hgnn.sparse_linear %x, %y : !hgnn.sparse<rows(0, @p), 5>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.sparse<rows(0, @p), 5>, %y: !hgnn.tensor<param : 6x8xf32>):
  // expected-error@+1 {{'sparse_linear' of rows of dim 5 needs a weight with as many rows, got '!hgnn.tensor<param : 6x8xf32>'}}
  %r = hgnn.sparse_linear %x, %y : !hgnn.sparse<rows(0, @p), 5>, !hgnn.tensor<param : 6x8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.sparse<rows(0, @p), 5>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>):
  // expected-error@+1 {{'sparse_linear_grad_weight' needs operands of one domain, got '!hgnn.sparse<rows(0, @p), 5>' and '!hgnn.tensor<rows(1, @p) : 8xf32>'}}
  %r = hgnn.sparse_linear_grad_weight %x, %y : !hgnn.sparse<rows(0, @p), 5>, !hgnn.tensor<rows(1, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<active(0, @r) : 1xf32>):
  // expected-error@+1 {{'scale_rows' needs operands of one domain}}
  %r = hgnn.scale_rows %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<active(0, @r) : 1xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 3xf32>):
  // expected-error@+1 {{'scale_rows' needs a scale of width 1, or one number for each head, got '!hgnn.tensor<rows(0, @p) : 3xf32>' for '!hgnn.tensor<rows(0, @p) : 8xf32>'}}
  %r = hgnn.scale_rows %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 3xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>):
  // expected-error@+1 {{'row_dot' needs operands of one domain}}
  %r = hgnn.row_dot %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(1, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 7xf32>):
  // expected-error@+1 {{'row_dot' needs operands of one width, got '!hgnn.tensor<rows(0, @p) : 8xf32>' and '!hgnn.tensor<rows(0, @p) : 7xf32>'}}
  %r = hgnn.row_dot %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 7xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
  // expected-error@+2 {{'hgnn.add' op failed to infer returned types}}
  // expected-error@+1 {{'add' needs at least one operand}}
  %r = "hgnn.add"() : () -> !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 8xf32>, %z: !hgnn.tensor<rows(1, @p) : 8xf32>):
  // expected-error@+1 {{'add' needs operands of one domain}}
  %r = hgnn.add %x, %y, %z : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(1, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 8xf32>, %z: !hgnn.tensor<rows(0, @p) : 7xf32>):
  // expected-error@+1 {{'add' needs operands of one width}}
  %r = hgnn.add %x, %y, %z : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 7xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'mul' needs operands of one domain}}
  %r = hgnn.mul %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 1xf32>):
  // expected-error@+1 {{'mul' needs operands of one width}}
  %r = hgnn.mul %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 1xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 1xf32>):
  // expected-error@+1 {{'scale_by' needs a parameter as factor, got '!hgnn.tensor<rows(0, @p) : 1xf32>'}}
  %r = hgnn.scale_by %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 1xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 1x1xf32>):
  // expected-error@+1 {{'scale_by' needs factor of rank 1}}
  %r = hgnn.scale_by %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 1x1xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 2xf32>):
  // expected-error@+1 {{'scale_by' needs a factor of width 1, got '!hgnn.tensor<param : 2xf32>'}}
  %r = hgnn.scale_by %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 2xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'add_bias' needs a parameter as bias}}
  %r = hgnn.add_bias %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 7xf32>):
  // expected-error@+1 {{'add_bias' needs operands of one width}}
  %r = hgnn.add_bias %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 7xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>):
  // expected-error@+1 {{'unary_grad' needs operands of one domain}}
  %r = hgnn.unary_grad relu %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(1, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 7xf32>):
  // expected-error@+1 {{'unary_grad' needs operands of one width}}
  %r = hgnn.unary_grad relu %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 7xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'dropout' needs p in [0, 1), got 1.000000e+00}}
  %r = hgnn.dropout %x {p = 1.0, site = 0 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'dropout' needs p in [0, 1), got -1.000000e-01}}
  %r = hgnn.dropout %x {p = -0.1, site = 0 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'dropout' needs a site in [0, 65535], got 65536}}
  %r = hgnn.dropout %x {p = 0.1, site = 65536 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'dropout' needs a site in [0, 65535], got -1}}
  %r = hgnn.dropout %x {p = 0.1, site = -1 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 7xf32>, %z: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'layer_norm' needs operands of one width}}
  %r = hgnn.layer_norm %x, %y, %z : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 7xf32>, !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 8xf32>, %z: !hgnn.tensor<param : 7xf32>):
  // expected-error@+1 {{'layer_norm' needs operands of one width}}
  %r = hgnn.layer_norm %x, %y, %z : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8xf32>, !hgnn.tensor<param : 7xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 8xf32>, %z: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'layer_norm' needs a parameter as gamma}}
  %r = hgnn.layer_norm %x, %y, %z : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 8xf32>, %z: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm' needs a parameter as beta}}
  %r = hgnn.layer_norm %x, %y, %z : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 8xf32>, %z: !hgnn.tensor<rows(1, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm_grad' needs operands of one domain}}
  %r = hgnn.layer_norm_grad %x, %y, %z : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8xf32>, !hgnn.tensor<rows(1, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<param : 7xf32>, %z: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm' needs operands of one width}}
  %r = hgnn.layer_norm_grad %x, %y, %z : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 7xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
  // expected-error@+2 {{'hgnn.concat' op failed to infer returned types}}
  // expected-error@+1 {{'concat' needs at least one operand}}
  %r = "hgnn.concat"() : () -> !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<edges(0, @r) : 8xf32>):
  // expected-error@+1 {{'concat' needs operands of one domain}}
  %r = hgnn.concat %x, %y : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<edges(0, @r) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'slice' needs attributes offset and size}}
  %r = hgnn.slice %x : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'slice' of columns [7, 9) is outside rows of width 8}}
  %r = hgnn.slice %x {offset = 7 : i64, size = 2 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'slice' of columns [-1, 1) is outside rows of width 8}}
  %r = hgnn.slice %x {offset = -1 : i64, size = 2 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'slice' of columns [0, 0) is outside rows of width 8}}
  %r = hgnn.slice %x {offset = 0 : i64, size = 0 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'pad' needs attributes offset and size}}
  %r = hgnn.pad %x {size = 9 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'pad' of width 8 at 2 does not fit rows of width 9}}
  %r = hgnn.pad %x {offset = 2 : i64, size = 9 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'pad' of width 8 at -1 does not fit rows of width 9}}
  %r = hgnn.pad %x {offset = -1 : i64, size = 9 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'reshape' needs a parameter as input}}
  %r = hgnn.reshape %x {shape = array<i64: 8>} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'reshape' needs the attribute shape}}
  %r = hgnn.reshape %x : !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'reshape' of '!hgnn.tensor<param : 8xf32>' to '!hgnn.tensor<param : 2x3xf32>' changes how many numbers there are}}
  %r = hgnn.reshape %x {shape = array<i64: 2, 3>} : !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3>):
  // expected-error@+1 {{'softmax_xent' needs logits and labels of one domain}}
  %r = hgnn.softmax_xent %x, %y : !hgnn.tensor<rows(1, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3, multi>):
  // expected-error@+1 {{'softmax_xent' needs single-label labels, got '!hgnn.labels<rows(0, @p), 3, multi>'}}
  %r = hgnn.softmax_xent %x, %y : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3, multi>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>, %y: !hgnn.labels<rows(0, @p), 3>):
  // expected-error@+1 {{'softmax_xent' needs logits of width 3 (the number of classes), got '!hgnn.tensor<rows(0, @p) : 4xf32>'}}
  %r = hgnn.softmax_xent %x, %y : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.labels<rows(0, @p), 3>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3>):
  // expected-error@+1 {{'softmax_xent' needs 3 class weights, got 2}}
  %r = hgnn.softmax_xent %x, %y {class_weights = array<f64: 1.0, 2.0>} : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3, multi>, %z: !hgnn.tensor<rows(0, @p) : 1xf32>):
  // expected-error@+1 {{'softmax_xent_grad' needs single-label labels}}
  %r = hgnn.softmax_xent_grad %x, %y, %z : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3, multi>, !hgnn.tensor<rows(0, @p) : 1xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3>, %z: !hgnn.tensor<rows(0, @p) : 3xf32>):
  // expected-error@+1 {{'softmax_xent_grad' needs a gradient of width 1}}
  %r = hgnn.softmax_xent_grad %x, %y, %z : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<rows(0, @p) : 3xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(1, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3, multi>):
  // expected-error@+1 {{'sigmoid_xent' needs logits and labels of one domain}}
  %r = hgnn.sigmoid_xent %x, %y : !hgnn.tensor<rows(1, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3, multi>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3>):
  // expected-error@+1 {{'sigmoid_xent' needs multi-label labels, got '!hgnn.labels<rows(0, @p), 3>'}}
  %r = hgnn.sigmoid_xent %x, %y : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>, %y: !hgnn.labels<rows(0, @p), 3, multi>):
  // expected-error@+1 {{'sigmoid_xent' needs logits of width 3 (the number of classes), got '!hgnn.tensor<rows(0, @p) : 4xf32>'}}
  %r = hgnn.sigmoid_xent %x, %y : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.labels<rows(0, @p), 3, multi>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3, multi>):
  // expected-error@+1 {{'sigmoid_xent' needs 3 class weights, got 2}}
  %r = hgnn.sigmoid_xent %x, %y {class_weights = array<f64: 1.0, 2.0>} : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3, multi>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3>, %z: !hgnn.tensor<rows(0, @p) : 1xf32>):
  // expected-error@+1 {{'sigmoid_xent_grad' needs multi-label labels}}
  %r = hgnn.sigmoid_xent_grad %x, %y, %z : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<rows(0, @p) : 1xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32>, %y: !hgnn.labels<rows(0, @p), 3, multi>, %z: !hgnn.tensor<rows(0, @p) : 3xf32>):
  // expected-error@+1 {{'sigmoid_xent_grad' needs a gradient of width 1}}
  %r = hgnn.sigmoid_xent_grad %x, %y, %z : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3, multi>, !hgnn.tensor<rows(0, @p) : 3xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 1xf32>):
  // expected-error@+1 {{'clip_factor' needs a parameter as each input}}
  %r = hgnn.clip_factor %x {max_norm = 1.0} : !hgnn.tensor<rows(0, @p) : 1xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 2x2xf32>):
  // expected-error@+1 {{'clip_factor' needs each input of rank 1}}
  %r = hgnn.clip_factor %x {max_norm = 1.0} : !hgnn.tensor<param : 2x2xf32>
  hgnn.yield
}

// -----

// The written type of a generic form must be the inferred one.
hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+2 {{'hgnn.scale' op failed to infer returned types}}
  // expected-error@+1 {{'hgnn.scale' op inferred type(s) '!hgnn.tensor<rows(0, @p) : 8xf32>' are incompatible with return type(s) of operation '!hgnn.tensor<rows(1, @p) : 8xf32>'}}
  %r = "hgnn.scale"(%x) <{factor = 1.0}> : (!hgnn.tensor<rows(0, @p) : 8xf32>) -> !hgnn.tensor<rows(1, @p) : 8xf32>
  hgnn.yield
}
