// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-unroll %s
// Tables of nodes that a layer has itself: what is wrong with them, and where.


hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{in a layer needs `scope` and `width`; a layer is for many types}}
  %t = hgnn.learnable "rows" init "zeros" : <src : ?xf32>
  %edges = hgnn.gather_src %t, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{has scope destination_type; the tables of `message` are of a relation or source_type}}
  %t = hgnn.learnable "rows" scope destination_type width "out" init "zeros" : <src : ?xf32>
  %edges = hgnn.gather_src %t, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{gives rows of its sources, !hgnn.tensor<src : ?xf32>, not '!hgnn.tensor<dst : ?xf32>'}}
  %t = hgnn.learnable "rows" scope relation width "out" init "zeros" : <dst : ?xf32>
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{"heads*out" names 'heads'; known: in, out; a layer declares its arguments, with their defaults, in `args`}}
  %t = hgnn.learnable "rows" scope relation width "heads*out" init "zeros" : <src : ?xf32>
  %edges = hgnn.gather_src %t, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{unknown initialiser 'noughts'}}
  %t = hgnn.learnable "rows" scope relation width "out" init "noughts" : <src : ?xf32>
  %edges = hgnn.gather_src %t, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %t = hgnn.learnable "rows" scope relation width "out" init "zeros" : <src : ?xf32>
  %edges = hgnn.gather_src %t, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  // expected-error@+1 {{has scope relation; the tables of `update` are of a destination_type}}
  %r = hgnn.learnable "own" scope relation width "out" init "zeros" : <dst : ?xf32>
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %t = hgnn.learnable "rows" scope relation width "out" init "zeros" : <src : ?xf32>
  %edges = hgnn.gather_src %t, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %q = hgnn.learnable "r" scope destination_type width "out" init "zeros" : <dst : ?xf32>
  // expected-error@+1 {{table 'convs.0.r_dict.p' is used with two widths or for two node types}}
  %r = hgnn.learnable "r" scope destination_type width 3 init "zeros" : <dst : ?xf32>
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  // expected-error@+1 {{has a scope, which is for layers: an input program is of one type}}
  %e = hgnn.learnable "e.a" scope relation width 2 init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
