//===- PlanWriterTest.cpp - hand-written kernels-phase modules to plans ---===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/PlanWriter.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

using namespace heddle;
using namespace heddle::compiler;

namespace {

const char *const schema = R"(
hgnn.node_type @a {id = 0 : i64, num_nodes = 50 : i64, features = {}}
hgnn.node_type @empty {id = 1 : i64, num_nodes = 0 : i64, features = {}}
hgnn.node_type @p {id = 2 : i64, num_nodes = 100 : i64, features = {
  s = {kind = "sparse", dim = 10 : i64, nnz = 250 : i64}, x = {kind = "dense", dim = 4 : i64}}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 300 : i64}
hgnn.relation @"p:c:p" from @p to @p {id = 1 : i64, name = "c", num_edges = 200 : i64}
hgnn.task @p {label = "y", split = "default", multilabel = false, class_names = ["u", "v", "w"],
  loss = "cross_entropy", metrics = ["accuracy"], num_train = 60 : i64, num_valid = 20 : i64,
  num_test = 30 : i64}
hgnn.sampling {fanout = array<i64: 5>, overrides = {}, eval_fanout = array<i64: -1>,
  eval_overrides = {}, batch_size = 16 : i64, eval_batch_size = 0 : i64}
hgnn.optimizer adam {group = 0 : i64, lr = 0.01 : f64, beta1 = 0.9 : f64, beta2 = 0.999 : f64,
  eps = 1.0e-8 : f64, weight_decay = 0.0 : f64, momentum = 0.0 : f64, max_grad_norm = 1.5 : f64}
hgnn.optimizer sgd {group = 1 : i64, row_sparse, lr = 0.1 : f64, beta1 = 0.0 : f64,
  beta2 = 0.0 : f64, eps = 0.0 : f64, weight_decay = 0.0 : f64, momentum = 0.0 : f64}
hgnn.train_settings {settings = "{\"seed\": 1}", spec = "{}"}
hgnn.state parameter @w {shape = array<i64: 4, 3>, init = {kind = "uniform", a = -0.5 : f64, b = 0.5 : f64}, group = 0 : i64}
hgnn.state moment1 @"w.m1" {shape = array<i64: 4, 3>, init = {kind = "zeros"}, parameter = @w}
hgnn.state moment2 @"w.m2" {shape = array<i64: 4, 3>, init = {kind = "zeros"}, parameter = @w}
hgnn.state embedding_rows @emb {shape = array<i64: 4>, rows_type = @a, init = {kind = "normal", a = 0.0 : f64, b = 1.0 : f64}, group = 1 : i64}
)";

