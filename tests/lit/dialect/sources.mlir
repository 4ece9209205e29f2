// Sources numbered among the distinct ones of a relation: types, link and moves.
// RUN: heddle-opt %s | FileCheck %s
// RUN: heddle-opt %s | heddle-opt | FileCheck %s

// CHECK: hgnn.entry train_step @train_step {
hgnn.entry train_step @train_step {
  %seeds = hgnn.seeds : !hgnn.ids<rows(0, @p)>
  // CHECK: %[[ADJ:.*]] = hgnn.sample %{{.*}} -> <0, @"a:w:p" from @a to @p, unique>
  %adj = hgnn.sample %seeds fanout 2 : !hgnn.ids<rows(0, @p)> -> !hgnn.adj<0, @"a:w:p" from @a to @p, unique>
  // CHECK: %[[IDS:.*]] = hgnn.frontier
  %ids = hgnn.frontier samples(%adj) : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>) -> !hgnn.ids<rows(1, @a)>
  // CHECK: %[[LINK:.*]] = hgnn.sources %[[ADJ]] of %[[IDS]] : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>, !hgnn.ids<rows(1, @a)>) -> !hgnn.link<0, @"a:w:p" from @a>
  %link = hgnn.sources %adj of %ids : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>, !hgnn.ids<rows(1, @a)>) -> !hgnn.link<0, @"a:w:p" from @a>
  %x = hgnn.fetch_dense "x" of %ids : (!hgnn.ids<rows(1, @a)>) -> !hgnn.tensor<rows(1, @a) : 4xf32>
  // CHECK: %[[U:.*]] = hgnn.self_gather %{{.*}}, %[[LINK]] : !hgnn.tensor<rows(1, @a) : 4xf32>, !hgnn.link<0, @"a:w:p" from @a>
  %u = hgnn.self_gather %x, %link : !hgnn.tensor<rows(1, @a) : 4xf32>, !hgnn.link<0, @"a:w:p" from @a>
  // CHECK: %[[E:.*]] = hgnn.gather_src %[[U]], %[[ADJ]] : !hgnn.tensor<unique(0, @"a:w:p") : 4xf32>
  %e = hgnn.gather_src %u, %adj : !hgnn.tensor<unique(0, @"a:w:p") : 4xf32>, !hgnn.adj<0, @"a:w:p" from @a to @p, unique>
  // CHECK: %[[B:.*]] = hgnn.reduce_src %[[E]], %[[ADJ]]
  %b = hgnn.reduce_src %e, %adj : !hgnn.tensor<edges(0, @"a:w:p") : 4xf32>, !hgnn.adj<0, @"a:w:p" from @a to @p, unique>
  // CHECK: hgnn.self_scatter %[[B]], %[[LINK]] : !hgnn.tensor<unique(0, @"a:w:p") : 4xf32>
  %s = hgnn.self_scatter %b, %link : !hgnn.tensor<unique(0, @"a:w:p") : 4xf32>, !hgnn.link<0, @"a:w:p" from @a>
  hgnn.output "logits" %s : !hgnn.tensor<rows(1, @a) : 4xf32>
}

// Placements follow; a link of one hop's own rows is written as ever. A product of a param's rows, for each of
// 2 heads.
// CHECK-LABEL: hgnn.kernel @types
// CHECK-NEXT: %{{.*}}: !hgnn.adj<0, @"a:w:p" from @a to @p, unique, owned(1)>, %{{.*}}: !hgnn.link<0, @"a:w:p" from @a, owned(1)>, %{{.*}}: !hgnn.link<2, @a>
// CHECK: hgnn.head_linear %[[W:.*]], %{{.*}} : !hgnn.tensor<param : 3x4xf32>, !hgnn.tensor<param : 2x2x1xf32>
// CHECK: %[[D:.*]] = hgnn.head_linear_grad_weight %[[W]], %{{.*}} {heads = 2 : i64}
// CHECK: hgnn.yield %{{.*}}, %[[D]] : !hgnn.tensor<param : 3x2xf32>, !hgnn.tensor<param : 2x2x1xf32>
hgnn.kernel @types {
^bb0(%a: !hgnn.adj<0, @"a:w:p" from @a to @p, unique, owned(1)>, %b: !hgnn.link<0, @"a:w:p" from @a, owned(1)>, %c: !hgnn.link<2, @a>,
     %w: !hgnn.tensor<param : 3x4xf32>, %h: !hgnn.tensor<param : 2x2x1xf32>, %g: !hgnn.tensor<param : 3x2xf32>):
  %v = hgnn.head_linear %w, %h : !hgnn.tensor<param : 3x4xf32>, !hgnn.tensor<param : 2x2x1xf32>
  %d = hgnn.head_linear_grad_weight %w, %g {heads = 2 : i64} : !hgnn.tensor<param : 3x4xf32>, !hgnn.tensor<param : 3x2xf32>
  hgnn.yield %v, %d : !hgnn.tensor<param : 3x2xf32>, !hgnn.tensor<param : 2x2x1xf32>
}
