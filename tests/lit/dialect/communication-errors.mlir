// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// What placements and collectives refuse.

hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<param : 4xf32, owned(0)>, %b: !hgnn.tensor<param : 4xf32, owned(1)>):
  // expected-error@+1 {{'add' has operands of partitions 0 and 1; a value of another partition comes by a communication op only}}
  %c = hgnn.add %a, %b : !hgnn.tensor<param : 4xf32, owned(0)>, !hgnn.tensor<param : 4xf32, owned(1)>
}

// -----

hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<param : 4xf32, partial_sum>):
  // expected-error@+1 {{'unary' cannot use one partition's term of a sum, '!hgnn.tensor<param : 4xf32, partial_sum>'; merge the terms first (hgnn.merge_all)}}
  %c = hgnn.unary relu %a : !hgnn.tensor<param : 4xf32, partial_sum>
}

// -----

hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<param : 4xf32, partial_sum>, %b: !hgnn.tensor<param : 4xf32>):
  // expected-error@+1 {{'add' adds one partition's term of a sum to a whole value, which every partition would then add; merge the terms first}}
  %c = hgnn.add %a, %b : !hgnn.tensor<param : 4xf32, partial_sum>, !hgnn.tensor<param : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<rows(0, @p) : 4xf32>, %b: !hgnn.tensor<rows(0, @p) : 4xf32, split>):
  // expected-error@+1 {{'add' has rows of the whole batch and of a split one; both must be whole or split}}
  %c = hgnn.add %a, %b : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 4xf32, split>
}

// -----

hgnn.kernel @k {
// expected-error@+1 {{a partition must be at least 0, got -1}}
^bb0(%a: !hgnn.ids<rows(0, @p), owned(-1)>):
}

// -----

hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<param : 4xf32, partial_sum>):
  // expected-error@+1 {{'partial' has a term of a sum already, '!hgnn.tensor<param : 4xf32, partial_sum>'}}
  %c = hgnn.partial %a : !hgnn.tensor<param : 4xf32, partial_sum>
}

// -----

hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<param : 4xf32>):
  // expected-error@+1 {{'merge' sums terms (partial_sum), got '!hgnn.tensor<param : 4xf32>'; end each sub-DAG with hgnn.partial}}
  %c = hgnn.merge %a : !hgnn.tensor<param : 4xf32>
}

// -----

hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<param : 4xf32, owned(0)>):
  // expected-error@+1 {{'own' takes a replicated value, got '!hgnn.tensor<param : 4xf32, owned(0)>'}}
  %c = hgnn.own %a {partition = 0 : i64} : !hgnn.tensor<param : 4xf32, owned(0)>
}

// -----

// The gradient of the head is whole: reducing it would count it once per partition.
hgnn.entry train_step @e attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32>
  // expected-error@+1 {{'hgnn.merge_all' op sums terms (partial_sum), got '!hgnn.tensor<param : 4xf32>'; a whole value would be counted once per partition}}
  %m = hgnn.merge_all dense_gradients %z {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 32 : i64} : <param : 4xf32> -> <param : 4xf32>
}

// -----

hgnn.entry train_step @e attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, partial_sum>
  // expected-error@+1 {{'hgnn.merge_all' op says 16 bytes, its types and partitions say 32}}
  %m = hgnn.merge_all dense_gradients %z {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 16 : i64} : <param : 4xf32, partial_sum> -> <param : 4xf32>
}

// -----

hgnn.entry train_step @e attributes {partition = 2 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, partial_sum>
  // expected-error@+1 {{'hgnn.merge_all' op stands in the entry of partition 2, which does not take part}}
  %m = hgnn.merge_all dense_gradients %z {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 32 : i64} : <param : 4xf32, partial_sum> -> <param : 4xf32>
}

// -----

hgnn.entry train_step @e attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, partial_sum>
  // expected-error@+1 {{'hgnn.merge_all' op needs ascending partitions of at least 0}}
  %m = hgnn.merge_all dense_gradients %z {id = 0 : i64, partitions = array<i64: 1, 0>, bytes = 32 : i64} : <param : 4xf32, partial_sum> -> <param : 4xf32>
}

// -----

hgnn.entry train_step @e attributes {partition = 1 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, partial_sum>
  // expected-error@+1 {{'hgnn.merge_to' op has a result in the leader's entry, and only there}}
  %m = hgnn.merge_to activations %z {id = 0 : i64, leader = 0 : i64, partitions = array<i64: 0, 1>, bytes = 16 : i64} : (!hgnn.tensor<param : 4xf32, partial_sum>) -> !hgnn.tensor<param : 4xf32, owned(0)>
}

// -----

hgnn.entry train_step @e attributes {partition = 0 : i64} {
  // expected-error@+1 {{'hgnn.broadcast' op has an operand in the leader's entry, and only there}}
  %m = hgnn.broadcast activations {id = 0 : i64, leader = 0 : i64, partitions = array<i64: 0, 1>, bytes = 16 : i64} : () -> !hgnn.tensor<param : 4xf32>
}

// -----

hgnn.entry train_step @e attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %z = hgnn.zeros %s : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 2xf32>
  // expected-error@+1 {{'hgnn.exchange_rows' op exchanges what one partition owns, got '!hgnn.tensor<rows(0, @p) : 2xf32>' and '!hgnn.ids<rows(0, @p)>'; a replicated gradient is whole already}}
  %a, %b = hgnn.exchange_rows %s, %z {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 16 : i64} : (!hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 2xf32>) -> (!hgnn.ids<rows(0, @p)>, !hgnn.tensor<rows(0, @p) : 2xf32>)
}

// -----

hgnn.kernel @k {
^bb0(%f: !hgnn.ids<rows(1, @p), owned(0)>):
  // expected-error@+1 {{'hgnn.fetch_dense' op gives '!hgnn.tensor<rows(1, @p) : 2xf32>' for '!hgnn.ids<rows(1, @p), owned(0)>'; rows are placed where their ids are}}
  %x = hgnn.fetch_dense "x" of %f : (!hgnn.ids<rows(1, @p), owned(0)>) -> !hgnn.tensor<rows(1, @p) : 2xf32>
}

// -----

hgnn.kernel @k {
^bb0(%f: !hgnn.ids<rows(1, @p), owned(0)>):
  // expected-error@+1 {{only partition 0 has those rows}}
  %x = hgnn.sample %f fanout 2 : <rows(1, @p), owned(0)> -> <1, @"p:c:p" from @p to @p>
}

// -----

hgnn.kernel @k {
^bb0(%a: !hgnn.adj<0, @"p:c:p" from @p to @p, owned(0)>):
  // expected-error@+1 {{'hgnn.frontier' op of '!hgnn.ids<rows(1, @p), owned(1)>' takes samples that are there too, got '!hgnn.adj<0, @"p:c:p" from @p to @p, owned(0)>'}}
  %f = hgnn.frontier samples(%a) : (!hgnn.adj<0, @"p:c:p" from @p to @p, owned(0)>) -> !hgnn.ids<rows(1, @p), owned(1)>
}
