// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=training --optimize aggregate-first=on > %t.training
// RUN: heddle-opt %t.training --hgnn-fuse | FileCheck %s
// RUN: heddle-opt %t.training --pass-pipeline="builtin.module(hgnn-fuse,hgnn-verify-phase{phase=kernels})" -o /dev/null

// Gather, sum and normalise are one loop over active destinations. Symbols are abstract and hops count
// from the lowest, so that every relation shares it, at every hop, one between nodes of one type too:
// the types of two hops are two.
// CHECK: hgnn.kernel @[[MEAN:kernel[0-9]+.scale_rows]] {
// CHECK-NEXT: ^bb0(%[[X:.*]]: !hgnn.tensor<rows(1, @t0) : 8xf32>, %[[A:.*]]: !hgnn.adj<0, @r0 from @t0 to @t1>):
// CHECK-NEXT: %[[E:.*]] = hgnn.gather_src %[[X]], %[[A]]
// CHECK-NEXT: %[[S:.*]] = hgnn.reduce_dst %[[E]], %[[A]]
// CHECK-NEXT: %[[D:.*]] = hgnn.degree %[[A]]
// CHECK-NEXT: %[[I:.*]] = hgnn.unary reciprocal %[[D]]
// CHECK-NEXT: %[[M:.*]] = hgnn.scale_rows %[[S]], %[[I]]
// CHECK-NEXT: hgnn.yield %[[M]] : !hgnn.tensor<active(0, @r0) : 8xf32>
// CHECK-NOT: hgnn.kernel @kernel{{[0-9]+}}.scale_rows {
// A mask is keyed by the hop of its rows: this kernel's hop is not shifted.
// CHECK: hgnn.dropout {{.*}}!hgnn.tensor<rows(1, @t0) : 8xf32>, !hgnn.ids<rows(1, @t0)>
// Optimizer steps: the launch says which states.
// CHECK: hgnn.kernel @[[ADAM:kernel[0-9]+.optimizer_step]] {
// CHECK: hgnn.optimizer_step @state {{.*}}moments = [@moment0, @moment1]
// CHECK: hgnn.entry train_step @train_step {
// CHECK: %[[REV0:.*]] = hgnn.sample {{.*}}<0, @"author:reviews:paper"
// CHECK-NEXT: %[[WR0:.*]] = hgnn.sample
// CHECK-NEXT: %[[CI0:.*]] = hgnn.sample
// CHECK: %[[REV1:.*]] = hgnn.sample {{.*}}<1, @"author:reviews:paper"
// CHECK: hgnn.launch @[[MEAN]](%{{.*}}, %[[REV1]])
// CHECK: %[[MC:.*]] = hgnn.launch @[[MEAN]](
// Products of rows stay with the library.
// CHECK: hgnn.linear %[[MC]]
// CHECK: hgnn.launch @[[MEAN]](%{{.*}}, %[[REV0]])
// CHECK: hgnn.launch @[[MEAN]](%{{.*}}, %[[WR0]])
// CHECK: hgnn.launch @[[MEAN]](%{{.*}}, %[[CI0]])
// CHECK-NOT: hgnn.output "grad:
// CHECK: hgnn.launch @{{.*}}optimizer_step{{.*}}({{.*}}) {states = [@convs.1.root, @convs.1.root.moment1, @convs.1.root.moment2]}
// CHECK: hgnn.entry eval_step
// CHECK: hgnn.launch @[[MEAN]](

// RUN: heddle-opt %t.training --hgnn-fuse=keep-gradients | FileCheck %s --check-prefix=KEEP
// KEEP: hgnn.output "grad:convs.1.root"

// With at most one op in a kernel, each body is one op and a yield.
// RUN: heddle-opt %t.training --hgnn-fuse=max-fused=1 | FileCheck %s --check-prefix=ONE
// ONE: hgnn.kernel @kernel{{[0-9]+}}.gather_src {
// ONE-NEXT: ^bb0
// ONE-NEXT: hgnn.gather_src
// ONE-NEXT: hgnn.yield

// Recompute or store: keys with their bias are read by each edge of a relation. Forced, each edge adds the bias itself;
// stored, a kernel of its own adds it.
// RUN: sed 's/"encoder": "rgcn"/"encoder": "hgt", "num_heads": 2/' %inputs/rgcn.json > %t.hgt.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.hgt.json --emit=cached > %t.cached
// RUN: heddle-opt %t.cached --hgnn-fuse=recompute=on 2>&1 | FileCheck %s --check-prefix=AGAIN
// AGAIN: remark: recompute: forced evaluating {{[0-9]+}} values where they are read: {{.*}} ms a step against {{.*}} ms
// AGAIN: %[[B:.*]] = hgnn.add_bias %{{.*}} !hgnn.tensor<rows(1, @t0) : 8xf32>
// AGAIN: hgnn.gather_src %[[B]], %{{.*}}!hgnn.adj<0,
// RUN: heddle-opt %t.cached --hgnn-fuse=recompute=off 2>&1 | FileCheck %s --check-prefix=STORE
// STORE-NOT: remark: recompute
// STORE: ^bb0(%{{[a-z0-9]+}}: !hgnn.tensor<rows(0, @t0) : 8xf32>, %{{[a-z0-9]+}}: !hgnn.tensor<param : 8xf32>):
// STORE-NEXT: hgnn.add_bias
// STORE-NEXT: hgnn.yield
// The cost model: few edges to a row, and it is not stored.
// RUN: heddle-opt %t.cached --hgnn-fuse 2>&1 | FileCheck %s --check-prefix=AUTO
// AUTO: remark: recompute: chose evaluating {{[0-9]+}} values where they are read
// RUN: sed 's/"num_edges": [0-9]*/"num_edges": 4000/g' %inputs/graph.json > %t.dense.json
// RUN: sed 's/"fanout": \[4, 3\]/"fanout": [-1, -1]/' %t.hgt.json > %t.whole.json
// RUN: heddle-compile --graph %t.dense.json --model %t.whole.json --emit=cached > %t.dense
// RUN: heddle-opt %t.dense --hgnn-fuse 2>&1 | FileCheck %s --check-prefix=DENSE
// DENSE: remark: recompute: {{.*}} values are stored: {{.*}} ms against {{.*}} ms
// RUN: not heddle-opt %t.cached --hgnn-fuse=recompute=maybe 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: unknown decision 'maybe'; known: auto, on, off
