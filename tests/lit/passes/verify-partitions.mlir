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