/// Kernels; `signatures` below says what a code generator would about them.
const char *const kernels = R"(
hgnn.kernel @agg {
^bb0(%x: !hgnn.tensor<rows(1, @t0) : 4xf32>, %adj: !hgnn.adj<0, @r0 from @t0 to @t1>):
  %e = hgnn.gather_src %x, %adj : !hgnn.tensor<rows(1, @t0) : 4xf32>, !hgnn.adj<0, @r0 from @t0 to @t1>
  %s = hgnn.reduce_dst %e, %adj : !hgnn.tensor<edges(0, @r0) : 4xf32>, !hgnn.adj<0, @r0 from @t0 to @t1>
  %y = hgnn.expand %s, %adj : !hgnn.tensor<active(0, @r0) : 4xf32>, !hgnn.adj<0, @r0 from @t0 to @t1>
  hgnn.yield %y : !hgnn.tensor<rows(0, @t1) : 4xf32>
}
hgnn.kernel @combine {
^bb0(%x: !hgnn.tensor<rows(1, @t0) : 4xf32>, %link: !hgnn.link<0, @t0>, %u: !hgnn.tensor<rows(0, @t0) : 4xf32>):
  %v = hgnn.self_gather %x, %link : !hgnn.tensor<rows(1, @t0) : 4xf32>, !hgnn.link<0, @t0>
  %y = hgnn.add %u, %v : !hgnn.tensor<rows(0, @t0) : 4xf32>, !hgnn.tensor<rows(0, @t0) : 4xf32>
  hgnn.yield %y : !hgnn.tensor<rows(0, @t0) : 4xf32>
}
hgnn.kernel @xent {
^bb0(%z: !hgnn.tensor<rows(0, @t0) : 3xf32>, %y: !hgnn.labels<rows(0, @t0), 3>, %inv: !hgnn.tensor<param : 1xf32>, %ids: !hgnn.ids<rows(0, @t0)>):
  %l = hgnn.softmax_xent %z, %y : !hgnn.tensor<rows(0, @t0) : 3xf32>, !hgnn.labels<rows(0, @t0), 3>
  %m = hgnn.scale_by %l, %inv : !hgnn.tensor<rows(0, @t0) : 1xf32>, !hgnn.tensor<param : 1xf32>
  %loss = hgnn.col_sum %m, %ids : !hgnn.tensor<rows(0, @t0) : 1xf32>, !hgnn.ids<rows(0, @t0)>
  hgnn.yield %loss, %z : !hgnn.tensor<param : 1xf32>, !hgnn.tensor<rows(0, @t0) : 3xf32>
}
hgnn.kernel @back {
^bb0(%g: !hgnn.tensor<rows(0, @t1) : 4xf32>, %adj: !hgnn.adj<0, @r0 from @t0 to @t1>, %x: !hgnn.tensor<rows(1, @t0) : 4xf32>):
  %r = hgnn.restrict %g, %adj : !hgnn.tensor<rows(0, @t1) : 4xf32>, !hgnn.adj<0, @r0 from @t0 to @t1>
  %e = hgnn.gather_dst %r, %adj : !hgnn.tensor<active(0, @r0) : 4xf32>, !hgnn.adj<0, @r0 from @t0 to @t1>
  %s = hgnn.reduce_src %e, %adj : !hgnn.tensor<edges(0, @r0) : 4xf32>, !hgnn.adj<0, @r0 from @t0 to @t1>
  %y = hgnn.mul %s, %x : !hgnn.tensor<rows(1, @t0) : 4xf32>, !hgnn.tensor<rows(1, @t0) : 4xf32>
  hgnn.yield %y : !hgnn.tensor<rows(1, @t0) : 4xf32>
}
hgnn.kernel @adam {
^bb0(%g: !hgnn.tensor<param : 4x3xf32>, %lr: !hgnn.tensor<param : 1xf32>):
  hgnn.yield
}
hgnn.kernel @rowsgd {
^bb0(%g: !hgnn.tensor<rows(1, @t0) : 4xf32>, %ids: !hgnn.ids<rows(1, @t0)>, %lr: !hgnn.tensor<param : 1xf32>):
  hgnn.yield
}
)";

