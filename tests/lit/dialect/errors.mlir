// RUN: heddle-opt --split-input-file --verify-diagnostics %s
// Each reason for which a structure op is refused.

// expected-error@+1 {{'hgnn.layer' op in_size and out_size must not be negative}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = -1 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{'hgnn.layer' op in_size and out_size must not be negative}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = -1 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{'hgnn.layer' op message takes 3 arguments, got 1}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{'hgnn.layer' op update takes 3 arguments, got 0}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
  hgnn.yield
}

// -----

// expected-error@+1 {{'hgnn.layer' op message argument 1 must be '!hgnn.tensor<src : ?xf32>', got '!hgnn.tensor<src : 8xf32>'}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : 8xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{'hgnn.layer' op update argument 2 must be '!hgnn.ids<dst>', got '!hgnn.ids<src>'}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<src>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{'hgnn.layer' op message must end with hgnn.yield of one value}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{'hgnn.layer' op update must end with hgnn.yield of one value}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{'hgnn.layer' op message must end with hgnn.yield of one value}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %d = hgnn.degree %adj : !hgnn.adj<any>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

// expected-error@+1 {{op region #1 ('update') failed to verify constraint: region with 1 blocks}}
hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
}

// -----

hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  // expected-error@+1 {{'hgnn.yield' op must yield rows of the destination (domain dst), got '!hgnn.tensor<src : ?xf32>'; reduce edge values with hgnn.reduce_dst}}
  hgnn.yield %src : !hgnn.tensor<src : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}

// -----

hgnn.layer @l combine sum attributes {index = 0 : i64, in_size = 8 : i64, out_size = 8 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  hgnn.yield %own : !hgnn.tensor<dst : ?xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  // expected-error@+1 {{must yield rows of the destination (domain dst), got '!hgnn.ids<dst>'}}
  hgnn.yield %ids : !hgnn.ids<dst>
}

// -----

