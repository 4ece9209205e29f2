// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=metatree > %t.metatree
// RUN: heddle-opt %t.metatree --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=2})" > %t.assigned 2> %t.log
// RUN: heddle-opt %t.assigned --hgnn-insert-communication 2> %t.remarks > %t.cut && FileCheck %s < %t.cut
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// RUN: heddle-opt %t.cut --hgnn-verify-phase=phase=partitioned -o /dev/null
// REMARK: remark: insert-communication{mode=replicated}: 2 partitions, 1 merges forward, activations 24 bytes a seed and none backward, independent of fan-out and depth

// A relation of one partition: its weight is there alone. What both use has a copy in each.
// CHECK: hgnn.state parameter @"convs.0.convs.<paper___rev_writes___author>.weight" {{.*}}partitions = array<i64: 1>
// CHECK: hgnn.state parameter @convs.0.root {{.*}} kind = "uniform"}, shape
// CHECK: hgnn.state parameter @"convs.1.convs.<paper___cites___paper>.weight" {{.*}}partitions = array<i64: 0>
// CHECK: hgnn.partitioning

// Partition 0 owns cites: no other relation is sampled at the root, all that papers need below.
// CHECK: hgnn.entry train_step @"train_step:0" attributes {partition = 0 : i64} {
// CHECK-NEXT: %[[S:.*]] = hgnn.seeds : <rows(0, @paper)>
// CHECK-NEXT: %[[C0:.*]] = hgnn.sample %[[S]] fanout 4 : <rows(0, @paper)> -> <0, @"paper:cites:paper" from @paper to @paper, owned(0)>
// CHECK-NEXT: %[[F1:.*]] = hgnn.frontier samples(%[[C0]]) : {{.*}} -> !hgnn.ids<rows(1, @paper), owned(0)>
// CHECK-NEXT: hgnn.sample %[[F1]] fanout 3 : {{.*}}<1, @"author:reviews:paper"
// CHECK-NEXT: hgnn.sample %[[F1]] fanout 3 : {{.*}}<1, @"author:writes:paper"
// CHECK-NEXT: hgnn.sample %[[F1]] fanout 3 : {{.*}}<1, @"paper:cites:paper"
// CHECK-NEXT: hgnn.frontier samples
// CHECK-NEXT: hgnn.frontier self %[[F1]] samples
// CHECK-NOT: rev_writes
// CHECK: hgnn.read @"convs.1.convs.<paper___cites___paper>.weight" : <param : 8x3xf32, owned(0)>
// CHECK: %[[X:.*]] = hgnn.expand {{.*}}<0, @"paper:cites:paper"
// CHECK-NEXT: %[[P:.*]] = hgnn.partial %[[X]] {link = "paper:cites:paper", partition = 0 : i64} : !hgnn.tensor<rows(0, @paper) : 3xf32, owned(0)>
// CHECK-NEXT: %[[M:.*]] = hgnn.merge_all activations %[[P]] {bytes = 24 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @paper) : 3xf32, partial_sum> -> <rows(0, @paper) : 3xf32>
// CHECK: %[[L:.*]] = hgnn.add_bias %[[M]]
// CHECK: hgnn.output "loss"
// CHECK: hgnn.output "logits" %[[L]]

// Partition 1: three root links, summed before they travel.
// CHECK: hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
// CHECK: <0, @"author:reviews:paper" from @author to @paper, owned(1)>
// CHECK: <0, @"author:writes:paper" from @author to @paper, owned(1)>
// CHECK-NOT: <0, @"paper:cites:paper"
// CHECK: hgnn.frontier self %{{.*}} samples() : {{.*}}!hgnn.link<0, @paper, owned(1)>
// CHECK: %[[P0:.*]] = hgnn.partial {{.*}} {link = "author:reviews:paper", partition = 1 : i64}
// CHECK: %[[P1:.*]] = hgnn.partial {{.*}} {link = "author:writes:paper", partition = 1 : i64}
// CHECK: %[[P2:.*]] = hgnn.partial {{.*}} {link = "self", partition = 1 : i64}
// CHECK: %[[SUM:.*]] = hgnn.add %[[P0]], %[[P1]], %[[P2]] : !hgnn.tensor<rows(0, @paper) : 3xf32, partial_sum>
// CHECK: hgnn.merge_all activations %[[SUM]] {bytes = 24 : i64, id = 0 : i64
// CHECK: hgnn.output "loss"
// CHECK: hgnn.entry eval_step @"eval_step:0"
// CHECK-NOT: hgnn.dropout
// CHECK: hgnn.entry eval_step @"eval_step:1"
// CHECK-NOT: hgnn.merge %

// With a leader, the others end with their terms.
// RUN: heddle-opt %t.assigned --hgnn-insert-communication=mode=leader 2>&1 | FileCheck %s --check-prefix=LEADER
// LEADER: remark: insert-communication{mode=leader}: {{.*}} activations 12 bytes a seed each way
// LEADER: hgnn.state parameter @convs.1.bias {{.*}}partitions = array<i64: 0>
// LEADER: @"train_step:0"
// LEADER: %[[M:.*]] = hgnn.merge_to activations %{{.*}} {bytes = 12 : i64, id = 0 : i64, leader = 0 : i64, partitions = array<i64: 0, 1>} : (!hgnn.tensor<rows(0, @paper) : 3xf32, partial_sum>) -> !hgnn.tensor<rows(0, @paper) : 3xf32, owned(0)>
// LEADER: hgnn.add_bias %[[M]]
// LEADER: hgnn.output "loss"
// LEADER: @"train_step:1"
// LEADER-NOT: hgnn.output
// LEADER-NOT: hgnn.fetch_labels
// LEADER: hgnn.merge_to activations %{{.*}} : (!hgnn.tensor<rows(0, @paper) : 3xf32, partial_sum>) -> ()
// LEADER-NEXT: }

// RUN: not heddle-opt %t.assigned --hgnn-insert-communication=mode=ring 2>&1 | FileCheck %s --check-prefix=MODE
// MODE: error: unknown mode 'ring'; known: replicated, leader
// RUN: not heddle-opt %t.metatree --hgnn-insert-communication 2>&1 | FileCheck %s --check-prefix=ORDER
// ORDER: error: is not partitioned; run hgnn-assign-partitions first
// RUN: not heddle-opt %t.cut --hgnn-insert-communication 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: 'hgnn.entry' op is one partition's already
// RUN: sed 's/link = "self", partition = 1/link = "self", partition = 2/' %t.assigned > %t.wrong
// RUN: not heddle-opt %t.wrong --hgnn-insert-communication 2>&1 | FileCheck %s --check-prefix=OWNER
// OWNER: error: 'hgnn.partial' op has partition 2 of 2; run hgnn-assign-partitions first
// RUN: not heddle-opt %t.assigned --pass-pipeline="builtin.module(hgnn-differentiate,hgnn-insert-communication)" 2>&1 | FileCheck %s --check-prefix=LATE
// LATE: is there already; communication comes before hgnn-differentiate
