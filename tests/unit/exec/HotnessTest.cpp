//===- HotnessTest.cpp - expected requests against drawn ones ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cache/Hotness.h"

#include "TestGraph.h"
#include "TestPlan.h"
#include "runtime/exec/Presample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace heddle::exec {
namespace {

using plan::SymbolKind;
using testing::PlanBuilder;
using testing::TestGraph;
using Ids = std::vector<int64_t>;

/// A graph, and a step that fetches "x" of every type at every hop.
struct Scene {
  TestGraph graph;
  plan::PlanT plan;
  PlanBuilder builder{plan};
  ThreadPool pool{2};

  int type(const std::string &name, int64_t nodes) {
    builder.type(name, uint64_t(nodes));
    return graph.addType(name, nodes);
  }
  void relation(int source, const std::string &name, int destination,
                std::vector<std::pair<int64_t, int64_t>> edges) {
    graph.addRelation(source, name, destination, std::move(edges));
    builder.relation(uint32_t(source), name, uint32_t(destination));
  }
  void step(uint32_t hops, int32_t fanout, uint64_t batchSize, bool self = true) {
    plan::EntryT &entry = builder.entry(plan::EntryKind::TrainStep, "train");
    entry.batch_size = batchSize;
    auto sampled = builder.sampleAll(0, hops, fanout, self);
    for (uint32_t hop = 0; hop <= hops; ++hop)
      for (uint32_t t = 0; t < plan.node_types.size(); ++t)
        if (sampled.ids[hop][t] >= 0) {
          plan::FetchDenseAttrsT a;
          a.node_type = t;
          a.feature = "x";
          a.dim = 1;
          builder.op("fetch", plan::Queue::Fetch, 0, a, {sampled.ids[hop][t]},
                     {builder.slot("x", plan::DType::F32, builder.extent(SymbolKind::Rows, hop, t))});
        }
  }
  const plan::EntryT &entry() const { return *plan.entries[0]; }
  std::vector<cache::FetchedRows> rows() const { return cache::rowsFetched(plan, entry()); }
  std::vector<cache::Hotness> analytic(const Ids &seeds) {
    auto hot = cache::analyticHotness(plan, entry(), graph, seeds, rows());
    EXPECT_TRUE(hot.ok()) << hot.status();
    return *hot;
  }
  /// Means over `draws` epochs, each of another order under another seed.
  std::vector<cache::Hotness> drawn(const Ids &seeds, int draws) {
    std::vector<cache::Hotness> sum;
    std::mt19937_64 random(5);
    for (int draw = 0; draw < draws; ++draw) {
      Ids order = seeds;
      std::shuffle(order.begin(), order.end(), random);
      size_t size = entry().batch_size ? size_t(entry().batch_size) : order.size();
      std::vector<Ids> batches;
      for (size_t at = 0; at < order.size(); at += size)
        batches.emplace_back(order.begin() + ptrdiff_t(at),
                             order.begin() + ptrdiff_t(std::min(order.size(), at + size)));
      auto hot = presampledHotness(plan, entry(), graph, batches, uint64_t(draw), rows(), pool);
      EXPECT_TRUE(hot.ok()) << hot.status();
      sum.resize(hot->size());
      for (size_t t = 0; t < sum.size(); ++t) {
        sum[t].resize((*hot)[t].size());
        for (size_t i = 0; i < sum[t].size(); ++i)
          sum[t][i] += (*hot)[t][i] / float(draws);
      }
    }
    return sum;
  }
};

Ids firstIds(int64_t count) {
  Ids ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

/// Frequencies of `draws` draws are those of the probabilities: five standard deviations, and what
/// approximates may be off by `slack`.
void expectClose(const std::vector<cache::Hotness> &wanted, const std::vector<cache::Hotness> &got,
                 int draws, double most, double slack = 0) {
  ASSERT_EQ(wanted.size(), got.size());
  for (size_t t = 0; t < wanted.size(); ++t) {
    ASSERT_EQ(wanted[t].size(), got[t].size());
    for (size_t i = 0; i < wanted[t].size(); ++i) {
      double p = std::min(1.0, double(wanted[t][i]) / most); // of a fetch
      double sigma = most * std::sqrt(p * (1 - p) / draws);
      ASSERT_NEAR(wanted[t][i], got[t][i], 5 * sigma + slack + 1e-5) << "table " << t << " row " << i;
    }
  }
}

// Draws of different destinations and relations are independent: with all seeds there, one hop is exact.
TEST(Hotness, OneHopOfAllSeeds) {
  Scene s;
  int a = s.type("a", 40), b = s.type("b", 60);
  std::mt19937_64 random(1);
  s.relation(a, "aa", a, testing::randomEdges(random, 40, 40, 300));
  s.relation(b, "ba", a, testing::randomEdges(random, 60, 40, 500));
  s.relation(b, "bb", a, testing::randomEdges(random, 60, 40, 90));
  s.step(1, 3, 0, false);
  const int draws = 1500;
  auto wanted = s.analytic(firstIds(40));
  // By hand for one source: no edge of it is drawn.
  double missed[60];
  std::fill(std::begin(missed), std::end(missed), 1.0);
  for (int r : {1, 2}) {
    const graph::RelationView &view = s.graph.relation(r);
    for (int64_t v = 0; v < 40; ++v)
      for (int64_t e = view.inPtr[v]; e < view.inPtr[v + 1]; ++e)
        missed[view.inSources[e]] *= 1 - std::min(1.0, 3.0 / double(view.inPtr[v + 1] - view.inPtr[v]));
  }
  // A source with two edges to one destination: those draws are not independent.
  auto rows = s.rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].fetches.size(), 1u); // b is at hop 1 only
  EXPECT_EQ(rows[0].fetches.size(), 2u); // a is there as seeds as well
  for (size_t i = 0; i < 60; ++i)
    EXPECT_NEAR(wanted[1][i], 1 - missed[i], 1e-5);
  expectClose(wanted, s.drawn(firstIds(40), draws), draws, 2, 0.02);
}

