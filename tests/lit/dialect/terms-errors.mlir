// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// What ops on terms refuse.

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'term' is for max, argmax and softmax; the terms of a sum are the values themselves}}
  %t = hgnn.term sum %x : !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'term' of argmax needs the id of its relation as link, in [0, 16777216), or of edges their hgnn.edge_position; got -1}}
  %t = hgnn.term argmax %x : !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'term' of argmax needs the id of its relation as link, in [0, 16777216), or of edges their hgnn.edge_position; got 16777216}}
  %t = hgnn.term argmax %x {link = 16777216 : i64} : !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 4xf32>):
  // expected-error@+1 {{'term' is of rows, got '!hgnn.tensor<param : 4xf32>'}}
  %t = hgnn.term max %x : !hgnn.tensor<param : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'term' takes a score for softmax, for argmax of edges their positions, and for max nothing beside the value}}
  %t = hgnn.term softmax %x : !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>, %s: !hgnn.tensor<rows(0, @p) : 1xf32>):
  // expected-error@+1 {{'term' takes a score for softmax, for argmax of edges their positions, and for max nothing beside the value}}
  %t = hgnn.term max %x, %s : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 1xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'term' needs a score of width 1 over #hgnn.domain<rows(0, @p)>, got '!hgnn.tensor<rows(0, @p) : 4xf32>'}}
  %t = hgnn.term softmax %x, %x : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>, %s: !hgnn.tensor<active(0, @r) : 1xf32>):
  // expected-error@+1 {{'term' needs a score of width 1 over #hgnn.domain<rows(0, @p)>, got '!hgnn.tensor<active(0, @r) : 1xf32>'}}
  %t = hgnn.term softmax %x, %s : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<active(0, @r) : 1xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<active(0, @r) : 3xf32>, %adj: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'expand' of argmax moves terms of that merge, got '!hgnn.tensor<active(0, @r) : 3xf32>'}}
  %t = hgnn.expand %x, %adj of argmax : !hgnn.tensor<active(0, @r) : 3xf32>, !hgnn.adj<0, @r from @a to @p>
}

// -----

