// RUN: split-file %s %t
// RUN: not heddle-opt %t/score.mlir --hgnn-unroll 2>&1 | FileCheck %s --check-prefix=SCORE
// RUN: not heddle-opt %t/term.mlir --hgnn-verify-phase=phase=model 2>&1 | FileCheck %s --check-prefix=TERM
// RUN: not heddle-opt %t/max.mlir --hgnn-differentiate 2>&1 | FileCheck %s --check-prefix=MAX
// RUN: not heddle-opt %t/twice.mlir --hgnn-differentiate 2>&1 | FileCheck %s --check-prefix=TWICE
// What passes refuse of combines that are no sum.

// SCORE: score.mlir:{{.*}}error: message yields a score of '!hgnn.tensor<active(0, @"a:v:p") : 4xf32>' for @"a:v:p"; a score has width 1, or one number for each head of a value of 2
// TERM: term.mlir:{{.*}}'hgnn.term' op may not occur in the model phase: the layer's `combine` says it; hgnn-unroll makes terms of the messages
// MAX: max.mlir:{{.*}}'hgnn.combined' op of max has no gradient: it does not know which relation won; use argmax
// TWICE: twice.mlir:{{.*}}'hgnn.combine' op gives terms that are used twice; a term goes into one merge, and hgnn.combined takes the value out of merged terms once

//--- score.mlir
hgnn.node_type @a {id = 0 : i64, num_nodes = 5 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:v:p" from @a to @p {id = 0 : i64, name = "v", num_edges = 0 : i64}
hgnn.relation @"a:w:p" from @a to @p {id = 1 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine softmax attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  %s = hgnn.concat %m, %m : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %m, %s : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

//--- term.mlir
hgnn.layer @l combine max attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %m = hgnn.term max %own : !hgnn.tensor<dst : ?xf32>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

//--- max.mlir
!s = !hgnn.ids<rows(0, @p)>
!r = !hgnn.tensor<rows(0, @p) : 2xf32>
hgnn.optimizer sgd {group = 0 : i64, lr = 0.1, beta1 = 0.9, beta2 = 0.99, eps = 1.0e-8, weight_decay = 0.0, momentum = 0.0}
hgnn.state parameter @w {shape = array<i64: 2>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
hgnn.entry train_step @train_step {
  %s = hgnn.seeds : !s
  %w = hgnn.read @w : <param : 2xf32>
  %x = hgnn.broadcast_rows %w, %s : !hgnn.tensor<param : 2xf32>, !s
  %t = hgnn.term max %x : !r
  %c = hgnn.combine max %t : !r
  %v = hgnn.combined max %c : !r
  %q = hgnn.row_dot %v, %v : !r, !r
  %sum = hgnn.col_sum %q, %s : !hgnn.tensor<rows(0, @p) : 1xf32>, !s
  %n = hgnn.scalar inv_label_count : !hgnn.tensor<param : 1xf32>
  %loss = hgnn.mul %sum, %n : !hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>
  hgnn.output "loss" %loss : !hgnn.tensor<param : 1xf32>
}

//--- twice.mlir
!s = !hgnn.ids<rows(0, @p)>
!r = !hgnn.tensor<rows(0, @p) : 2xf32>
!r4 = !hgnn.tensor<rows(0, @p) : 4xf32>
hgnn.optimizer sgd {group = 0 : i64, lr = 0.1, beta1 = 0.9, beta2 = 0.99, eps = 1.0e-8, weight_decay = 0.0, momentum = 0.0}
hgnn.state parameter @w {shape = array<i64: 2>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
hgnn.entry train_step @train_step {
  %s = hgnn.seeds : !s
  %w = hgnn.read @w : <param : 2xf32>
  %x = hgnn.broadcast_rows %w, %s : !hgnn.tensor<param : 2xf32>, !s
  %t = hgnn.term argmax %x {link = 0 : i64} : !r
  %c = hgnn.combine argmax %t : !r4
  %v = hgnn.combined argmax %c : !r4
  %u = hgnn.combined argmax %c : !r4
  %q = hgnn.row_dot %v, %u : !r, !r
  %sum = hgnn.col_sum %q, %s : !hgnn.tensor<rows(0, @p) : 1xf32>, !s
  %n = hgnn.scalar inv_label_count : !hgnn.tensor<param : 1xf32>
  %loss = hgnn.mul %sum, %n : !hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>
  hgnn.output "loss" %loss : !hgnn.tensor<param : 1xf32>
}
