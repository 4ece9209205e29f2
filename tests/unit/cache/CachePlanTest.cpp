//===- CachePlanTest.cpp - which rows a cache keeps ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cache/CachePlan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace heddle::cache {
namespace {

using Ids = std::vector<int64_t>;

constexpr Policy policies[] = {Policy::None, Policy::Uniform, Policy::Heta, Policy::Greedy};

Table table(const std::vector<float> &hotness, int64_t rowBytes, double penalty = 1e-9) {
  return {rowBytes, penalty, hotness};
}

/// Seconds saved in a step.
double saved(std::span<const Table> tables, const Plan &plan) {
  double sum = 0;
  for (size_t t = 0; t < tables.size(); ++t)
    for (int64_t id : plan.rows[t])
      sum += double(tables[t].hotness[size_t(id)]) * tables[t].missSecondsPerByte *
             double(tables[t].rowBytes);
  return sum;
}

TEST(CachePlan, NamesAreInTheOrderOfPolicies) {
  EXPECT_EQ(policyNames(), (std::vector<std::string>{"none", "uniform", "heta", "greedy"}));
}

// Heta's formula by hand: requests 10 and 6, penalties 1 and 5 ns a byte (a learnable row carries three
// arrays), so shares 10 / 40 and 30 / 40 of 960 bytes: 240 bytes of 40 and 720 bytes of 120.
TEST(CachePlan, HetasFormula) {
  std::vector<float> a = {1, 4, 0, 2, 3, 0, 0, 0}, b = {1, 2, 0.5, 0.5, 1.5, 0.25, 0.25};
  const Table tables[] = {table(a, 40, 1e-9), table(b, 3 * 40, 5e-9)};
  Plan plan = planCache(tables, Policy::Heta, 960);
  EXPECT_EQ(plan.rows[0], (Ids{1, 4, 3, 0, 2, 5}));
  EXPECT_EQ(plan.rows[1], (Ids{1, 4, 0, 2, 3, 5}));
  EXPECT_EQ(plan.bytes, 960u);
  EXPECT_DOUBLE_EQ(expectedHits(tables[1], plan.rows[1]), 5.75 / 6);
}

// A share that is more than the table has is not given to others: as published.
TEST(CachePlan, HetaAndUniformStopAtATablesSize) {
  std::vector<float> a = {100, 100}, b = {1, 1, 1, 1};
  const Table tables[] = {table(a, 10), table(b, 10)};
  Plan heta = planCache(tables, Policy::Heta, 60);
  EXPECT_EQ(heta.rows[0], (Ids{0, 1}));
  EXPECT_EQ(heta.rows[1], Ids{}); // 60 * 4 / 204 bytes are no row
  Plan uniform = planCache(tables, Policy::Uniform, 60);
  EXPECT_EQ(uniform.rows[0], (Ids{0, 1}));
  EXPECT_EQ(uniform.rows[1], (Ids{0, 1, 2}));
  Plan greedy = planCache(tables, Policy::Greedy, 60);
  EXPECT_EQ(greedy.rows[0], (Ids{0, 1}));
  EXPECT_EQ(greedy.rows[1], (Ids{0, 1, 2, 3}));
}

TEST(CachePlan, NothingOneRowAndAll) {
  std::vector<float> a = {0.5f, 2, 1}, b = {1, 0}, empty;
  const Table tables[] = {table(a, 8, 1e-9), table(empty, 4, 1e-9), table(b, 16, 3e-9)};
  for (Policy policy : policies) {
    Plan none = planCache(tables, policy, 0);
    EXPECT_EQ(none.rows, std::vector<Ids>(3));
    EXPECT_EQ(none.bytes, 0u);
    EXPECT_TRUE(planCache({}, policy, 100).rows.empty());
  }
  EXPECT_EQ(planCache(tables, Policy::Greedy, 8).rows, (std::vector<Ids>{{1}, {}, {}}));
  // The first row of the last table saves most for a byte.
  EXPECT_EQ(planCache(tables, Policy::Greedy, 16).rows, (std::vector<Ids>{{}, {}, {0}}));
  EXPECT_EQ(planCache(tables, Policy::Greedy, 24).rows, (std::vector<Ids>{{1}, {}, {0}}));
  Plan all = planCache(tables, Policy::Greedy, 1000);
  EXPECT_EQ(all.rows, (std::vector<Ids>{{1, 2, 0}, {}, {0, 1}}));
  EXPECT_EQ(all.bytes, 3u * 8 + 2 * 16);
  for (Policy policy : {Policy::Uniform, Policy::Greedy})
    EXPECT_EQ(planCache(tables, policy, UINT64_MAX).bytes, all.bytes);
  EXPECT_EQ(planCache(tables, Policy::None, UINT64_MAX).bytes, 0u);
}

TEST(CachePlan, NobodyAsks) {
  std::vector<float> zeros(5, 0), empty;
  const Table tables[] = {table(zeros, 4), table(empty, 4)};
  EXPECT_EQ(planCache(tables, Policy::Heta, 100).bytes, 0u); // shares of nothing
  EXPECT_EQ(planCache(tables, Policy::Greedy, 8).rows[0], (Ids{0, 1}));
  EXPECT_EQ(expectedHits(tables[0], Ids{0, 1}), 0);
}

TEST(CachePlan, EquallyHotRowsGoByTableAndId) {
  std::vector<float> a = {1, 1, 1}, b = {1, 1, 1};
  const Table tables[] = {table(a, 4), table(b, 4)};
  Plan plan = planCache(tables, Policy::Greedy, 16);
  EXPECT_EQ(plan.rows, (std::vector<Ids>{{0, 1, 2}, {0}}));
}

/// The best of all subsets of at most `budget` bytes, rows of one width.
double bestOfAll(std::span<const Table> tables, uint64_t budget) {
  std::vector<std::pair<double, int64_t>> rows;
  for (const Table &t : tables)
    for (float hot : t.hotness)
      rows.emplace_back(double(hot) * t.missSecondsPerByte * double(t.rowBytes), t.rowBytes);
  double best = 0;
  for (uint32_t subset = 0; subset < 1u << rows.size(); ++subset) {
    uint64_t bytes = 0;
    double value = 0;
    for (size_t i = 0; i < rows.size(); ++i)
      if (subset >> i & 1) {
        bytes += uint64_t(rows[i].second);
        value += rows[i].first;
      }
    if (bytes <= budget)
      best = std::max(best, value);
  }
  return best;
}

TEST(CachePlan, RandomTables) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    const bool oneWidth = round % 2;
    std::vector<std::vector<float>> hotness(1 + random() % 4);
    std::vector<Table> tables;
    uint64_t all = 0;
    for (auto &rows : hotness) {
      rows.resize(random() % 4);
      for (float &hot : rows)
        hot = random() % 3 ? float(random() % 16) / 8 : 0;
      tables.push_back(table(rows, oneWidth ? 8 : int64_t(4 * (1 + random() % 8)),
                             1e-9 * double(1 + random() % 5)));
      all += rows.size() * uint64_t(tables.back().rowBytes);
    }
    const uint64_t budget = random() % (all + 10);
    Plan greedy;
    for (Policy policy : policies) {
      Plan plan = planCache(tables, policy, budget);
      uint64_t bytes = 0;
      for (size_t t = 0; t < tables.size(); ++t) {
        bytes += plan.rows[t].size() * uint64_t(tables[t].rowBytes);
        // The hottest rows of its table, in order, each once.
        Ids order(tables[t].hotness.size());
        std::iota(order.begin(), order.end(), 0);
        std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
          const float x = tables[t].hotness[size_t(a)], y = tables[t].hotness[size_t(b)];
          return x != y ? x > y : a < b;
        });
        order.resize(plan.rows[t].size());
        EXPECT_EQ(plan.rows[t], order);
      }
      EXPECT_EQ(plan.bytes, bytes);
      EXPECT_LE(bytes, budget);
      if (policy == Policy::Greedy)
        greedy = plan;
    }
    // With rows of one width greedy is the best there is.
    if (oneWidth) {
      EXPECT_NEAR(saved(tables, greedy), bestOfAll(tables, budget), 1e-15);
      for (Policy policy : policies)
        EXPECT_GE(saved(tables, greedy), saved(tables, planCache(tables, policy, budget)) - 1e-15);
    }
    EXPECT_EQ(planCache(tables, Policy::Greedy, all).bytes, all);
  }
}

} // namespace
} // namespace heddle::cache
