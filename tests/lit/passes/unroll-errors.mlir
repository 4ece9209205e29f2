// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-unroll %s
// What no layered program can be made of. Widths are known only here, so some of the ops' own checks speak here.

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
// expected-error@+1 {{a module has one hgnn.task}}
hgnn.task @p {label = "SECOND", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{the model phase needs a hgnn.sampling}}
module {
hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}
}

// -----

// expected-error@+1 {{the model phase needs at least one hgnn.layer}}
module {
hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
// expected-error@+1 {{is between @b, which is not a node type of the module}}
hgnn.relation @"a:w:p" from @b to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
// expected-error@+1 {{is a second input program of @a}}
hgnn.input @i.second of @a {
  %e = hgnn.learnable "x" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
// expected-error@+1 {{has index 1, expected 0: layers are numbered from 0 without gaps}}
hgnn.layer @l combine sum attributes {index = 1 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
// expected-error@+1 {{has no sizes yet; the front end sets in_size and out_size}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 0 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}
// expected-error@+1 {{takes rows of width 3, the layer before gives 2}}
hgnn.layer @l2 combine sum attributes {index = 1 : i64, in_size = 3 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
// expected-error@+1 {{targets @q, which is not a node type of the module}}
hgnn.task @q {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v", "w"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
// expected-error@+1 {{gives rows of width 2; the last layer gives the 3 class scores}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
// expected-error@+1 {{fanout has 2 hops, the model has 1 layers}}
hgnn.sampling {fanout = array<i64: 2, 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
// expected-error@+1 {{eval_fanout has 0 hops, the model has 1 layers}}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
// expected-error@+1 {{override of "a:w:p" needs 1 fan-outs}}
hgnn.sampling {fanout = array<i64: 2>, overrides = {"a:w:p" = array<i64: 1, 2>}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
// expected-error@+1 {{override of "a:w:p" needs 1 fan-outs}}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {"a:w:p" = 3 : i64}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
// expected-error@+1 {{is needed at hop 1 and has no hgnn.input program}}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
// expected-error@+1 {{gives rows of width 3, the first layer takes 2}}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 3xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 3xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  // expected-error@+1 {{unknown initialiser 'zeroes'}}
  %e = hgnn.learnable "e.a" init "zeroes" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  // expected-error@+1 {{unknown initialiser 'ones_'; known: zeros, ones, xavier_uniform, xavier_normal, kaiming_uniform, uniform(a), normal(s)}}
  %w = hgnn.param "w" scope layer shape ["out"] init "ones_" : <param : ?xf32>
  %r = hgnn.add_bias %c, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %r : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  // expected-error@+1 {{"2*ou" names 'ou'; did you mean 'out'?}}
  %w = hgnn.param "w" scope layer shape ["2*ou"] init "ones" : <param : ?xf32>
  %r = hgnn.add_bias %c, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %r : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  // expected-error@+1 {{a size is a whole number of at least 1, got 0 : i64}}
  %w = hgnn.param "w" scope layer shape [0] init "ones" : <param : ?xf32>
  %r = hgnn.add_bias %c, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %r : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %w = hgnn.param "w" scope layer shape ["out"] init "ones" : <param : ?xf32>
  // expected-error@+1 {{parameter 'convs.0.w' is used with two shapes}}
  %w2 = hgnn.param "w" scope layer shape ["out", "in"] init "ones" : <param : ?xf32>
  %r = hgnn.add_bias %c, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %r : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %w = hgnn.param "w" scope layer shape ["2*in", "out"] init "ones" : <param : ?xf32>
  // expected-error@+1 {{'linear' of rows of width 2 needs a weight with 2 rows, got '!hgnn.tensor<param : 4x2xf32>'}}
  %r = hgnn.linear %c, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %r : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
// expected-error@+1 {{update yields rows of width 4, out_size is 2}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %r = hgnn.concat %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %r : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  // expected-error@+1 {{dropout stands in `update`, where rows have ids, or is of edge values; move it there}}
  %d = hgnn.dropout %src {p = 0.5, site = 0 : i64} : !hgnn.tensor<src : ?xf32>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  // expected-error@+1 {{cannot stand in a layer program}}
  %d = hgnn.seeds : <dst>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
// expected-error@+1 {{has a region without hgnn.yield}}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
// expected-error@+1 {{unknown loss 'mse'; known: cross_entropy, binary_cross_entropy}}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "mse", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.input @i.p of @p {
  %e = hgnn.learnable "e.p" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  %s = hgnn.add %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  hgnn.yield %s : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 20000000 : i64, max_in_degree = 16777217 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  hgnn.yield %e : !hgnn.tensor<dst : 2xf32>
}
// Of training at most two edges are taken; of evaluation all.
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  // expected-error@+1 {{counts the edges of a destination, of which @a:w:p has up to 16777217; positions are exact to 16777216: give the relation a fan-out}}
  %at = hgnn.edge_position %adj : !hgnn.adj<any>
  %t = hgnn.term argmax %edges, %at : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<edge : 1xf32>
  %m = hgnn.reduce_dst %t, %adj of argmax : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  %v = hgnn.combined argmax %m : !hgnn.tensor<dst : ?xf32>
  hgnn.yield %v : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}