const char *const sampling = R"(
  %s = hgnn.seeds : !hgnn.ids<rows(0, @p)>
  %ap = hgnn.sample %s fanout FANOUT : !hgnn.ids<rows(0, @p)> -> !hgnn.adj<0, @"a:w:p" from @a to @p>
  %pp = hgnn.sample %s fanout FANOUT : !hgnn.ids<rows(0, @p)> -> !hgnn.adj<0, @"p:c:p" from @p to @p>
  %ia = hgnn.frontier samples(%ap) : (!hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.ids<rows(1, @a)>
  %ip, %link = hgnn.frontier self %s samples(%pp) : (!hgnn.ids<rows(0, @p)>, !hgnn.adj<0, @"p:c:p" from @p to @p>) -> (!hgnn.ids<rows(1, @p)>, !hgnn.link<0, @p>)
  %x = hgnn.fetch_dense "x" of %ip : (!hgnn.ids<rows(1, @p)>) -> !hgnn.tensor<rows(1, @p) : 4xf32>
  %sparse = hgnn.fetch_sparse "s" of %ip : (!hgnn.ids<rows(1, @p)>) -> !hgnn.sparse<rows(1, @p), 10>
  %labels = hgnn.fetch_labels "y" of %s : (!hgnn.ids<rows(0, @p)>) -> !hgnn.labels<rows(0, @p), 3>
  %e = hgnn.fetch_rows @emb of %ia : (!hgnn.ids<rows(1, @a)>) -> !hgnn.tensor<rows(1, @a) : 4xf32>
  %w = hgnn.read @w : !hgnn.tensor<param : 4x3xf32>
  %inv = hgnn.scalar inv_label_count : !hgnn.tensor<param : 1xf32>
  %u = hgnn.launch @agg(%e, %ap) : (!hgnn.tensor<rows(1, @a) : 4xf32>, !hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.tensor<rows(0, @p) : 4xf32>
  %h = hgnn.launch @combine(%x, %link, %u) : (!hgnn.tensor<rows(1, @p) : 4xf32>, !hgnn.link<0, @p>, !hgnn.tensor<rows(0, @p) : 4xf32>) -> !hgnn.tensor<rows(0, @p) : 4xf32>
  %z = hgnn.linear %h, %w : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<param : 4x3xf32>
  %loss, %g = hgnn.launch @xent(%z, %labels, %inv, %s) : (!hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.labels<rows(0, @p), 3>, !hgnn.tensor<param : 1xf32>, !hgnn.ids<rows(0, @p)>) -> (!hgnn.tensor<param : 1xf32>, !hgnn.tensor<rows(0, @p) : 3xf32>)
  hgnn.output "loss" %loss : !hgnn.tensor<param : 1xf32>
  hgnn.output "logits" %z : !hgnn.tensor<rows(0, @p) : 3xf32>
  hgnn.output "ids" %s : !hgnn.ids<rows(0, @p)>
)";

const char *const backward = R"(
  %lr0 = hgnn.scalar learning_rate : !hgnn.tensor<param : 1xf32>
  %lr1 = hgnn.scalar learning_rate {group = 1 : i64} : !hgnn.tensor<param : 1xf32>
  %gw = hgnn.linear_grad_weight %h, %g : !hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.tensor<rows(0, @p) : 3xf32>
  %gh = hgnn.linear %g, %w {transpose} : !hgnn.tensor<rows(0, @p) : 3xf32>, !hgnn.tensor<param : 4x3xf32>
  %ge = hgnn.launch @back(%gh, %ap, %e) : (!hgnn.tensor<rows(0, @p) : 4xf32>, !hgnn.adj<0, @"a:w:p" from @a to @p>, !hgnn.tensor<rows(1, @a) : 4xf32>) -> !hgnn.tensor<rows(1, @a) : 4xf32>
  hgnn.output "grad:w" %gw : !hgnn.tensor<param : 4x3xf32>
  hgnn.launch @adam(%gw, %lr0) {states = [@w, @"w.m1", @"w.m2"]} : (!hgnn.tensor<param : 4x3xf32>, !hgnn.tensor<param : 1xf32>) -> ()
  hgnn.launch @rowsgd(%ge, %ia, %lr1) {states = [@emb]} : (!hgnn.tensor<rows(1, @a) : 4xf32>, !hgnn.ids<rows(1, @a)>, !hgnn.tensor<param : 1xf32>) -> ()
)";

std::vector<KernelSignature> signatures() {
  using enum ArgPart;
  auto make = [](std::string symbol, KernelCount domain, std::vector<KernelArg> args, int inputs,
                 std::vector<KernelOutput> outputs) {
    KernelSignature s;
    s.symbol = std::move(symbol);
    s.domain = domain;
    s.args = std::move(args);
    s.numInputs = inputs;
    s.outputs = std::move(outputs);
    s.costs.push_back({domain, 8, 32});
    return s;
  };
  KernelCount result{CountKind::ResultRows, 0, 0};
  std::vector<KernelSignature> all;
  all.push_back(make("agg", result,
                     {{Data, 0}, {RowPos, 1}, {InPtr, 1}, {InSrc, 1}, {Output, 0}}, 4, {{false, 4}}));
  all.back().costs.push_back({{CountKind::AdjEdges, 1, 0}, 4, 16});
  all.push_back(make("combine", result, {{Data, 0}, {SelfPos, 1}, {Data, 2}, {Output, 0}}, 3,
                     {{false, 4}}));
  all.push_back(make("xent", {CountKind::OperandRows, 0, 0},
                     {{Data, 0}, {Classes, 1}, {Data, 2}, {Output, 0}, {Output, 1}}, 3,
                     {{true, 1}, {false, 3}}));
  all.back().mode = KernelMode::Chunks;
  all.back().chunkRows = 2048;
  all.push_back(make("back", {CountKind::ResultRows, 0, 0},
                     {{Data, 0}, {OutPtr, 1}, {OutDst, 1}, {DstPos, 1}, {Data, 2}, {Output, 0}}, 5,
                     {{false, 4}}));
  all.back().balanceArg = 1;
  all.push_back(make("adam", {CountKind::Constant, -1, 12},
                     {{Data, 0}, {Data, 1}, {State, 0}, {State, 1}, {State, 2}}, 2, {}));
  all.push_back(make("rowsgd", {CountKind::OperandRows, 1, 0},
                     {{Data, 0}, {Ids, 1}, {Data, 2}, {State, 0}}, 3, {}));
  return all;
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string fullModule() {
  return std::string(schema) + kernels + "hgnn.entry train_step @train_step {" +
         replaced(sampling, "FANOUT", "5") + backward + "}\nhgnn.entry eval_step @eval_step {" +
         replaced(sampling, "FANOUT", "-1") + "}\n";
}

struct Result {
  std::unique_ptr<plan::PlanT> plan;
  std::string errors;
};

Result write(const std::string &text, std::vector<KernelSignature> kernelSignatures = signatures(),
             PlanWriterOptions options = {}) {
  mlir::MLIRContext context;
  context.loadDialect<hgnn::HgnnDialect>();
  Result result;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    result.errors += diagnostic.str() + "\n";
    return mlir::success();
  });
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context, "test.mlir");
  if (!module)
    return result;
  auto plan = assemblePlan(*module, kernelSignatures, options);
  if (succeeded(plan))
    result.plan = std::move(*plan);
  return result;
}

