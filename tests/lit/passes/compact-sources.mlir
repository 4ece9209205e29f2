// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgat.json --emit=metatree --optimize reorder-products=off > %t.metatree
// RUN: heddle-opt %t.metatree --hgnn-compact-sources=decide=on | FileCheck %s
// RUN: heddle-opt %t.metatree --pass-pipeline="builtin.module(hgnn-compact-sources{decide=on},hgnn-differentiate,hgnn-verify-phase{phase=training},hgnn-fuse,hgnn-verify-phase{phase=kernels})" -o /dev/null

// Of every relation: its sample numbers distinct sources, a link finds their rows, and what its edges read is
// made of those. A relation without edges and a self relation are no exceptions.
// CHECK: hgnn.entry train_step
// CHECK: %[[REV0:.*]] = hgnn.sample {{.*}} -> <0, @"author:reviews:paper" from @author to @paper, unique>
// CHECK: %[[WR0:.*]] = hgnn.sample {{.*}} -> <0, @"author:writes:paper" from @author to @paper, unique>
// CHECK: %[[IDS:.*]] = hgnn.frontier samples(%[[REV0]], %[[WR0]])
// CHECK: hgnn.sources %[[WR0]] of %[[IDS]]
// CHECK: hgnn.sources %[[REV0]] of %[[IDS]]
// CHECK: %[[PA1:.*]], %[[SELF:.*]] = hgnn.frontier self
// CHECK: hgnn.sources %{{.*}} of %[[PA1]]
// CHECK: %[[REVW1:.*]] = hgnn.sample {{.*}} -> <1, @"paper:rev_writes:author" from @paper to @author, unique>
// CHECK: %[[LINK:.*]] = hgnn.sources %[[REVW1]]
// CHECK: %[[U:.*]] = hgnn.self_gather %{{.*}}, %[[LINK]] : !hgnn.tensor<rows(2, @paper) : 8xf32>
// CHECK: %[[P:.*]] = hgnn.linear %[[U]], %{{.*}} : !hgnn.tensor<unique(1, @"paper:rev_writes:author") : 8xf32>
// The destinations' projection is made of those with an edge as ever.
// CHECK: hgnn.linear %{{.*}} : !hgnn.tensor<active(1, @"paper:rev_writes:author") : 8xf32>
// CHECK: %[[S:.*]] = hgnn.row_dot %[[P]]
// CHECK: hgnn.gather_src %[[S]], %[[REVW1]]
// CHECK: hgnn.gather_src %[[P]], %[[REVW1]] : !hgnn.tensor<unique(1, @"paper:rev_writes:author") : 8xf32>, !hgnn.adj<1, @"paper:rev_writes:author" from @paper to @author, unique>

// Gradients follow: sums over the edges of a distinct source, products of those rows, and then to all rows.
// RUN: heddle-opt %t.metatree --pass-pipeline="builtin.module(hgnn-compact-sources{decide=on},hgnn-differentiate)" | FileCheck %s --check-prefix=GRAD
// GRAD: hgnn.entry train_step
// GRAD: %[[LINK:.*]] = hgnn.sources %{{.*}} : (!hgnn.adj<1, @"paper:cites:paper"
// GRAD: hgnn.output "loss"
// GRAD: hgnn.reduce_src {{.*}}!hgnn.adj<1, @"paper:cites:paper" from @paper to @paper, unique>
// GRAD: hgnn.linear_grad_weight {{.*}}!hgnn.tensor<unique(1, @"paper:cites:paper") : 8xf32>
// GRAD: hgnn.self_scatter %{{.*}}, %[[LINK]] : !hgnn.tensor<unique(1, @"paper:cites:paper") : 8xf32>

// The cost model: where most rows have an edge, all rows stay.
// RUN: heddle-opt %t.metatree --hgnn-compact-sources 2>&1 | FileCheck %s --check-prefix=AUTO
// AUTO: remark: compact-sources: chose distinct sources for {{[0-9]+}} links, {{[0-9]+}} rows of {{[0-9]+}}: {{.*}} ms a step against {{.*}} ms; all rows stay for {{[0-9]+}} links: {{.*}} ms against {{.*}} ms
// AUTO: hgnn.entry train_step
// AUTO: -> <0, @"author:reviews:paper" from @author to @paper, unique>

// Nothing to compact: means are made of rows as they are, in front of the product.
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=training --optimize aggregate-first=on,compact-sources=on | FileCheck %s --check-prefix=MEANS
// RUN: heddle-opt %t.metatree --hgnn-compact-sources=decide=off 2>&1 | FileCheck %s --check-prefix=MEANS
// MEANS-NOT: compact-sources
// MEANS-NOT: unique

// Keys of a node type, which several relations read, stay; edges read them by the same link. Values are
// multiplied with a matrix of the relation.
// RUN: sed 's/"rgat"/"hgt"/' %inputs/rgat.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=training --optimize compact-sources=on | FileCheck %s --check-prefix=HGT
// HGT: %[[LINK:.*]] = hgnn.sources %{{.*}} : (!hgnn.adj<0, @"author:writes:paper"
// HGT: %[[K:.*]] = hgnn.add_bias %{{.*}} : !hgnn.tensor<rows(1, @author) : 8xf32>
// HGT: hgnn.head_linear {{.*}}!hgnn.tensor<unique(0, @"author:writes:paper") : 8xf32>

// RUN: not heddle-opt %t.metatree --hgnn-compact-sources=decide=maybe 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: unknown decision 'maybe'; known: auto, on, off
