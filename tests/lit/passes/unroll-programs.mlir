// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-unroll %s
// Programs that reach outside themselves, or ask for rows where there are none.

hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 9 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy", metrics = [], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
hgnn.sampling {fanout = array<i64: 2>, overrides = {}, eval_fanout = array<i64: -1>, eval_overrides = {}, batch_size = 1 : i64, eval_batch_size = 1 : i64}
hgnn.input @i.a of @a {
  %e = hgnn.learnable "e.a" init "zeros" : <dst : 2xf32>
  // expected-error@+1 {{must yield one tensor of rows}}
  hgnn.yield
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
  %s = hgnn.feature "s" : !hgnn.sparse<dst, 2>
  // expected-error@+1 {{must yield one tensor of rows}}
  hgnn.yield %s : !hgnn.sparse<dst, 2>
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
  // expected-error@+1 {{needs a width, got '!hgnn.tensor<dst : ?xf32>'}}
  %e = hgnn.learnable "e.a" init "zeros" : <dst : ?xf32>
  hgnn.yield %e : !hgnn.tensor<dst : ?xf32>
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
  // expected-error@+1 {{stands in input programs (hgnn.input) only}}
  %d = hgnn.feature "inside" : !hgnn.tensor<dst : 2xf32>
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
  // expected-error@+1 {{stands in input programs (hgnn.input) only}}
  %r = hgnn.feature "inside" : !hgnn.tensor<dst : 2xf32>
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
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
  %w = hgnn.param "w" scope layer shape [2] init "zeros" : <param : 2xf32>
  // expected-error@+1 {{stands in `update` and input programs, where rows have ids; move it there}}
  %d = hgnn.constant_rows %w : (!hgnn.tensor<param : 2xf32>) -> !hgnn.tensor<dst : 2xf32>
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
%w = hgnn.param "w" scope layer shape [2, 2] init "zeros" : <param : ?xf32>
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
  %m = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  // expected-error@+1 {{uses a value from outside its program; write what makes it inside}}
  %r = hgnn.linear %c, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %r : !hgnn.tensor<dst : ?xf32>
}