hgnn.kernel @k {
^bb0:
  // expected-error@+2 {{'hgnn.combine' op failed to infer returned types}}
  // expected-error@+1 {{'combine' needs at least one term}}
  %t = "hgnn.combine"() <{merge = #hgnn<merge max>}> : () -> !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'combine' is for max, argmax and softmax; the terms of a sum are the values themselves}}
  %t = hgnn.combine sum %x : !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 2xf32>):
  // expected-error@+1 {{'combine' needs terms of softmax (the value's numbers and two more), got '!hgnn.tensor<rows(0, @p) : 2xf32>'}}
  %t = hgnn.combine softmax %x : !hgnn.tensor<rows(0, @p) : 2xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32>):
  // expected-error@+1 {{'combine' needs terms of argmax (two numbers for each of the value), got '!hgnn.tensor<rows(0, @p) : 3xf32>'}}
  %t = hgnn.combine argmax %x : !hgnn.tensor<rows(0, @p) : 3xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>, %y: !hgnn.tensor<rows(0, @p) : 6xf32>):
  // expected-error@+1 {{'combine' needs terms of one type, got '!hgnn.tensor<rows(0, @p) : 4xf32>' and '!hgnn.tensor<rows(0, @p) : 6xf32>'}}
  %t = hgnn.combine argmax %x, %y : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 6xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32, partial_sum>):
  // expected-error@+1 {{'combine' of max takes terms of that merge, got '!hgnn.tensor<rows(0, @p) : 4xf32, partial_sum>'}}
  %t = hgnn.combine max %x : !hgnn.tensor<rows(0, @p) : 4xf32, partial_sum>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32, partial_softmax>):
  // expected-error@+1 {{'combine' of max takes terms of that merge, got '!hgnn.tensor<rows(0, @p) : 4xf32, partial_softmax>'}}
  %t = hgnn.combine max %x : !hgnn.tensor<rows(0, @p) : 4xf32, partial_softmax>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32, partial_max>):
  // expected-error@+1 {{'combined' cannot use one partition's term of a maximum or softmax, '!hgnn.tensor<rows(0, @p) : 4xf32, partial_max>'; merge the terms first (hgnn.merge_all)}}
  %t = hgnn.combined argmax %x : !hgnn.tensor<rows(0, @p) : 4xf32, partial_max>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32, partial_max>):
  // expected-error@+1 {{'add' cannot use one partition's term of a maximum or softmax, '!hgnn.tensor<rows(0, @p) : 4xf32, partial_max>'; merge the terms first (hgnn.merge_all)}}
  %t = hgnn.add %x, %x : !hgnn.tensor<rows(0, @p) : 4xf32, partial_max>, !hgnn.tensor<rows(0, @p) : 4xf32, partial_max>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'combined_grad' of max does not know which relation won; use argmax}}
  %t = hgnn.combined_grad max %x, %x : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%g: !hgnn.tensor<rows(0, @p) : 3xf32>, %x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+1 {{'combined_grad' needs a gradient of width 4 over #hgnn.domain<rows(0, @p)>, got '!hgnn.tensor<rows(0, @p) : 3xf32>'}}
  %t = hgnn.combined_grad argmax %g, %x : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'term_grad' of max does not know which relation won; use argmax}}
  %t = hgnn.term_grad max %x : !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'term_grad' takes the gradient of the terms; for softmax also the score, and for the gradient of that also the value}}
  %t = hgnn.term_grad softmax %x : !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // expected-error@+1 {{'term_grad' needs a position of width 1 over #hgnn.domain<rows(0, @p)>, got '!hgnn.tensor<rows(0, @p) : 4xf32>'}}
  %t = hgnn.term_grad argmax %x, %x : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>, %s: !hgnn.tensor<rows(0, @p) : 1xf32>):
  // expected-error@+1 {{'term_grad' needs a value of width 2 over #hgnn.domain<rows(0, @p)>, got '!hgnn.tensor<rows(0, @p) : 4xf32>'}}
  %t = hgnn.term_grad softmax %x, %s, %x : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 1xf32>, !hgnn.tensor<rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 2xf32>):
  // expected-error@+1 {{'partial' of softmax takes a term of that merge, got '!hgnn.tensor<rows(0, @p) : 2xf32>'}}
  %t = hgnn.partial %x of softmax : !hgnn.tensor<rows(0, @p) : 2xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32, partial_sum>):
  // expected-error@+1 {{'merge' of softmax merges its terms (partial_softmax), got '!hgnn.tensor<rows(0, @p) : 4xf32, partial_sum>'; end each sub-DAG with hgnn.partial}}
  %t = hgnn.merge %x of softmax : !hgnn.tensor<rows(0, @p) : 4xf32, partial_sum>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32, partial_max>):
  // expected-error@+1 {{'merge' sums terms (partial_sum), got '!hgnn.tensor<rows(0, @p) : 4xf32, partial_max>'; end each sub-DAG with hgnn.partial}}
  %t = hgnn.merge %x : !hgnn.tensor<rows(0, @p) : 4xf32, partial_max>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32, partial_max>):
  // expected-error@+1 {{'hgnn.merge_all' op sums terms (partial_sum), got '!hgnn.tensor<rows(0, @p) : 4xf32, partial_max>'; a whole value would be counted once per partition}}
  %t = hgnn.merge_all activations %x {bytes = 32 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @p) : 4xf32, partial_max> -> <rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32, partial_max>):
  // expected-error@+1 {{'hgnn.merge_all' op of softmax merges its terms (partial_softmax), got '!hgnn.tensor<rows(0, @p) : 4xf32, partial_max>'; a whole value would be counted once per partition}}
  %t = hgnn.merge_all activations %x of softmax {bytes = 32 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @p) : 4xf32, partial_max> -> <rows(0, @p) : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 3xf32, partial_max>):
  // expected-error@+1 {{'hgnn.merge_all' op of argmax merges its terms, got rows of width 3}}
  %t = hgnn.merge_all activations %x of argmax {bytes = 24 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @p) : 3xf32, partial_max> -> <rows(0, @p) : 3xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 4xf32, partial_max>):
  // expected-error@+1 {{'hgnn.merge_to' op of max merges rows, got '!hgnn.tensor<param : 4xf32, partial_max>'}}
  %t = hgnn.merge_to activations %x of max {bytes = 16 : i64, id = 0 : i64, leader = 0 : i64, partitions = array<i64: 0, 1>} : (!hgnn.tensor<param : 4xf32, partial_max>) -> !hgnn.tensor<param : 4xf32, owned(0)>
}

// -----

hgnn.kernel @k {
^bb0:
  // expected-error@+1 {{'hgnn.zeros' op makes empty terms of max, which are rows; name the ids of those}}
  %t = hgnn.zeros of max : () -> !hgnn.tensor<param : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%i: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'hgnn.zeros' op gives '!hgnn.tensor<rows(0, @p) : 3xf32>', which is no term of argmax}}
  %t = hgnn.zeros %i of argmax : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 3xf32>
}

// -----

// expected-error@+1 {{'hgnn.layer' op message must end with hgnn.yield of a value and its score (combine softmax)}}
hgnn.layer @l combine softmax attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.layer @l combine softmax attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %v = hgnn.slice %own {offset = 0 : i64, size = 3 : i64} : !hgnn.tensor<dst : ?xf32>
  %s = hgnn.slice %own {offset = 0 : i64, size = 2 : i64} : !hgnn.tensor<dst : ?xf32>
  // expected-error@+1 {{must yield a score of width 1, or one for each head of the value, got '!hgnn.tensor<dst : 2xf32>' for '!hgnn.tensor<dst : 3xf32>'}}
  hgnn.yield %v, %s : !hgnn.tensor<dst : 3xf32>, !hgnn.tensor<dst : 2xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{'hgnn.layer' op message must end with hgnn.yield of one value}}
hgnn.layer @l combine max attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}
