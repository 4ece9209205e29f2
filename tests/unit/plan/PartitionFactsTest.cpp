//===- PartitionFactsTest.cpp - figures over several partitions ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Metatree.h"
#include "runtime/plan/RowTerms.h"

#include "tests/unit/plan/PartitionedPlan.h"

#include "gtest/gtest.h"

namespace heddle::plan {
namespace {

using test::EntryBuilder;
using test::partitionedPlan;

/// 1 GB/s for everything, 1 ns a flop, 1 us a wave; links 0.5 GB/s and 100 us.
MachineRates plainRates() {
  MachineRates rates;
  rates.bytesPerSecond = rates.flopsPerSecond = rates.streamBytesPerSecond =
      rates.elementFlopsPerSecond = 1e9;
  rates.waveSeconds = 1e-6;
  rates.linkBytesPerSecond = 0.5e9;
  rates.messageSeconds = 1e-4;
  return rates;
}

/// The seconds of one collective in the entry of `partition`.
template <class Attrs>
double secondsIn(uint32_t partition, Attrs attrs, std::vector<Extent> wire, double ownRows = -1,
                 double gathered = 0, size_t terms = 1) {
  EntryT entry;
  entry.partition = partition;
  uint32_t id = 0;
  EntryBuilder build{entry, id};
  build.symbol(SymbolKind::Gathered, 0, 0, gathered);
  OpT &op = build.op("op", Queue::Comm, 0, std::move(attrs));
  op.wire = std::move(wire);
  if (ownRows >= 0) {
    int32_t rows = build.symbol(SymbolKind::Rows, 0, 0, ownRows);
    entry.buffers.push_back(std::make_unique<BufferT>());
    entry.buffers[0]->rows = std::make_unique<Extent>(rows, 1, 1, 0);
    entry.buffers[0]->dtype = DType::I64; // 8 bytes a row
    const size_t inputs = std::max<size_t>(1, inputsOfRowTerm(op.attrs.type));
    op.inputs.assign(terms * inputs, -1);
    for (size_t t = 0; t < terms; ++t)
      op.inputs[t * inputs] = 0;
  }
  return secondsOf(op, entry, 0, 0, plainRates());
}

template <class Attrs> Attrs among(std::vector<uint32_t> participants) {
  Attrs attrs;
  attrs.participants = std::move(participants);
  return attrs;
}

TEST(CostModel, CollectivesTakeTheirLinksAndRounds) {
  const std::vector<Extent> mega = {Extent(-1, 1, 0, 3000000)};
  // Each of three sends a third of it at 0.5 GB/s, in two rounds of 100 us.
  EXPECT_DOUBLE_EQ(secondsIn(1, among<MergeAllAttrsT>({0, 1, 2}), mega), 1e6 / 0.5e9 + 2e-4);
  // All passes the leader; a follower moves its own term.
  auto to = among<MergeToAttrsT>({0, 1, 2});
  to.leader = 1;
  EXPECT_DOUBLE_EQ(secondsIn(1, to, mega), 3e6 / 0.5e9 + 1e-4);
  EXPECT_DOUBLE_EQ(secondsIn(2, to, mega), 1.5e6 / 0.5e9 + 1e-4);
  auto from = among<BroadcastAttrsT>({0, 1, 2});
  from.leader = 2;
  EXPECT_DOUBLE_EQ(secondsIn(2, from, mega), 3e6 / 0.5e9 + 1e-4);
  EXPECT_DOUBLE_EQ(secondsIn(0, from, mega), 1.5e6 / 0.5e9 + 1e-4);
  // 1,000 rows in all, 8 bytes of each to one other: who has 750 of them sends 6,000 bytes, the
  // other one receives as many.
  auto rows = among<UnionRowsAttrsT>({0, 1});
  EXPECT_DOUBLE_EQ(secondsIn(0, rows, {Extent(0, 1, 8, 0)}, 750, 1000), 6000 / 0.5e9 + 2e-4);
  EXPECT_DOUBLE_EQ(secondsIn(1, rows, {Extent(0, 1, 8, 0)}, 250, 1000), 6000 / 0.5e9 + 2e-4);
  auto sums = among<ExchangeRowsAttrsT>({0, 1});
  EXPECT_DOUBLE_EQ(secondsIn(0, sums, {Extent(0, 1, 8, 0)}, 750, 1000), 6000 / 0.5e9 + 1e-4);
  EXPECT_DOUBLE_EQ(secondsIn(0, sums, {Extent(0, 1, 8, 0)}, -1, 1000), 4000 / 0.5e9 + 1e-4)
      << "an equal part where rows are unknown";
  // Two tables travel together: twice the bytes, one latency.
  EXPECT_DOUBLE_EQ(secondsIn(0, sums, {Extent(0, 1, 16, 0)}, 750, 1000, 2), 12000 / 0.5e9 + 1e-4);
  // Alone there is nobody to talk to; without rates there are no seconds.
  EXPECT_EQ(secondsIn(0, among<MergeAllAttrsT>({0}), mega), 0);
  EXPECT_EQ(secondsIn(0, among<MergeAllAttrsT>({}), mega), 0);
  PlanT plan = partitionedPlan(2);
  EXPECT_EQ(secondsOf(*plan.entries[0]->ops[6], *plan.entries[0], 1e9, 0, {}), 0);
}

TEST(CostModel, ComputeAndCommShareWaves) {
  PlanT plan = partitionedPlan(3);
  MachineRates rates = plainRates();
  const EntryT &entry = *plan.entries[0];
  EntryFacts facts = factsOf(entry, rates);
  // Wave 0 computes; in wave 1 the merge is slower than what runs beside it; wave 2 computes; in
  // wave 3 is what is told once, in 4 and 5 only comm.
  double merge = 512.0 * 2 * 2 * 26 * 4 / 3 / 0.5e9 + 2e-4;
  double exchange = 1600.0 * 64 * 4 / 2 / 0.5e9 + 1e-4, gradients = 172 * 4 / 0.5e9 + 2e-4;
  double control = 77777.0 / 2 / 0.5e9 + 2e-4;
  double expected = (1e-3 + 1e-6) + merge + (2e-6 + 1e-6) + (exchange + gradients) + control;
  EXPECT_DOUBLE_EQ(facts.wavesSeconds, expected);
  EXPECT_DOUBLE_EQ(facts.total.seconds, expected);
  EXPECT_EQ(facts.slowestQueue, int(Queue::Compute));
  EXPECT_GT(facts.queues[size_t(Queue::Comm)].once.seconds, 5e-3);
  // Partition 2 computes three times as much in wave 0, and takes no part in the rest.
  double third = factsOf(*plan.entries[2], rates).total.seconds;
  EXPECT_DOUBLE_EQ(third, (3e-3 + 1e-6) + merge + (2e-6 + 1e-6));
  EXPECT_DOUBLE_EQ(stepSeconds(plan, EntryKind::TrainStep, rates), third);
  EXPECT_EQ(stepSeconds(plan, EntryKind::Export, rates), 0);
  EXPECT_EQ(stepSeconds(plan, EntryKind::TrainStep, {}), 0);
  // Layers of one partition are one after the other.
  plan.entries[2]->kind = plan.entries[5]->kind = EntryKind::InferLayer;
  plan.entries[5]->layer = 1;
  EXPECT_DOUBLE_EQ(stepSeconds(plan, EntryKind::InferLayer, rates), 2 * third);
}

TEST(CostModel, CommWithoutComputeIsTheStep) {
  PlanT plan = partitionedPlan(2);
  auto &ops = plan.entries[0]->ops;
  std::erase_if(ops, [](const auto &op) { return op->queue == Queue::Compute; });
  EntryFacts facts = factsOf(*plan.entries[0], plainRates());
  EXPECT_EQ(facts.slowestQueue, int(Queue::Comm));
  EXPECT_DOUBLE_EQ(facts.total.seconds, facts.queues[size_t(Queue::Comm)].cost.seconds);
  EXPECT_GT(facts.total.seconds, 0);
}

TEST(PartitionFacts, StepsAreTheEntriesOfAKind) {
  PlanT plan = partitionedPlan(3);
  std::swap(plan.entries[0], plan.entries[2]); // any order
  std::vector<StepFacts> steps = stepsOf(plan);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].name, "train_step");
  EXPECT_EQ(steps[0].entries, (std::vector<uint32_t>{2, 1, 0}));
  EXPECT_EQ(steps[1].entries, (std::vector<uint32_t>{3, 4, 5}));
  EXPECT_EQ(mainStep(plan).entries, steps[0].entries);
  EXPECT_EQ(*entryOf(plan, "", -1), 2);
  EXPECT_EQ(*entryOf(plan, "", 2), 0);
  EXPECT_EQ(*entryOf(plan, "eval_step:1", -1), 4);
  EXPECT_EQ(*entryOf(plan, "eval_step", 1), 4);
  auto unknown = entryOf(plan, "evl_step", -1);
  EXPECT_EQ(exitCodeOf(unknown.status()), 2);
  EXPECT_NE(messageOf(unknown.status()).find("did you mean 'eval_step'"), std::string::npos);
  auto absent = entryOf(plan, "", 3);
  EXPECT_EQ(exitCodeOf(absent.status()), 2);
  EXPECT_NE(messageOf(absent.status()).find("no partition 3; give one of 0-2"), std::string::npos)
      << absent.status();
  plan.entries.clear();
  EXPECT_TRUE(stepsOf(plan).empty());
  EXPECT_TRUE(mainStep(plan).entries.empty());
  EXPECT_FALSE(entryOf(plan, "", -1).ok());
}

