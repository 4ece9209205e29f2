// RUN: heddle-opt --split-input-file --verify-diagnostics --hgnn-verify-phase=phase=kernels %s
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=model > %t.model
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=metatree > %t.metatree
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=training > %t.training
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=cached > %t.cached
// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=kernels > %t.kernels
//
// Each phase is its own normal form, and not the one before or after it.
// RUN: heddle-opt %t.model --hgnn-verify-phase=phase=model -o /dev/null
// RUN: heddle-opt %t.metatree --hgnn-verify-phase=phase=metatree -o /dev/null
// RUN: heddle-opt %t.training --hgnn-verify-phase=phase=training -o /dev/null
// RUN: heddle-opt %t.cached --hgnn-verify-phase=phase=cached -o /dev/null
// RUN: heddle-opt %t.kernels --hgnn-verify-phase=phase=kernels -o /dev/null
// RUN: not heddle-opt %t.metatree --hgnn-verify-phase=phase=model 2>&1 | FileCheck %s --check-prefix=MODEL
// MODEL: 'hgnn.state' op may not occur in the model phase: run hgnn-unroll on what comes before it
// RUN: not heddle-opt %t.model --hgnn-verify-phase=phase=metatree 2>&1 | FileCheck %s --check-prefix=META
// META: may not occur in the metatree phase: hgnn-unroll instantiates layer and input programs
// RUN: not heddle-opt %t.training --hgnn-verify-phase=phase=metatree 2>&1 | FileCheck %s --check-prefix=GRAD
// GRAD: may not occur in the metatree phase: gradients come with hgnn-differentiate
// RUN: not heddle-opt %t.kernels --hgnn-verify-phase=phase=cached 2>&1 | FileCheck %s --check-prefix=TRAIN
// TRAIN: may not occur in the cached phase: kernels come with hgnn-fuse
// RUN: not heddle-opt %t.cached --hgnn-verify-phase=phase=training 2>&1 | FileCheck %s --check-prefix=CACHED
// CACHED: may not occur in the training phase: caches come with hgnn-insert-cache
// RUN: not heddle-opt %t.training --hgnn-verify-phase=phase=kernels 2>&1 | FileCheck %s --check-prefix=KERNELS
// KERNELS: may not occur in the kernels phase: hgnn-fuse puts it into a kernel
// RUN: not heddle-opt %t.model --hgnn-verify-phase=phase=kernel 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: unknown phase 'kernel'; known: model, metatree, raf, partitioned, training, cached, kernels

hgnn.entry train_step @e {
  %seeds = hgnn.seeds : <rows(0, @p)>
  // expected-error@+1 {{'hgnn.zeros' op may not occur in the kernels phase: hgnn-fuse puts it into a kernel}}
  %z = hgnn.zeros %seeds : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 2xf32>
}

// -----

hgnn.node_type @p {id = 0 : i64, num_nodes = 3 : i64, features = {x = {dim = 2 : i64}}}
hgnn.entry train_step @e {
  %seeds = hgnn.seeds : <rows(0, @p)>
  // expected-error@+1 {{'hgnn.fetch_dense' op goes through a cache that is not there}}
  %x = hgnn.fetch_dense "x" of %seeds {cached} : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 2xf32>
}

// -----

hgnn.node_type @p {id = 0 : i64, num_nodes = 3 : i64, features = {x = {dim = 2 : i64}}}
hgnn.cache "x" of @p {requested = 1.0 : f64, kept = array<f64: 0.5>, hits = array<f64: 0.75>}
hgnn.entry train_step @e {
  %seeds = hgnn.seeds : <rows(0, @p)>
  %x = hgnn.fetch_dense "x" of %seeds {cached} : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 2xf32>
  // expected-error@+1 {{'hgnn.fetch_dense' op goes past the cache of its feature}}
  %y = hgnn.fetch_dense "x" of %seeds : (!hgnn.ids<rows(0, @p)>) -> !hgnn.tensor<rows(0, @p) : 2xf32>
}

// -----

hgnn.node_type @p {id = 0 : i64, num_nodes = 3 : i64, features = {x = {dim = 2 : i64}}}
// expected-error@+1 {{'hgnn.cache' op has no fetch that goes through it}}
hgnn.cache "x" of @p {requested = 1.0 : f64, kept = array<f64>, hits = array<f64>}

// -----

hgnn.node_type @p {id = 0 : i64, num_nodes = 3 : i64, features = {x = {dim = 2 : i64}}}
hgnn.cache "x" of @p {requested = 1.0 : f64, kept = array<f64>, hits = array<f64>}
// expected-error@+1 {{'hgnn.cache' op is the second one of this feature}}
hgnn.cache "x" of @p {requested = 1.0 : f64, kept = array<f64>, hits = array<f64>}

// -----

// expected-error@+1 {{'hgnn.cache' op is of @"q", which is no node type}}
hgnn.cache "x" of @q {requested = 1.0 : f64, kept = array<f64>, hits = array<f64>}

// -----

// expected-error@+1 {{'hgnn.cache' op `kept` and `hits` are ascending shares, 0 to 1, as many of each}}
hgnn.cache "x" of @p {requested = 1.0 : f64, kept = array<f64: 0.5, 0.25>, hits = array<f64: 0.5, 0.75>}

// -----

// expected-error@+1 {{'hgnn.cache' op `kept` and `hits` are ascending shares, 0 to 1, as many of each}}
hgnn.cache "x" of @p {requested = 1.0 : f64, kept = array<f64: 0.5>, hits = array<f64>}

// -----

// expected-error@+1 {{'hgnn.cache' op `requested` is a number of rows, not -1}}
hgnn.cache "x" of @p {requested = -1.0 : f64, kept = array<f64>, hits = array<f64>}

// -----

hgnn.kernel @k {
^bb0(%x: !hgnn.tensor<dst : 2xf32>):
  // expected-error@+1 {{'hgnn.scale' op may not occur in the kernels phase: a generic type is left}}
  %y = hgnn.scale %x {factor = 2.0} : !hgnn.tensor<dst : 2xf32>
  hgnn.yield %y : !hgnn.tensor<dst : 2xf32>
}