const plan::OpT *find(const plan::EntryT &entry, const std::string &name) {
  for (const auto &op : entry.ops)
    if (op->name == name)
      return op.get();
  ADD_FAILURE() << "no op " << name;
  return nullptr;
}

const plan::SymbolT *symbolOf(const plan::EntryT &entry, int32_t buffer) {
  return entry.symbols[size_t(entry.buffers[size_t(buffer)]->rows->symbol())].get();
}

} // namespace

TEST(PlanWriter, Tables) {
  std::vector<std::string> remarks = {"an earlier decision"};
  PlanWriterOptions options;
  options.schemaFingerprint = "abc";
  options.remarks = &remarks;
  Result result = write(fullModule(), signatures(), options);
  ASSERT_TRUE(result.plan) << result.errors;
  const plan::PlanT &plan = *result.plan;
  EXPECT_EQ(plan.schema_fingerprint, "abc");
  ASSERT_EQ(plan.node_types.size(), 3u);
  EXPECT_EQ(plan.node_types[2]->name, "p");
  EXPECT_EQ(plan.node_types[2]->num_nodes, 100u);
  ASSERT_EQ(plan.relations.size(), 2u);
  EXPECT_EQ(plan.relations[0]->name, "w");
  EXPECT_EQ(plan.relations[0]->destination, 2u);
  ASSERT_EQ(plan.states.size(), 4u);
  EXPECT_EQ(plan.states[1]->parameter, 0);
  EXPECT_EQ(plan.states[3]->rows_type, 0);
  EXPECT_EQ(plan.states[3]->role, plan::StateRole::EmbeddingRows);
  EXPECT_EQ(plan.states[0]->init->kind, plan::InitKind::Uniform);
  EXPECT_EQ(plan.states[0]->init->a, -0.5);
  ASSERT_EQ(plan.optimizer_groups.size(), 2u);
  EXPECT_TRUE(plan.optimizer_groups[1]->row_sparse);
  EXPECT_EQ(plan.max_grad_norm, 1.5);
  EXPECT_EQ(plan.task->classes.size(), 3u);
  EXPECT_EQ(plan.task->train_settings, "{\"seed\": 1}");
  ASSERT_EQ(plan.kernels.size(), 6u);
  EXPECT_NE(plan.kernels[0]->ir.find("hgnn.gather_src"), std::string::npos);
  // One before, waves and memory of two entries, and what the estimates assume.
  ASSERT_EQ(plan.remarks.size(), 6u);
  EXPECT_NE(plan.remarks[5].find("assume 20 GB/s gathered"), std::string::npos) << plan.remarks[5];
  EXPECT_EQ(plan.remarks, remarks);
}

