// RUN: heddle-compile --graph %inputs/graph.json --model %inputs/rgcn.json --emit=metatree > %t.metatree
// RUN: heddle-opt %t.metatree --hgnn-differentiate | FileCheck %s
// RUN: heddle-opt %t.metatree --pass-pipeline="builtin.module(hgnn-differentiate,hgnn-verify-phase{phase=training})" -o /dev/null

// Moments are states of their own; a table has a step counter per row.
// CHECK: hgnn.state moment1 @embeddings.author.weight.moment1 {{.*}}parameter = @embeddings.author.weight, rows_type = @author, shape = array<i64: 8>}
// CHECK: hgnn.state row_steps @embeddings.author.weight.row_steps {{.*}}rows_type = @author, shape = array<i64: 1>}
// CHECK: hgnn.state moment2 @convs.1.bias.moment2 {group = 0 : i64, {{.*}}parameter = @convs.1.bias, shape = array<i64: 3>}
// CHECK: hgnn.entry train_step @train_step {
// CHECK: %[[SEEDS:.*]] = hgnn.seeds
// CHECK: %[[CI0:.*]] = hgnn.sample {{.*}} -> <0, @"paper:cites:paper"
// CHECK: %[[AU1:.*]] = hgnn.frontier samples
// CHECK: %[[PA1:.*]], %[[LINK0:.*]] = hgnn.frontier self
// CHECK: %[[AU2:.*]], %{{.*}} = hgnn.frontier self %[[AU1]]
// CHECK: %[[LABELS:.*]] = hgnn.fetch_labels
// CHECK: %[[INV:.*]] = hgnn.scalar inv_label_count
// CHECK: hgnn.output "loss"
// The walk starts from what the program has already: d loss / d row sum is the global 1 / count.
// CHECK: %[[G0:.*]] = hgnn.broadcast_rows %[[INV]], %[[SEEDS]]
// CHECK-NEXT: %[[G:.*]] = hgnn.softmax_xent_grad %{{.*}}, %[[LABELS]], %[[G0]]
// CHECK-NEXT: %[[BIAS:.*]] = hgnn.col_sum %[[G]]
// CHECK-NEXT: %[[GS:.*]] = hgnn.linear %[[G]], %{{.*}} {transpose}
// CHECK-NEXT: %[[ROOT:.*]] = hgnn.linear_grad_weight %{{.*}}, %[[G]]
// The message of the self relation, backwards.
// CHECK-NEXT: %[[R:.*]] = hgnn.restrict %[[G]], %[[CI0]]
// CHECK-NEXT: %[[RW:.*]] = hgnn.linear %[[R]], %{{.*}} {transpose}
// CHECK-NEXT: %[[CITES:.*]] = hgnn.linear_grad_weight %{{.*}}, %[[R]]
// The normaliser is a function of the sample alone: it scales the gradient and gets none (no row_dot).
// CHECK-NEXT: %[[SC:.*]] = hgnn.scale_rows %[[RW]]
// CHECK-NOT: hgnn.row_dot
// CHECK-NEXT: %[[GE:.*]] = hgnn.gather_dst %[[SC]], %[[CI0]]
// CHECK-NEXT: %[[BACK:.*]] = hgnn.reduce_src %[[GE]], %[[CI0]]
// Identity link and self relation meet in one sum, under the same dropout mask as forward.
// CHECK: %[[SELF:.*]] = hgnn.self_scatter %[[GS]], %[[LINK0]]
// CHECK-NEXT: %[[SUM:.*]] = hgnn.add %[[SELF]], %[[BACK]]
// CHECK-NEXT: hgnn.dropout %[[SUM]], %[[PA1]] {p = 5.000000e-01 : f64, site = 0 : i64}
// One gradient and one step a state, in order of the reads.
// CHECK: hgnn.output "grad:embeddings.author.weight" %[[GT:.*]] : !hgnn.tensor<rows(2, @author) : 8xf32>
// CHECK: hgnn.output "grad:convs.1.convs.<paper___cites___paper>.weight" %[[CITES]] : !hgnn.tensor<param : 8x3xf32>
// CHECK: hgnn.output "grad:convs.1.root" %[[ROOT]]
// CHECK: hgnn.output "grad:convs.1.bias" %[[BIAS]]
// CHECK: %[[LR1:.*]] = hgnn.scalar learning_rate {group = 1 : i64}
// CHECK: hgnn.row_optimizer_step @embeddings.author.weight by %[[GT]] rows %[[AU2]] scalars(%[[LR1]]) {group = 1 : i64, moments = [@embeddings.author.weight.moment1, @embeddings.author.weight.moment2, @embeddings.author.weight.row_steps]}
// CHECK: %[[LR0:.*]] = hgnn.scalar learning_rate :
// CHECK: hgnn.optimizer_step @convs.1.bias by %[[BIAS]] scalars(%[[LR0]], %{{.*}}, %{{.*}}) {group = 0 : i64, moments = [@convs.1.bias.moment1, @convs.1.bias.moment2]}
// Evaluation has no backward.
// CHECK: hgnn.entry eval_step
// CHECK-NOT: grad
// CHECK-NOT: optimizer_step

// A bound of the norm: one factor out of all dense gradients, for all dense steps.
// RUN: sed 's/"batch_size": 16/"max_grad_norm": 1.0/; s/"name": "adam", "lr": 0.01/"name": "sgd", "lr": 0.1/' %inputs/rgcn.json > %t.json
// RUN: heddle-compile --graph %inputs/graph.json --model %t.json --emit=training | FileCheck %s --check-prefix=CLIP
// CLIP-NOT: hgnn.state moment
// CLIP: %[[F:.*]] = hgnn.clip_factor {{.*}} {max_norm = 1.000000e+00 : f64}
// CLIP: hgnn.row_optimizer_step @embeddings.author.weight
// CLIP-NOT: clip
// CLIP-SAME: moments = []
// CLIP: hgnn.optimizer_step @convs.0.root by %{{.*}} scalars(%{{.*}}) clip %[[F]] {group = 0 : i64, moments = []}
