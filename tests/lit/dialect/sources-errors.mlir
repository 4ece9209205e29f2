// RUN: heddle-opt --split-input-file --verify-diagnostics %s

hgnn.entry train_step @rows {
  %seeds = hgnn.seeds : !hgnn.ids<rows(0, @p)>
  %adj = hgnn.sample %seeds fanout 2 : !hgnn.ids<rows(0, @p)> -> !hgnn.adj<0, @"a:w:p" from @a to @p, unique>
  %ids = hgnn.frontier samples(%adj) : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>) -> !hgnn.ids<rows(1, @a)>
  %x = hgnn.fetch_dense "x" of %ids : (!hgnn.ids<rows(1, @a)>) -> !hgnn.tensor<rows(1, @a) : 4xf32>
  // expected-error@+1 {{'gather_src' needs a value over the distinct sources of that adjacency; got '!hgnn.tensor<rows(1, @a) : 4xf32>'}}
  %e = hgnn.gather_src %x, %adj : !hgnn.tensor<rows(1, @a) : 4xf32>, !hgnn.adj<0, @"a:w:p" from @a to @p, unique>
}

// -----

hgnn.entry train_step @plain {
  %seeds = hgnn.seeds : !hgnn.ids<rows(0, @p)>
  %adj = hgnn.sample %seeds fanout 2 : !hgnn.ids<rows(0, @p)> -> !hgnn.adj<0, @"a:w:p" from @a to @p>
  %ids = hgnn.frontier samples(%adj) : (!hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.ids<rows(1, @a)>
  // expected-error@+1 {{is of an adjacency with `unique` sources, got '!hgnn.adj<0, @"a:w:p" from @a to @p>'}}
  %link = hgnn.sources %adj of %ids : (!hgnn.adj<0, @"a:w:p" from @a to @p>, !hgnn.ids<rows(1, @a)>) -> !hgnn.link<0, @"a:w:p" from @a>
}

// -----

hgnn.entry train_step @other {
  %seeds = hgnn.seeds : !hgnn.ids<rows(0, @p)>
  %adj = hgnn.sample %seeds fanout 2 : !hgnn.ids<rows(0, @p)> -> !hgnn.adj<0, @"a:w:p" from @a to @p, unique>
  %ids, %own = hgnn.frontier self %seeds samples() : (!hgnn.ids<rows(0, @p)>) -> (!hgnn.ids<rows(1, @p)>, !hgnn.link<0, @p>)
  // expected-error@+1 {{whose frontier does not take that sample}}
  %link = hgnn.sources %adj of %ids : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>, !hgnn.ids<rows(1, @p)>) -> !hgnn.link<0, @"a:w:p" from @a>
}

// -----

hgnn.entry train_step @link {
  %seeds = hgnn.seeds : !hgnn.ids<rows(0, @p)>
  %adj = hgnn.sample %seeds fanout 2 : !hgnn.ids<rows(0, @p)> -> !hgnn.adj<0, @"a:w:p" from @a to @p, unique>
  %ids = hgnn.frontier samples(%adj) : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>) -> !hgnn.ids<rows(1, @a)>
  // expected-error@+1 {{gives '!hgnn.link<0, @"a:w:p" from @a>', not '!hgnn.link<0, @a>'}}
  %link = hgnn.sources %adj of %ids : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>, !hgnn.ids<rows(1, @a)>) -> !hgnn.link<0, @a>
}

// -----

hgnn.entry train_step @scatter {
  %seeds = hgnn.seeds : !hgnn.ids<rows(0, @p)>
  %adj = hgnn.sample %seeds fanout 2 : !hgnn.ids<rows(0, @p)> -> !hgnn.adj<0, @"a:w:p" from @a to @p, unique>
  %ids = hgnn.frontier samples(%adj) : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>) -> !hgnn.ids<rows(1, @a)>
  %link = hgnn.sources %adj of %ids : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>, !hgnn.ids<rows(1, @a)>) -> !hgnn.link<0, @"a:w:p" from @a>
  %x = hgnn.fetch_dense "x" of %ids : (!hgnn.ids<rows(1, @a)>) -> !hgnn.tensor<rows(1, @a) : 4xf32>
  // expected-error@+1 {{'self_scatter' needs the relation's sources; got '!hgnn.tensor<rows(1, @a) : 4xf32>' with '!hgnn.link<0, @"a:w:p" from @a>'}}
  %s = hgnn.self_scatter %x, %link : !hgnn.tensor<rows(1, @a) : 4xf32>, !hgnn.link<0, @"a:w:p" from @a>
}
