// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// What the parser of types and attributes refuses.

hgnn.kernel @k {
// expected-error@+1 {{unknown domain 'row'; expected rows, edges, active, unique, param, src, dst or edge}}
^bb0(%x: !hgnn.tensor<row(0, @p) : 4xf32>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{hop must be in [0, 14], got 15}}
^bb0(%x: !hgnn.tensor<rows(15, @p) : 4xf32>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{hop must be in [0, 14], got -1}}
^bb0(%x: !hgnn.tensor<rows(-1, @p) : 4xf32>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{expected ','}}
^bb0(%x: !hgnn.tensor<rows(0 @p) : 4xf32>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{element type must be f32}}
^bb0(%x: !hgnn.tensor<param : 4xf64>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{a width must be at least 1}}
^bb0(%x: !hgnn.tensor<param : 4x0xf32>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{unknown placement 'part'; expected replicated, owned, kept, partial_sum, partial_max, partial_softmax or split}}
^bb0(%x: !hgnn.tensor<param : 4xf32, part>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{expected '('}}
^bb0(%x: !hgnn.tensor<param : 4xf32, owned>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{expected integer value}}
^bb0(%x: !hgnn.adj<all>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{expected 'to'}}
^bb0(%x: !hgnn.adj<0, @r from @a>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{unknown placement 'many'; expected replicated, owned, kept, partial_sum, partial_max, partial_softmax or split}}
^bb0(%x: !hgnn.labels<rows(0, @p), 3, many>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{expected ','}}
^bb0(%x: !hgnn.sparse<rows(0, @p)>):
  hgnn.yield
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{unknown domain 'edgy'; expected rows, edges, active, unique, param, src, dst or edge}}
^bb0(%x: !hgnn.ids<edgy>):
  hgnn.yield
}

// -----

// expected-error@+1 {{unknown placement 'owner'}}
hgnn.kernel @k attributes {p = #hgnn.placement<owner(1)>} {
  hgnn.yield
}
