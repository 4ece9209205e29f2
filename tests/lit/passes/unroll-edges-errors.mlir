// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-unroll %s
// What a program cannot read of a relation's edges.

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:v:p" from @a to @p {id = 0 : i64, name = "v", num_edges = 0 : i64}
hgnn.relation @"a:w:p" from @a to @p {id = 1 : i64, name = "w", num_edges = 0 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.relation @"p:c:p" from @p to @p {id = 2 : i64, name = "c", num_edges = 9 : i64, excluded}
hgnn.relation @"p:rev_w:a" from @p to @a {id = 3 : i64, name = "rev_w", num_edges = 0 : i64, reverse_of = 1 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{reads 'g', which is no feature of the edges of @"a:v:p"; import it, write `default` and a number for relations without it, or leave the relation out (model.relations)}}
  %w = hgnn.edge_feature "g" : <edge : ?xf32>
  %x = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %x, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:v:p" from @a to @p {id = 0 : i64, name = "v", num_edges = 0 : i64}
hgnn.relation @"a:w:p" from @a to @p {id = 1 : i64, name = "w", num_edges = 0 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.relation @"p:c:p" from @p to @p {id = 2 : i64, name = "c", num_edges = 9 : i64, excluded}
hgnn.relation @"p:rev_w:a" from @p to @a {id = 3 : i64, name = "rev_w", num_edges = 0 : i64, reverse_of = 1 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{reads 'g' as 2 columns, of which @a:w:p has 3; write that width, or ? for any}}
  %w = hgnn.edge_feature "g" default 1.0 : <edge : 2xf32>
  %x = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %x, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:v:p" from @a to @p {id = 0 : i64, name = "v", num_edges = 0 : i64}
hgnn.relation @"a:w:p" from @a to @p {id = 1 : i64, name = "w", num_edges = 0 : i64, features = {g = {kind = "sparse", dim = 3 : i64}}}
hgnn.relation @"p:c:p" from @p to @p {id = 2 : i64, name = "c", num_edges = 9 : i64, excluded}
hgnn.relation @"p:rev_w:a" from @p to @a {id = 3 : i64, name = "rev_w", num_edges = 0 : i64, reverse_of = 1 : i64, features = {g = {kind = "sparse", dim = 3 : i64}}}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{reads 'g', which is no dense feature of the edges of @"a:w:p"; import it as columns of numbers}}
  %w = hgnn.edge_feature "g" default 1.0 : <edge : ?xf32>
  %x = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %x, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:v:p" from @a to @p {id = 0 : i64, name = "v", num_edges = 0 : i64}
hgnn.relation @"a:w:p" from @a to @p {id = 1 : i64, name = "w", num_edges = 0 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.relation @"p:c:p" from @p to @p {id = 2 : i64, name = "c", num_edges = 9 : i64, excluded}
hgnn.relation @"p:rev_w:a" from @p to @a {id = 3 : i64, name = "rev_w", num_edges = 0 : i64, reverse_of = 1 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %x = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %x, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  // expected-error@+1 {{shape names "edge.g", the width of an edge feature, which is a relation's; in `message` only}}
  %w = hgnn.param "w" scope layer shape ["edge.g"] init "ones" : <param : ?xf32>
  %s = hgnn.add_bias %c, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:v:p" from @a to @p {id = 0 : i64, name = "v", num_edges = 0 : i64, features = {gewicht = {kind = "dense", dim = 1 : i64}}}
hgnn.relation @"a:w:p" from @a to @p {id = 1 : i64, name = "w", num_edges = 0 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.relation @"p:c:p" from @p to @p {id = 2 : i64, name = "c", num_edges = 9 : i64, excluded}
hgnn.relation @"p:rev_w:a" from @p to @a {id = 3 : i64, name = "rev_w", num_edges = 0 : i64, reverse_of = 1 : i64, features = {g = {kind = "dense", dim = 3 : i64}}}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{reads 'gewichte', which is no feature of the edges of @"a:v:p"; did you mean 'gewicht'?; import it}}
  %w = hgnn.edge_feature "gewichte" : <edge : ?xf32>
  %x = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %x, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}
