// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-differentiate %s

// expected-error@+1 {{has no output "loss" to differentiate}}
hgnn.entry train_step @train_step {
}

// -----

hgnn.optimizer sgd {group = 0 : i64, lr = 0.1, beta1 = 0.9, beta2 = 0.99, eps = 1.0e-8, weight_decay = 0.0, momentum = 0.0}
// expected-error@+1 {{is a second optimizer of group 0}}
hgnn.optimizer sgd {group = 0 : i64, lr = 0.1, beta1 = 0.9, beta2 = 0.99, eps = 1.0e-8, weight_decay = 0.0, momentum = 0.0}
hgnn.state parameter @w {shape = array<i64: 1>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
hgnn.entry train_step @train_step {
  %w = hgnn.read @w : <param : 1xf32>
  hgnn.output "loss" %w : !hgnn.tensor<param : 1xf32>
}

// -----

hgnn.state parameter @w {shape = array<i64: 1>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
hgnn.entry train_step @train_step {
  // expected-error@+1 {{the loss must be a sum of rows times a run-time scalar}}
  %w = hgnn.read @w : <param : 1xf32>
  hgnn.output "loss" %w : !hgnn.tensor<param : 1xf32>
}

// -----

// The divisor may not depend on a parameter.
hgnn.state parameter @w {shape = array<i64: 1>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
hgnn.entry train_step @train_step {
  %w = hgnn.read @w : <param : 1xf32>
  // expected-error@+1 {{the loss must be a sum of rows times a run-time scalar}}
  %l = hgnn.mul %w, %w : !hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>
  hgnn.output "loss" %l : !hgnn.tensor<param : 1xf32>
}

// -----

hgnn.state parameter @w {shape = array<i64: 4>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
hgnn.entry train_step @train_step {
  %w = hgnn.read @w : <param : 4xf32>
  // expected-error@+1 {{has no gradient; the loss depends on it}}
  %s = hgnn.sum_squares %w : !hgnn.tensor<param : 4xf32>
  %i = hgnn.scalar inv_label_count : !hgnn.tensor<param : 1xf32>
  %l = hgnn.mul %s, %i : !hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>
  hgnn.output "loss" %l : !hgnn.tensor<param : 1xf32>
}

// -----

hgnn.state embedding_rows @w {shape = array<i64: 1>, rows_type = @p, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 1 : i64}
hgnn.entry train_step @train_step {
  %seeds = hgnn.seeds : <rows(0, @p)>
  %w = hgnn.fetch_rows @w of %seeds : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 1xf32>
  // expected-error@+1 {{'hgnn.col_sum' op needs the ids of its rows to be differentiated}}
  %s = hgnn.col_sum %w : !hgnn.tensor<rows(0, @p) : 1xf32>
  %i = hgnn.scalar inv_label_count : !hgnn.tensor<param : 1xf32>
  %l = hgnn.mul %s, %i : !hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>
  hgnn.output "loss" %l : !hgnn.tensor<param : 1xf32>
}
