// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/max.json --emit=metatree > %t.max
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/softmax.json --emit=metatree > %t.soft
// RUN: FileCheck %s --check-prefix=MAX < %t.max
// RUN: FileCheck %s --check-prefix=SOFT < %t.soft
// What becomes of `combine max` and `combine softmax`, pass by pass.

// Unrolled: in training each number says which relation it is from, by canonical id; one relation into a
// type (rev_writes into author) needs no term.
// MAX: hgnn.entry train_step
// MAX: hgnn.expand {{.*}}@"paper:rev_writes:author"{{.*}}>{{$}}
// MAX: %[[T0:.*]] = hgnn.term argmax %{{.*}} {link = 0 : i64} : !hgnn.tensor<active(1, @"author:reviews:paper") : 8xf32>
// MAX-NEXT: %[[E0:.*]] = hgnn.expand %[[T0]], %{{.*}} of argmax : !hgnn.tensor<active(1, @"author:reviews:paper") : 16xf32>
// MAX: %[[T1:.*]] = hgnn.term argmax %{{.*}} {link = 1 : i64}
// MAX-NEXT: %[[E1:.*]] = hgnn.expand %[[T1]]
// MAX: %[[T2:.*]] = hgnn.term argmax %{{.*}} {link = 2 : i64}
// MAX-NEXT: %[[E2:.*]] = hgnn.expand %[[T2]]
// MAX: %[[C:.*]] = hgnn.combine argmax %[[E0]], %[[E1]], %[[E2]] :
// MAX-NEXT: hgnn.combined argmax %[[C]] : !hgnn.tensor<rows(1, @paper) : 16xf32>
// MAX: hgnn.entry eval_step
// MAX-NOT: argmax
// MAX: hgnn.term max %{{.*}} : !hgnn.tensor<active(1, @"author:reviews:paper") : 8xf32>
// MAX-NEXT: hgnn.expand %{{.*}} of max
// MAX: hgnn.combine max

// SOFT: hgnn.entry train_step
// SOFT: %[[S:.*]] = hgnn.linear %{{.*}} : !hgnn.tensor<active(0, @"author:reviews:paper") : 3xf32>, !hgnn.tensor<param : 3x1xf32>
// SOFT-NEXT: %[[T:.*]] = hgnn.term softmax %{{.*}}, %[[S]] : !hgnn.tensor<active(0, @"author:reviews:paper") : 3xf32>, !hgnn.tensor<active(0, @"author:reviews:paper") : 1xf32>
// SOFT-NEXT: hgnn.expand %[[T]], %{{.*}} of softmax : !hgnn.tensor<active(0, @"author:reviews:paper") : 5xf32>

// The combine at the root is a merge of that kind; own rows beside it are a sum of their own.
// RUN: heddle-opt %t.max --hgnn-relation-aggregation-first > %t.raf 2> %t.remarks
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// RUN: heddle-opt %t.raf --hgnn-verify-phase=phase=raf | FileCheck %s --check-prefix=RAF
// REMARK: remark: relation-aggregation-first: 4 root links, 2 merges, partials of 9 numbers a seed
// RAF: hgnn.entry train_step
// RAF: hgnn.combine argmax {{.*}}rows(1, @paper)
// RAF: %[[P0:.*]] = hgnn.partial %{{.*}} of argmax {link = "author:reviews:paper"}
// RAF-NEXT: %[[P1:.*]] = hgnn.partial %{{.*}} of argmax {link = "author:writes:paper"}
// RAF-NEXT: %[[P2:.*]] = hgnn.partial %{{.*}} of argmax {link = "paper:cites:paper"}
// RAF-NEXT: %[[M:.*]] = hgnn.merge %[[P0]], %[[P1]], %[[P2]] of argmax
// RAF-NEXT: %[[V:.*]] = hgnn.combined argmax %[[M]]
// RAF: %[[PS:.*]] = hgnn.partial %{{.*}} {link = "self"}
// RAF-NEXT: %[[MS:.*]] = hgnn.merge %[[PS]] :
// RAF-NEXT: hgnn.add %[[V]], %[[MS]]
// RAF: hgnn.entry eval_step
// RAF: hgnn.merge %{{.*}} of max

// Partition 1 combines its terms before they travel; a partition without one sends empty ones.
// RUN: heddle-opt %t.raf --hgnn-assign-partitions=partitions=2 2> %t.log > %t.assigned
// RUN: heddle-opt %t.assigned --hgnn-insert-communication 2> %t.log > %t.cut && FileCheck %s --check-prefix=CUT < %t.cut
// RUN: heddle-opt %t.cut --hgnn-verify-phase=phase=partitioned -o /dev/null
// CUT: hgnn.entry train_step @"train_step:0"
// CUT: %[[P:.*]] = hgnn.partial %{{.*}} of argmax {link = "paper:cites:paper", partition = 0 : i64} : !hgnn.tensor<rows(0, @paper) : 6xf32, owned(0)>
// CUT-NEXT: %[[M:.*]] = hgnn.merge_all activations %[[P]] of argmax {bytes = 48 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : <rows(0, @paper) : 6xf32, partial_max> -> <rows(0, @paper) : 6xf32>
// CUT-NEXT: hgnn.combined argmax %[[M]] : !hgnn.tensor<rows(0, @paper) : 6xf32>
// CUT: hgnn.entry train_step @"train_step:1"
// CUT: %[[P0:.*]] = hgnn.partial %{{.*}} of argmax {link = "author:reviews:paper", partition = 1 : i64}
// CUT: %[[P1:.*]] = hgnn.partial %{{.*}} of argmax {link = "author:writes:paper", partition = 1 : i64}
// CUT-NEXT: %[[C:.*]] = hgnn.combine argmax %[[P0]], %[[P1]] : !hgnn.tensor<rows(0, @paper) : 6xf32, partial_max>
// CUT-NEXT: hgnn.merge_all activations %[[C]] of argmax
// CUT: hgnn.entry eval_step @"eval_step:0"
// CUT: hgnn.merge_all activations %{{.*}} of max {bytes = 24 : i64
// RUN: heddle-opt %t.soft --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=4},hgnn-insert-communication)" 2> %t.log | FileCheck %s --check-prefix=EMPTY
// EMPTY: hgnn.zeros %{{.*}} of softmax : (!hgnn.ids<rows(0, @paper)>) -> !hgnn.tensor<rows(0, @paper) : 5xf32, partial_softmax>
// EMPTY-NEXT: hgnn.merge_all activations %{{.*}} of softmax {bytes = 120 : i64

