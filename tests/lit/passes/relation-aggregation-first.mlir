// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=metatree > %t.metatree
// RUN: heddle-opt %t.metatree --hgnn-relation-aggregation-first 2>&1 | FileCheck %s
// RUN: heddle-opt %t.metatree --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-verify-phase{phase=raf})" -o /dev/null
//
// CHECK: remark: relation-aggregation-first: 4 root links, 1 merge, partials of 3 numbers a seed
// CHECK: hgnn.entry train_step @train_step {
// Parallel relations, the self relation and the identity link each end in a partial of their own.
// CHECK: %[[REV:.*]] = hgnn.expand {{.*}}@"author:reviews:paper"
// CHECK: %[[WR:.*]] = hgnn.expand {{.*}}@"author:writes:paper"
// CHECK: %[[CI:.*]] = hgnn.expand {{.*}}@"paper:cites:paper"
// CHECK: %[[REV:.*]] = hgnn.expand {{.*}}<0, @"author:reviews:paper"
// CHECK: %[[WR:.*]] = hgnn.expand {{.*}}<0, @"author:writes:paper"
// CHECK: %[[CI:.*]] = hgnn.expand {{.*}}<0, @"paper:cites:paper"
// CHECK-NOT: hgnn.add
// CHECK: %[[OWN:.*]] = hgnn.linear {{.*}} : !hgnn.tensor<rows(0, @paper) : 8xf32>, !hgnn.tensor<param : 8x3xf32>
// CHECK-NEXT: %[[P0:.*]] = hgnn.partial %[[REV]] {link = "author:reviews:paper"} : !hgnn.tensor<rows(0, @paper) : 3xf32>
// CHECK-NEXT: %[[P1:.*]] = hgnn.partial %[[WR]] {link = "author:writes:paper"}
// CHECK-NEXT: %[[P2:.*]] = hgnn.partial %[[CI]] {link = "paper:cites:paper"}
// CHECK-NEXT: %[[P3:.*]] = hgnn.partial %[[OWN]] {link = "self"}
// CHECK-NEXT: %[[M:.*]] = hgnn.merge %[[P0]], %[[P1]], %[[P2]], %[[P3]] : !hgnn.tensor<rows(0, @paper) : 3xf32, partial_sum>
// Above: every partition needs it, and it needs nothing else from below.
// CHECK: %[[LOGITS:.*]] = hgnn.add_bias %[[M]]
// CHECK: hgnn.softmax_xent %[[LOGITS]]
// CHECK: hgnn.output "logits" %[[LOGITS]]
// CHECK: hgnn.entry eval_step
// CHECK-COUNT-4: hgnn.partial
// CHECK: hgnn.merge

// Without self-loops there is no identity link.
// RUN: sed 's/"dropout": 0.5/"use_self_loop": false/' %inputs/rgcn.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=metatree | heddle-opt --hgnn-relation-aggregation-first 2>&1 | FileCheck %s --check-prefix=NOSELF
// NOSELF: 3 root links, 1 merge
// NOSELF-NOT: link = "self"

// Own rows beside the combined ones: each side is merged by itself.
// RUN: mkdir -p %t.d && cp %examples/wordnet/sage.mlir %t.d/encoder.mlir
// RUN: sed 's/"encoder": "rgcn"/"encoder": "encoder.mlir"/; s/, "dropout": 0.5//' %inputs/rgcn.json > %t.d/sage.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.d/sage.json --emit=metatree | heddle-opt --hgnn-relation-aggregation-first 2>&1 | FileCheck %s --check-prefix=CONCAT
// CONCAT: 4 root links, 2 merges, partials of 16 numbers a seed
// CONCAT: %[[OWN:.*]] = hgnn.self_gather {{.*}} : !hgnn.tensor<rows(1, @paper) : 8xf32>, !hgnn.link<0, @paper>
// CONCAT: %[[PO:.*]] = hgnn.partial %[[OWN]] {link = "self"}
// CONCAT: %[[MO:.*]] = hgnn.merge %[[PO]]
// CONCAT: %[[MC:.*]] = hgnn.merge %{{.*}}, %{{.*}}, %{{.*}} :
// CONCAT: hgnn.concat %[[MC]], %[[MO]]