TEST(Hotness, TreesAreExact) {
  Scene s;
  int a = s.type("a", 4), b = s.type("b", 20), c = s.type("c", 200);
  std::vector<std::pair<int64_t, int64_t>> ba, cb;
  for (int64_t i = 0; i < 20; ++i)
    ba.emplace_back(i, i % 4);
  for (int64_t i = 0; i < 200; ++i)
    cb.emplace_back(i, i * i % 20);
  s.relation(b, "ba", a, ba);
  s.relation(c, "cb", b, cb);
  s.step(2, 2, 1, false);
  const int draws = 400;
  auto wanted = s.analytic(firstIds(4));
  // A batch of one of four seeds; two of its five children; of those, two of ten or twenty.
  EXPECT_FLOAT_EQ(wanted[0][0], 0.25f);
  EXPECT_FLOAT_EQ(wanted[1][7], 0.25f * 0.4f);
  const graph::RelationView &view = s.graph.relation(1);
  EXPECT_FLOAT_EQ(wanted[2][0], 0.25f * 0.4f * 2 / float(view.inPtr[1] - view.inPtr[0]));
  // Four batches an epoch, each with its own draw.
  expectClose(wanted, s.drawn(firstIds(4), draws), draws * 4, 1, 0.01);
}

TEST(Hotness, AllNeighboursAreReached) {
  Scene s;
  int a = s.type("a", 30), b = s.type("b", 30);
  std::mt19937_64 random(3);
  s.relation(a, "aa", a, testing::randomEdges(random, 30, 30, 25));
  s.relation(b, "ba", a, testing::randomEdges(random, 30, 30, 20));
  s.relation(a, "ab", b, testing::randomEdges(random, 30, 30, 20));
  s.step(3, -1, 0);
  Ids seeds = {3, 4, 5};
  auto wanted = s.analytic(seeds), got = s.drawn(seeds, 1);
  EXPECT_EQ(wanted, got); // whole numbers: of hops where the row is there
}

TEST(Hotness, RandomGraphs) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    std::mt19937_64 random(seed);
    Scene s;
    int64_t nodes[3] = {60, 200, 0};
    for (int t = 0; t < 3; ++t)
      s.type(t == 1 ? "β 类型" : std::string(1, char('a' + t)), nodes[t]);
    for (auto [source, destination] : {std::pair{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {0, 2}})
      s.relation(source, "r" + std::to_string(source) + std::to_string(destination), destination,
                 testing::randomEdges(random, nodes[source], nodes[destination],
                                      int64_t(random() % 600)));
    const uint32_t hops = 1 + uint32_t(seed % 3);
    s.step(hops, 1 + int32_t(seed % 4), seed % 2 ? 0 : 10, seed % 3 != 0);
    const int draws = 300;
    Ids seeds = firstIds(40);
    auto wanted = s.analytic(seeds), got = s.drawn(seeds, draws);
    // Rows that share neighbours are not independent; how hot rows are is told all the same.
    expectClose(wanted, got, draws, hops + 1, 0.12 * (hops + 1));
    for (size_t t = 0; t < wanted.size(); ++t) {
      double w = std::accumulate(wanted[t].begin(), wanted[t].end(), 0.0),
             g = std::accumulate(got[t].begin(), got[t].end(), 0.0);
      EXPECT_NEAR(w, g, 0.08 * g + 0.5) << "seed " << seed << " table " << t;
    }
  }
}

TEST(Hotness, SeedsThatAreNone) {
  Scene s;
  s.type("a", 5);
  s.relation(0, "aa", 0, {{0, 1}});
  s.step(1, 2, 2);
  EXPECT_EQ(s.analytic({}), (std::vector<cache::Hotness>{cache::Hotness(5, 0.0f)}));
  auto none = presampledHotness(s.plan, s.entry(), s.graph, {}, 0, s.rows(), s.pool);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(*none, (std::vector<cache::Hotness>{cache::Hotness(5, 0.0f)}));
}

TEST(Hotness, FewBatchesCountLittle) {
  cache::Hotness counted = {1, 0, 0.5f}, expected = {0, 1, 0.5f};
  cache::smooth(counted, 16, expected);
  EXPECT_EQ(counted, (cache::Hotness{0.5f, 0.5f, 0.5f}));
  counted = {1, 0, 0.5f};
  cache::smooth(counted, 16 * 15, expected);
  EXPECT_FLOAT_EQ(counted[0], 15.0f / 16);
  cache::smooth(counted, 0, expected);
  EXPECT_EQ(counted, expected);
}

// A keeper is asked by all for its own rows, and for no other.
TEST(Hotness, SpreadRows) {
  cache::Hotness sum(7, 0.0f), frontier = {1, 1, 1, 0.5f, 0.5f, 0.25f, 0};
  cache::FetchedRows::Fetch fetch;
  fetch.keepers = 2;
  fetch.keeper = 1;
  cache::addRequests(sum, frontier, fetch);
  EXPECT_EQ(sum, (cache::Hotness{0, 0, 0, 1, 1, 0.5f, 0}));
  fetch.keeper = 0;
  cache::addRequests(sum, frontier, fetch);
  EXPECT_EQ(sum, (cache::Hotness{2, 2, 2, 1, 1, 0.5f, 0}));
}

} // namespace
} // namespace heddle::exec
