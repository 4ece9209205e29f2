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

// Of the seeds one partition may step a table that it alone keeps.
hgnn.state embedding_rows @t {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64, partitions = array<i64: 0>}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %z = hgnn.zeros %s : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 2xf32, owned(0)>
  %lr = hgnn.scalar learning_rate {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  hgnn.row_optimizer_step @t by %z rows %s scalars(%lr) {group = 1 : i64, moments = []} : !hgnn.tensor<rows(0, @p) : 2xf32, owned(0)>, !hgnn.ids<rows(0, @p)>, !hgnn.tensor<param : 1xf32>
}

// -----

hgnn.state embedding_rows @t {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %b = hgnn.seed_block %s {of = 1 : i64, partition = 0 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(0) split>
  %z = hgnn.zeros %s : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 2xf32>
  %lr = hgnn.scalar learning_rate {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.row_optimizer_step' op has rows and gradients of different places, '!hgnn.ids<rows(0, @p), owned(0) split>' and '!hgnn.tensor<rows(0, @p) : 2xf32>'}}
  hgnn.row_optimizer_step @t by %z rows %b scalars(%lr) {group = 1 : i64, moments = []} : !hgnn.tensor<rows(0, @p) : 2xf32>, !hgnn.ids<rows(0, @p), owned(0) split>, !hgnn.tensor<param : 1xf32>
}

// -----

// The keeper of a row would step by its own part of the gradient alone.
hgnn.state embedding_rows @t {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64, spread}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %b = hgnn.seed_block %s {of = 1 : i64, partition = 0 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(0) split>
  %z = hgnn.zeros %b : (!hgnn.ids<rows(0, @p), owned(0) split>) -> !hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>
  %lr = hgnn.scalar learning_rate {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.row_optimizer_step' op updates rows of "t" by '!hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>'; each partition steps the rows that it keeps: push the gradients to them first}}
  hgnn.row_optimizer_step @t by %z rows %b scalars(%lr) {group = 1 : i64, moments = []} : !hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>, !hgnn.ids<rows(0, @p), owned(0) split>, !hgnn.tensor<param : 1xf32>
}

// -----

hgnn.state embedding_rows @t {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %b = hgnn.seed_block %s {of = 1 : i64, partition = 0 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(0) split>
  %k = hgnn.request_rows embedding_rows %b {bytes = 8 : i64, id = 0 : i64, partitions = array<i64: 0>} : <rows(0, @p), owned(0) split> -> <rows(0, @p), kept(0)>
  %z = hgnn.zeros %b : (!hgnn.ids<rows(0, @p), owned(0) split>) -> !hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>
  %g = hgnn.push_rows %z of %b kept %k {bytes = 8 : i64, id = 1 : i64, partitions = array<i64: 0>} : (!hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>, !hgnn.ids<rows(0, @p), owned(0) split>, !hgnn.ids<rows(0, @p), kept(0)>) -> !hgnn.tensor<rows(0, @p) : 2xf32, kept(0)>
  %lr = hgnn.scalar learning_rate {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.row_optimizer_step' op updates "t", which is not spread, by rows that one partition keeps}}
  hgnn.row_optimizer_step @t by %g rows %k scalars(%lr) {group = 1 : i64, moments = []} : !hgnn.tensor<rows(0, @p) : 2xf32, kept(0)>, !hgnn.ids<rows(0, @p), kept(0)>, !hgnn.tensor<param : 1xf32>
}

// -----

// A row that two partitions touched is stepped by its keeper, once.
hgnn.state embedding_rows @t {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64, spread}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %s = hgnn.seeds : <rows(0, @p)>
  %b = hgnn.seed_block %s {of = 1 : i64, partition = 0 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(0) split>
  %k = hgnn.request_rows embedding_rows %b {bytes = 8 : i64, id = 0 : i64, partitions = array<i64: 0>} : <rows(0, @p), owned(0) split> -> <rows(0, @p), kept(0)>
  %z = hgnn.zeros %b : (!hgnn.ids<rows(0, @p), owned(0) split>) -> !hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>
  %g = hgnn.push_rows %z of %b kept %k {bytes = 8 : i64, id = 1 : i64, partitions = array<i64: 0>} : (!hgnn.tensor<rows(0, @p) : 2xf32, owned(0) split>, !hgnn.ids<rows(0, @p), owned(0) split>, !hgnn.ids<rows(0, @p), kept(0)>) -> !hgnn.tensor<rows(0, @p) : 2xf32, kept(0)>
  %lr = hgnn.scalar learning_rate {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  hgnn.row_optimizer_step @t by %g rows %k scalars(%lr) {group = 1 : i64, moments = []} : !hgnn.tensor<rows(0, @p) : 2xf32, kept(0)>, !hgnn.ids<rows(0, @p), kept(0)>, !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.row_optimizer_step' op updates "t" a second time in one step}}
  hgnn.row_optimizer_step @t by %g rows %k scalars(%lr) {group = 1 : i64, moments = []} : !hgnn.tensor<rows(0, @p) : 2xf32, kept(0)>, !hgnn.ids<rows(0, @p), kept(0)>, !hgnn.tensor<param : 1xf32>
}

// -----

// A keeper that makes no step: its rows would stand still.
// expected-error@+1 {{"t" has copies in 2 partitions and is updated in 1 of them}}
module {
hgnn.state embedding_rows @t {shape = array<i64: 2>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64, spread}
hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
  %k = hgnn.frontier samples() : () -> !hgnn.ids<rows(1, @p), kept(0)>
  %z = hgnn.zeros %k : (!hgnn.ids<rows(1, @p), kept(0)>) -> !hgnn.tensor<rows(1, @p) : 2xf32, kept(0)>
  %lr = hgnn.scalar learning_rate {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  hgnn.row_optimizer_step @t by %z rows %k scalars(%lr) {group = 1 : i64, moments = []} : !hgnn.tensor<rows(1, @p) : 2xf32, kept(0)>, !hgnn.ids<rows(1, @p), kept(0)>, !hgnn.tensor<param : 1xf32>
}
hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
}
}
