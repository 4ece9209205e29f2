// Sums over relations that most rows have no edge of: gone through one relation after the other.
// RUN: sed 's/"num_edges": 100}]}/"num_edges": 100}, {"relation": ["author", "a", "paper"], "num_edges": 3}, {"relation": ["author", "b", "paper"], "num_edges": 4}, {"relation": ["author", "c", "paper"], "num_edges": 5}, {"relation": ["author", "d", "paper"], "num_edges": 6}]}/' %inputs/graph.json > %t.graph.json
// RUN: heddle-compile --graph %t.graph.json --model %inputs/rgcn.json --emit=cached > %t.cached
// RUN: heddle-opt %t.cached --hgnn-stitch-relations=decide=on 2>&1 | FileCheck %s
// CHECK: remark: stitch-relations: forced relation by relation for [[N:[0-9]+]] sums of {{[0-9]+}} terms: {{.*}} ms a step of asking against {{.*}} ms{{$}}
// CHECK: hgnn.entry train_step
// Forward, terms of active destinations; backward, those of the relations' sources and of own rows.
// CHECK: hgnn.add {{.*}} {stitched} : !hgnn.tensor<rows(1, @paper) : 8xf32>
// CHECK: hgnn.reduce_src
// CHECK: hgnn.add {{.*}} {stitched} : !hgnn.tensor<rows({{[12]}}, @author) : 8xf32>
// A sum of two terms stays.
// CHECK: hgnn.add %{{[^ ]*}}, %{{[^ ]*}} : !hgnn.tensor<

// The mark goes into the kernels.
// RUN: heddle-compile --graph %t.graph.json --model %inputs/rgcn.json --emit=kernels --optimize stitch-relations=on | FileCheck %s --check-prefix=KERNEL
// KERNEL: hgnn.kernel
// KERNEL: hgnn.add {{.*}} {stitched} :

// The cost model: rows of which most have edges are asked one by one.
// RUN: sed 's/"num_edges": [3-6]}/"num_edges": 3000}/g' %t.graph.json > %t.dense.json
// RUN: sed 's/"hidden_size": 8/"hidden_size": 64/' %inputs/rgcn.json > %t.wide.json
// RUN: heddle-compile --graph %t.dense.json --model %t.wide.json --emit=cached > %t.dense
// RUN: heddle-opt %t.dense --hgnn-stitch-relations 2>&1 | FileCheck %s --check-prefix=DENSE
// DENSE: remark: stitch-relations: {{.*}}row by row stays for {{[0-9]+}} sums: {{.*}} ms against {{.*}} ms

// RUN: heddle-opt %t.cached --hgnn-stitch-relations=decide=off 2>&1 | FileCheck %s --check-prefix=OFF
// OFF-NOT: stitch

// RUN: not heddle-opt %t.cached --hgnn-stitch-relations=decide=maybe 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: unknown decision 'maybe'; known: auto, on, off
