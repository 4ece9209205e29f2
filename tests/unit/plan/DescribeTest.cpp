//===- DescribeTest.cpp - a plan in words, tables, JSON and DOT ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Describe.h"

#include "runtime/base/Format.h"
#include "runtime/plan/MachineRates.h"

#include "nlohmann/json.hpp"
#include "gtest/gtest.h"

#include <set>
#include <sstream>

namespace heddle::plan {
namespace {

using Json = nlohmann::json;

bool has(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

std::unique_ptr<OpT> op(uint32_t id, const std::string &name, Queue queue, uint32_t wave) {
  auto out = std::make_unique<OpT>();
  out->id = id;
  out->name = name;
  out->queue = queue;
  out->wave = wave;
  return out;
}

std::unique_ptr<BufferT> buffer(const std::string &name, Space space, int32_t symbol,
                                uint32_t width) {
  auto out = std::make_unique<BufferT>();
  out->name = name;
  out->space = space;
  out->width = width;
  out->rows = std::make_unique<Extent>(symbol, 1, symbol >= 0 ? 1 : 0, symbol >= 0 ? 0 : 1);
  return out;
}

/// A one-hop step over two node types; relation 1 is not used; names need care.
PlanT smallPlan() {
  PlanT plan;
  plan.major = planMajor;
  plan.minor = planMinor;
  plan.producer = "heddle-compile 0.1.0";
  plan.schema_fingerprint = "00112233aabbccdd";
  for (auto [name, nodes] : {std::pair<const char *, uint64_t>{"\xE7\x94\xB5\xE5\xBD\xB1", 100000},
                             {"per\"son\\N", 5000}}) {
    plan.node_types.push_back(std::make_unique<NodeTypeT>());
    plan.node_types.back()->name = name;
    plan.node_types.back()->num_nodes = nodes;
  }
  for (int i = 0; i < 2; ++i) {
    plan.relations.push_back(std::make_unique<RelationT>());
    plan.relations[i]->source = 1;
    plan.relations[i]->destination = 0;
    plan.relations[i]->name = i ? "wrote" : "acts\x1B[31m";
    plan.relations[i]->num_edges = i ? 0 : 250000;
  }
  plan.task = std::make_unique<TaskT>();
  plan.task->node_type = 0;
  plan.task->label = "genre";
  plan.task->split = "ratio";
  for (int c = 0; c < 60; ++c)
    plan.task->classes.push_back("class" + std::to_string(c));
  plan.task->metrics = {"accuracy"};
  plan.task->train_settings =
      R"({"num_epochs": 20, "batch_size": 512, "lr_schedule": {"name": "cosine"}})";
  plan.optimizer_groups.push_back(std::make_unique<OptimizerGroupT>());
  plan.optimizer_groups[0]->name = "dense";
  plan.optimizer_groups[0]->kind = OptimizerKind::AdamW;
  plan.optimizer_groups[0]->lr = 0.01;
  auto state = [&](const std::string &name, StateRole role, int rows, std::vector<uint64_t> shape) {
    plan.states.push_back(std::make_unique<StateT>());
    StateT &s = *plan.states.back();
    s.name = name;
    s.role = role;
    s.rows_type = rows;
    s.shape = std::move(shape);
    s.group = 0;
    s.init = std::make_unique<InitializerT>();
  };
  state("weight", StateRole::Parameter, -1, {64, 32});
  state("rows", StateRole::EmbeddingRows, 1, {64});
  state("moment", StateRole::Moment1, -1, {64, 32});
  plan.kernels.push_back(std::make_unique<KernelT>());
  plan.kernels[0]->name = "relu";
  plan.kernels[0]->symbol = "k0";
  plan.kernels[0]->num_args = 2;
  plan.kernels[0]->ir = "func @k0() {\n  return\x07\n}\n";
  plan.libraries.push_back(std::make_unique<KernelLibraryT>());
  plan.libraries[0]->target = "x86-64-v3";
  plan.libraries[0]->object.assign(2048, 0);

  auto entry = std::make_unique<EntryT>();
  entry->kind = EntryKind::TrainStep;
  entry->name = "train_step";
  entry->batch_size = 512;
  entry->slots = 3;
  entry->arena_bound = uint64_t(4) << 20;
  entry->slot_bound = uint64_t(1) << 20;
  auto symbol = [&](SymbolKind kind, uint32_t hop, uint32_t index, uint64_t bound,
                    double expected) {
    entry->symbols.push_back(std::make_unique<SymbolT>());
    SymbolT &s = *entry->symbols.back();
    s.kind = kind;
    s.hop = hop;
    s.index = index;
    s.bound = bound;
    s.expected = expected;
  };
  symbol(SymbolKind::Rows, 0, 0, 512, 512);
  symbol(SymbolKind::Edges, 0, 0, 512 * 15, 1234);
  symbol(SymbolKind::Rows, 1, 1, 5000, 1000.5);
  entry->buffers.push_back(buffer("ids", Space::Slot, 0, 1));
  entry->buffers.push_back(buffer("x\"y", Space::Slot, 2, 64));
  entry->buffers.push_back(buffer("h", Space::Arena, 2, 64));
  entry->buffers[2]->region = 0;
  entry->buffers.push_back(buffer("loss", Space::Arena, -1, 1));
  entry->buffers[3]->region = 1;
  for (uint32_t b : {2u, 3u}) {
    entry->regions.push_back(std::make_unique<RegionT>());
    entry->regions.back()->buffers = {b};
  }
  entry->semaphores.push_back(std::make_unique<SemaphoreT>());
  entry->semaphores[0]->name = "fetched";
  entry->semaphores[0]->from = Queue::Fetch;
  entry->semaphores[0]->to = Queue::Compute;
  auto seeds = op(10, "seeds", Queue::Sample, 0);
  seeds->attrs.Set(SeedsAttrsT());
  seeds->outputs = {0};
  auto sample = op(11, "sample acts", Queue::Sample, 1);
  SampleAttrsT sampleAttrs;
  sampleAttrs.relation = 0;
  sampleAttrs.fanout = 15;
  sample->attrs.Set(std::move(sampleAttrs));
  sample->inputs = {0};
  auto fetch = op(12, "fetch", Queue::Fetch, 0);
  FetchDenseAttrsT fetchAttrs;
  fetchAttrs.node_type = 1;
  fetchAttrs.feature = "f";
  fetchAttrs.dim = 64;
  fetch->attrs.Set(std::move(fetchAttrs));
  fetch->outputs = {1};
  fetch->signals = {0};
  auto kernel = op(13, "relu \"1\"", Queue::Compute, 0);
  kernel->attrs.Set(KernelAttrsT());
  kernel->attrs.AsKernelAttrs()->domain = std::make_unique<Extent>(2, 1, 1, 0);
  kernel->inputs = {1};
  kernel->outputs = {2};
  kernel->waits = {0};
  kernel->bytes = {Extent(2, 1, 512, 0), Extent(-1, 1, 0, 100)};
  kernel->flops = {Extent(2, 10, 640, 0)};
  auto gemm = op(14, "product", Queue::Compute, 1);
  gemm->attrs.Set(GemmAttrsT());
  gemm->attrs.AsGemmAttrs()->k = 64;
  gemm->attrs.AsGemmAttrs()->n = 32;
  gemm->attrs.AsGemmAttrs()->accumulate = true;
  gemm->inputs = {2};
  gemm->outputs = {2};
  gemm->flops = {Extent(0, 1, 4096, 0)};
  gemm->bytes = {Extent(0, 1, 384, 0)};
  for (auto *o : {&seeds, &sample, &fetch, &kernel, &gemm})
    entry->ops.push_back(std::move(*o));
  plan.entries.push_back(std::move(entry));
  auto empty = std::make_unique<EntryT>();
  empty->kind = EntryKind::EvalStep;
  empty->name = "eval_step";
  empty->arena_bound = UINT64_MAX;
  plan.entries.push_back(std::move(empty));
  std::string phase = "module { }\n";
  plan.phases.push_back(std::make_unique<PhaseTextT>());
  plan.phases[0]->name = "model";
  plan.phases[0]->size = phase.size();
  plan.phases[0]->text = compressText(phase);
  plan.remarks = {
      "fuse: 12 ops into one kernel instead of 12 kernels; saves an estimated 3.4 MiB of "
      "traffic in every step of the training"};
  return plan;
}

TEST(PlanFacts, EstimatesFollowTheSymbols) {
  PlanT plan = smallPlan();
  const EntryT &entry = *plan.entries[0];
  Cost cost = costOf(*entry.ops[3], entry, {});
  EXPECT_DOUBLE_EQ(cost.bytes, 512 * 1000.5 + 100);
  EXPECT_DOUBLE_EQ(cost.flops, 640 * 101.0); // ceil(1000.5 / 10)
  EXPECT_EQ(cost.seconds, 0);
  MachineRates rates{1e9, 1e9};
  EXPECT_DOUBLE_EQ(costOf(*entry.ops[3], entry, rates).seconds, (512 * 1000.5 + 100) / 1e9);
  EXPECT_DOUBLE_EQ(costOf(*entry.ops[4], entry, rates).seconds, 512 * 4096 / 1e9);
  EntryFacts facts = factsOf(entry, rates);
  EXPECT_EQ(facts.ops, 5u);
  EXPECT_EQ(facts.queues[size_t(Queue::Sample)].waves, 2u);
  EXPECT_EQ(facts.queues[size_t(Queue::Compute)].waves, 2u);
  EXPECT_EQ(facts.slowestQueue, int(Queue::Compute));
  EXPECT_DOUBLE_EQ(facts.total.flops, 640 * 101.0 + 512 * 4096);
  // 1001 rows of 64 floats are 256256 bytes = 4004 * 64, the loss takes one line of 64.
  EXPECT_EQ(facts.arenaExpected, 1001u * 256 + 64);
}

TEST(CostModel, KindsOfOpsHaveTheirOwnRates) {
  PlanT plan = smallPlan();
  const EntryT &entry = *plan.entries[0];
  MachineRates rates;
  EXPECT_EQ(secondsOf(*entry.ops[3], entry, 1e9, 1e9, rates), 0) << "unknown rates give no seconds";
  rates.bytesPerSecond = 1e9;
  rates.streamBytesPerSecond = 10e9;
  rates.flopsPerSecond = 100e9;
  rates.elementFlopsPerSecond = 25e9;
  const OpT &sample = *entry.ops[1], &kernel = *entry.ops[3], &product = *entry.ops[4];
  EXPECT_DOUBLE_EQ(secondsOf(sample, entry, 1e9, 0, rates), 1);
  EXPECT_DOUBLE_EQ(secondsOf(product, entry, 1e9, 0, rates), 0.1);
  EXPECT_DOUBLE_EQ(secondsOf(product, entry, 1e9, 50e9, rates), 0.5);
  EXPECT_DOUBLE_EQ(secondsOf(kernel, entry, 0, 50e9, rates), 2);
  // The sources of edges among the inputs: rows are gathered. Positions that ascend are no gathers.
  plan.entries[0]->buffers[0]->dtype = DType::I32;
  plan.entries[0]->buffers[0]->space = Space::Slot;
  plan.entries[0]->ops[3]->inputs = {0};
  plan.entries[0]->ops[1]->outputs.assign(8, -1);
  plan.entries[0]->ops[1]->outputs[2] = 0;
  EXPECT_DOUBLE_EQ(secondsOf(kernel, entry, 1e9, 0, rates), 1);
  plan.entries[0]->ops[1]->outputs = {0, -1, -1, -1, -1, -1, -1, -1};
  EXPECT_DOUBLE_EQ(secondsOf(kernel, entry, 1e9, 0, rates), 0.1);
  plan.entries[0]->ops[3]->inputs = {-1};
  EXPECT_DOUBLE_EQ(secondsOf(kernel, entry, 1e9, 0, rates), 0.1);
}

TEST(PlanFacts, StaticOpsAndBadEstimatesCostNothing) {
  PlanT plan = smallPlan();
  EntryT &entry = *plan.entries[0];
  entry.ops[3]->in_loop_static = true;
  entry.symbols[0]->expected = std::numeric_limits<double>::quiet_NaN();
  EntryFacts facts = factsOf(entry, {1e9, 1e9});
  EXPECT_EQ(facts.total.flops, 0);
  // They are the first step's.
  EXPECT_EQ(facts.queues[size_t(Queue::Compute)].once.bytes, 512 * 1000.5 + 100);
  EXPECT_TRUE(has(describe(plan, {.rates = {1e9, 1e9}}), "first step"));
}

TEST(PlanFacts, SizesOfStates) {
  PlanT plan = smallPlan();
  EXPECT_EQ(elementsOf(plan, *plan.states[0]), 64u * 32);
  EXPECT_EQ(bytesOf(plan, *plan.states[1]), 5000u * 64 * 4);
  EXPECT_EQ(shapeText(plan, *plan.states[1]), "[5000, 64]");
  plan.states[1]->shape = {uint64_t(1) << 40, uint64_t(1) << 40};
  EXPECT_EQ(bytesOf(plan, *plan.states[1]), UINT64_MAX);
}

TEST(Describe, SummarySaysWhatAPersonAsks) {
  PlanT plan = smallPlan();
  std::string text = describe(plan, {.source = "a.plan"});
  for (const char *part : {"Plan a.plan: format 1.",
                           "predict label 'genre'",
                           "60 classes",
                           "more\n",
                           "epochs 20",
                           "lr schedule cosine",
                           "adamw",
                           "15: 1,234",
                           "250,000",
                           "1 relation not used",
                           "512",
                           "7,680",
                           "5,000",
                           "embedding_rows",
                           "[5000, 64]",
                           "4.00 MiB",
                           "unbounded",
                           "1 generated kernel",
                           "x86-64-v3 2.00 KiB",
                           "train_step (512 seeds)",
                           "--measure",
                           "relu",
                           "fuse: 12 ops"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  EXPECT_FALSE(has(text, "\x1B")) << "a name must not reach the terminal raw";
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(displayWidth(line), 100u) << line;
}

TEST(Describe, CachesSayWhatTheyAreWorth) {
  PlanT plan = smallPlan();
  EXPECT_FALSE(has(describe(plan, {}), "cache"));
  auto cache = std::make_unique<CacheT>();
  cache->node_type = 1;
  cache->feature = "f\x1B" + std::string(60, 'e');
  cache->dim = 64;
  cache->requested = 1234;
  cache->points = {CachePoint(0.01, 0.2), CachePoint(0.05, 0.3), CachePoint(0.1, 0.47),
                   CachePoint(0.25, 0.6), CachePoint(0.5, 1)};
  plan.caches.push_back(std::move(cache));
  std::string text = describe(plan, {});
  for (const char *part : {"go through a cache", "1,234", " 1 %", "10 %", "47 %", "100 %"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  EXPECT_FALSE(has(text, "\x1B"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(displayWidth(line), 100u) << line;
  Json json = Json::parse(describeJson(plan, {}));
  EXPECT_EQ(json["caches"][0]["requested"], 1234);
  EXPECT_EQ(json["caches"][0]["number_bytes"], 4);
  plan.caches[0]->number_bytes = 2;
  EXPECT_NE(describe(plan, {}), text); // half the size
  EXPECT_EQ(json["caches"][0]["points"][2]["hits"], 0.47);
}

TEST(Describe, SecondsNeedRates) {
  PlanT plan = smallPlan();
  std::string text = describe(plan, {.rates = {1e9, 1e9}});
  EXPECT_TRUE(has(text, "takes about 2.63 ms")) << text;
  // Every assumption stands beside the figure: what is not given follows from what is.
  for (const char *part : {"1 GB/s gathered, 1 GB/s streamed", "1 GFLOP/s in dense products",
                           "0.5 GFLOP/s in kernels", "10 us"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
}

TEST(Describe, OnePartitionHasNoSectionsOfSeveral) {
  std::string text = describe(smallPlan(), {.rates = {1e9, 1e9}});
  for (const char *part : {"Partitions", "between", "weighed", "{"})
    EXPECT_FALSE(has(text, part)) << part << "\n" << text;
  PlanT plan = smallPlan();
  std::string svg = metatreeSvg(plan, mainStep(plan));
  EXPECT_TRUE(has(svg, "15: 1,234")) << svg;
  EXPECT_FALSE(has(svg, "partition")) << svg;
  EXPECT_TRUE(has(metatreeDot(plan, mainStep(plan)), "acts\\\\x1B[31m")) << "a name is quoted";
}

TEST(Describe, LongTablesSayHowMuchIsLeftOut) {
  PlanT plan = smallPlan();
  std::string text = describe(plan, {.maxRows = 1});
  EXPECT_TRUE(has(text, "... and 1 more relations (--json has all)")) << text;
}

TEST(Describe, AnEmptyPlanIsDescribed) {
  PlanT plan;
  EXPECT_TRUE(has(describe(plan, {}), "the plan has no entries"));
  EXPECT_TRUE(Json::parse(describeJson(plan, {})).is_object());
  EXPECT_TRUE(has(describeKernels(plan), "no kernels"));
  EXPECT_TRUE(has(describePhases(plan), "no phase texts"));
  EXPECT_EQ(mainEntry(plan), -1);
}

TEST(Describe, OpsTableHasEveryOp) {
  std::string text = describeOps(smallPlan(), 0, {});
  for (const char *part : {"fan-out 15", "per\"son\\N.f [64]", "A B k=64 n=32 adds", "gemm"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
}

TEST(Describe, KernelBodiesKeepTheirLines) {
  EXPECT_TRUE(has(describeKernels(smallPlan()), "func @k0() {\n  return\\x07\n}\n"));
}

TEST(Describe, PhasesAreFoundOrSuggested) {
  PlanT plan = smallPlan();
  auto text = phaseText(plan, "model");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "module { }\n");
  auto missing = phaseText(plan, "modle");
  EXPECT_EQ(exitCodeOf(missing.status()), 2);
  EXPECT_TRUE(has(messageOf(missing.status()), "did you mean 'model'")) << missing.status();
  EXPECT_FALSE(entryOf(plan, "train", -1).ok());
  EXPECT_EQ(*entryOf(plan, "eval_step", -1), 1);
  plan.phases[0]->text.resize(3);
  EXPECT_FALSE(phaseText(plan, "model").ok());
}

TEST(DescribeJson, IsCompleteAndValid) {
  PlanT plan = smallPlan();
  plan.remarks.push_back("broken \xFF text");
  plan.entries[0]->symbols[2]->expected = std::numeric_limits<double>::infinity();
  Json json = Json::parse(describeJson(plan, {.source = "a.plan", .rates = {2e9, 3e9}}));
  EXPECT_EQ(json["description_version"], 1);
  EXPECT_EQ(json["node_types"][1]["name"], "per\"son\\N");
  EXPECT_EQ(json["relations"][0]["triple"], "per\"son\\N:acts\x1B[31m:\xE7\x94\xB5\xE5\xBD\xB1");
  EXPECT_EQ(json["machine_rates"]["flops_per_second"], 3e9);
  EXPECT_EQ(json["task"]["train_settings"]["num_epochs"], 20);
  EXPECT_EQ(json["entries"][0]["ops"].size(), 5u);
  EXPECT_EQ(json["entries"][0]["ops"][1]["attrs"]["fanout"], 15);
  EXPECT_TRUE(json["entries"][0]["symbols"][2]["expected"].is_null());
  EXPECT_TRUE(json["entries"][1]["arena_bound"].is_null());
  EXPECT_EQ(json["states"][1]["bytes"], 5000 * 64 * 4);
  EXPECT_EQ(json["libraries"][0]["bytes"], 2048);
}

TEST(DescribeDot, EdgesWavesAndEscapes) {
  std::string dot = describeDot(smallPlan(), 0);
  EXPECT_TRUE(has(dot, "op10 -> op11 [label=\"ids\"]")) << dot;
  EXPECT_TRUE(has(dot, "op12 -> op13 [label=\"x\\\"y\"]")) << dot;
  EXPECT_TRUE(has(dot, "op12 -> op13 [style=dashed, color=gray50, label=\"fetched\"]")) << dot;
  EXPECT_TRUE(has(dot, "op13 -> op14 [label=\"h\"]")) << dot;
  EXPECT_TRUE(has(dot, "label=\"13: relu \\\"1\\\"\\nkernel, compute wave 0\"")) << dot;
  EXPECT_TRUE(has(dot, "{ rank=same; op13; }")) << dot;
  EXPECT_FALSE(has(dot, "op14 -> op14")) << "an op does not wait for itself";
}

TEST(MachineRates, TwoPositiveNumbers) {
  auto rates = parseMachineRates("12.5,180");
  ASSERT_TRUE(rates.ok());
  EXPECT_EQ(rates->bytesPerSecond, 12.5e9);
  EXPECT_EQ(rates->flopsPerSecond, 180e9);
  EXPECT_EQ(rates->streamRate(), 12.5e9);
  EXPECT_EQ(rates->elementRate(), 90e9);
  auto four = parseMachineRates("10,200,30,50");
  ASSERT_TRUE(four.ok());
  EXPECT_EQ(four->streamRate(), 30e9);
  EXPECT_EQ(four->elementRate(), 50e9);
  EXPECT_EQ(four->linkBytesPerSecond, MachineRates().linkBytesPerSecond);
  auto six = parseMachineRates("10,200,30,50,1.25,60");
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(six->elementRate(), 50e9);
  EXPECT_EQ(six->linkBytesPerSecond, 1.25e9);
  EXPECT_DOUBLE_EQ(six->messageSeconds, 60e-6);
  EXPECT_EQ(describeLinkRates(*six), "1.25 GB/s and 60 us a message between workers");
  for (const char *bad : {"", "12", "12,", ",12", "0,1", "-1,2", "1,nan", "1,2,3", "1;2", "1,2,3,",
                          "1,2,3,4,5", "1,2,3,-4", "1,2,3,4,5,0", "1,2,3,4,5,6,7"})
    EXPECT_EQ(exitCodeOf(parseMachineRates(bad).status()), 2) << bad;
  MachineRates measured = measureMachineRates(1, 0.02);
  EXPECT_GT(measured.bytesPerSecond, 1e7);
  EXPECT_LT(measured.bytesPerSecond, 1e13);
  EXPECT_GT(measured.flopsPerSecond, 1e7);
  EXPECT_LT(measured.flopsPerSecond, 1e13);
  EXPECT_GT(measured.streamBytesPerSecond, 1e7);
  EXPECT_LT(measured.streamBytesPerSecond, 1e13);
  EXPECT_GT(measured.elementFlopsPerSecond, 1e7);
  EXPECT_LT(measured.elementFlopsPerSecond, 1e13);
}

} // namespace
} // namespace heddle::plan
