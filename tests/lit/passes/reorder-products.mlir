// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgat.json --emit=model > %t.model
// RUN: heddle-opt %t.model --pass-pipeline="builtin.module(hgnn-unroll,hgnn-reorder-products{decide=on})" | FileCheck %s
// RUN: heddle-opt %t.model --pass-pipeline="builtin.module(hgnn-unroll,hgnn-reorder-products{decide=on},hgnn-verify-phase{phase=metatree},hgnn-differentiate,hgnn-verify-phase{phase=training})" -o /dev/null

// The projection of sources goes into the messages too and stays; that of destinations goes.
// CHECK: hgnn.entry train_step
// CHECK: %[[OWN:.*]] = hgnn.restrict
// CHECK: %[[SRCW:.*]] = hgnn.read @"convs.0.convs.<paper___rev_writes___author>.lin_src.weight"
// CHECK: %[[P:.*]] = hgnn.linear %[[X:[0-9]+]], %[[SRCW]]
// CHECK: %[[DSTW:.*]] = hgnn.read @"convs.0.convs.<paper___rev_writes___author>.lin_dst.weight"
// CHECK-NOT: hgnn.row_dot
// CHECK: %[[A:.*]] = hgnn.read @"convs.0.convs.<paper___rev_writes___author>.att_src" : <param : 2x4xf32>
// CHECK-NEXT: %[[C:.*]] = hgnn.reshape %[[A]] {shape = array<i64: 2, 4, 1>}
// CHECK-NEXT: %[[V:.*]] = hgnn.head_linear %[[SRCW]], %[[C]]
// CHECK-NEXT: hgnn.linear %[[X]], %[[V]] : !hgnn.tensor<rows(2, @paper) : 8xf32>, !hgnn.tensor<param : 8x2xf32>
// CHECK: hgnn.read @"convs.0.convs.<paper___rev_writes___author>.att_dst"
// CHECK: %[[VD:.*]] = hgnn.head_linear %[[DSTW]]
// CHECK-NEXT: hgnn.linear %[[OWN]], %[[VD]] : !hgnn.tensor<active(1, @"paper:rev_writes:author") : 8xf32>
// CHECK-NOT: hgnn.row_dot

// The cost model: sources' projections are there anyway, and reading them costs no more than reading rows.
// RUN: heddle-opt %t.model --pass-pipeline="builtin.module(hgnn-unroll,hgnn-reorder-products)" 2>&1 | FileCheck %s --check-prefix=AUTO
// AUTO: remark: reorder-products: chose x (W a) for {{[0-9]+}} scores, {{[0-9]+}} products less: {{.*}} ms a step against {{.*}} ms; (x W) a stays for {{[0-9]+}} scores: {{.*}} ms against {{.*}} ms
// AUTO: hgnn.entry train_step
// AUTO: hgnn.row_dot
// AUTO: hgnn.head_linear

// RUN: heddle-opt %t.model --pass-pipeline="builtin.module(hgnn-unroll,hgnn-reorder-products{decide=off})" 2>&1 | FileCheck %s --check-prefix=OFF
// OFF-NOT: reorder-products
// OFF-NOT: hgnn.head_linear

// One head needs no product for each head.
// RUN: sed 's/"num_heads": 2/"num_heads": 1/' %inputs/rgat.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=metatree --optimize reorder-products=on | FileCheck %s --check-prefix=ONE
// ONE: %[[A:.*]] = hgnn.reshape %{{.*}} {shape = array<i64: 8, 1>}
// ONE-NEXT: %[[V:.*]] = hgnn.linear %{{.*}}, %[[A]] : !hgnn.tensor<param : 8x8xf32>, !hgnn.tensor<param : 8x1xf32>
// ONE-NEXT: hgnn.linear %{{.*}}, %[[V]]
// ONE-NOT: hgnn.head_linear
// ONE-NOT: hgnn.row_dot

// A bias between product and score is its own inner product; a program without scores stays as it is.
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/biased.json --emit=metatree --optimize reorder-products=on | FileCheck %s --check-prefix=BIAS
// BIAS: %[[B:.*]] = hgnn.reshape %{{.*}} {shape = array<i64: 2, 4>} : !hgnn.tensor<param : 8xf32>
// BIAS-NEXT: %[[BA:.*]] = hgnn.row_dot %[[B]], %{{.*}} {heads = 2 : i64}
// BIAS-NEXT: hgnn.add_bias %{{.*}}, %[[BA]] : !hgnn.tensor<active({{.*}}) : 2xf32>, !hgnn.tensor<param : 2xf32>
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=metatree --optimize reorder-products=on > %t.on
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=metatree --optimize reorder-products=off | cmp - %t.on

// RUN: not heddle-opt %t.model --hgnn-reorder-products=decide=maybe 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: unknown decision 'maybe'; known: auto, on, off