// expected-error@+1 {{'hgnn.yield' op expects parent op to be one of 'hgnn.input, hgnn.layer, hgnn.kernel'}}
hgnn.yield

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'hgnn.sample' op samples a concrete relation, got '!hgnn.adj<any>'}}
  %r = hgnn.sample %x fanout 1 : <rows(0, @p)> -> <any>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'hgnn.sample' op samples in-edges of rows(1, @p), got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sample %x fanout 1 : <rows(0, @p)> -> <1, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'hgnn.sample' op samples in-edges of rows(0, @q), got '!hgnn.ids<rows(0, @p)>'}}
  %r = hgnn.sample %x fanout 1 : <rows(0, @p)> -> <0, @r from @a to @q>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'hgnn.sample' op fanout must be -1 (all) or at least 0, got -2}}
  %r = hgnn.sample %x fanout -2 : <rows(0, @p)> -> <0, @r from @a to @p>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{'hgnn.frontier' op is for rows at hop 1 or beyond, got }}
  %r = hgnn.frontier samples(%x) : (!hgnn.adj<0, @r from @a to @p>) -> !hgnn.ids<rows(0, @a)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{'hgnn.frontier' op is for rows at hop 1 or beyond, got }}
  %r = hgnn.frontier samples(%x) : (!hgnn.adj<0, @r from @a to @p>) -> !hgnn.ids<dst>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{takes samples of the hop before with that source type, got '!hgnn.adj<0, @r from @a to @p>'}}
  %r = hgnn.frontier samples(%x) : (!hgnn.adj<0, @r from @a to @p>) -> !hgnn.ids<rows(1, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{takes samples of the hop before with that source type, got '!hgnn.adj<0, @r from @a to @p>'}}
  %r = hgnn.frontier samples(%x) : (!hgnn.adj<0, @r from @a to @p>) -> !hgnn.ids<rows(2, @a)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{takes samples of the hop before with that source type, got '!hgnn.adj<any>'}}
  %r = hgnn.frontier samples(%g) : (!hgnn.adj<any>) -> !hgnn.ids<rows(1, @a)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{'hgnn.frontier' op has a link exactly when it has the previous hop's rows}}
  %r, %l = hgnn.frontier samples(%x) : (!hgnn.adj<0, @r from @a to @p>) -> (!hgnn.ids<rows(1, @a)>, !hgnn.link<0, @a>)
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{'hgnn.frontier' op has a link exactly when it has the previous hop's rows}}
  %r = hgnn.frontier self %s samples() : (!hgnn.ids<rows(0, @p)>) -> !hgnn.ids<rows(1, @p)>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{'hgnn.frontier' op links rows(0, @q), got '!hgnn.ids<rows(0, @p)>' and '!hgnn.link<0, @q>'}}
  %r, %l = hgnn.frontier self %s samples() : (!hgnn.ids<rows(0, @p)>) -> (!hgnn.ids<rows(1, @q)>, !hgnn.link<0, @q>)
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{'hgnn.frontier' op links rows(0, @p), got '!hgnn.ids<rows(0, @p)>' and '!hgnn.link<1, @p>'}}
  %r, %l = hgnn.frontier self %s samples() : (!hgnn.ids<rows(0, @p)>) -> (!hgnn.ids<rows(1, @p)>, !hgnn.link<1, @p>)
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.adj<0, @r from @a to @p>, %s: !hgnn.ids<rows(0, @p)>, %g: !hgnn.adj<any>):
  // expected-error@+1 {{'hgnn.frontier' op links rows(0, @p), got '!hgnn.ids<rows(0, @p)>' and '!hgnn.link<0, @q>'}}
  %r, %l = hgnn.frontier self %s samples() : (!hgnn.ids<rows(0, @p)>) -> (!hgnn.ids<rows(1, @p)>, !hgnn.link<0, @q>)
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 1xf32>):
  hgnn.yield
}
hgnn.node_type @t {id = 0 : i64, num_nodes = 1 : i64, features = {}}
hgnn.entry train_step @e {
  %s = hgnn.seeds : <rows(0, @p)>
  %w = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.launch' op launches @nokernel, which is not a kernel}}
  hgnn.launch @nokernel(%w) : (!hgnn.tensor<param : 1xf32>) -> ()
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 1xf32>):
  hgnn.yield
}
hgnn.node_type @t {id = 0 : i64, num_nodes = 1 : i64, features = {}}
hgnn.entry train_step @e {
  %s = hgnn.seeds : <rows(0, @p)>
  %w = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.launch' op launches @t, which is not a kernel}}
  hgnn.launch @t(%w) : (!hgnn.tensor<param : 1xf32>) -> ()
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 1xf32>):
  hgnn.yield
}
hgnn.node_type @t {id = 0 : i64, num_nodes = 1 : i64, features = {}}
hgnn.entry train_step @e {
  %s = hgnn.seeds : <rows(0, @p)>
  %w = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.launch' op gives 2 operands to @k, which takes 1}}
  hgnn.launch @k(%w, %w) : (!hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>) -> ()
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 2xf32>):
  hgnn.yield
}
hgnn.node_type @t {id = 0 : i64, num_nodes = 1 : i64, features = {}}
hgnn.entry train_step @e {
  %s = hgnn.seeds : <rows(0, @p)>
  %w = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.launch' op operand 0 is '!hgnn.tensor<param : 1xf32>', the kernel takes '!hgnn.tensor<param : 2xf32>' (up to renaming)}}
  hgnn.launch @k(%w) : (!hgnn.tensor<param : 1xf32>) -> ()
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @t0) : 1xf32>):
  hgnn.yield
}
hgnn.node_type @t {id = 0 : i64, num_nodes = 1 : i64, features = {}}
hgnn.entry train_step @e {
  %s = hgnn.seeds : <rows(0, @p)>
  %w = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.launch' op operand 0 is '!hgnn.tensor<param : 1xf32>', the kernel takes '!hgnn.tensor<rows(0, @t0) : 1xf32>' (up to renaming)}}
  hgnn.launch @k(%w) : (!hgnn.tensor<param : 1xf32>) -> ()
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<param : 1xf32>):
  hgnn.yield
}
hgnn.node_type @t {id = 0 : i64, num_nodes = 1 : i64, features = {}}
hgnn.entry train_step @e {
  %s = hgnn.seeds : <rows(0, @p)>
  %w = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  // expected-error@+1 {{'hgnn.launch' op operand 0 is '!hgnn.ids<rows(0, @p)>', the kernel takes '!hgnn.tensor<param : 1xf32>' (up to renaming)}}
  hgnn.launch @k(%s) : (!hgnn.ids<rows(0, @p)>) -> ()
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>):
  // expected-error@+2 {{failed to parse Hgnn_UnaryFnAttr parameter}}
  // expected-error@+1 {{expected ::heddle::hgnn::UnaryFn to be one of: relu, elu, tanh, sigmoid, gelu, leaky_relu, reciprocal}}
  %r = hgnn.unary square %x : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield
}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.ids<rows(0, @p)>):
  // expected-error@+1 {{'scale' takes !hgnn.tensor as operand 0}}
  %r = hgnn.scale %x {factor = 1.0} : !hgnn.ids<rows(0, @p)>
  hgnn.yield
}
