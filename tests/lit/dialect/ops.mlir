// RUN: heddle-opt %s > %t.once
// RUN: FileCheck %s --input-file=%t.once
// RUN: heddle-opt %t.once | diff %t.once -
// RUN: heddle-opt --mlir-print-op-generic %s | heddle-opt | diff %t.once -
// RUN: heddle-opt --emit-bytecode %s | heddle-opt | diff %t.once -
//
// Every op is written, printed and read again here; no op of the dialect may be missing.
// RUN: grep -ohE 'Hgnn_(Compute)?Op<"[a-z0-9_]+"' %src_root/dialects/hgnn/HgnnOps.td %src_root/dialects/hgnn/HgnnComputeOps.td | sed -E 's/.*<"(.*)"/hgnn.\1/' | sort -u > %t.ops
// RUN: grep -oE '^ *(%[a-z0-9_, %]+ = )?hgnn[.][a-z0-9_]+' %s | grep -oE 'hgnn[.][a-z0-9_]+' | sort -u > %t.used
// RUN: diff %t.ops %t.used

// Schema and settings.
// CHECK: hgnn.node_type @a {features = {}, id = 0 : i64, num_nodes = 0 : i64}
hgnn.node_type @a {id = 0 : i64, num_nodes = 0 : i64, features = {}}
// CHECK: hgnn.node_type @p {features = {x = {dim = 2 : i64, kind = "dense"}}, id = 1 : i64, num_nodes = 10 : i64}
hgnn.node_type @p {id = 1 : i64, num_nodes = 10 : i64, features = {x = {kind = "dense", dim = 2 : i64}}}
// CHECK: hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 0 : i64}
// CHECK: hgnn.relation @"p:c%3A1:p" from @p to @p {{.*}}in_hist = array<i64: 1, 9>{{.*}}reverse_of = 0 : i64
hgnn.relation @"p:c%3A1:p" from @p to @p {id = 1 : i64, name = "c:1", num_edges = 9 : i64, reverse_of = 0 : i64,
    max_in_degree = 1 : i64, in_active = 9 : i64, out_active = 9 : i64, in_hist = array<i64: 1, 9>, out_hist = array<i64: 1, 9>}
// CHECK: hgnn.task @p {class_names = ["u", "v"]
hgnn.task @p {label = "l", split = "s", multilabel = false, class_names = ["u", "v"], loss = "cross_entropy",
    class_weights = array<f64: 1.0, 2.0>, metrics = ["accuracy"], num_train = 1 : i64, num_valid = 1 : i64, num_test = 1 : i64}
// CHECK: hgnn.sampling {batch_size = 4 : i64
hgnn.sampling {fanout = array<i64: 2>, overrides = {"a:w:p" = array<i64: 1>}, eval_fanout = array<i64: -1>, eval_overrides = {},
    batch_size = 4 : i64, eval_batch_size = 0 : i64}
// CHECK: hgnn.optimizer adamw {{.*}}max_grad_norm
hgnn.optimizer adamw {group = 0 : i64, lr = 0.1, beta1 = 0.9, beta2 = 0.99, eps = 1.0e-8, weight_decay = 0.1, momentum = 0.0, max_grad_norm = 1.0}
// CHECK: hgnn.optimizer sgd {{.*}}row_sparse
hgnn.optimizer sgd {group = 1 : i64, row_sparse, lr = 0.1, beta1 = 0.9, beta2 = 0.99, eps = 1.0e-8, weight_decay = 0.0, momentum = 0.0}
// CHECK: hgnn.train_settings {settings = "{}", spec = "{}"}
hgnn.train_settings {settings = "{}", spec = "{}"}

