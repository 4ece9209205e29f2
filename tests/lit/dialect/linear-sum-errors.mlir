// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// What is no sum of products, and no group.

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'linear_sum' adds products of one type; product 1 is '!hgnn.tensor<rows(0, @p) : 5xf32>', the first '!hgnn.tensor<rows(0, @p) : 4xf32>'}}
  %r = hgnn.linear_sum %x, %x, %a, %b : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x4xf32>, !hgnn.tensor<param : 8x5xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'linear_sum' needs operands of one domain}}
  %r = hgnn.linear_sum %x, %y, %a, %a : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.tensor<param : 8x4xf32>, !hgnn.tensor<param : 8x4xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'linear_sum' of rows of width 8 needs a weight with 8 columns}}
  %r = hgnn.linear_sum %x, %a {transpose} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x4xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'linear_sum' of rows of width 8 needs a weight of heads times 8 / heads}}
  %r = hgnn.linear_sum %x, %c : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 3x2x2xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'linear_sum' needs a parameter as weight}}
  %r = hgnn.linear_sum %x, %x : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'linear_sum' takes rows and as many weights, at least one of each}}
  %r = hgnn.linear_sum %x, %x, %a : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x4xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'hgnn.add' op is no dense product, so it cannot have 'hgnn.group'}}
  %r = hgnn.add %x, %x {hgnn.group = 0 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'hgnn.linear' op needs a number of i64, 0 or more, as 'hgnn.group'}}
  %r = hgnn.linear %x, %a {hgnn.group = -1 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x4xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'hgnn.linear' op needs a number of i64, 0 or more, as 'hgnn.group'}}
  %r = hgnn.linear %x, %a {hgnn.group = "a"} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x4xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(1, @p) : 8xf32>, %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 8x5xf32>, %c: !hgnn.tensor<param : 3x2x2xf32>):
  // expected-error@+1 {{'hgnn.linear' op has the attribute 'hgnn.groups', which this version does not know}}
  %r = hgnn.linear %x, %a {hgnn.groups = 1 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x4xf32>
  hgnn.yield
}