TEST(PlanWriter, TrainEntry) {
  Result result = write(fullModule());
  ASSERT_TRUE(result.plan) << result.errors;
  const plan::EntryT &e = *result.plan->entries[0];
  EXPECT_EQ(e.kind, plan::EntryKind::TrainStep);
  EXPECT_EQ(e.batch_size, 16u);
  EXPECT_EQ(e.slots, 3u);

  // Only the arrays that kernels read: dst_pos, in_ptr, in_src, row_pos, out_ptr, out_dst.
  const plan::OpT *sample = find(e, "sample a:w:p @0");
  ASSERT_TRUE(sample);
  for (size_t part = 0; part < 8; ++part)
    EXPECT_EQ(sample->outputs[part] >= 0, part < 6) << part;
  for (int32_t b : find(e, "sample p:c:p @0")->outputs)
    EXPECT_EQ(b, -1);
  EXPECT_GE(find(e, "frontier p @1")->outputs[1], 0);
  EXPECT_EQ(find(e, "frontier p @1")->outputs[2], -1);
  EXPECT_EQ(find(e, "frontier a @1")->inputs[0], -1);
  // The sparse feature is fetched by nobody.
  for (const auto &op : e.ops)
    EXPECT_FALSE(op->attrs.AsFetchSparseAttrs());
  for (const auto &symbol : e.symbols)
    EXPECT_NE(symbol->kind, plan::SymbolKind::Nnz);

  // Sizes: 16 seeds, at most 5 edges each.
  EXPECT_EQ(symbolOf(e, find(e, "seeds p")->outputs[0])->bound, 16u);
  EXPECT_EQ(symbolOf(e, sample->outputs[2])->bound, 80u);
  EXPECT_EQ(symbolOf(e, find(e, "frontier a @1")->outputs[0])->bound, 50u);
  EXPECT_EQ(symbolOf(e, find(e, "frontier p @1")->outputs[0])->bound, 96u);

  // The loss is merged from chunks; the weight gradient too.
  EXPECT_EQ(find(e, "xent")->attrs.AsKernelAttrs()->mode, plan::KernelMode::Chunks);
  EXPECT_TRUE(find(e, "merge xent"));
  EXPECT_TRUE(find(e, "merge weight gradient 4x3"));
  EXPECT_EQ(find(e, "back")->attrs.AsKernelAttrs()->balance, 1);

  // States change after the loss, and after all that reads them or rows fetched from them.
  uint32_t loss = find(e, "merge xent")->wave;
  EXPECT_GT(find(e, "adam")->wave, loss);
  EXPECT_GT(find(e, "adam")->wave, find(e, "linear^T w")->wave);
  EXPECT_GT(find(e, "rowsgd")->wave, loss);
  EXPECT_GT(find(e, "rowsgd")->wave, find(e, "back")->wave);
  EXPECT_EQ(find(e, "adam")->outputs.size(), 3u);
  EXPECT_EQ(e.buffers[size_t(find(e, "rowsgd")->outputs[0])]->state, 3);

  std::set<std::string> names;
  for (const auto &output : e.outputs)
    names.insert(output->name);
  EXPECT_EQ(names, (std::set<std::string>{"loss", "logits", "ids"}));
  // Queues stand one after the other; each ends with a signal that the next waits for.
  EXPECT_EQ(e.semaphores.size(), 3u);
  EXPECT_EQ(e.ops.front()->queue, plan::Queue::Sample);
  EXPECT_EQ(e.ops.back()->queue, plan::Queue::Compute);
  for (const auto &op : e.ops) {
    EXPECT_FALSE(op->in_loop_static);
    EXPECT_NE(op->location.find("test.mlir:"), std::string::npos) << op->name;
  }
}

/// Bytes of an op for each unit of a symbol.
uint64_t bytesPer(const plan::EntryT &e, const char *op, plan::SymbolKind kind, uint32_t hop,
                  uint32_t index) {
  uint64_t sum = 0;
  for (const plan::Extent &term : find(e, op)->bytes)
    if (term.symbol() >= 0) {
      const plan::SymbolT &symbol = *e.symbols[size_t(term.symbol())];
      if (symbol.kind == kind && symbol.hop == hop && symbol.index == index)
        sum += term.scale();
    }
  return sum;
}

