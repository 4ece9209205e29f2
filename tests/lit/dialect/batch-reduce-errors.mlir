// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// What a reduction over the batch is not of, and what stands where no batch is whole.

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<edges(0, @"a:w:p") : 8xf32>):
  // expected-error@+1 {{'batch_reduce' is over the destinations of the batch; got '!hgnn.tensor<edges(0, @"a:w:p") : 8xf32>'; reduce edge values with hgnn.reduce_dst, and in a message use the destination's rows}}
  %r = hgnn.batch_reduce mean %x : !hgnn.tensor<edges(0, @"a:w:p") : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'batch_reduce' is over the destinations of the batch; got '!hgnn.tensor<param : 8xf32>', which has no rows}}
  %r = hgnn.batch_reduce sum %x : !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'batch_reduce' takes !hgnn.tensor as operand 0, got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.batch_reduce sum %x : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}

// -----

// In a message the sources are rows of another hop.
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 4 : i64, out_size = 4 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %dst: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{'batch_reduce' is over the destinations of the batch; got '!hgnn.tensor<src : ?xf32>'}}
  %b = hgnn.batch_reduce mean %src : !hgnn.tensor<src : ?xf32>
  hgnn.yield %dst : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%rows: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %rows : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32, owned(1) split>):
  // expected-error@+1 {{'batch_reduce' is over the whole batch, and '!hgnn.tensor<rows(0, @p) : 8xf32, owned(1) split>' is one partition's block of it; use relation-aggregation-first (--order raf) or one partition}}
  %r = hgnn.batch_reduce mean %x : !hgnn.tensor<rows(0, @p) : 8xf32, owned(1) split>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'ones' are one for each row of a domain; got '!hgnn.tensor<param : 8xf32>'}}
  %r = hgnn.ones %x : !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 8xf32>):
  // expected-error@+1 {{'broadcast_rows' gives rows where `like` has some; got '!hgnn.tensor<param : 8xf32>'}}
  %r = hgnn.broadcast_rows %x, %x : !hgnn.tensor<param : 8xf32>, !hgnn.tensor<param : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+2 {{expected ::heddle::hgnn::BatchReduction to be one of: sum, mean}}
  // expected-error@+1 {{failed to parse Hgnn_BatchReductionAttr parameter 'value'}}
  %r = hgnn.batch_reduce max %x : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}
