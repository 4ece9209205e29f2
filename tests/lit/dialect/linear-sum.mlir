// RUN: heddle-opt %s > %t.once
// RUN: FileCheck %s --input-file=%t.once
// RUN: heddle-opt %t.once | diff %t.once -
// RUN: heddle-opt --mlir-print-op-generic %s | heddle-opt | diff %t.once -
// Sums of products, of one matrix or of one a head, and products of a group.

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 8xf32>, %y: !hgnn.tensor<rows(0, @p) : 6xf32>,
     %a: !hgnn.tensor<param : 8x4xf32>, %b: !hgnn.tensor<param : 2x3x2xf32>, %c: !hgnn.tensor<param : 4x8xf32>):
  // CHECK: %[[S:.*]] = hgnn.linear_sum %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.tensor<param : 8x4xf32>, !hgnn.tensor<param : 2x3x2xf32>
  %s = hgnn.linear_sum %x, %y, %a, %b : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<rows(0, @p) : 6xf32>, !hgnn.tensor<param : 8x4xf32>, !hgnn.tensor<param : 2x3x2xf32>
  // CHECK: hgnn.linear_sum %{{.*}}, %{{.*}} {transpose} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 4x8xf32>
  %t = hgnn.linear_sum %x, %c {transpose} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 4x8xf32>
  // CHECK: hgnn.linear %{{.*}}, %{{.*}} {hgnn.group = 0 : i64}
  %g = hgnn.linear %x, %a {hgnn.group = 0 : i64} : !hgnn.tensor<rows(0, @p) : 8xf32>, !hgnn.tensor<param : 8x4xf32>
  // CHECK: hgnn.yield %[[S]], %{{.*}}, %{{.*}} : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 4xf32>
  hgnn.yield %s, %t, %g : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 4xf32>
}