TEST(PlanWriter, SamplingAndFetchingCountWhatTheyRead) {
  Result result = write(fullModule());
  ASSERT_TRUE(result.plan) << result.errors;
  const plan::EntryT &e = *result.plan->entries[0];
  using plan::SymbolKind;
  constexpr uint32_t a = 0, p = 2, awp = 0, pcp = 1;
  // Ids, where the edges start and end, row_pos; the source of an edge, in_src, out_dst.
  EXPECT_EQ(bytesPer(e, "sample a:w:p @0", SymbolKind::Rows, 0, p), 8u + 16 + 4);
  EXPECT_EQ(bytesPer(e, "sample a:w:p @0", SymbolKind::Edges, 0, awp), 4u + 4 + 4);
  EXPECT_EQ(bytesPer(e, "sample a:w:p @0", SymbolKind::Active, 0, awp), 4u + 4);
  EXPECT_EQ(bytesPer(e, "sample a:w:p @0", SymbolKind::Rows, 1, a), 4u);
  // No array is read, the frontier needs the sources all the same.
  EXPECT_EQ(bytesPer(e, "sample p:c:p @0", SymbolKind::Rows, 0, p), 8u + 16);
  EXPECT_EQ(bytesPer(e, "sample p:c:p @0", SymbolKind::Edges, 0, pcp), 4u + 4);
  EXPECT_EQ(bytesPer(e, "frontier p @1", SymbolKind::Rows, 1, p), 8u);
  EXPECT_EQ(bytesPer(e, "frontier p @1", SymbolKind::Rows, 0, p), 8u + 4);
  EXPECT_EQ(bytesPer(e, "frontier p @1", SymbolKind::Edges, 0, pcp), 24u);
  EXPECT_EQ(bytesPer(e, "frontier a @1", SymbolKind::Edges, 0, awp), 24u + 8);
  EXPECT_EQ(bytesPer(e, "fetch p.x @1", SymbolKind::Rows, 1, p), 8u + 16 + 16);
  EXPECT_EQ(bytesPer(e, "labels p.y", SymbolKind::Rows, 0, p), 8u + 4 + 4);
  // Rows of a batch are copied; all rows of a table are not.
  EXPECT_EQ(bytesPer(e, "rows emb @1", SymbolKind::Rows, 1, a), 8u + 2 * 16);
  for (const auto &op : e.ops)
    EXPECT_TRUE(!op->bytes.empty() || op->attrs.AsScalarsAttrs()) << op->name;
}

TEST(PlanWriter, FullGraphEntryIsStatic) {
  Result result = write(fullModule());
  ASSERT_TRUE(result.plan) << result.errors;
  const plan::EntryT &e = *result.plan->entries[1];
  EXPECT_EQ(e.kind, plan::EntryKind::EvalStep);
  EXPECT_EQ(e.batch_size, 0u);
  EXPECT_EQ(e.slots, 1u);
  for (const auto &op : e.ops)
    EXPECT_EQ(op->in_loop_static,
              op->queue != plan::Queue::Compute && !op->attrs.AsScalarsAttrs())
        << op->name;
  EXPECT_EQ(find(e, "sample a:w:p @0")->attrs.AsSampleAttrs()->mode, plan::SampleMode::All);
  EXPECT_EQ(symbolOf(e, find(e, "seeds p")->outputs[0])->bound, 30u); // the larger of the splits
}

TEST(PlanWriter, ArenaBoundIsTheLayoutOfTheBounds) {
  Result result = write(fullModule());
  ASSERT_TRUE(result.plan) << result.errors;
  for (const auto &e : result.plan->entries) {
    std::vector<uint64_t> bounds, offsets;
    for (const auto &symbol : e->symbols)
      bounds.push_back(symbol->bound);
    EXPECT_EQ(plan::layoutArena(*e, bounds, offsets), e->arena_bound);
    EXPECT_GT(e->arena_bound, 0u);
    EXPECT_GT(e->slot_bound, 0u);
    // No two arena buffers of one region are touched in overlapping waves.
    for (const auto &region : e->regions)
      for (uint32_t a : region->buffers)
        for (uint32_t b : region->buffers) {
          auto waves = [&](uint32_t buffer) {
            std::pair<uint32_t, uint32_t> range{UINT32_MAX, 0};
            for (const auto &op : e->ops)
              for (const auto *list : {&op->inputs, &op->outputs})
                for (int32_t touched : *list)
                  if (touched == int32_t(buffer))
                    range = {std::min(range.first, op->wave), std::max(range.second, op->wave)};
            for (const auto &output : e->outputs)
              if (output->buffer == buffer)
                range.second = UINT32_MAX;
            return range;
          };
          if (a < b)
            EXPECT_TRUE(waves(a).second < waves(b).first || waves(b).second < waves(a).first);
        }
  }
}

