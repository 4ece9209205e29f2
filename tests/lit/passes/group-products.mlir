// Dense products of the same rows: sums of them are one op, those that share rows a group.
// RUN: sed 's/"encoder": "rgcn"/"encoder": "hgt", "num_heads": 2/' %inputs/rgcn.json > %t.hgt.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.hgt.json --emit=cached --optimize group-products=off > %t.cached
// RUN: heddle-opt %t.cached --hgnn-group-products=decide=on > %t.on 2> %t.remarks
// RUN: FileCheck %s --input-file=%t.remarks --check-prefix=REMARK
// RUN: FileCheck %s --input-file=%t.on
// REMARK: remark: group-products: forced sums where they are made for {{[0-9]+}} products in [[N:[0-9]+]] groups: {{.*}} ms a step against {{.*}} ms; forced one reading of shared rows for {{[0-9]+}} products in {{[0-9]+}} groups: {{.*}} ms a step against {{.*}} ms{{$}}

// Forward, a type's keys, queries and values are read off its rows together.
// CHECK: hgnn.entry train_step
// CHECK: hgnn.linear %[[X:[^,]*]], %{{.*}} {hgnn.group = [[G:[0-9]+]] : i64}
// CHECK-NEXT: hgnn.linear %[[X]], %{{.*}} {hgnn.group = [[G]] : i64}
// Backward, what the rows get from each product is one sum, and weight gradients share the rows.
// CHECK: hgnn.linear_grad_weight %[[Y:[^,]*]], %{{.*}} {hgnn.group = [[H:[0-9]+]] : i64}
// CHECK-NEXT: hgnn.linear_grad_weight %[[Y]], %{{.*}} {hgnn.group = [[H]] : i64}
// CHECK: hgnn.linear_sum {{.*}} {transpose}

// They go as they are to the kernels phase, and a group is one op of the plan.
// RUN: heddle-compile --graph %inputs/graph.json --model %t.hgt.json --emit=kernels --optimize group-products=on | FileCheck %s --check-prefix=KERNELS
// KERNELS: hgnn.linear_sum
// RUN: heddle-compile --graph %inputs/graph.json --model %t.hgt.json --optimize group-products=on --cpu=x86-64-v2 --force --quiet -o %t.plan
// RUN: heddle-dump --ops %t.plan | FileCheck %s --check-prefix=DUMP
// DUMP: {{gemm.group +linear .* 2 of A B k=8 n=8 }}
// DUMP: {{gemm.group +weight gradient 8x8.* 2 of A.T B k=8 n=8 }}
// DUMP: {{gemm.group +linear.T .* sum of 2 of A B k=8 n=8 B transposed }}
// RUN: heddle-dump --json %t.plan | FileCheck %s --check-prefix=JSON
// JSON: "products": [

// Of few rows it is not worth a thing, or a little: the cost model says.
// RUN: heddle-opt %t.cached --hgnn-group-products 2>&1 | FileCheck %s --check-prefix=AUTO
// AUTO: remark: group-products: chose sums where they are made

// RUN: heddle-opt %t.cached --hgnn-group-products=decide=off 2>&1 | FileCheck %s --check-prefix=OFF
// OFF-NOT: {{hgnn.group|linear_sum|remark}}

// RUN: not heddle-opt %t.cached --hgnn-group-products=decide=maybe 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: unknown decision 'maybe'; known: auto, on, off

// Before the kernels phase there are none.
// RUN: not heddle-opt %t.on --hgnn-verify-phase=phase=cached 2>&1 | FileCheck %s --check-prefix=PHASE
// PHASE: products are grouped by hgnn-group-products, after the cached phase
