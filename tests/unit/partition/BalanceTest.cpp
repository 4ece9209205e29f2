//===- BalanceTest.cpp - largest first against every assignment ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/cost/Balance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace heddle::compiler {
namespace {

using Weights = std::vector<uint64_t>;

std::vector<uint64_t> loadsOf(const Weights &weights, const std::vector<uint32_t> &owner,
                              uint32_t p) {
  std::vector<uint64_t> loads(p, 0);
  for (size_t i = 0; i < weights.size(); ++i)
    loads[owner[i]] += weights[i];
  return loads;
}

/// The smallest largest load, by trying all assignments.
uint64_t best(const Weights &weights, std::vector<uint64_t> &loads, size_t item) {
  if (item == weights.size())
    return *std::max_element(loads.begin(), loads.end());
  uint64_t least = UINT64_MAX;
  for (uint64_t &load : loads) {
    load += weights[item];
    least = std::min(least, best(weights, loads, item + 1));
    load -= weights[item];
  }
  return least;
}

// Invariant 14.
TEST(Balance, LargestFirstIsWithinGrahamsBoundOfTheBest) {
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 300; ++trial) {
    uint32_t p = 1 + random() % 4;
    Weights weights(p + random() % (9 - p));
    for (uint64_t &weight : weights)
      weight = random() % (trial % 3 ? 1000 : 4); // ties and zeros often
    auto owner = balanceLargestFirst(weights, p);
    auto loads = loadsOf(weights, owner, p);
    std::vector<uint64_t> scratch(p, 0);
    double limit = (4.0 / 3 - 1.0 / (3 * p)) * double(best(weights, scratch, 0));
    EXPECT_LE(double(*std::max_element(loads.begin(), loads.end())), limit + 1e-9);
    for (uint32_t part = 0; part < p; ++part)
      EXPECT_TRUE(std::count(owner.begin(), owner.end(), part)) << "an empty partition";
    EXPECT_EQ(owner, balanceLargestFirst(weights, p));
  }
}

TEST(Balance, TiesGoToTheFirstPartitionAndItem) {
  EXPECT_EQ(balanceLargestFirst(Weights{5, 5, 5, 5}, 2), (std::vector<uint32_t>{0, 1, 0, 1}));
  EXPECT_EQ(balanceLargestFirst(Weights{0, 0, 0}, 3), (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_EQ(balanceLargestFirst(Weights{1, 9, 1}, 2), (std::vector<uint32_t>{1, 0, 1}));
  EXPECT_TRUE(balanceLargestFirst(Weights{}, 2).empty());
}

// The published example's weights.
// Pieces of an item are in different partitions, none of which is empty; nobody gets more than half of
// the pieces of what weighs all.
TEST(Balance, PiecesOfAnItemAreApart) {
  std::mt19937_64 random(7);
  for (int trial = 0; trial < 300; ++trial) {
    uint32_t p = 1 + random() % 12;
    size_t items = 1 + random() % 5;
    Weights weights(items);
    bool canCut[5] = {};
    for (size_t i = 0; i < items; ++i) {
      weights[i] = random() % (trial % 3 ? 1000 : 3);
      canCut[i] = i + 1 < items || trial % 2;
    }
    auto weightOf = [&](size_t i, uint32_t pieces) { return weights[i] / pieces; };
    bool evenOut = trial % 4 == 0;
    Pieces pieces = cutAndBalance(std::span<const bool>(canCut, items), p, evenOut, weightOf);
    std::vector<uint64_t> loads(p, 0);
    std::vector<int> count(p, 0);
    size_t most = 0;
    for (size_t i = 0; i < items; ++i) {
      const auto &owners = pieces.owners[i];
      ASSERT_FALSE(owners.empty());
      ASSERT_TRUE(std::is_sorted(owners.begin(), owners.end()));
      ASSERT_EQ(std::adjacent_find(owners.begin(), owners.end()), owners.end()) << "two in one";
      ASSERT_TRUE(canCut[i] || owners.size() == 1);
      most += canCut[i] ? p : 1;
      for (uint32_t owner : owners) {
        loads[owner] += weights[i] / owners.size();
        ++count[owner];
      }
    }
    EXPECT_EQ(pieces.loads, loads);
    if (most >= p)
      EXPECT_EQ(std::count(count.begin(), count.end(), 0), 0) << "an empty partition";
    if (!evenOut && items >= p)
      for (const auto &owners : pieces.owners)
        EXPECT_EQ(owners.size(), 1u) << "cut without need";
    Pieces even = cutAndBalance(std::span<const bool>(canCut, items), p, true, weightOf);
    EXPECT_LE(*std::max_element(even.loads.begin(), even.loads.end()),
              *std::max_element(loads.begin(), loads.end()));
  }
  // One link that weighs nearly all is shared by everyone.
  const bool both[] = {true, false};
  auto heavy = [](size_t i, uint32_t pieces) { return i ? uint64_t(4) : uint64_t(1200) / pieces; };
  EXPECT_EQ(cutAndBalance(both, 4, true, heavy).owners[0], (std::vector<uint32_t>{0, 1, 2, 3}));
}

TEST(Balance, OgbnMag) {
  Weights weights{27414283, 17215096, 15806510};
  EXPECT_EQ(loadsOf(weights, balanceLargestFirst(weights, 2), 2), (Weights{27414283, 33021606}));
}

} // namespace
} // namespace heddle::compiler