TEST(PlanWriter, SameModuleSameBytesAndBack) {
  Result first = write(fullModule());
  ASSERT_TRUE(first.plan) << first.errors;
  std::vector<uint8_t> bytes = plan::serializePlan(*first.plan);
  // Other addresses: memory is taken and kept between the runs.
  std::vector<std::unique_ptr<char[]>> noise;
  for (int i = 0; i < 3; ++i) {
    for (int k = 0; k < 100; ++k)
      noise.push_back(std::make_unique<char[]>(size_t(64 + 48 * ((i + k) % 7))));
    Result again = write(fullModule());
    ASSERT_TRUE(again.plan) << again.errors;
    EXPECT_EQ(plan::serializePlan(*again.plan), bytes);
  }
  auto read = plan::parsePlan(bytes.data(), bytes.size(), "test.plan");
  ASSERT_TRUE(read.ok()) << messageOf(read.status());
  EXPECT_EQ(plan::serializePlan(**read), bytes);
}

TEST(PlanWriter, KeysAreMadeOnce) {
  auto withKeys = signatures();
  for (KernelSignature &s : withKeys)
    if (s.symbol == "agg" || s.symbol == "back") {
      s.args.insert(s.args.begin() + s.numInputs, {ArgPart::Keys, -1});
      ++s.numInputs;
    }
  Result result = write(fullModule(), withKeys);
  ASSERT_TRUE(result.plan) << result.errors;
  const plan::EntryT &e = *result.plan->entries[0];
  int made = 0;
  for (const auto &op : e.ops)
    if (auto *a = op->attrs.AsScalarsAttrs(); a && a->scalars.empty()) {
      ++made;
      EXPECT_EQ(find(e, "agg")->inputs.back(), op->outputs[1]);
      EXPECT_EQ(find(e, "back")->inputs.back(), op->outputs[1]);
    }
  EXPECT_EQ(made, 1);
}

TEST(PlanWriter, SparseFeatures) {
  std::string text = fullModule();
  text += R"(
hgnn.kernel @sparse {
^bb0(%s: !hgnn.sparse<rows(1, @t0), 10>, %w: !hgnn.tensor<param : 10x4xf32>):
  %y = hgnn.sparse_linear %s, %w : !hgnn.sparse<rows(1, @t0), 10>, !hgnn.tensor<param : 10x4xf32>
  hgnn.yield %y : !hgnn.tensor<rows(1, @t0) : 4xf32>
}
hgnn.state parameter @v {shape = array<i64: 10, 4>, init = {kind = "zeros"}}
)";
  text = replaced(text, "%u = hgnn.launch @agg",
                  R"(%v = hgnn.read @v : !hgnn.tensor<param : 10x4xf32>
  %sx = hgnn.launch @sparse(%sparse, %v) : (!hgnn.sparse<rows(1, @p), 10>, !hgnn.tensor<param : 10x4xf32>) -> !hgnn.tensor<rows(1, @p) : 4xf32>
  %u = hgnn.launch @agg)");
  text = replaced(text, "@combine(%x,", "@combine(%sx,");
  auto all = signatures();
  using enum ArgPart;
  KernelSignature s;
  s.symbol = "sparse";
  s.domain = {CountKind::ResultRows, 0, 0};
  s.args = {{SparsePtr, 0}, {SparseIdx, 0}, {SparseVal, 0}, {Data, 1}, {Output, 0}};
  s.numInputs = 4;
  s.balanceArg = 0;
  s.outputs = {{false, 4}};
  s.costs = {{{CountKind::SparseNnz, 0, 0}, 8, 24}};
  all.push_back(s);
  Result result = write(text, all);
  ASSERT_TRUE(result.plan) << result.errors;
  const plan::EntryT &e = *result.plan->entries[0];
  const plan::OpT *fetch = find(e, "fetch p.s @1");
  ASSERT_TRUE(fetch);
  for (size_t part = 0; part < 6; ++part)
    EXPECT_EQ(fetch->outputs[part] >= 0, part < 3);
  EXPECT_EQ(symbolOf(e, fetch->outputs[1])->kind, plan::SymbolKind::Nnz);
  EXPECT_EQ(symbolOf(e, fetch->outputs[1])->bound, 250u);
  EXPECT_EQ(symbolOf(e, fetch->outputs[1])->aux, 0u);
  // The dense feature has lost its only reader.
  for (const auto &op : e.ops)
    EXPECT_FALSE(op->attrs.AsFetchDenseAttrs());
}

