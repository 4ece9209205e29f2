// RUN: heddle-opt %s > %t.once
// RUN: FileCheck %s --input-file=%t.once
// RUN: heddle-opt %t.once | diff %t.once -
// RUN: heddle-opt --mlir-print-op-generic %s | heddle-opt | diff %t.once -
// RUN: heddle-opt --emit-bytecode %s | heddle-opt | diff %t.once -
// Terms of merges that are no sum print as they were written, also in one more round.

!act = !hgnn.tensor<active(0, @r) : 4xf32>
!one = !hgnn.tensor<active(0, @r) : 1xf32>
!adj = !hgnn.adj<0, @r from @a to @p>

// CHECK-LABEL: hgnn.kernel @terms
hgnn.kernel @terms {
^bb0(%x: !act, %s: !one, %adj: !adj, %ids: !hgnn.ids<rows(0, @p)>, %g: !hgnn.tensor<rows(0, @p) : 4xf32>):
  // CHECK: %[[M:.*]] = hgnn.term max %{{.*}} : !hgnn.tensor<active(0, @r) : 4xf32>
  %m = hgnn.term max %x : !act
  // CHECK: hgnn.expand %[[M]], %{{.*}} of max : !hgnn.tensor<active(0, @r) : 4xf32>, !hgnn.adj
  %em = hgnn.expand %m, %adj of max : !act, !adj
  // CHECK: %[[A:.*]] = hgnn.term argmax %{{.*}} {link = 3 : i64} : !hgnn.tensor<active(0, @r) : 4xf32>
  %a = hgnn.term argmax %x {link = 3 : i64} : !act
  // CHECK: %[[EA:.*]] = hgnn.expand %[[A]], %{{.*}} of argmax : !hgnn.tensor<active(0, @r) : 8xf32>
  %ea = hgnn.expand %a, %adj of argmax : !hgnn.tensor<active(0, @r) : 8xf32>, !adj
  // CHECK: %[[S:.*]] = hgnn.term softmax %{{.*}}, %{{.*}} : !hgnn.tensor<active(0, @r) : 4xf32>, !hgnn.tensor<active(0, @r) : 1xf32>
  %t = hgnn.term softmax %x, %s : !act, !one
  // CHECK: %[[ES:.*]] = hgnn.expand %[[S]], %{{.*}} of softmax : !hgnn.tensor<active(0, @r) : 6xf32>
  %et = hgnn.expand %t, %adj of softmax : !hgnn.tensor<active(0, @r) : 6xf32>, !adj
  // CHECK: %[[Z:.*]] = hgnn.zeros %{{.*}} of softmax : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 6xf32>
  %z = hgnn.zeros %ids of softmax : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 6xf32>
  // CHECK: %[[C:.*]] = hgnn.combine softmax %[[ES]], %[[Z]] : !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.tensor<rows(0, @p) : 6xf32>
  %c = hgnn.combine softmax %et, %z : !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.tensor<rows(0, @p) : 6xf32>
  // CHECK: %[[V:.*]] = hgnn.combined softmax %[[C]] : !hgnn.tensor<rows(0, @p) : 6xf32>
  %v = hgnn.combined softmax %c : !hgnn.tensor<rows(0, @p) : 6xf32>
  // CHECK: %[[G:.*]] = hgnn.combined_grad softmax %[[V]], %[[C]] : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 6xf32>
  %h = hgnn.combined_grad softmax %v, %c : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 6xf32>
  // CHECK: %[[R:.*]] = hgnn.restrict %[[G]]
  %r = hgnn.restrict %h, %adj : !hgnn.tensor<rows(0, @p) : 6xf32>, !adj
  // CHECK: hgnn.term_grad softmax %[[R]], %{{.*}} : !hgnn.tensor<active(0, @r) : 6xf32>, !hgnn.tensor<active(0, @r) : 1xf32>
  %dx = hgnn.term_grad softmax %r, %s : !hgnn.tensor<active(0, @r) : 6xf32>, !one
  // CHECK: hgnn.term_grad softmax %[[R]], %{{.*}}, %{{.*}} : {{.*}}, !hgnn.tensor<active(0, @r) : 4xf32>
  %ds = hgnn.term_grad softmax %r, %s, %x : !hgnn.tensor<active(0, @r) : 6xf32>, !one, !act
  // CHECK: %[[GA:.*]] = hgnn.combined_grad argmax %{{.*}}, %[[EA]]
  %ga = hgnn.combined_grad argmax %g, %ea : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.term_grad argmax %[[GA]] {link = 3 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  %da = hgnn.term_grad argmax %ga {link = 3 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: %[[P:.*]] = hgnn.partial %[[EA]] of argmax {link = "r"} : !hgnn.tensor<rows(0, @p) : 8xf32>
  %p = hgnn.partial %ea of argmax {link = "r"} : !hgnn.tensor<rows(0, @p) : 8xf32>
  // CHECK: hgnn.merge %[[P]], %[[P]] of argmax : !hgnn.tensor<rows(0, @p) : 8xf32, partial_max>
  %q = hgnn.merge %p, %p of argmax : !hgnn.tensor<rows(0, @p) : 8xf32, partial_max>, !hgnn.tensor<rows(0, @p) : 8xf32, partial_max>
  // Terms of one partition are one term.
  // CHECK: %[[B:.*]] = hgnn.combine argmax %[[P]], %[[P]] : !hgnn.tensor<rows(0, @p) : 8xf32, partial_max>
  %b = hgnn.combine argmax %p, %p : !hgnn.tensor<rows(0, @p) : 8xf32, partial_max>, !hgnn.tensor<rows(0, @p) : 8xf32, partial_max>
  // CHECK: hgnn.merge_all activations %[[B]] of argmax {bytes = 64 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @p) : 8xf32, partial_max> -> <rows(0, @p) : 8xf32>
  %all = hgnn.merge_all activations %b of argmax {bytes = 64 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @p) : 8xf32, partial_max> -> <rows(0, @p) : 8xf32>
  // CHECK: hgnn.merge_to activations %[[B]] of argmax {bytes = 32 : i64, id = 1 : i64, leader = 0 : i64
  %to = hgnn.merge_to activations %b of argmax {bytes = 32 : i64, id = 1 : i64, leader = 0 : i64, partitions = array<i64: 0, 1>} : (!hgnn.tensor<rows(0, @p) : 8xf32, partial_max>) -> !hgnn.tensor<rows(0, @p) : 8xf32, owned(0)>
  hgnn.yield %v : !hgnn.tensor<rows(0, @p) : 4xf32>
}

// CHECK: hgnn.layer @l combine softmax attributes
// CHECK: hgnn.yield %{{.*}}, %{{.*}} : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : 1xf32>
hgnn.layer @l combine softmax attributes {index = 0 : i64, in_size = 2 : i64, out_size = 2 : i64} message {
^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
  %degree = hgnn.degree %adj : !hgnn.adj<any>
  hgnn.yield %own, %degree : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : 1xf32>
} update {
^bb0(%c: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
  hgnn.yield %c : !hgnn.tensor<dst : ?xf32>
}
