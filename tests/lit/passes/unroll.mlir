// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=model > %t.model
// RUN: heddle-opt %t.model --hgnn-unroll | FileCheck %s
// RUN: heddle-opt %t.model --hgnn-unroll | FileCheck %s --check-prefix=ONCE
// RUN: heddle-opt %t.model --pass-pipeline="builtin.module(hgnn-unroll,hgnn-verify-phase{phase=metatree})" -o /dev/null
//
// The two-layer R-GCN of Inputs/: a self relation (paper:cites:paper), parallel relations (reviews, writes),
// a type with no relation and no node (tag), a relation that reaches nothing (paper:in:venue).

// The relation into venue, which no hop needs, is neither sampled nor has it a weight.
// ONCE-NOT: convs{{.*}}venue
// ONCE-NOT: sample{{.*}}venue
// ONCE-NOT: frontier{{.*}}tag
// ONCE-NOT: hgnn.layer
// ONCE-NOT: hgnn.input

// Every parameter is a state once, in order of first use, before the entries.
// CHECK: hgnn.state embedding_rows @embeddings.author.weight {group = 1 : i64{{.*}}rows_type = @author, shape = array<i64: 8>}
// CHECK: hgnn.state parameter @inputs.paper.title.weight {group = 0 : i64{{.*}}shape = array<i64: 50, 8>}
// CHECK: hgnn.state parameter @"convs.0.convs.<author___writes___paper>.weight" {{.*}}shape = array<i64: 8, 8>}
// CHECK: hgnn.state parameter @convs.0.root
// CHECK-NOT: hgnn.state parameter @convs.0.root
// CHECK: hgnn.state parameter @convs.1.bias {{.*}}init = {a = 0.000000e+00 : f64, b = 0.000000e+00 : f64, kind = "zeros"}, shape = array<i64: 3>}

// CHECK: hgnn.entry train_step @train_step {
// CHECK-NEXT: %[[SEEDS:.*]] = hgnn.seeds : <rows(0, @paper)>
// CHECK-NEXT: %[[REV0:.*]] = hgnn.sample %[[SEEDS]] fanout 4 : <rows(0, @paper)> -> <0, @"author:reviews:paper" from @author to @paper>
// CHECK-NEXT: %[[WR0:.*]] = hgnn.sample %[[SEEDS]] fanout 4 : {{.*}}@"author:writes:paper"
// CHECK-NEXT: %[[CI0:.*]] = hgnn.sample %[[SEEDS]] fanout 4 : {{.*}}@"paper:cites:paper"
// One frontier a type and hop; parallel relations share it. Authors are no seeds: no identity link.
// CHECK-NEXT: %[[AU1:.*]] = hgnn.frontier samples(%[[REV0]], %[[WR0]]) :
// CHECK-NEXT: %[[PA1:.*]], %[[LINK0:.*]] = hgnn.frontier self %[[SEEDS]] samples(%[[CI0]]) :
// CHECK-NEXT: %[[REV1:.*]] = hgnn.sample %[[PA1]] fanout 3
// CHECK-NEXT: %[[WR1:.*]] = hgnn.sample %[[PA1]] fanout 3
// CHECK-NEXT: %[[CI1:.*]] = hgnn.sample %[[PA1]] fanout 3
// CHECK-NEXT: %[[RW1:.*]] = hgnn.sample %[[AU1]] fanout 3 : {{.*}}<1, @"paper:rev_writes:author" from @paper to @author>
// CHECK-NEXT: %[[AU2:.*]], %[[ALINK:.*]] = hgnn.frontier self %[[AU1]] samples(%[[REV1]], %[[WR1]]) :
// CHECK-NEXT: %[[PA2:.*]], %[[PLINK:.*]] = hgnn.frontier self %[[PA1]] samples(%[[CI1]], %[[RW1]]) :
// Input programs run at the last hop only.
// CHECK: %[[EMB:.*]] = hgnn.fetch_rows @embeddings.author.weight of %[[AU2]]
// CHECK: hgnn.fetch_sparse "title" of %[[PA2]] : {{.*}} -> !hgnn.sparse<rows(2, @paper), 50>
// CHECK: hgnn.fetch_dense "year" of %[[PA2]]
// CHECK: %[[X:.*]] = hgnn.add_bias {{.*}} : !hgnn.tensor<rows(2, @paper) : 8xf32>
// Layer 0: one message a relation and destination type.
// CHECK: hgnn.self_gather %[[EMB]], %[[ALINK]]
// CHECK: %[[E:.*]] = hgnn.gather_src %[[X]], %[[RW1]]
// CHECK: %[[S:.*]] = hgnn.reduce_dst %[[E]], %[[RW1]]
// CHECK: %[[D:.*]] = hgnn.degree %[[RW1]]
// CHECK: %[[I:.*]] = hgnn.unary reciprocal %[[D]]
// CHECK: %[[M:.*]] = hgnn.scale_rows %[[S]], %[[I]]
// CHECK: %[[W:.*]] = hgnn.read @"convs.0.convs.<paper___rev_writes___author>.weight"
// CHECK: %[[L:.*]] = hgnn.linear %[[M]], %[[W]]
// CHECK: hgnn.expand %[[L]], %[[RW1]]
// The self relation's sources and the identity link are different rows of one frontier.
// CHECK: hgnn.self_gather %[[X]], %[[PLINK]]
// CHECK: hgnn.gather_src %[[X]], %[[CI1]]
// CHECK: hgnn.dropout {{.*}}, %[[AU1]] {p = 5.000000e-01 : f64, site = 0 : i64}
// CHECK: %[[H:.*]] = hgnn.dropout {{.*}}, %[[PA1]] {p = 5.000000e-01 : f64, site = 0 : i64}
// Layer 1: authors are no destination any more.
// CHECK: hgnn.self_gather %[[H]], %[[LINK0]]
// CHECK-NOT: rev_writes
// CHECK: %[[LOGITS:.*]] = hgnn.add_bias {{.*}} : !hgnn.tensor<rows(0, @paper) : 3xf32>
// CHECK: %[[LABELS:.*]] = hgnn.fetch_labels "field" of %[[SEEDS]]
// CHECK: %[[ROW:.*]] = hgnn.softmax_xent %[[LOGITS]], %[[LABELS]]
// CHECK: %[[SUM:.*]] = hgnn.col_sum %[[ROW]], %[[SEEDS]]
// CHECK: %[[INV:.*]] = hgnn.scalar inv_label_count
// CHECK: %[[LOSS:.*]] = hgnn.mul %[[SUM]], %[[INV]]
// CHECK: hgnn.output "loss" %[[LOSS]]
// CHECK: hgnn.output "logits" %[[LOGITS]]
// CHECK: hgnn.output "ids" %[[SEEDS]]
// Evaluation: no dropout.
// CHECK: hgnn.entry eval_step @eval_step {
// CHECK-NOT: hgnn.dropout
// CHECK: hgnn.output "ids"

