// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-verify-phase=phase=partitioned %s
// What the entries of several partitions may not say together.

// A weight that every partition has is whole: as a term it would count once per partition.
hgnn.state parameter @w {shape = array<i64: 4>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %w = hgnn.read @w : <param : 4xf32>
  // expected-error@+1 {{'hgnn.partial' op makes a term of '!hgnn.tensor<param : 4xf32>'; a whole value would be counted once per partition}}
  %p = hgnn.partial %w : !hgnn.tensor<param : 4xf32>
}

// -----

// Deduplication below the root must not let two partitions aggregate one relation at the root.
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, owned(0)>
  %p = hgnn.partial %z {link = "a:w:p", partition = 0 : i64} : !hgnn.tensor<param : 4xf32, owned(0)>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, owned(1)>
  // expected-error@+1 {{'hgnn.partial' op computes root link "a:w:p", which another partition owns: it would count twice}}
  %p = hgnn.partial %z {link = "a:w:p", partition = 1 : i64} : !hgnn.tensor<param : 4xf32, owned(1)>
}

// -----

hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  // expected-error@+1 {{'hgnn.zeros' op gives a value of partition 1 in the entry of partition 0}}
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, owned(1)>
}

// -----

hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, partial_sum>
  // expected-error@+1 {{'hgnn.merge_all' op waits for partition 1, which never comes to collective 0}}
  %m = hgnn.merge_all dense_gradients %z {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 32 : i64} : <param : 4xf32, partial_sum> -> <param : 4xf32>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
}

// -----

// Another order on each side would wait for ever.
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, partial_sum>
  %m = hgnn.merge_all dense_gradients %z {id = 1 : i64, partitions = array<i64: 0>, bytes = 0 : i64} : <param : 4xf32, partial_sum> -> <param : 4xf32>
  // expected-error@+1 {{'hgnn.merge_all' op has id 0 after 1; ids ascend, so that all partitions meet in one order}}
  %n = hgnn.merge_all dense_gradients %z {id = 0 : i64, partitions = array<i64: 0>, bytes = 0 : i64} : <param : 4xf32, partial_sum> -> <param : 4xf32>
}

// -----

hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, partial_sum>
  %m = hgnn.merge_all dense_gradients %z {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 32 : i64} : <param : 4xf32, partial_sum> -> <param : 4xf32>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 3xf32, partial_sum>
  // expected-error@+1 {{'hgnn.merge_all' op is not what collective 0 is in another partition}}
  %m = hgnn.merge_all dense_gradients %z {id = 0 : i64, partitions = array<i64: 0, 1>, bytes = 24 : i64} : <param : 3xf32, partial_sum> -> <param : 3xf32>
}

// -----

// expected-error@+1 {{'hgnn.entry' op is partition 1, expected 0: they are numbered from 0 without gaps}}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
}

// -----

// expected-error@+1 {{'hgnn.entry' op has no partition; run hgnn-insert-communication}}
hgnn.entry train_step @train_step {
}

// -----

hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, partial_sum>
  // expected-error@+1 {{'hgnn.merge' op may not occur in the partitioned phase: hgnn-insert-communication makes a collective of it}}
  %m = hgnn.merge %z : !hgnn.tensor<param : 4xf32, partial_sum>
}

// -----

// Two partitions with the same block: its seeds would count twice, the others not at all.
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  // expected-error@+1 {{'hgnn.seed_block' op is block 0 of 3 in the entry of partition 0 of 2; every seed is in the block of one partition}}
  %b = hgnn.seed_block %s {of = 3 : i64, partition = 0 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(0) split>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
}

// -----

hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  // expected-error@+1 {{'hgnn.seed_block' op is one of 1 blocks for 2 partitions}}
  %b = hgnn.seed_block %s {of = 2 : i64, partition = 0 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(0) split>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
}

// -----

hgnn.state embedding_rows @t {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64, spread}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  // expected-error@+1 {{'hgnn.fetch_rows' op reads rows of the spread table "t" that other partitions keep; use hgnn.fetch_remote_rows}}
  %x = hgnn.fetch_rows @t of %s : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 2xf32>
}

// -----

hgnn.state embedding_rows @t {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %b = hgnn.seed_block %s {of = 1 : i64, partition = 0 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(0) split>
  %k = hgnn.request_rows embedding_rows %b {bytes = 8 : i64, id = 0 : i64, partitions = array<i64: 0>} : <rows(0, @p), owned(0) split> -> <rows(0, @p), kept(0)>
  // expected-error@+1 {{'hgnn.fetch_remote_rows' op asks other partitions for rows of "t", which is not spread; use hgnn.fetch_rows}}
  %x = hgnn.fetch_remote_rows @t of %b kept %k {bytes = 8 : i64, id = 1 : i64, partitions = array<i64: 0>} : (!hgnn.ids<rows(0, @p), owned(0) split>, !hgnn.ids<rows(0, @p), kept(0)>) -> !hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>
}

// -----

// One side fetches another feature: rows of one would be read as the other's.
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %b = hgnn.seed_block %s {of = 2 : i64, partition = 0 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(0) split>
  %k = hgnn.request_rows remote_features %b {bytes = 8 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @p), owned(0) split> -> <rows(0, @p), kept(0)>
  %x = hgnn.fetch_remote_features "x" of %b kept %k {bytes = 8 : i64, id = 1 : i64, partitions = array<i64: 0, 1>} : (!hgnn.ids<rows(0, @p), owned(0) split>, !hgnn.ids<rows(0, @p), kept(0)>) -> !hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %b = hgnn.seed_block %s {of = 2 : i64, partition = 1 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(1) split>
  %k = hgnn.request_rows remote_features %b {bytes = 8 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @p), owned(1) split> -> <rows(0, @p), kept(1)>
  // expected-error@+1 {{'hgnn.fetch_remote_features' op is not what collective 1 is in another partition}}
  %x = hgnn.fetch_remote_features "y" of %b kept %k {bytes = 8 : i64, id = 1 : i64, partitions = array<i64: 0, 1>} : (!hgnn.ids<rows(0, @p), owned(1) split>, !hgnn.ids<rows(0, @p), kept(1)>) -> !hgnn.tensor<rows(0, @p) : 2xf32, owned(1) split>
}

// -----

hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  // expected-error@+1 {{'hgnn.zeros' op gives a value of partition 1 in the entry of partition 0}}
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, kept(1)>
}
