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

// -----

// What is linear in a term may have it, while all partitions have the rest.
hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<param : 4x4xf32, partial_sum>, %b: !hgnn.tensor<param : 4x4xf32>):
  %c = hgnn.linear %b, %a : !hgnn.tensor<param : 4x4xf32>, !hgnn.tensor<param : 4x4xf32, partial_sum>
  // expected-error@+1 {{'mul' cannot use one partition's term of a sum, '!hgnn.tensor<param : 4x4xf32, partial_sum>'; merge the terms first (hgnn.merge_all)}}
  %d = hgnn.mul %a, %c : !hgnn.tensor<param : 4x4xf32, partial_sum>, !hgnn.tensor<param : 4x4xf32, partial_sum>
}

// -----

hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<param : 4xf32, partial_sum>, %b: !hgnn.tensor<param : 4xf32, owned(1)>):
  // expected-error@+1 {{'mul' has one partition's term of a sum and another value of its own; merge the terms first}}
  %d = hgnn.mul %a, %b : !hgnn.tensor<param : 4xf32, partial_sum>, !hgnn.tensor<param : 4xf32, owned(1)>
}

// -----

// Rows of a block are not those of the seeds.
hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<rows(0, @p) : 4xf32>, %b: !hgnn.tensor<rows(0, @p) : 4xf32, owned(1) split>):
  // expected-error@+1 {{'add' has rows of the whole batch and of a split one; both must be whole or split}}
  %c = hgnn.add %a, %b : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 4xf32, owned(1) split>
}

// -----

hgnn.kernel @k {
^bb0(%a: !hgnn.tensor<rows(1, @p) : 4xf32, kept(1)>):
  // expected-error@+1 {{'scale' cannot use rows that partition 1 keeps, '!hgnn.tensor<rows(1, @p) : 4xf32, kept(1)>'; they go into its row_optimizer_step}}
  %c = hgnn.scale %a {factor = 2.0} : !hgnn.tensor<rows(1, @p) : 4xf32, kept(1)>
}

// -----

// expected-error@+1 {{'hgnn.state' op spreads what has no row per node; only tables (`rows_type`) are spread}}
hgnn.state parameter @w {shape = array<i64: 4>, init = {kind = "zeros", a = 0.0, b = 0.0}, spread}

// -----

hgnn.entry train_step @e attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  // expected-error@+1 {{'hgnn.seed_block' op is block 2 of 2}}
  %b = hgnn.seed_block %s {of = 2 : i64, partition = 2 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(2) split>
}

// -----

hgnn.entry train_step @e attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  // expected-error@+1 {{'hgnn.seed_block' op gives '!hgnn.ids<rows(0, @p), owned(0) split>', not '!hgnn.ids<rows(0, @p), owned(0)>'}}
  %b = hgnn.seed_block %s {of = 2 : i64, partition = 0 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(0)>
}

// -----

hgnn.kernel @k {
^bb0(%s: !hgnn.ids<rows(1, @p)>):
  // expected-error@+1 {{'hgnn.seed_block' op takes the seeds of the whole batch, got '!hgnn.ids<rows(1, @p)>'}}
  %b = hgnn.seed_block %s {of = 2 : i64, partition = 0 : i64} : <rows(1, @p)> -> <rows(1, @p), owned(0) split>
}

// -----

hgnn.kernel @k {
^bb0(%s: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{a split batch begins with hgnn.seed_block}}
  %x = hgnn.sample %s fanout 2 : <rows(0, @p)> -> <0, @"p:c:p" from @p to @p, owned(0) split>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 2xf32, owned(0)>):
  // expected-error@+1 {{'hgnn.gather_blocks' op gathers a partition's rows of the seeds, got '!hgnn.tensor<rows(0, @p) : 2xf32, owned(0)>'}}
  %g = hgnn.gather_blocks activations %x {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : <rows(0, @p) : 2xf32, owned(0)> -> <rows(0, @p) : 2xf32>
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>):
  // expected-error@+1 {{'hgnn.gather_blocks' op says 16 bytes, its types and partitions say 8}}
  %g = hgnn.gather_blocks activations %x {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 16 : i64} : <rows(0, @p) : 2xf32, owned(0) split> -> <rows(0, @p) : 2xf32>
}

// -----

