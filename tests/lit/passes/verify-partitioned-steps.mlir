// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-verify-phase=phase=training %s
// How copies of a state would come apart.

// Each keeper would step by its own term.
hgnn.state parameter @w {shape = array<i64: 4>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, owned(0)>
  %lr = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.optimizer_step' op updates a copy of "w" by '!hgnn.tensor<param : 4xf32, owned(0)>'; several partitions keep it: sum the terms first}}
  hgnn.optimizer_step @w by %z scalars(%lr) {group = 0 : i64, moments = []} : !hgnn.tensor<param : 4xf32, owned(0)>, !hgnn.tensor<param : 1xf32>
}

// -----

hgnn.state parameter @w {shape = array<i64: 4>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64, partitions = array<i64: 1>}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32, owned(0)>
  %lr = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.optimizer_step' op updates "w", which this partition does not keep}}
  hgnn.optimizer_step @w by %z scalars(%lr) {group = 0 : i64, moments = []} : !hgnn.tensor<param : 4xf32, owned(0)>, !hgnn.tensor<param : 1xf32>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
}

// -----

// One keeper updates, the other keeps what it had.
// expected-error@+1 {{"w" has copies in 2 partitions and is updated in 1 of them}}
module {
hgnn.state parameter @w {shape = array<i64: 4>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %z = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32>
  %lr = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  hgnn.optimizer_step @w by %z scalars(%lr) {group = 0 : i64, moments = []} : !hgnn.tensor<param : 4xf32>, !hgnn.tensor<param : 1xf32>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
}
}

// -----

hgnn.state embedding_rows @t {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64, partitions = array<i64: 0>}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %z = hgnn.zeros %s : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 2xf32, owned(0)>
  %lr = hgnn.scalar learning_rate {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.row_optimizer_step' op has rows and gradients of different places, '!hgnn.ids<rows(0, @p)>' and '!hgnn.tensor<rows(0, @p) : 2xf32, owned(0)>'}}
  hgnn.row_optimizer_step @t by %z rows %s scalars(%lr) {group = 1 : i64, moments = []} : !hgnn.tensor<rows(0, @p) : 2xf32, owned(0)>, !hgnn.ids<rows(0, @p)>, !hgnn.tensor<param : 1xf32>
}