TEST(PartitionFacts, ListsOfPartitions) {
  EXPECT_EQ(partitionList({}, 3), "none");
  EXPECT_EQ(partitionList({0, 1, 2}, 3), "all");
  EXPECT_EQ(partitionList({0, 1, 2}, 4), "0-2");
  EXPECT_EQ(partitionList({0, 1, 3, 5, 6, 7}, 9), "0, 1, 3, 5-7");
  EXPECT_EQ(partitionList({0}, 1), "0");
}

TEST(PartitionFacts, StatesAndKernelsOfEach) {
  PlanT plan = partitionedPlan(3);
  plan.states[1]->partitions.clear();
  plan.states[1]->owner = 1; // the older way to say it
  std::vector<PartitionFacts> facts = partitionsOf(plan);
  ASSERT_EQ(facts.size(), 3u);
  using Key = std::pair<StateRole, std::vector<uint32_t>>;
  Key alone{StateRole::Parameter, {}}, shared{StateRole::Parameter, {1}},
      everywhere{StateRole::Parameter, {1, 2}}, rows{StateRole::EmbeddingRows, {1}};
  EXPECT_EQ(facts[0].learnt.size(), 4u);
  EXPECT_EQ(facts[0].learnt[alone].bytes, 64 * 32 * 4);
  EXPECT_EQ(facts[0].learnt[shared].bytes, 172 * 4);
  EXPECT_EQ(facts[0].learnt[everywhere].states, 1u);
  EXPECT_EQ(facts[0].learnt[rows].bytes, 5000.0 * 64 * 4);
  EXPECT_EQ(facts[1].learnt[alone].bytes, 16 * 4);
  EXPECT_EQ(facts[0].stateBytes, 2 * 64 * 32 * 4 + 172 * 4 + 4 * 4 + 5000.0 * 64 * 4);
  EXPECT_EQ(facts[2].stateBytes, 4 * 4);
  EXPECT_EQ(facts[2].kernels, (std::set<uint32_t>{2}));
  EXPECT_DOUBLE_EQ(balanceOf(facts), 1.5);
  plan.partition_info.clear();
  EXPECT_EQ(balanceOf(partitionsOf(plan)), 0);
}