// Without self loops nothing reads own rows: no link, and only sources are needed one hop further.
// RUN: sed 's/"dropout": 0.5/"use_self_loop": false/' %inputs/rgcn.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=metatree | FileCheck %s --check-prefix=NOSELF
// NOSELF-LABEL: hgnn.entry train_step
// NOSELF-NOT: hgnn.link
// NOSELF-NOT: self_gather
// NOSELF: hgnn.output "ids"

// Featureless: a table for each relation, read for the sources; one for each destination type's own rows;
// no input program, and no identity link at the hop that has tables.
// RUN: sed 's/"dropout": 0.5/"featureless": true/; s/"inputs": .*$/"inputs": {},/' %inputs/rgcn.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=metatree | FileCheck %s --check-prefix=TABLES
// TABLES-NOT: @embeddings
// TABLES-NOT: @inputs
// TABLES: hgnn.state embedding_rows @"convs.0.convs.<author___reviews___paper>.weight" {{.*}}rows_type = @author, shape = array<i64: 8>}
// TABLES: hgnn.state embedding_rows @convs.0.root_dict.paper {{.*}}rows_type = @paper, shape = array<i64: 8>}
// TABLES-LABEL: hgnn.entry train_step
// TABLES: %[[AU1:.*]] = hgnn.frontier samples
// TABLES: %[[PA1:.*]], %[[LINK0:.*]] = hgnn.frontier self
// TABLES: %[[AU2:.*]] = hgnn.frontier samples
// TABLES-NOT: hgnn.fetch_dense
// TABLES: %[[T:.*]] = hgnn.fetch_rows @"convs.0.convs.<author___reviews___paper>.weight" of %[[AU2]]
// TABLES: hgnn.gather_src %[[T]],
// TABLES: hgnn.fetch_rows @convs.0.root_dict.paper of %[[PA1]]
// TABLES: hgnn.read @"convs.1.convs.<author___reviews___paper>.weight"