TEST(PlanWriter, ReshapedParametersShareTheirNumbers) {
  // w = C V with V [1, 2, 6] read as [2, 6]: the basis form of a weight, and its gradient.
  std::string text = fullModule() + R"(
hgnn.state parameter @c {shape = array<i64: 1, 2>, init = {kind = "zeros"}}
hgnn.state parameter @v {shape = array<i64: 2, 4, 3>, init = {kind = "zeros"}}
)";
  text = replaced(text, "%w = hgnn.read @w : !hgnn.tensor<param : 4x3xf32>",
                  R"(%c = hgnn.read @c : !hgnn.tensor<param : 1x2xf32>
  %v = hgnn.read @v : !hgnn.tensor<param : 2x4x3xf32>
  %v2 = hgnn.reshape %v {shape = array<i64: 2, 12>} : !hgnn.tensor<param : 2x4x3xf32>
  %cv = hgnn.linear %c, %v2 : !hgnn.tensor<param : 1x2xf32>, !hgnn.tensor<param : 2x12xf32>
  %w = hgnn.reshape %cv {shape = array<i64: 4, 3>} : !hgnn.tensor<param : 1x12xf32>)");
  text = replaced(text, "hgnn.launch @adam(%gw,",
                  R"(%g1 = hgnn.reshape %gw {shape = array<i64: 1, 12>} : !hgnn.tensor<param : 4x3xf32>
  %gv = hgnn.linear_grad_weight %c, %g1 : !hgnn.tensor<param : 1x2xf32>, !hgnn.tensor<param : 1x12xf32>
  %gv2 = hgnn.reshape %gv {shape = array<i64: 8, 3>} : !hgnn.tensor<param : 2x12xf32>
  hgnn.launch @stepv(%gv2, %lr0) {states = [@v]} : (!hgnn.tensor<param : 8x3xf32>, !hgnn.tensor<param : 1xf32>) -> ()
  hgnn.launch @adam(%gw,)");
  text += R"(
hgnn.kernel @stepv {
^bb0(%g: !hgnn.tensor<param : 8x3xf32>, %lr: !hgnn.tensor<param : 1xf32>):
  hgnn.yield
}
)";
  auto all = signatures();
  KernelSignature s;
  s.symbol = "stepv";
  s.domain = {CountKind::Constant, -1, 24};
  s.args = {{ArgPart::Data, 0}, {ArgPart::Data, 1}, {ArgPart::State, 0}};
  s.numInputs = 2;
  all.push_back(s);
  Result result = write(text, all);
  ASSERT_TRUE(result.plan) << result.errors;
  const plan::EntryT &e = *result.plan->entries[0];
  const plan::OpT *product = find(e, "linear v");
  ASSERT_TRUE(product);
  EXPECT_EQ(product->attrs.AsGemmAttrs()->k, 2u);
  EXPECT_EQ(product->attrs.AsGemmAttrs()->n, 12u);
  EXPECT_EQ(e.buffers[size_t(product->inputs[1])]->state, 5);
  // One constant chunk needs no merge: the product writes the gradient itself.
  const plan::OpT *gradient = find(e, "weight gradient 2x12");
  EXPECT_EQ(gradient->outputs[0], find(e, "stepv")->inputs[0]);
  EXPECT_GT(find(e, "stepv")->wave, product->wave);
}

TEST(PlanWriter, Errors) {
  auto errorOf = [](std::string from, std::string to) {
    Result result = write(replaced(fullModule(), from, to));
    EXPECT_FALSE(result.plan) << to;
    return result.errors;
  };
  EXPECT_NE(errorOf("hgnn.output \"ids\"",
                    "%no = hgnn.scale %z {factor = 2.0 : f64} : !hgnn.tensor<rows(0, @p) : 3xf32>\n"
                    "hgnn.output \"ids\"")
                .find("belongs into a hgnn.kernel"),
            std::string::npos);
  EXPECT_NE(errorOf("hgnn.fetch_dense \"x\"", "hgnn.fetch_dense \"nothing\"").find("not a feature"),
            std::string::npos);
  EXPECT_NE(errorOf("hgnn.read @w ", "hgnn.read @unknown ").find("not a state"), std::string::npos);
  EXPECT_NE(errorOf("id = 2 : i64, num_nodes", "id = 7 : i64, num_nodes").find("without gaps"),
            std::string::npos);
  auto few = signatures();
  few.pop_back();
  Result result = write(fullModule(), few);
  EXPECT_FALSE(result.plan);
  EXPECT_NE(result.errors.find("no signature"), std::string::npos);
}