TEST(WireFacts, EachCollectiveCountsOnceByClass) {
  PlanT plan = partitionedPlan(3);
  std::vector<WireTerm> terms = wireOf(plan, stepsOf(plan)[0]);
  ASSERT_EQ(terms.size(), 4u);
  EXPECT_EQ(terms[0].traffic, Traffic::Activations);
  EXPECT_EQ(terms[0].scale, 416u);
  EXPECT_DOUBLE_EQ(terms[0].expected, 416 * 512);
  EXPECT_EQ(formulaOf(plan, terms[0]), "2 * (3 - 1) * 26 * 4 * rows(0, " + test::movie +
                                           ") = 416 * rows(0, " + test::movie + ")");
  EXPECT_EQ(formulaOf(plan, terms[1]), "2 * (2 - 1) * 172 * 4 = 1,376");
  EXPECT_EQ(terms[1].traffic, Traffic::DenseGradients);
  // Ids and rows travel by different queues, and are one term.
  EXPECT_EQ(terms[2].traffic, Traffic::EmbeddingRows);
  EXPECT_EQ(formulaOf(plan, terms[2]), "(2 - 1) * (8 + 64 * 4) * gathered(1, " + test::person +
                                           ") = 264 * gathered(1, " + test::person + ")");
  EXPECT_DOUBLE_EQ(terms[2].expected, 264 * 1600);
  // 1,001 bytes are no product of numbers: said as they are.
  EXPECT_EQ(terms[3].traffic, Traffic::RemoteFeatures);
  EXPECT_TRUE(terms[3].once);
  EXPECT_EQ(formulaOf(plan, terms[3]), "1,001");
  EXPECT_DOUBLE_EQ(wireBytes(terms, false), 416 * 512 + 1376 + 264 * 1600);
  EXPECT_DOUBLE_EQ(wireBytes(terms, true), 1001);
  EXPECT_EQ(wireOf(plan, stepsOf(plan)[1]).size(), 1u) << "evaluation merges alone";
}

