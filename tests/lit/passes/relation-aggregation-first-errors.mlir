// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-relation-aggregation-first %s

!s = !hgnn.ids<rows(0, @p)>
// expected-error@+1 {{'hgnn.entry' op has no link into the seeds; relation-aggregation-first needs a relation into the target type or a layer that reads own rows}}
hgnn.entry train_step @nothing {
  %s = hgnn.seeds : !s
}

// -----

// A combine that later messages read has no terms that could be summed at the end.
!s = !hgnn.ids<rows(0, @p)>
!f = !hgnn.ids<rows(1, @p)>
!a = !hgnn.adj<0, @"p:c:p" from @p to @p>
!b = !hgnn.adj<0, @"p:d:p" from @p to @p>
!r = !hgnn.tensor<rows(0, @p) : 2xf32>
!q = !hgnn.tensor<rows(1, @p) : 2xf32>
hgnn.entry train_step @chained {
  %s = hgnn.seeds : !s
  %a = hgnn.sample %s fanout -1 : !s -> !a
  %b = hgnn.sample %s fanout -1 : !s -> !b
  %f = hgnn.frontier samples(%a, %b) : (!a, !b) -> !f
  %x = hgnn.fetch_rows @t of %f : (!f) -> !q
  %ea = hgnn.gather_src %x, %a : !q, !a
  %ra = hgnn.reduce_dst %ea, %a : !hgnn.tensor<edges(0, @"p:c:p") : 2xf32>, !a
  %xa = hgnn.expand %ra, %a : !hgnn.tensor<active(0, @"p:c:p") : 2xf32>, !a
  // expected-error@+1 {{'hgnn.restrict' op combines root links before they are aggregated: it reads rows of #hgnn.domain<rows(0, @p)> that depend on @"p:c:p" beside @"p:d:p"; let `message` read the own rows of the layer before only}}
  %o = hgnn.restrict %xa, %b : !r, !b
  %xb = hgnn.expand %o, %b : !hgnn.tensor<active(0, @"p:d:p") : 2xf32>, !b
  hgnn.output "logits" %xb : !r
}

// -----

!s = !hgnn.ids<rows(0, @p)>
!f = !hgnn.ids<rows(1, @p)>
!a = !hgnn.adj<0, @"p:c:p" from @p to @p>
!link = !hgnn.link<0, @p>
!q = !hgnn.tensor<rows(1, @p) : 2xf32>
hgnn.entry train_step @unused {
  %s = hgnn.seeds : !s
  // expected-error@+1 {{'hgnn.sample' op samples root link "p:c:p", which gives nothing to the seeds; use it in the last layer's `update`, or leave it out}}
  %a = hgnn.sample %s fanout -1 : !s -> !a
  %f, %link = hgnn.frontier self %s samples(%a) : (!s, !a) -> (!f, !link)
  %x = hgnn.fetch_rows @t of %f : (!f) -> !q
  %own = hgnn.self_gather %x, %link : !q, !link
  hgnn.output "logits" %own : !hgnn.tensor<rows(0, @p) : 2xf32>
}

// -----

!s = !hgnn.ids<rows(0, @p)>
!f = !hgnn.ids<rows(1, @p)>
!a = !hgnn.adj<0, @"p:c:p" from @p to @p>
!q = !hgnn.tensor<rows(1, @p) : 2xf32>
!e = !hgnn.tensor<edges(0, @"p:c:p") : 2xf32>
hgnn.entry train_step @shown {
  %s = hgnn.seeds : !s
  %a = hgnn.sample %s fanout -1 : !s -> !a
  %f = hgnn.frontier samples(%a) : (!a) -> !f
  %x = hgnn.fetch_rows @t of %f : (!f) -> !q
  // expected-error@+1 {{'hgnn.gather_src' op is of one root link and shown as it is; outputs are of the merged rows}}
  %e = hgnn.gather_src %x, %a : !q, !a
  hgnn.output "messages" %e : !e
}