// The model phase.
// CHECK: hgnn.input @input.p of @p {
hgnn.input @input.p of @p {
  // CHECK-NEXT: hgnn.param "w" scope layer shape [2, 8] init "xavier_uniform" : <param : 2x8xf32>
  %w = hgnn.param "w" scope layer shape [2, 8] init "xavier_uniform" : <param : 2x8xf32>
  // CHECK-NEXT: hgnn.feature "x" : !hgnn.tensor<dst : 2xf32>
  %x = hgnn.feature "x" : !hgnn.tensor<dst : 2xf32>
  // CHECK-NEXT: hgnn.feature "s" : !hgnn.sparse<dst, 2>
  %s = hgnn.feature "s" : !hgnn.sparse<dst, 2>
  // CHECK-NEXT: hgnn.learnable "e" init "normal(0.1)" : <dst : 8xf32>
  %e = hgnn.learnable "e" init "normal(0.1)" : <dst : 8xf32>
  %v = hgnn.param "v" scope layer shape [8] init "ones" : <param : 8xf32>
  // CHECK: hgnn.constant_rows %{{.*}} : (!hgnn.tensor<param : 8xf32>) -> !hgnn.tensor<dst : 8xf32>
  %c = hgnn.constant_rows %v : (!hgnn.tensor<param : 8xf32>) -> !hgnn.tensor<dst : 8xf32>
  // CHECK: hgnn.yield %{{.*}} : !hgnn.tensor<dst : 8xf32>
  hgnn.yield %c : !hgnn.tensor<dst : 8xf32>
}
// CHECK: hgnn.layer @l combine mean attributes {in_size = 8 : i64, index = 0 : i64, out_size = 2 : i64} message {
hgnn.layer @l combine mean attributes {index = 0 : i64, in_size = 8 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %w = hgnn.param "w" scope relation shape ["in", "2*out"] init "uniform(0.5)" : <param : ?xf32>
  // CHECK: hgnn.edge_feature "g" : <edge : ?xf32>
  %f = hgnn.edge_feature "g" : <edge : ?xf32>
  // CHECK-NEXT: hgnn.edge_feature "g" default 1.000000e+00 : <edge : 1xf32>
  %g = hgnn.edge_feature "g" default 1.0 : <edge : 1xf32>
  %m = hgnn.linear %own, %w : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
  hgnn.yield %m : !hgnn.tensor<dst : ?xf32>
// CHECK: } update {
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  // A mask may do without ids until it is unrolled.
  // CHECK: hgnn.dropout %{{.*}} {p = 5.000000e-01 : f64, site = 65535 : i64} : !hgnn.tensor<dst : ?xf32>
  %d = hgnn.dropout %c {p = 0.5, site = 65535 : i64} : !hgnn.tensor<dst : ?xf32>
  hgnn.yield %d : !hgnn.tensor<dst : ?xf32>
}

