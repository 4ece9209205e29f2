// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=model | heddle-opt --hgnn-unroll | FileCheck %s
// CHECK: hgnn.entry train_step @train_step
