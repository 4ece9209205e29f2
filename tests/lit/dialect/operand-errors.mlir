// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// Wrong kinds and numbers of operands: the parser infers result types before any verifier ran.

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'add' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.add %x0 : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'add_bias' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.add_bias %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'add_bias' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.add_bias %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'add_bias' takes 2 operands, got 3}}
  %r = hgnn.add_bias %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'broadcast_rows' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.broadcast_rows %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: i32):
  // expected-error@+1 {{'broadcast_rows' takes !hgnn.ids as operand 1, got 'i32'}}
  %r = hgnn.broadcast_rows %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, i32
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'broadcast_rows' takes 2 operands, got 3}}
  %r = hgnn.broadcast_rows %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'clip_factor' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.clip_factor %x0 {max_norm = 1.0} : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'col_sum' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.col_sum %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: i32):
  // expected-error@+1 {{'col_sum' takes !hgnn.ids as operand 1, got 'i32'}}
  %r = hgnn.col_sum %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, i32
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'col_sum' takes at most 2 operands, got 3}}
  %r = hgnn.col_sum %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'concat' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.concat %x0 : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'degree' takes !hgnn.adj as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.degree %x0 : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.adj<0, @r from @a to @p>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'degree' takes 1 operands, got 2}}
  %r = hgnn.degree %x0, %x1 : !hgnn.adj<0, @r from @a to @p>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'dropout' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.dropout %x0, %x1 {p = 0.5, site = 0 : i64} : !hgnn.ids<rows(0, @p)>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: i32):
  // expected-error@+1 {{'dropout' takes !hgnn.ids as operand 1, got 'i32'}}
  %r = hgnn.dropout %x0, %x1 {p = 0.5, site = 0 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, i32
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'dropout' takes at most 2 operands, got 3}}
  %r = hgnn.dropout %x0, %x1, %x2 {p = 0.5, site = 0 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'expand' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.expand %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'expand' takes !hgnn.adj as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.expand %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.adj<0, @r from @a to @p>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'expand' takes 2 operands, got 3}}
  %r = hgnn.expand %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'gather_dst' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.gather_dst %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'gather_dst' takes !hgnn.adj as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.gather_dst %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.adj<0, @r from @a to @p>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'gather_dst' takes 2 operands, got 3}}
  %r = hgnn.gather_dst %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'gather_src' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.gather_src %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'gather_src' takes !hgnn.adj as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.gather_src %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.adj<0, @r from @a to @p>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'gather_src' takes 2 operands, got 3}}
  %r = hgnn.gather_src %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.layer_norm %x0, %x1, %x2 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.layer_norm %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'layer_norm' takes !hgnn.tensor as operand 2, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.layer_norm %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>, %x3: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm' takes 3 operands, got 4}}
  %r = hgnn.layer_norm %x0, %x1, %x2, %x3 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm_grad' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.layer_norm_grad %x0, %x1, %x2 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm_grad' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.layer_norm_grad %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'layer_norm_grad' takes !hgnn.tensor as operand 2, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.layer_norm_grad %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>, %x3: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm_grad' takes 3 operands, got 4}}
  %r = hgnn.layer_norm_grad %x0, %x1, %x2, %x3 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'layer_norm_xhat' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.layer_norm_xhat %x0 : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'layer_norm_xhat' takes 1 operands, got 2}}
  %r = hgnn.layer_norm_xhat %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'linear' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.linear %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'linear' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.linear %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'linear' takes 2 operands, got 3}}
  %r = hgnn.linear %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'linear_grad_weight' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.linear_grad_weight %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'linear_grad_weight' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.linear_grad_weight %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'linear_grad_weight' takes 2 operands, got 3}}
  %r = hgnn.linear_grad_weight %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'mul' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.mul %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'mul' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.mul %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'mul' takes 2 operands, got 3}}
  %r = hgnn.mul %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'pad' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.pad %x0 {offset = 0 : i64, size = 9 : i64} : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'pad' takes 1 operands, got 2}}
  %r = hgnn.pad %x0, %x1 {offset = 0 : i64, size = 9 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'reduce_dst' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.reduce_dst %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'reduce_dst' takes !hgnn.adj as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.reduce_dst %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.adj<0, @r from @a to @p>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'reduce_dst' takes 2 operands, got 3}}
  %r = hgnn.reduce_dst %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'reduce_src' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.reduce_src %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'reduce_src' takes !hgnn.adj as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.reduce_src %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.adj<0, @r from @a to @p>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'reduce_src' takes 2 operands, got 3}}
  %r = hgnn.reduce_src %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'reshape' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.reshape %x0 {shape = array<i64: 8>} : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'reshape' takes 1 operands, got 2}}
  %r = hgnn.reshape %x0, %x1 {shape = array<i64: 8>} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'restrict' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.restrict %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.adj<0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'restrict' takes !hgnn.adj as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.restrict %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.adj<0, @r from @a to @p>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'restrict' takes 2 operands, got 3}}
  %r = hgnn.restrict %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'row_dot' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.row_dot %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'row_dot' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.row_dot %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'row_dot' takes 2 operands, got 3}}
  %r = hgnn.row_dot %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'scale' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.scale %x0 {factor = 1.0} : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'scale' takes 1 operands, got 2}}
  %r = hgnn.scale %x0, %x1 {factor = 1.0} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'scale_by' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.scale_by %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'scale_by' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.scale_by %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'scale_by' takes 2 operands, got 3}}
  %r = hgnn.scale_by %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'scale_rows' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.scale_rows %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'scale_rows' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.scale_rows %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'scale_rows' takes 2 operands, got 3}}
  %r = hgnn.scale_rows %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.link<0, @p>):
  // expected-error@+1 {{'self_gather' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.self_gather %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.link<0, @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'self_gather' takes !hgnn.link as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.self_gather %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.link<0, @p>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'self_gather' takes 2 operands, got 3}}
  %r = hgnn.self_gather %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.link<0, @p>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.link<0, @p>):
  // expected-error@+1 {{'self_scatter' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.self_scatter %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.link<0, @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'self_scatter' takes !hgnn.link as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.self_scatter %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.link<0, @p>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'self_scatter' takes 2 operands, got 3}}
  %r = hgnn.self_scatter %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.link<0, @p>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.labels<rows(0, @p), 3>):
  // expected-error@+1 {{'sigmoid_xent' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sigmoid_xent %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.labels<rows(0, @p), 3>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'sigmoid_xent' takes !hgnn.labels as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sigmoid_xent %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.labels<rows(0, @p), 3>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sigmoid_xent' takes 2 operands, got 3}}
  %r = hgnn.sigmoid_xent %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.labels<rows(0, @p), 3>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sigmoid_xent_grad' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sigmoid_xent_grad %x0, %x1, %x2 : !hgnn.ids<rows(0, @p)>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sigmoid_xent_grad' takes !hgnn.labels as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sigmoid_xent_grad %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.labels<rows(0, @p), 3>, %x2: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'sigmoid_xent_grad' takes !hgnn.tensor as operand 2, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sigmoid_xent_grad %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.labels<rows(0, @p), 3>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>, %x3: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sigmoid_xent_grad' takes 3 operands, got 4}}
  %r = hgnn.sigmoid_xent_grad %x0, %x1, %x2, %x3 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'slice' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.slice %x0 {offset = 0 : i64, size = 1 : i64} : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'slice' takes 1 operands, got 2}}
  %r = hgnn.slice %x0, %x1 {offset = 0 : i64, size = 1 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.labels<rows(0, @p), 3>):
  // expected-error@+1 {{'softmax_xent' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.softmax_xent %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.labels<rows(0, @p), 3>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'softmax_xent' takes !hgnn.labels as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.softmax_xent %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.labels<rows(0, @p), 3>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'softmax_xent' takes 2 operands, got 3}}
  %r = hgnn.softmax_xent %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.labels<rows(0, @p), 3>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'softmax_xent_grad' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.softmax_xent_grad %x0, %x1, %x2 : !hgnn.ids<rows(0, @p)>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'softmax_xent_grad' takes !hgnn.labels as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.softmax_xent_grad %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.labels<rows(0, @p), 3>, %x2: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'softmax_xent_grad' takes !hgnn.tensor as operand 2, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.softmax_xent_grad %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.labels<rows(0, @p), 3>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>, %x3: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'softmax_xent_grad' takes 3 operands, got 4}}
  %r = hgnn.softmax_xent_grad %x0, %x1, %x2, %x3 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sparse_linear' takes !hgnn.sparse as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sparse_linear %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.sparse<rows(0, @p), 5>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'sparse_linear' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sparse_linear %x0, %x1 : !hgnn.sparse<rows(0, @p), 5>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.sparse<rows(0, @p), 5>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sparse_linear' takes 2 operands, got 3}}
  %r = hgnn.sparse_linear %x0, %x1, %x2 : !hgnn.sparse<rows(0, @p), 5>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sparse_linear_grad_weight' takes !hgnn.sparse as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sparse_linear_grad_weight %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.sparse<rows(0, @p), 5>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'sparse_linear_grad_weight' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sparse_linear_grad_weight %x0, %x1 : !hgnn.sparse<rows(0, @p), 5>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.sparse<rows(0, @p), 5>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sparse_linear_grad_weight' takes 2 operands, got 3}}
  %r = hgnn.sparse_linear_grad_weight %x0, %x1, %x2 : !hgnn.sparse<rows(0, @p), 5>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'sum_squares' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sum_squares %x0 : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'sum_squares' takes 1 operands, got 2}}
  %r = hgnn.sum_squares %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'unary' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.unary relu %x0 : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'unary' takes 1 operands, got 2}}
  %r = hgnn.unary relu %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.ids<rows(0, @p)>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'unary_grad' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.unary_grad relu %x0, %x1 : !hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'unary_grad' takes !hgnn.tensor as operand 1, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.unary_grad relu %x0, %x1 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x0: !hgnn.tensor<rows(0, @p) : 8xf32>, %x1: !hgnn.tensor<rows(0, @p) : 8xf32>, %x2: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'unary_grad' takes 2 operands, got 3}}
  %r = hgnn.unary_grad relu %x0, %x1, %x2 : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}