// Backward, a replicated head: every partition makes its messages' gradients of the one of the merged terms.
// RUN: heddle-opt %t.cut --hgnn-differentiate 2> %t.log | FileCheck %s --check-prefix=BACK
// BACK: @"train_step:1"
// BACK: %[[M:.*]] = hgnn.merge_all activations %{{.*}} of argmax
// BACK: %[[G:.*]] = hgnn.combined_grad argmax %{{.*}}, %[[M]] : !hgnn.tensor<rows(0, @paper) : 3xf32>, !hgnn.tensor<rows(0, @paper) : 6xf32>
// BACK: %[[O:.*]] = hgnn.own %[[G]]
// BACK: %[[R:.*]] = hgnn.restrict %[[O]], %{{.*}}@"author:writes:paper"
// BACK-NEXT: hgnn.term_grad argmax %[[R]] {link = 1 : i64} : !hgnn.tensor<active(0, @"author:writes:paper") : 6xf32, owned(1)>
// BACK: hgnn.term_grad argmax %{{.*}} {link = 0 : i64} : !hgnn.tensor<active(0, @"author:reviews:paper")

// A leader sends it, as wide as a term.
// RUN: heddle-opt %t.soft --pass-pipeline="builtin.module(hgnn-relation-aggregation-first,hgnn-assign-partitions{partitions=2},hgnn-insert-communication{mode=leader},hgnn-differentiate,hgnn-verify-phase{phase=training})" 2> %t.log | FileCheck %s --check-prefix=LEAD
// LEAD: @"train_step:0"
// LEAD: %[[M:.*]] = hgnn.merge_to activations %{{.*}} of softmax {bytes = 20 : i64, id = 0 : i64, leader = 0 : i64
// LEAD: %[[G:.*]] = hgnn.combined_grad softmax %{{.*}}, %[[M]]
// LEAD-NEXT: hgnn.broadcast activations %[[G]] {bytes = 20 : i64, id = 3 : i64, leader = 0 : i64, partitions = array<i64: 0, 1>} : (!hgnn.tensor<rows(0, @paper) : 5xf32, owned(0)>) -> !hgnn.tensor<rows(0, @paper) : 5xf32>
// LEAD: @"train_step:1"
// LEAD: hgnn.merge_to activations %{{.*}} of softmax {{.*}} -> ()
// LEAD: %[[B:.*]] = hgnn.broadcast activations {bytes = 20 : i64, id = 3 : i64
// LEAD: %[[R:.*]] = hgnn.restrict
// LEAD-NEXT: hgnn.term_grad softmax %[[R]], %[[SC:.*]] : !hgnn.tensor<active(0, @"author:writes:paper") : 5xf32, owned(1)>, !hgnn.tensor<active(0, @"author:writes:paper") : 1xf32, owned(1)>
// LEAD-NEXT: hgnn.term_grad softmax %[[R]], %[[SC]], %{{.*}} :

// Vanilla order: nothing travels for it, each block combines all relations.
// RUN: heddle-opt %t.soft --pass-pipeline="builtin.module(hgnn-data-parallel{partitions=2},hgnn-verify-phase{phase=partitioned})" 2> %t.log | FileCheck %s --check-prefix=VANILLA
// VANILLA: @"train_step:1"
// VANILLA: hgnn.combine softmax {{.*}} : !hgnn.tensor<rows(0, @paper) : 5xf32, owned(1) split>
// VANILLA-NEXT: hgnn.combined softmax
// VANILLA-NOT: of softmax {bytes

// Kernels: terms and their empty places are made where they are combined; nothing but the messages, their scores
// and what all terms gave is stored.
// RUN: heddle-opt %t.soft --pass-pipeline="builtin.module(hgnn-differentiate,hgnn-fuse,hgnn-verify-phase{phase=kernels})" > %t.kernels && FileCheck %s --check-prefix=KERNEL < %t.kernels
// KERNEL: hgnn.kernel @{{.*}}combine
// KERNEL-COUNT-3: hgnn.expand {{.*}} of softmax
// KERNEL: %[[C:.*]] = hgnn.combine softmax
// KERNEL-NEXT: hgnn.yield %[[C]] : !hgnn.tensor<rows(0, @t{{.*}}>

// Phases.
// RUN: not heddle-opt %t.max --hgnn-verify-phase=phase=model 2>&1 | FileCheck %s --check-prefix=MODEL
// MODEL: may not occur in the model phase
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/max.json --emit=training > %t.training
// RUN: not heddle-opt %t.training --hgnn-verify-phase=phase=metatree 2>&1 | FileCheck %s --check-prefix=EARLY
// EARLY: may not occur in the metatree phase: gradients come with hgnn-differentiate
