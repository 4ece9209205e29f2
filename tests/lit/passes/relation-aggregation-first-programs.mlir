// RUN: heddle-opt --split-input-file --hgnn-relation-aggregation-first %s | FileCheck %s
// Sums of other shapes.

!s = !hgnn.ids<rows(0, @p)>
!f = !hgnn.ids<rows(1, @p)>
!a = !hgnn.adj<0, @"p:c:p" from @p to @p>
!b = !hgnn.adj<0, @"p:d:p" from @p to @p>
!link = !hgnn.link<0, @p>
!r = !hgnn.tensor<rows(0, @p) : 2xf32>
!q = !hgnn.tensor<rows(1, @p) : 2xf32>

// A mean of relations beside own rows: the divisor goes to the terms that it is of. Constant rows are
// no root link's. Two values of one link are one partial.
// CHECK-LABEL: @mean_beside_own
// CHECK: %[[OWN:.*]] = hgnn.self_gather
// CHECK: %[[XA:.*]] = hgnn.expand {{.*}}@"p:c:p"
// CHECK: %[[XB:.*]] = hgnn.expand {{.*}}@"p:d:p"
// CHECK: %[[HALF:.*]] = hgnn.scale %[[OWN]] {factor = 5.000000e-01 : f64}
// CHECK: %[[K:.*]] = hgnn.broadcast_rows
// CHECK: %[[SA:.*]] = hgnn.scale %[[XA]] {factor = 2.500000e-01 : f64}
// CHECK: %[[SB:.*]] = hgnn.scale %[[XB]] {factor = 2.500000e-01 : f64}
// CHECK: %[[PA:.*]] = hgnn.partial %[[SA]] {link = "p:c:p"}
// CHECK: %[[PB:.*]] = hgnn.partial %[[SB]] {link = "p:d:p"}
// CHECK: %[[BOTH:.*]] = hgnn.add %[[OWN]], %[[HALF]]
// CHECK: %[[PO:.*]] = hgnn.partial %[[BOTH]] {link = "self"}
// CHECK: %[[M:.*]] = hgnn.merge %[[PA]], %[[PB]], %[[PO]]
// CHECK: %[[S:.*]] = hgnn.add %[[M]], %[[K]]
// CHECK: hgnn.output "logits" %[[S]]
hgnn.entry train_step @mean_beside_own {
  %s = hgnn.seeds : !s
  %a = hgnn.sample %s fanout -1 : !s -> !a
  %b = hgnn.sample %s fanout -1 : !s -> !b
  %f, %link = hgnn.frontier self %s samples(%a, %b) : (!s, !a, !b) -> (!f, !link)
  %x = hgnn.fetch_rows @t of %f : (!f) -> !q
  %v = hgnn.read @v : <param : 2xf32>
  %own = hgnn.self_gather %x, %link : !q, !link
  %ea = hgnn.gather_src %x, %a : !q, !a
  %ra = hgnn.reduce_dst %ea, %a : !hgnn.tensor<edges(0, @"p:c:p") : 2xf32>, !a
  %xa = hgnn.expand %ra, %a : !hgnn.tensor<active(0, @"p:c:p") : 2xf32>, !a
  %eb = hgnn.gather_src %x, %b : !q, !b
  %rb = hgnn.reduce_dst %eb, %b : !hgnn.tensor<edges(0, @"p:d:p") : 2xf32>, !b
  %xb = hgnn.expand %rb, %b : !hgnn.tensor<active(0, @"p:d:p") : 2xf32>, !b
  %sum = hgnn.add %xa, %xb : !r, !r
  %mean = hgnn.scale %sum {factor = 0.25} : !r
  %half = hgnn.scale %own {factor = 0.5} : !r
  %k = hgnn.broadcast_rows %v, %s : !hgnn.tensor<param : 2xf32>, !s
  %all = hgnn.add %mean, %own, %k, %half : !r, !r, !r, !r
  hgnn.output "logits" %all : !r
}

// -----

!s = !hgnn.ids<rows(0, @p)>
!f = !hgnn.ids<rows(1, @p)>
!a = !hgnn.adj<0, @"p:c:p" from @p to @p>
!link = !hgnn.link<0, @p>
!r = !hgnn.tensor<rows(0, @p) : 2xf32>
!q = !hgnn.tensor<rows(1, @p) : 2xf32>

// Own rows that a message reads belong to the relation's sub-DAG; the identity link ends in no partial.
// CHECK-LABEL: @attention
// CHECK: hgnn.restrict
// CHECK: %[[X:.*]] = hgnn.expand
// CHECK: %[[P:.*]] = hgnn.partial %[[X]] {link = "p:c:p"}
// CHECK-NOT: "self"
// CHECK: %[[M:.*]] = hgnn.merge %[[P]]
// CHECK: %[[T:.*]] = hgnn.unary tanh %[[M]]
hgnn.entry train_step @attention {
  %s = hgnn.seeds : !s
  %a = hgnn.sample %s fanout -1 : !s -> !a
  %f, %link = hgnn.frontier self %s samples(%a) : (!s, !a) -> (!f, !link)
  %x = hgnn.fetch_rows @t of %f : (!f) -> !q
  %own = hgnn.self_gather %x, %link : !q, !link
  %ea = hgnn.gather_src %x, %a : !q, !a
  %ra = hgnn.reduce_dst %ea, %a : !hgnn.tensor<edges(0, @"p:c:p") : 2xf32>, !a
  %o = hgnn.restrict %own, %a : !r, !a
  %g = hgnn.mul %ra, %o : !hgnn.tensor<active(0, @"p:c:p") : 2xf32>, !hgnn.tensor<active(0, @"p:c:p") : 2xf32>
  %xa = hgnn.expand %g, %a : !hgnn.tensor<active(0, @"p:c:p") : 2xf32>, !a
  %t = hgnn.unary tanh %xa : !r
  hgnn.output "logits" %t : !r
}