// Without a split batch nothing is spread: a partition has what its sub-DAGs need.
hgnn.kernel @k {
^bb0(%f: !hgnn.ids<rows(1, @p), owned(0)>):
  // expected-error@+1 {{'hgnn.request_rows' op is for the rows of a partition of a split batch, got '!hgnn.ids<rows(1, @p), owned(0)>'}}
  %k = hgnn.request_rows remote_features %f {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : <rows(1, @p), owned(0)> -> <rows(1, @p), kept(0)>
}

// -----

hgnn.kernel @k {
^bb0(%f: !hgnn.ids<rows(1, @p), owned(0) split>, %g: !hgnn.ids<rows(1, @p), owned(0) split>):
  %k = hgnn.request_rows remote_features %f {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : <rows(1, @p), owned(0) split> -> <rows(1, @p), kept(0)>
  // expected-error@+1 {{'hgnn.fetch_remote_features' op is for rows that were asked for; `kept` is the hgnn.request_rows of `ids`}}
  %x = hgnn.fetch_remote_features "x" of %g kept %k {id = 1 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : (!hgnn.ids<rows(1, @p), owned(0) split>, !hgnn.ids<rows(1, @p), kept(0)>) -> !hgnn.tensor<rows(1, @p) : 2xf32, owned(0) split>
}

// -----

hgnn.kernel @k {
^bb0(%f: !hgnn.ids<rows(1, @p), owned(0) split>):
  %k = hgnn.request_rows embedding_rows %f {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : <rows(1, @p), owned(0) split> -> <rows(1, @p), kept(0)>
  // expected-error@+1 {{'hgnn.fetch_remote_rows' op has other partitions than the request of its rows}}
  %x = hgnn.fetch_remote_rows @t of %f kept %k {id = 1 : i64, partitions = array<i64: 0>, bytes = 8 : i64} : (!hgnn.ids<rows(1, @p), owned(0) split>, !hgnn.ids<rows(1, @p), kept(0)>) -> !hgnn.tensor<rows(1, @p) : 2xf32, owned(0) split>
}

// -----

hgnn.kernel @k {
^bb0(%f: !hgnn.ids<rows(1, @p), owned(0) split>):
  %k = hgnn.request_rows embedding_rows %f {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : <rows(1, @p), owned(0) split> -> <rows(1, @p), kept(0)>
  // expected-error@+1 {{'hgnn.fetch_remote_rows' op gives '!hgnn.tensor<rows(1, @p) : 2xf32>' for '!hgnn.ids<rows(1, @p), owned(0) split>'; rows are placed where their ids are}}
  %x = hgnn.fetch_remote_rows @t of %f kept %k {id = 1 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : (!hgnn.ids<rows(1, @p), owned(0) split>, !hgnn.ids<rows(1, @p), kept(0)>) -> !hgnn.tensor<rows(1, @p) : 2xf32>
}

// -----

hgnn.kernel @k {
^bb0(%f: !hgnn.ids<rows(1, @p), owned(0) split>, %g: !hgnn.tensor<rows(1, @p) : 2xf32, owned(0) split>):
  %k = hgnn.request_rows embedding_rows %f {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : <rows(1, @p), owned(0) split> -> <rows(1, @p), kept(0)>
  // expected-error@+1 {{'hgnn.push_rows' op gives '!hgnn.tensor<rows(1, @p) : 2xf32, kept(0)>', not '!hgnn.tensor<rows(1, @p) : 2xf32, owned(0) split>'}}
  %x = hgnn.push_rows %g of %f kept %k {id = 1 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : (!hgnn.tensor<rows(1, @p) : 2xf32, owned(0) split>, !hgnn.ids<rows(1, @p), owned(0) split>, !hgnn.ids<rows(1, @p), kept(0)>) -> !hgnn.tensor<rows(1, @p) : 2xf32, owned(0) split>
}

// -----

hgnn.kernel @k {
^bb0(%f: !hgnn.ids<rows(1, @p), owned(0) split>, %g: !hgnn.tensor<rows(1, @p) : 2xf32>):
  %k = hgnn.request_rows embedding_rows %f {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : <rows(1, @p), owned(0) split> -> <rows(1, @p), kept(0)>
  // expected-error@+1 {{'hgnn.push_rows' op needs rows and their ids, got '!hgnn.tensor<rows(1, @p) : 2xf32>' and '!hgnn.ids<rows(1, @p), owned(0) split>'}}
  %x = hgnn.push_rows %g of %f kept %k {id = 1 : i64, partitions = array<i64: 0, 1>, bytes = 8 : i64} : (!hgnn.tensor<rows(1, @p) : 2xf32>, !hgnn.ids<rows(1, @p), owned(0) split>, !hgnn.ids<rows(1, @p), kept(0)>) -> !hgnn.tensor<rows(1, @p) : 2xf32, kept(0)>
}
