// RUN: heddle-opt --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-verify-phase{phase=raf})" %s | FileCheck %s

// A residual: own rows are in a sum with a relation's and beside its activation. They travel as they are,
// once, and the sum is made above.
!s = !hgnn.ids<rows(0, @p)>
!f = !hgnn.ids<rows(1, @p)>
!a = !hgnn.adj<0, @"p:c:p" from @p to @p>
!b = !hgnn.adj<0, @"p:d:p" from @p to @p>
!link = !hgnn.link<0, @p>
!r = !hgnn.tensor<rows(0, @p) : 2xf32>
!q = !hgnn.tensor<rows(1, @p) : 2xf32>
!w = !hgnn.tensor<param : 2x2xf32>
hgnn.state parameter @w {shape = array<i64: 2, 2>, init = {kind = "zeros", a = 0.0, b = 0.0}}

// CHECK: hgnn.entry train_step @residual
// CHECK: %[[OWN:.*]] = hgnn.self_gather
// CHECK: %[[PO:.*]] = hgnn.partial %[[OWN]] {link = "self"}
// CHECK: %[[MO:.*]] = hgnn.merge %[[PO]]
// CHECK: %[[PROD:.*]] = hgnn.linear %[[MO]]
// CHECK: %[[XA:.*]] = hgnn.expand
// CHECK: %[[XB:.*]] = hgnn.expand
// CHECK: %[[PA:.*]] = hgnn.partial %[[XA]] {link = "p:c:p"}
// CHECK: %[[PB:.*]] = hgnn.partial %[[XB]] {link = "p:d:p"}
// CHECK: %[[M:.*]] = hgnn.merge %[[PA]], %[[PB]]
// CHECK: %[[SUM:.*]] = hgnn.add %[[M]], %[[PROD]]
// CHECK: %[[T:.*]] = hgnn.unary tanh %[[SUM]]
// CHECK: hgnn.mul %[[T]], %[[MO]]
hgnn.entry train_step @residual {
  %s = hgnn.seeds : !s
  %w = hgnn.read @w : !w
  %a = hgnn.sample %s fanout -1 : !s -> !a
  %b = hgnn.sample %s fanout -1 : !s -> !b
  %f, %link = hgnn.frontier self %s samples(%a, %b) : (!s, !a, !b) -> (!f, !link)
  %x = hgnn.fetch_rows @t of %f : (!f) -> !q
  %own = hgnn.self_gather %x, %link : !q, !link
  %prod = hgnn.linear %own, %w : !r, !w
  %ea = hgnn.gather_src %x, %a : !q, !a
  %ra = hgnn.reduce_dst %ea, %a : !hgnn.tensor<edges(0, @"p:c:p") : 2xf32>, !a
  %xa = hgnn.expand %ra, %a : !hgnn.tensor<active(0, @"p:c:p") : 2xf32>, !a
  %eb = hgnn.gather_src %x, %b : !q, !b
  %rb = hgnn.reduce_dst %eb, %b : !hgnn.tensor<edges(0, @"p:d:p") : 2xf32>, !b
  %xb = hgnn.expand %rb, %b : !hgnn.tensor<active(0, @"p:d:p") : 2xf32>, !b
  %sum = hgnn.add %xa, %xb, %prod : !r, !r, !r
  %t = hgnn.unary tanh %sum : !r
  %both = hgnn.mul %t, %own : !r, !r
  hgnn.output "logits" %both : !r
}

// The same of a relation that is alone: what reads its rows twice does so above.
// CHECK: hgnn.entry train_step @alone
// CHECK: %[[X:.*]] = hgnn.expand
// CHECK: %[[P:.*]] = hgnn.partial %[[X]] {link = "p:c:p"}
// CHECK: %[[M:.*]] = hgnn.merge %[[P]]
// CHECK: %[[OWN:.*]] = hgnn.self_gather
// CHECK: %[[PO:.*]] = hgnn.partial %[[OWN]] {link = "self"}
// CHECK: %[[MO:.*]] = hgnn.merge %[[PO]]
// CHECK: %[[SUM:.*]] = hgnn.add %[[MO]], %[[M]]
// CHECK: %[[T:.*]] = hgnn.unary tanh %[[SUM]]
// CHECK: hgnn.mul %[[T]], %[[M]]
hgnn.entry train_step @alone {
  %s = hgnn.seeds : !s
  %a = hgnn.sample %s fanout -1 : !s -> !a
  %f, %link = hgnn.frontier self %s samples(%a) : (!s, !a) -> (!f, !link)
  %x = hgnn.fetch_rows @t of %f : (!f) -> !q
  %ea = hgnn.gather_src %x, %a : !q, !a
  %ra = hgnn.reduce_dst %ea, %a : !hgnn.tensor<edges(0, @"p:c:p") : 2xf32>, !a
  %xa = hgnn.expand %ra, %a : !hgnn.tensor<active(0, @"p:c:p") : 2xf32>, !a
  %own = hgnn.self_gather %x, %link : !q, !link
  %sum = hgnn.add %xa, %own : !r, !r
  %t = hgnn.unary tanh %sum : !r
  %both = hgnn.mul %t, %xa : !r, !r
  hgnn.output "logits" %both : !r
}
