// RUN: heddle-opt --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(hgnn-data-parallel{partitions=2})" %s
// Sums that blocks of the seeds cannot take apart.

// A row of author is in the frontier of every block that cites it: it would count in each.
hgnn.entry train_step @train_step {
  %s = hgnn.seeds : <rows(0, @p)>
  %a = hgnn.sample %s fanout -1 : <rows(0, @p)> -> <0, @"a:w:p" from @a to @p>
  %f = hgnn.frontier samples(%a) : (!hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.ids<rows(1, @a)>
  %x = hgnn.fetch_dense "x" of %f : (!hgnn.ids<rows(1, @a)>) -> !hgnn.tensor<rows(1, @a) : 2xf32>
  // expected-error@+1 {{'hgnn.col_sum' op sums over #hgnn.domain<rows(1, @a)>, of which partitions of a split batch have rows in common; vanilla order takes sums over the seeds and their edges only}}
  %sum = hgnn.col_sum %x : !hgnn.tensor<rows(1, @a) : 2xf32>
}

// -----

// Results are of the whole batch; a frontier has no order that all blocks share.
hgnn.entry eval_step @eval_step {
  %s = hgnn.seeds : <rows(0, @p)>
  %a = hgnn.sample %s fanout -1 : <rows(0, @p)> -> <0, @"a:w:p" from @a to @p>
  %f = hgnn.frontier samples(%a) : (!hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.ids<rows(1, @a)>
  // expected-error@+1 {{'hgnn.output' op shows '!hgnn.ids<rows(1, @a), owned(0) split>'; results of a split batch are rows of the seeds}}
  hgnn.output "ids" %f : !hgnn.ids<rows(1, @a)>
}
