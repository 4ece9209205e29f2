// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=model > %t.model
// RUN: heddle-opt %t.model --pass-pipeline="builtin.module(hgnn-unroll,hgnn-order-aggregation{decide=off})" | FileCheck %s
// RUN: heddle-opt %t.model --pass-pipeline="builtin.module(hgnn-unroll,hgnn-order-aggregation{decide=off},hgnn-verify-phase{phase=metatree},hgnn-differentiate,hgnn-verify-phase{phase=training})" -o /dev/null

// Means of rows that are multiplied before: the normaliser stays where it is.
// CHECK: hgnn.entry train_step
// CHECK: %[[W:.*]] = hgnn.read @"convs.0.convs.<paper___rev_writes___author>.weight"
// CHECK-NEXT: %[[Y:.*]] = hgnn.linear %{{.*}}, %[[W]] : !hgnn.tensor<rows(2, @paper) : 8xf32>
// CHECK-NEXT: %[[E:.*]] = hgnn.gather_src %[[Y]], %[[ADJ:[0-9]+]]
// CHECK-NEXT: %[[S:.*]] = hgnn.reduce_dst %[[E]], %[[ADJ]]
// CHECK-NEXT: %[[M:.*]] = hgnn.scale_rows %[[S]]
// CHECK-NEXT: hgnn.expand %[[M]], %[[ADJ]]
// The last layer's sums are as wide as it gives.
// CHECK: hgnn.reduce_dst {{.*}}!hgnn.tensor<edges(0, @"paper:cites:paper") : 3xf32>

// Programs of means have their products behind: forcing that changes nothing. Turned twice, it is as it was.
// RUN: heddle-opt %t.model --pass-pipeline="builtin.module(hgnn-unroll)" > %t.unrolled
// RUN: heddle-opt %t.unrolled --hgnn-order-aggregation=decide=on | cmp - %t.unrolled
// RUN: heddle-opt %t.unrolled --pass-pipeline="builtin.module(hgnn-order-aggregation{decide=off},hgnn-order-aggregation{decide=on})" | FileCheck %s --check-prefix=BACK
// BACK: hgnn.entry train_step
// BACK: %[[S:.*]] = hgnn.reduce_dst {{.*}} : !hgnn.tensor<edges(1, @"paper:rev_writes:author") : 8xf32>
// BACK-NEXT: hgnn.linear %[[S]], %{{.*}} : !hgnn.tensor<active(1, @"paper:rev_writes:author") : 8xf32>
// BACK-NEXT: hgnn.scale_rows

// The cost model, for each link; without compaction products would be of all rows.
// RUN: heddle-opt %t.unrolled --hgnn-order-aggregation -o /dev/null 2>&1 | FileCheck %s --check-prefix=AUTO
// AUTO: remark: aggregate-first: chose products after the sums over edges for 5 links, before them for 2: {{.*}} ms a step; the other order of each: {{.*}} ms
// RUN: heddle-opt %t.unrolled --hgnn-order-aggregation="compact=false" -o /dev/null 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: remark: aggregate-first: chose products after the sums over edges for {{[5-7]}} links

// Attention of one head: values are multiplied once they are summed, and scores alone read the product before.
// RUN: sed 's/"num_heads": 2/"num_heads": 1/' %inputs/rgat.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=metatree --optimize aggregate-first=on,reorder-products=off | FileCheck %s --check-prefix=ONE
// ONE: hgnn.entry train_step
// ONE: %[[P:.*]] = hgnn.linear %[[X:[0-9]+]], %[[W:[0-9]+]] : !hgnn.tensor<rows(2, @paper) : 8xf32>
// ONE: hgnn.row_dot %[[P]]
// ONE: %[[E:.*]] = hgnn.gather_src %[[X]], %[[ADJ:[0-9]+]]
// ONE-NEXT: %[[T:.*]] = hgnn.term softmax %[[E]]
// ONE-NEXT: %[[R:.*]] = hgnn.reduce_dst %[[T]], %[[ADJ]] of softmax
// ONE-NEXT: %[[C:.*]] = hgnn.combined softmax %[[R]]
// ONE-NEXT: %[[Y:.*]] = hgnn.linear %[[C]], %[[W]] : !hgnn.tensor<active(1, @"paper:rev_writes:author") : 8xf32>
// ONE-NEXT: hgnn.expand %[[Y]]
// With both rewrites the sources' projection is not made at all.
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=metatree --optimize aggregate-first=on,reorder-products=on | FileCheck %s --check-prefix=NONE
// NONE: hgnn.entry train_step
// NONE-NOT: hgnn.linear {{.*}}rows(2, {{.*}}8xf32>, !hgnn.tensor<param : 8x8xf32>
// NONE: hgnn.combined
// Several heads share one matrix: its columns are not sorted by heads, so it stays in front.
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgat.json --emit=metatree --optimize aggregate-first=on,reorder-products=off > %t.on
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgat.json --emit=metatree --optimize aggregate-first=off,reorder-products=off | cmp - %t.on

// A matrix for each head, within the softmax of a relation; terms of all relations are merged as they are.
// RUN: sed 's/"rgat"/"hgt", "hgt_softmax": "relation"/' %inputs/rgat.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=metatree --optimize aggregate-first=on | FileCheck %s --check-prefix=HEADS
// HEADS: hgnn.entry train_step
// HEADS: %[[C:.*]] = hgnn.combined softmax<2>
// HEADS-NEXT: hgnn.head_linear %[[C]], %{{.*}} : !hgnn.tensor<active(1, @"paper:rev_writes:author") : 8xf32>
// RUN: sed 's/"rgat"/"hgt"/' %inputs/rgat.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=metatree --optimize aggregate-first=on | FileCheck %s --check-prefix=ALL
// ALL: hgnn.entry train_step
// ALL: hgnn.head_linear {{.*}}!hgnn.tensor<rows(1, @author)
// ALL: hgnn.combine softmax<2>

// RUN: not heddle-opt %t.unrolled --hgnn-order-aggregation=decide=maybe 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: unknown decision 'maybe'; known: auto, on, off
