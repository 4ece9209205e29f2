//===- DegreeSequenceTest.cpp - sums and shapes of degrees -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/synthetic/DegreeSequence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace heddle::synthetic {
namespace {

/// The degree of every node, by the runs.
std::vector<std::vector<int64_t>> degreesOf(const DegreeSequence &sequence,
                                            const std::vector<int64_t> &groupNodes) {
  std::vector<std::vector<int64_t>> degrees;
  for (size_t g = 0; g < groupNodes.size(); ++g) {
    auto group = static_cast<int64_t>(g);
    std::vector<int64_t> of;
    for (int64_t r = sequence.firstRun(group); r < sequence.firstRun(group + 1); ++r) {
      const DegreeSequence::Run &run = sequence.runs()[static_cast<size_t>(r)];
      EXPECT_EQ(run.firstNode, static_cast<int64_t>(of.size()));
      of.resize(of.size() + static_cast<size_t>(sequence.nodesOf(r, group)), run.degree);
    }
    EXPECT_LE(static_cast<int64_t>(of.size()), groupNodes[g]);
    of.resize(static_cast<size_t>(groupNodes[g]));
    degrees.push_back(std::move(of));
  }
  return degrees;
}

TEST(DegreeSequence, SumsAreExactAndHalfEdgesBelongToTheirNodes) {
  std::mt19937_64 random(11);
  auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int trial = 0; trial < 3000; ++trial) {
    std::vector<int64_t> groupNodes;
    for (int64_t g = 1 + below(6); g > 0; --g)
      groupNodes.push_back(below(4) == 0 ? below(3) : below(trial % 50 == 0 ? 3000 : 60));
    groupNodes[0] = std::max<int64_t>(1, groupNodes[0]);
    int64_t nodes = std::accumulate(groupNodes.begin(), groupNodes.end(), int64_t(0));
    int64_t limit = 1 + below(100);
    int64_t edges = below(3) == 0   ? nodes * limit - below(std::min<int64_t>(nodes * limit, 3))
                    : below(2) == 0 ? below(nodes * limit + 1)
                                    : std::min(below(2 * nodes + 1), nodes * limit);
    DegreeShape shape{(1 + below(100)) / 100.0, 1.01 + below(699) / 100.0, 1 + below(200)};
    DegreeSequence sequence(groupNodes, edges, shape, limit, random());
    ASSERT_EQ(sequence.edges(), edges) << trial;
    int64_t halfEdge = 0;
    auto degrees = degreesOf(sequence, groupNodes);
    for (size_t g = 0; g < degrees.size(); ++g) {
      auto group = static_cast<int64_t>(g);
      ASSERT_EQ(sequence.firstHalfEdge(group), halfEdge);
      for (size_t n = 0; n < degrees[g].size(); ++n) {
        ASSERT_TRUE(degrees[g][n] >= 0 && degrees[g][n] <= limit) << trial;
        ASSERT_TRUE(n == 0 || degrees[g][n] <= degrees[g][n - 1]) << trial;
        for (int64_t i = 0; i < degrees[g][n]; ++i)
          ASSERT_EQ(sequence.nodeOf(halfEdge++, group), static_cast<int64_t>(n)) << trial;
      }
    }
    ASSERT_EQ(halfEdge, edges);
  }
}

// Without stretching or cutting, the share of nodes with at least d edges falls with d^-(exponent -
// 1).
TEST(DegreeSequence, TailsFollowTheExponent) {
  for (double exponent : {1.7, 2.0, 2.5, 3.0}) {
    constexpr int64_t nodes = 400'000;
    DegreeSequence sequence(std::vector<int64_t>(100, nodes / 100), 6 * nodes,
                            {1, exponent, 100'000}, 200'000, 3);
    auto degrees = degreesOf(sequence, std::vector<int64_t>(100, nodes / 100));
    auto tail = [&](int64_t d) {
      double count = 0;
      for (const auto &group : degrees)
        for (int64_t degree : group)
          count += degree >= d;
      return count;
    };
    double slope = std::log(tail(30) / tail(300)) / std::log(10.0);
    EXPECT_NEAR(slope, exponent - 1, 0.05) << exponent;
  }
}

TEST(DegreeSequence, GroupsHaveTheSameShape) {
  std::vector<int64_t> groupNodes(50, 2000);
  DegreeSequence sequence(groupNodes, 500'000, {0.5, 2.5, 400}, 100'000, 9);
  for (const auto &group : degreesOf(sequence, groupNodes)) {
    EXPECT_NEAR(double(group[20]), 50, 3); // the top percent
    EXPECT_NEAR(double(std::count(group.begin(), group.end(), 0)), 1000, 2);
  }
}

TEST(DegreeSequence, StreamsDiffer) {
  std::vector<int64_t> groupNodes(20, 500);
  auto degrees = [&](uint64_t stream) {
    return degreesOf(DegreeSequence(groupNodes, 50'000, {1, 2, 3000}, 9000, stream), groupNodes);
  };
  EXPECT_EQ(degrees(1), degrees(1));
  EXPECT_NE(degrees(1), degrees(2));
}

TEST(DegreeSequence, NoEdgesAndNoNodes) {
  EXPECT_EQ(DegreeSequence({0, 3}, 0, {}, 5, 1).edges(), 0);
  EXPECT_EQ(DegreeSequence({0}, 0, {}, 0, 1).edges(), 0);
  EXPECT_EQ(DegreeSequence({}, 0, {}, 0, 1).edges(), 0);
}

TEST(DegreeSequence, PortablePowerIsThePower) {
  std::mt19937_64 random(2);
  for (int trial = 0; trial < 100'000; ++trial) {
    double base = std::ldexp(1 + double(random() >> 12) * 0x1p-52, int(random() % 48) - 24);
    double exponent = double(int64_t(random()) >> 12) * 0x1p-51 * 8;
    double expected = std::pow(base, exponent);
    if (expected > 0 && std::isnormal(expected))
      ASSERT_NEAR(portablePower(base, exponent) / expected, 1, 1e-12) << base << " " << exponent;
  }
  EXPECT_EQ(portablePower(1, 3.7), 1);
  EXPECT_EQ(portablePower(1e-5, 0), 1);
}

} // namespace
} // namespace heddle::synthetic