// States, sampling, fetches, steps.
// CHECK: hgnn.state parameter @W {group = 0 : i64
hgnn.state parameter @W {shape = array<i64: 8, 8>, init = {kind = "zeros", a = 0.0, b = 0.0}, group = 0 : i64}
// CHECK: hgnn.state embedding_rows @E {{.*}}rows_type = @a
hgnn.state embedding_rows @E {shape = array<i64: 8>, rows_type = @a, init = {kind = "normal", a = 0.0, b = 0.1}, group = 1 : i64}
// CHECK: hgnn.state moment1 @M {{.*}}parameter = @W
hgnn.state moment1 @M {shape = array<i64: 8, 8>, init = {kind = "zeros", a = 0.0, b = 0.0}, parameter = @W}
// CHECK: hgnn.state moment2 @V
hgnn.state moment2 @V {shape = array<i64: 8, 8>, init = {kind = "zeros", a = 0.0, b = 0.0}, parameter = @W}
// CHECK: hgnn.state row_steps @N
hgnn.state row_steps @N {shape = array<i64: 1>, rows_type = @a, init = {kind = "zeros", a = 0.0, b = 0.0}, parameter = @E}
// CHECK: hgnn.kernel @k {
hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @t0) : 8xf32>):
  hgnn.yield %x : !hgnn.tensor<rows(0, @t0) : 8xf32>
}
// CHECK: hgnn.entry train_step @train_step {
hgnn.entry train_step @train_step {
  // CHECK-NEXT: hgnn.seeds : <rows(0, @p)>
  %seeds = hgnn.seeds : <rows(0, @p)>
  // CHECK-NEXT: hgnn.sample %{{.*}} fanout 2 : <rows(0, @p)> -> <0, @"a:w:p" from @a to @p>
  %adj = hgnn.sample %seeds fanout 2 : <rows(0, @p)> -> <0, @"a:w:p" from @a to @p>
  %c = hgnn.sample %seeds fanout -1 : <rows(0, @p)> -> <0, @"p:c%3A1:p" from @p to @p>
  %k = hgnn.sample %seeds fanout 2 : <rows(0, @p)> -> <0, @"b:k:p" from @b to @p, unique>
  %kids = hgnn.frontier samples(%k) : (!hgnn.adj<0, @"b:k:p" from @b to @p, unique>) -> !hgnn.ids<rows(1, @b)>
  // CHECK: hgnn.sources %{{.*}} of %{{.*}} : (!hgnn.adj<0, @"b:k:p" from @b to @p, unique>, !hgnn.ids<rows(1, @b)>) -> !hgnn.link<0, @"b:k:p" from @b>
  %klink = hgnn.sources %k of %kids : (!hgnn.adj<0, @"b:k:p" from @b to @p, unique>, !hgnn.ids<rows(1, @b)>) -> !hgnn.link<0, @"b:k:p" from @b>
  // CHECK: hgnn.frontier samples(%{{.*}}) : (!hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.ids<rows(1, @a)>
  %ids = hgnn.frontier samples(%adj) : (!hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.ids<rows(1, @a)>
  // CHECK: hgnn.frontier self %{{.*}} samples(%{{.*}}) : (!hgnn.ids<rows(0, @p)>, !hgnn.adj<0, @"p:c%3A1:p" from @p to @p>) -> (!hgnn.ids<rows(1, @p)>, !hgnn.link<0, @p>)
  %ids2, %link = hgnn.frontier self %seeds samples(%c) : (!hgnn.ids<rows(0, @p)>, !hgnn.adj<0, @"p:c%3A1:p" from @p to @p>) -> (!hgnn.ids<rows(1, @p)>, !hgnn.link<0, @p>)
  // CHECK: hgnn.fetch_dense "x" of %{{.*}} : (!hgnn.ids<rows(1, @p)>) -> !hgnn.tensor<rows(1, @p) : 8xf32>
  %x = hgnn.fetch_dense "x" of %ids2 : (!hgnn.ids<rows(1, @p)>) -> !hgnn.tensor<rows(1, @p) : 8xf32>
  // CHECK-NEXT: hgnn.fetch_edge "g" of %{{.*}} : (!hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.tensor<edges(0, @"a:w:p") : 3xf32>
  %fe = hgnn.fetch_edge "g" of %adj : (!hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.tensor<edges(0, @"a:w:p") : 3xf32>
  // CHECK-NEXT: hgnn.fetch_sparse "s" of
  %s = hgnn.fetch_sparse "s" of %ids2 : (!hgnn.ids<rows(1, @p)>) -> !hgnn.sparse<rows(1, @p), 9>
  // CHECK-NEXT: hgnn.fetch_labels "l" of
  %l = hgnn.fetch_labels "l" of %seeds : (!hgnn.ids<rows(0, @p)>) -> !hgnn.labels<rows(0, @p), 2>
  // CHECK-NEXT: hgnn.fetch_rows @E of
  %e = hgnn.fetch_rows @E of %ids : (!hgnn.ids<rows(1, @a)>) -> !hgnn.tensor<rows(1, @a) : 8xf32>
  // CHECK-NEXT: hgnn.read @W : <param : 8x8xf32>
  %w = hgnn.read @W : <param : 8x8xf32>
  // CHECK-NEXT: hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  %lr = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  // CHECK-NEXT: hgnn.scalar bias_correction1 {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  %b1 = hgnn.scalar bias_correction1 {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  // CHECK-NEXT: hgnn.launch @k(%{{.*}}) : (!hgnn.tensor<rows(1, @p) : 8xf32>) -> !hgnn.tensor<rows(1, @p) : 8xf32>
  %y = hgnn.launch @k(%x) : (!hgnn.tensor<rows(1, @p) : 8xf32>) -> !hgnn.tensor<rows(1, @p) : 8xf32>
  // CHECK-NEXT: hgnn.launch @k(%{{.*}}) {states = [@W, @M]}
  %z = hgnn.launch @k(%x) {states = [@W, @M]} : (!hgnn.tensor<rows(1, @p) : 8xf32>) -> !hgnn.tensor<rows(1, @p) : 8xf32>
  // CHECK-NEXT: hgnn.optimizer_step @W by %{{.*}} scalars(%{{.*}}) {group = 0 : i64, moments = []}
  hgnn.optimizer_step @W by %w scalars(%lr) {group = 0 : i64, moments = []} : !hgnn.tensor<param : 8x8xf32>, !hgnn.tensor<param : 1xf32>
  // CHECK-NEXT: hgnn.optimizer_step @W by %{{.*}} scalars(%{{.*}}, %{{.*}}, %{{.*}}) clip %{{.*}} {group = 0 : i64, moments = [@M, @V]}
  hgnn.optimizer_step @W by %w scalars(%lr, %b1, %b1) clip %lr {group = 0 : i64, moments = [@M, @V]} : !hgnn.tensor<param : 8x8xf32>, !hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>
  // CHECK-NEXT: hgnn.row_optimizer_step @E by %{{.*}} rows %{{.*}} scalars(%{{.*}}) {group = 1 : i64, moments = []}
  hgnn.row_optimizer_step @E by %e rows %ids scalars(%lr) {group = 1 : i64, moments = []} : !hgnn.tensor<rows(1, @a) : 8xf32>, !hgnn.ids<rows(1, @a)>, !hgnn.tensor<param : 1xf32>
  // CHECK-NEXT: hgnn.output "ids" %{{.*}} : !hgnn.ids<rows(0, @p)>
  hgnn.output "ids" %seeds : !hgnn.ids<rows(0, @p)>
}

// Compute ops. Result types are not written: the printed type of a user shows what was inferred.
// CHECK-LABEL: hgnn.kernel @compute
hgnn.kernel @compute {
^bb0(%x: !hgnn.tensor<rows(1, @a) : 8xf32>, %adj: !hgnn.adj<0, @r from @a to @p>, %self: !hgnn.tensor<rows(1, @p) : 8xf32>,
     %link: !hgnn.link<0, @p>, %ids: !hgnn.ids<rows(0, @p)>, %w: !hgnn.tensor<param : 8x3xf32>, %b: !hgnn.tensor<param : 8xf32>,
     %one: !hgnn.tensor<param : 1xf32>, %s: !hgnn.sparse<rows(0, @p), 5>, %sw: !hgnn.tensor<param : 5x8xf32>,
     %l: !hgnn.labels<rows(0, @p), 3>, %ml: !hgnn.labels<rows(0, @p), 3, multi>):
  // CHECK: %[[E:.*]] = hgnn.gather_src
  %e = hgnn.gather_src %x, %adj : !hgnn.tensor<rows(1, @a) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  // CHECK: %[[S:.*]] = hgnn.reduce_dst %[[E]], %{{.*}} : !hgnn.tensor<edges(0, @r) : 8xf32>
  %sum = hgnn.reduce_dst %e, %adj : !hgnn.tensor<edges(0, @r) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  // CHECK: hgnn.gather_dst %[[S]], %{{.*}} : !hgnn.tensor<active(0, @r) : 8xf32>
  %g = hgnn.gather_dst %sum, %adj : !hgnn.tensor<active(0, @r) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  // CHECK: %[[B:.*]] = hgnn.reduce_src
  %back = hgnn.reduce_src %g, %adj : !hgnn.tensor<edges(0, @r) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  // CHECK: %[[P:.*]] = hgnn.expand %[[S]], %{{.*}} : !hgnn.tensor<active(0, @r) : 8xf32>
  %p = hgnn.expand %sum, %adj : !hgnn.tensor<active(0, @r) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  // CHECK: hgnn.restrict %[[P]], %{{.*}} : !hgnn.tensor<rows(0, @p) : 8xf32>
  %r = hgnn.restrict %p, %adj : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.adj<0, @r from @a to @p>
  // CHECK: %[[O:.*]] = hgnn.self_gather
  %own = hgnn.self_gather %self, %link : !hgnn.tensor<rows(1, @p) : 8xf32>, !hgnn.link<0, @p>
  // CHECK: hgnn.self_scatter %[[O]], %{{.*}} : !hgnn.tensor<rows(0, @p) : 8xf32>
  %sc = hgnn.self_scatter %own, %link : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.link<0, @p>
  // CHECK: %[[D:.*]] = hgnn.degree
  %d = hgnn.degree %adj : !hgnn.adj<0, @r from @a to @p>
  // CHECK: hgnn.unary reciprocal %[[D]] : !hgnn.tensor<active(0, @r) : 1xf32>
  %inv = hgnn.unary reciprocal %d : !hgnn.tensor<active(0, @r) : 1xf32>
  // CHECK: hgnn.unary leaky_relu %{{.*}} {alpha = 2.000000e-01 : f64}
  %lr = hgnn.unary leaky_relu %own {alpha = 0.2} : !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.unary_grad gelu
  %ug = hgnn.unary_grad gelu %own, %lr : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.broadcast_rows
  %br = hgnn.broadcast_rows %b, %ids : !hgnn.tensor<param : 8xf32>, !hgnn.ids<rows(0, @p)>
  // CHECK: hgnn.broadcast_rows %{{.*}} : !hgnn.tensor<param : 8xf32>, !hgnn.tensor<active(0, @r) : 1xf32>
  %brl = hgnn.broadcast_rows %b, %d : !hgnn.tensor<param : 8xf32>, !hgnn.tensor<active(0, @r) : 1xf32>
  // CHECK: hgnn.batch_reduce mean %{{.*}} : !hgnn.tensor<active(0, @r) : 8xf32>
  %bm = hgnn.batch_reduce mean %brl : !hgnn.tensor<active(0, @r) : 8xf32>
  // CHECK: hgnn.batch_reduce sum %{{.*}} : !hgnn.tensor<rows(0, @p) : 8xf32>
  %bs = hgnn.batch_reduce sum %br : !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.ones %{{.*}} : !hgnn.tensor<active(0, @r) : 8xf32>
  %on = hgnn.ones %brl : !hgnn.tensor<active(0, @r) : 8xf32>
  // CHECK: %[[C:.*]] = hgnn.col_sum %{{.*}} : !hgnn.tensor<rows(0, @p) : 8xf32>
  %cs = hgnn.col_sum %br : !hgnn.tensor<rows(0, @p) : 8xf32>
  %cs2 = hgnn.col_sum %br, %ids : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  // CHECK: %[[L:.*]] = hgnn.linear %{{.*}} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x3xf32>
  %lin = hgnn.linear %own, %w : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x3xf32>
  // CHECK: hgnn.linear %[[L]], %{{.*}} {transpose} : !hgnn.tensor<rows(0, @p) : 3xf32>
  %lint = hgnn.linear %lin, %w {transpose} : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.tensor<param : 8x3xf32>
  // A product of parameters, too.
  // CHECK: %[[PP:.*]] = hgnn.linear %{{.*}} : !hgnn.tensor<param : 5x8xf32>, !hgnn.tensor<param : 8x3xf32>
  %pp = hgnn.linear %sw, %w : !hgnn.tensor<param : 5x8xf32>, !hgnn.tensor<param : 8x3xf32>
  // CHECK: hgnn.linear_grad_weight %{{.*}}, %[[PP]] : !hgnn.tensor<param : 5x8xf32>, !hgnn.tensor<param : 5x3xf32>
  %pg = hgnn.linear_grad_weight %sw, %pp : !hgnn.tensor<param : 5x8xf32>, !hgnn.tensor<param : 5x3xf32>
  %hw = hgnn.reshape %sw {shape = array<i64: 4, 2, 5>} : !hgnn.tensor<param : 5x8xf32>
  // CHECK: %[[HL:.*]] = hgnn.head_linear %{{.*}}, %{{.*}} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 4x2x5xf32>
  %hl = hgnn.head_linear %own, %hw : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 4x2x5xf32>
  // CHECK: hgnn.linear_sum %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : !hgnn.tensor<rows(0, @p) : 8xf32>
  %hs = hgnn.linear_sum %own, %own, %hw, %hw : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 4x2x5xf32>, !hgnn.tensor<param : 4x2x5xf32>
  // CHECK: hgnn.head_linear_grad_weight %{{.*}}, %[[HL]] {heads = 4 : i64}
  %hg = hgnn.head_linear_grad_weight %own, %hl {heads = 4 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 20xf32>
  // CHECK: hgnn.edge_position %{{.*}} : !hgnn.adj<0, @r from @a to @p>
  %ep = hgnn.edge_position %adj : !hgnn.adj<0, @r from @a to @p>
  // CHECK: hgnn.edge_constant %{{.*}} {value = 1.000000e+00 : f64, width = 2 : i64} : !hgnn.adj<0, @r from @a to @p>
  %ec = hgnn.edge_constant %adj {value = 1.0 : f64, width = 2 : i64} : !hgnn.adj<0, @r from @a to @p>
  // CHECK: hgnn.edge_ids %{{.*}} : !hgnn.adj<0, @r from @a to @p>
  %ei = hgnn.edge_ids %adj : !hgnn.adj<0, @r from @a to @p>
  // CHECK: %[[SL:.*]] = hgnn.sparse_linear
  %sl = hgnn.sparse_linear %s, %sw : !hgnn.sparse<rows(0, @p), 5>, !hgnn.tensor<param : 5x8xf32>
  // CHECK: hgnn.sparse_linear_grad_weight %{{.*}}, %[[SL]]
  %sg = hgnn.sparse_linear_grad_weight %s, %sl : !hgnn.sparse<rows(0, @p), 5>, !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.scale_rows
  %sr = hgnn.scale_rows %sum, %inv : !hgnn.tensor<active(0, @r) : 8xf32>, !hgnn.tensor<active(0, @r) : 1xf32>
  // CHECK: %[[RD:.*]] = hgnn.row_dot
  %rd = hgnn.row_dot %own, %lr : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.scale_rows %{{.*}}, %[[RD]] : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 1xf32>
  %sr2 = hgnn.scale_rows %own, %rd : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 1xf32>
  // CHECK: hgnn.add %{{.*}} : !hgnn.tensor<rows(0, @p) : 8xf32>
  %a1 = hgnn.add %own : !hgnn.tensor<rows(0, @p) : 8xf32>
  %a3 = hgnn.add %own, %sl, %lr : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.mul
  %mu = hgnn.mul %own, %lr : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.scale %{{.*}} {factor = 5.000000e-01 : f64}
  %sf = hgnn.scale %own {factor = 0.5} : !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.scale_by
  %sb = hgnn.scale_by %own, %one : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 1xf32>
  // CHECK: hgnn.add_bias
  %ab = hgnn.add_bias %own, %b : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8xf32>
  // CHECK: hgnn.dropout %{{.*}}, %{{.*}} {p = 0.000000e+00 : f64, site = 0 : i64}
  %dr = hgnn.dropout %own, %ids {p = 0.0, site = 0 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.ids<rows(0, @p)>
  // CHECK: hgnn.layer_norm %
  %ln = hgnn.layer_norm %own, %b, %b : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8xf32>, !hgnn.tensor<param : 8xf32>
  // CHECK: hgnn.layer_norm_xhat %{{.*}} {eps = 1.000000e-03 : f64}
  %lx = hgnn.layer_norm_xhat %own {eps = 0.001} : !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.layer_norm_grad
  %lg = hgnn.layer_norm_grad %own, %b, %lx : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: %[[CC:.*]] = hgnn.concat
  %cc = hgnn.concat %own, %lin : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 3xf32>
  // CHECK: %[[SLI:.*]] = hgnn.slice %[[CC]] {offset = 8 : i64, size = 3 : i64} : !hgnn.tensor<rows(0, @p) : 11xf32>
  %sli = hgnn.slice %cc {offset = 8 : i64, size = 3 : i64} : !hgnn.tensor<rows(0, @p) : 11xf32>
  // CHECK: hgnn.pad %[[SLI]] {offset = 1 : i64, size = 4 : i64} : !hgnn.tensor<rows(0, @p) : 3xf32>
  %pad = hgnn.pad %sli {offset = 1 : i64, size = 4 : i64} : !hgnn.tensor<rows(0, @p) : 3xf32>
  // CHECK: hgnn.reshape %{{.*}} {shape = array<i64: 2, 12>}
  %rs = hgnn.reshape %w {shape = array<i64: 2, 12>} : !hgnn.tensor<param : 8x3xf32>
  // CHECK: hgnn.zeros %{{.*}} : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 8xf32>
  %z = hgnn.zeros %ids : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.zeros : () -> !hgnn.tensor<param : 8xf32>
  %zp = hgnn.zeros : () -> !hgnn.tensor<param : 8xf32>
  // CHECK: %[[SX:.*]] = hgnn.softmax_xent %{{.*}} {class_weights = array<f64: 1.000000e+00, 2.000000e+00, 3.000000e+00>}
  %sx = hgnn.softmax_xent %lin, %l {class_weights = array<f64: 1.0, 2.0, 3.0>} : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3>
  // CHECK: hgnn.softmax_xent_grad %{{.*}}, %[[SX]] :
  %sxg = hgnn.softmax_xent_grad %lin, %l, %sx : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<rows(0, @p) : 1xf32>
  // CHECK: %[[SG:.*]] = hgnn.sigmoid_xent
  %sgx = hgnn.sigmoid_xent %lin, %ml : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3, multi>
  // CHECK: hgnn.sigmoid_xent_grad %{{.*}}, %[[SG]] :
  %sgg = hgnn.sigmoid_xent_grad %lin, %ml, %sgx : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3, multi>, !hgnn.tensor<rows(0, @p) : 1xf32>
  // CHECK: %[[SQ:.*]] = hgnn.sum_squares
  %sq = hgnn.sum_squares %w : !hgnn.tensor<param : 8x3xf32>
  // CHECK: hgnn.clip_factor %[[SQ]], %[[SQ]] {max_norm = 1.000000e+00 : f64}
  %cf = hgnn.clip_factor %sq, %sq {max_norm = 1.0} : !hgnn.tensor<param : 1xf32>, !hgnn.tensor<param : 1xf32>
  hgnn.yield %own : !hgnn.tensor<rows(0, @p) : 8xf32>
}

// CHECK: hgnn.cache "x" of @p {hits = array<f64: 2.500000e-01, 5.000000e-01>, kept = array<f64: 1.000000e-01, 5.000000e-01>, requested = 1.200000e+02 : f64}
hgnn.cache "x" of @p {requested = 120.0 : f64, kept = array<f64: 0.1, 0.5>, hits = array<f64: 0.25, 0.5>}

// Terms of merges that are no sum; terms.mlir has all their forms.
// CHECK-LABEL: hgnn.kernel @terms
hgnn.kernel @terms {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // CHECK: hgnn.term argmax %{{.*}} {link = 3 : i64}
  %t = hgnn.term argmax %x {link = 3 : i64} : !hgnn.tensor<rows(0, @p) : 4xf32>
  // CHECK: hgnn.combine argmax
  %c = hgnn.combine argmax %t, %t : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.combined argmax
  %v = hgnn.combined argmax %c : !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.combined_grad argmax
  %g = hgnn.combined_grad argmax %v, %c : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.term_grad argmax %{{.*}} {link = 3 : i64}
  %d = hgnn.term_grad argmax %g {link = 3 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  hgnn.yield %d : !hgnn.tensor<rows(0, @p) : 4xf32>
}