TEST(WireFacts, OneOpMaySendSeveralTerms) {
  PlanT plan = partitionedPlan(2);
  for (uint32_t p : {0u, 1u})
    for (auto &op : plan.entries[p]->ops)
      if (op->name == "merge") // two terms of the seeds' rows, one of every 64 rows and 40 bytes
        op->wire = {Extent(op->wire[0].symbol(), 1, 2 * 26 * 4, 0),
                    Extent(op->wire[0].symbol(), 1, 2 * 4 * 4, 40),
                    Extent(op->wire[0].symbol(), 64, 2 * 8 * 4, 0)};
  std::vector<WireTerm> terms = wireOf(plan, stepsOf(plan)[0]);
  std::vector<std::string> texts;
  for (const WireTerm &term : terms)
    if (term.traffic == Traffic::Activations)
      texts.push_back(formulaOf(plan, term));
  EXPECT_EQ(texts, (std::vector<std::string>{"2 * (2 - 1) * 5 * 4 = 40",
                                             "2 * (2 - 1) * 30 * 4 * rows(0, " + test::movie +
                                                 ") = 240 * rows(0, " + test::movie + ")",
                                             "2 * (2 - 1) * 8 * 4 * ceil(rows(0, " + test::movie +
                                                 ") / 64) = 64 * ceil(rows(0, " + test::movie +
                                                 ") / 64)"}));
}

TEST(WireFacts, RowsOfOtherKeepersTravelOnce) {
  PlanT plan = partitionedPlan(3);
  for (auto &entry : plan.entries)
    entry->ops.clear();
  uint32_t id = 1000;
  for (uint32_t p = 0; p < 3; ++p) {
    EntryBuilder build{*plan.entries[p], id};
    int32_t remote = build.symbol(SymbolKind::Remote, 1, 1, 300);
    int32_t entries = build.symbol(SymbolKind::RemoteNnz, 1, 1, 50);
    RequestRowsAttrsT ask;
    ask.participants = {0, 1, 2};
    ask.traffic = Traffic::RemoteFeatures;
    build.op("ask", Queue::Fetch, 0, ask).wire = {Extent(remote, 1, 8, 0)};
    FetchRemoteAttrsT fetch;
    fetch.collective = 1;
    fetch.participants = {0, 1, 2};
    fetch.traffic = Traffic::RemoteFeatures;
    build.op("fetch", Queue::Fetch, 0, fetch).wire = {Extent(remote, 1, 4 * 64, 0)};
    fetch.collective = 2;
    fetch.sparse = true;
    build.op("sparse", Queue::Fetch, 0, fetch).wire = {Extent(remote, 1, 4, 0),
                                                       Extent(entries, 1, 8, 0)};
  }
  std::vector<WireTerm> terms = wireOf(plan, stepsOf(plan)[0]);
  ASSERT_EQ(terms.size(), 2u);
  EXPECT_EQ(formulaOf(plan, terms[0]), "(8 + 65 * 4) * remote(1, " + test::person +
                                           ") = 268 * remote(1, " + test::person + ")");
  EXPECT_EQ(factorsOf(terms[0]), "8 + 65 * 4");
  EXPECT_EQ(formulaOf(plan, terms[1]), "2 * 4 * remote_nnz(1, " + test::person +
                                           ") = 8 * remote_nnz(1, " + test::person + ")");
  EXPECT_DOUBLE_EQ(wireBytes(terms, false), 268 * 300 + 8 * 50);
}

