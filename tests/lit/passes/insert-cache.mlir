// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=training > %t.training
// RUN: heddle-opt %t.training --hgnn-insert-cache | FileCheck %s
// RUN: heddle-opt %t.training --hgnn-insert-cache 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: heddle-opt %t.training --pass-pipeline="builtin.module(hgnn-insert-cache,hgnn-verify-phase{phase=cached},hgnn-fuse,hgnn-verify-phase{phase=kernels})" -o /dev/null

// Before the entries, each feature once; every fetch of it, in all entries.
// CHECK: hgnn.cache "year" of @paper {hits = array<f64: {{.*}}>, kept = array<f64: 1.000000e-02, 5.000000e-02, 1.000000e-01, 2.500000e-01, 5.000000e-01>, requested = {{.*}} : f64}
// CHECK-NOT: hgnn.cache
// CHECK: hgnn.entry train_step
// CHECK: hgnn.fetch_dense "year" of %{{.*}} {cached} :
// CHECK: hgnn.entry eval_step
// CHECK: hgnn.fetch_dense "year" of %{{.*}} {cached} :
// Labels and learnable rows have no cache.
// CHECK-NOT: fetch_labels {{.*}} {cached}
// CHECK-NOT: fetch_rows {{.*}} {cached}

// REMARK: remark: insert-cache: paper.year: a training step asks for {{[0-9]+}} rows of {{[0-9]+}} numbers, of {{[0-9]+}}; with 5% of them kept {{[0-9]+}}% are found, with 10% of them kept {{[0-9]+}}% are found

// Keepers of spread rows read them through their cache; what a step asks for is what all partitions do.
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --partitions 2 --order vanilla --emit=cached | FileCheck %s --check-prefix=SPREAD
// SPREAD: hgnn.cache "year" of @paper
// SPREAD: hgnn.fetch_remote_features "year" of {{.*}}cached
// SPREAD-NOT: hgnn.fetch_dense

// A model without dense features has none.
// RUN: sed 's/"author"/"*"/' %inputs/rgcn.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=cached | FileCheck %s --check-prefix=NONE
// NONE-NOT: hgnn.cache
// NONE: hgnn.entry train_step
// NONE-NOT: cached
