// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// Each reason for which an op of edge data is refused.

hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{'hgnn.edge_feature' op gives rows of edges, !hgnn.tensor<edge : ?xf32>, not '!hgnn.tensor<dst : ?xf32>'}}
  %w = hgnn.edge_feature "w" : <dst : ?xf32>
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  // expected-error@+1 {{'hgnn.edge_feature' op stands in the `message` of a layer only: edges are a relation's}}
  %w = hgnn.edge_feature "w" : <edge : ?xf32>
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{'hgnn.edge_feature' op needs the name of a feature}}
  %w = hgnn.edge_feature "" default 0.0 : <edge : ?xf32>
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.input @i of @p {
  // expected-error@+1 {{'hgnn.edge_feature' op stands in the `message` of a layer only: edges are a relation's}}
  %w = hgnn.edge_feature "w" : <edge : ?xf32>
  hgnn.yield %w : !hgnn.tensor<edge : ?xf32>
}

// -----

hgnn.kernel @k {
^bb0(%adj: !hgnn.adj<any>):
  // expected-error@+1 {{'hgnn.fetch_edge' op reads the edges of a concrete relation, got '!hgnn.adj<any>'}}
  %w = hgnn.fetch_edge "w" of %adj : (!hgnn.adj<any>) -> !hgnn.tensor<edge : 1xf32>
}

// -----

hgnn.kernel @k {
^bb0(%adj: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'hgnn.fetch_edge' op gives rows of edges(0, @r), not '!hgnn.tensor<edges(1, @r) : 1xf32>'}}
  %w = hgnn.fetch_edge "w" of %adj : (!hgnn.adj<0, @r from @a to @p>) -> !hgnn.tensor<edges(1, @r) : 1xf32>
}

// -----

hgnn.kernel @k {
^bb0(%adj: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'hgnn.fetch_edge' op gives rows of edges(0, @r), not '!hgnn.tensor<active(0, @r) : 1xf32>'}}
  %w = hgnn.fetch_edge "w" of %adj : (!hgnn.adj<0, @r from @a to @p>) -> !hgnn.tensor<active(0, @r) : 1xf32>
}

// -----

hgnn.kernel @k {
^bb0(%adj: !hgnn.adj<0, @r from @a to @p, owned(1)>):
  // expected-error@+1 {{rows are placed where their edges are}}
  %w = hgnn.fetch_edge "w" of %adj : (!hgnn.adj<0, @r from @a to @p, owned(1)>) -> !hgnn.tensor<edges(0, @r) : 1xf32>
}

// -----

hgnn.kernel @k {
^bb0(%adj: !hgnn.adj<0, @r from @a to @p>):
  // expected-error@+1 {{'edge_constant' needs a value, and a width of at least 1}}
  %w = hgnn.edge_constant %adj {value = 1.0 : f64, width = 0 : i64} : !hgnn.adj<0, @r from @a to @p>
}