TEST(PartitionFacts, SpreadRowsCountByTheirPart) {
  PlanT plan = partitionedPlan(2);
  plan.states[4]->partitions.clear();
  plan.states[4]->spread = true;
  std::vector<PartitionFacts> facts = partitionsOf(plan);
  EXPECT_EQ(facts[1].spread.states, 1u);
  EXPECT_EQ(facts[1].spread.bytes, 5000.0 / 2 * 64 * 4);
  EXPECT_EQ(facts[1].stateBytes, 16 * 4 + 172 * 4 + 4 * 4 + 5000.0 / 2 * 64 * 4);
  EXPECT_EQ(facts[1].learnt.count({StateRole::EmbeddingRows, {0}}), 0u);
}

TEST(Metatree, VerticesLinksAndMerges) {
  PlanT plan = partitionedPlan(3);
  Metatree tree = metatreeOf(plan, mainStep(plan));
  // (0 movie) (1 movie) (1 person) (1 tag) (2 movie) (2 person)
  ASSERT_EQ(tree.vertices.size(), 6u);
  EXPECT_EQ(tree.vertices[0].rows, (std::map<uint32_t, double>{{0, 512}, {1, 512}, {2, 512}}));
  EXPECT_EQ(tree.vertices[3].rows, (std::map<uint32_t, double>{{1, 0}}));
  ASSERT_EQ(tree.links.size(), 6u);
  EXPECT_EQ(tree.links[0].from, 2u);
  EXPECT_EQ(tree.links[0].to, 0u);
  EXPECT_EQ(linkFigures(tree.links[0]), "15: 1,234");
  EXPECT_EQ(linkFigures(tree.links[4]), "all: 2,345");
  EXPECT_EQ(tree.links[5].relation, -1);
  EXPECT_EQ(tree.links[5].partition, 2u);
  EXPECT_EQ(tree.links[5].edges, 512);
  ASSERT_EQ(tree.merges.size(), 1u);
  EXPECT_EQ(tree.merges[0].kind, "merge_all");
  EXPECT_EQ(tree.merges[0].merges, "");
  EXPECT_EQ(tree.merges[0].vertex, 0u);
  EXPECT_EQ(tree.merges[0].numbers, 26u);
  for (auto &op : plan.entries[0]->ops)
    if (op->name == "merge")
      op->attrs.AsMergeAllAttrs()->merges = {MergeKind::Softmax, MergeKind::Sum, MergeKind::Argmax};
  EXPECT_EQ(metatreeOf(plan, mainStep(plan)).merges[0].merges, " argmax softmax");
}

TEST(Metatree, ParallelLinksAreBundledByPartition) {
  Metatree tree;
  tree.vertices.resize(2);
  tree.vertices[1].hop = 1;
  for (uint32_t p : {0u, 1u})
    for (int64_t relation = -1; relation < 3; ++relation) {
      tree.links.emplace_back();
      tree.links.back().partition = p;
      tree.links.back().relation = relation;
      tree.links.back().from = 1;
    }
  EXPECT_EQ(bundlesOf(tree, 8).size(), 8u);
  std::vector<LinkBundle> bundles = bundlesOf(tree, 7);
  ASSERT_EQ(bundles.size(), 4u); // the links to themselves stay apart
  EXPECT_EQ(bundles[0].links, (std::vector<size_t>{0}));
  EXPECT_EQ(bundles[1].links, (std::vector<size_t>{1, 2, 3}));
  EXPECT_EQ(bundles[3].partition, 1u);
}

TEST(Metatree, PartitionsLookDifferent) {
  std::set<std::pair<std::string, std::string>> looks;
  for (uint32_t p = 0; p < 21; ++p)
    looks.insert({styleOf(p).colour, styleOf(p).dashes});
  EXPECT_EQ(looks.size(), 21u);
  EXPECT_STREQ(styleOf(65535).colour, styleOf(65535 % 7).colour);
}

} // namespace
} // namespace heddle::plan
