//===- SizeModelTest.cpp - bounds and estimates of a batch ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/cost/SizeModel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace heddle::compiler;

namespace {

/// A relation of explicit edges (source, destination).
struct Edges {
  uint64_t numSources, numDestinations;
  std::vector<std::pair<uint64_t, uint64_t>> list;
};

std::vector<uint64_t> histogram(const std::vector<uint64_t> &degrees) {
  std::vector<uint64_t> counts(1, 0);
  for (uint64_t degree : degrees) {
    size_t bucket = 0;
    while (degree >> bucket)
      ++bucket;
    if (counts.size() <= bucket)
      counts.resize(bucket + 1, 0);
    ++counts[bucket];
  }
  return counts;
}

RelationStatistics statisticsOf(const Edges &edges) {
  std::vector<uint64_t> in(edges.numDestinations, 0), out(edges.numSources, 0);
  for (auto [s, d] : edges.list) {
    ++out[s];
    ++in[d];
  }
  RelationStatistics r;
  r.numSources = edges.numSources;
  r.numDestinations = edges.numDestinations;
  r.numEdges = edges.list.size();
  for (uint64_t degree : in) {
    r.maxInDegree = std::max(r.maxInDegree, degree);
    r.inActive += degree > 0;
  }
  for (uint64_t degree : out)
    r.outActive += degree > 0;
  r.inHistogram = histogram(in);
  r.outHistogram = histogram(out);
  return r;
}

Edges randomEdges(std::mt19937 &random, uint64_t sources, uint64_t destinations, size_t count) {
  Edges edges{sources, destinations, {}};
  for (size_t i = 0; i < count && sources && destinations; ++i) {
    // Squared: some nodes have many edges, some none.
    double a = double(random() % 10000) / 10000, b = double(random() % 10000) / 10000;
    edges.list.emplace_back(uint64_t(a * a * double(sources)),
                            uint64_t(b * b * double(destinations)));
  }
  return edges;
}

} // namespace

TEST(SizeModel, Seeds) {
  EXPECT_EQ(estimateSeeds(32, 100, 1000).bound, 32u);
  EXPECT_EQ(estimateSeeds(0, 100, 1000).bound, 100u);
  EXPECT_EQ(estimateSeeds(128, 100, 1000).bound, 100u);
  EXPECT_EQ(estimateSeeds(0, 100, 60).bound, 60u);
  EXPECT_EQ(estimateSeeds(5, 0, 60).bound, 0u);
}

TEST(SizeModel, HandExample) {
  // Four destinations of in-degree 0, 1, 2 and 5; the middle of [4, 8) is 5.5, clipped to 5.
  RelationStatistics r;
  r.numSources = 8;
  r.numDestinations = 4;
  r.numEdges = 8;
  r.maxInDegree = 5;
  r.inActive = 3;
  r.outActive = 8;
  r.inHistogram = {1, 1, 1, 1};
  r.outHistogram = {0, 8};
  EXPECT_DOUBLE_EQ(meanClippedDegree(r, -1), 2.0);
  EXPECT_DOUBLE_EQ(meanClippedDegree(r, 2), (1 + 2 + 2) / 4.0);
  EXPECT_DOUBLE_EQ(meanClippedDegree(r, 0), 0);
  LinkEstimate all = estimateLink(r, {4, 4}, -1);
  EXPECT_EQ(all.edges.bound, 8u);
  EXPECT_DOUBLE_EQ(all.edges.expected, 8);
  EXPECT_EQ(all.active.bound, 3u);
  EXPECT_DOUBLE_EQ(all.active.expected, 3);
  // The two highest degrees are at most 5 and 3.
  EXPECT_EQ(estimateLink(r, {2, 2}, -1).edges.bound, 8u);
  EXPECT_EQ(estimateLink(r, {2, 2}, 2).edges.bound, 4u);
  EXPECT_EQ(estimateLink(r, {1, 1}, -1).edges.bound, 5u);
  // All edges: every source with an edge, surely.
  FrontierSource source{&r, all.edges};
  SizeEstimate frontier = estimateFrontier(8, {&source, 1}, {});
  EXPECT_EQ(frontier.bound, 8u);
  EXPECT_DOUBLE_EQ(frontier.expected, 8);
  // With the rows of the hop before, but never more than there are nodes.
  EXPECT_EQ(estimateFrontier(10, {&source, 1}, {5, 5}).bound, 10u);
}

/// 100 sources of one edge each, to 100 destinations.
RelationStatistics hundredPairs() {
  RelationStatistics r;
  r.numSources = 100;
  r.numDestinations = 100;
  r.numEdges = 100;
  r.outHistogram = {0, 100};
  return r;
}

TEST(SizeModel, BallsInBins) {
  // 100 sources of one edge each, half of the edges sampled: 50 distinct sources.
  RelationStatistics r = hundredPairs();
  FrontierSource source{&r, {50, 50}};
  EXPECT_DOUBLE_EQ(estimateFrontier(100, {&source, 1}, {}).expected, 50);
  // 10 sources with many edges each: a tenth of the edges reaches about all of them.
  r.numEdges = 10000;
  r.numSources = 10;
  r.outHistogram = std::vector<uint64_t>(11, 0);
  r.outHistogram[10] = 10;
  source.edges = {1000, 1000};
  EXPECT_NEAR(estimateFrontier(10, {&source, 1}, {}).expected, 10, 1e-6);
}

TEST(SizeModel, EdgesOfTheHopBeforeLeadToRowsThatAreThere) {
  RelationStatistics r = hundredPairs();
  FrontierSource source{&r, {50, 50}};
  // The same 50 edges a hop later: nothing is new. As if drawn anew they would reach half of the rest.
  EXPECT_DOUBLE_EQ(estimateFrontier(100, {&source, 1}, {50, 50}).expected, 75);
  source.repeated = 50;
  EXPECT_DOUBLE_EQ(estimateFrontier(100, {&source, 1}, {50, 50}).expected, 50);
  EXPECT_EQ(estimateFrontier(100, {&source, 1}, {50, 50}).bound, 100u) << "a bound trusts nothing";
  source.repeated = 30;
  EXPECT_DOUBLE_EQ(estimateFrontier(100, {&source, 1}, {50, 50}).expected, 60);
  source.repeated = 80; // of a larger estimate
  EXPECT_DOUBLE_EQ(estimateFrontier(100, {&source, 1}, {50, 50}).expected, 50);
}

TEST(SizeModel, NothingAnywhere) {
  RelationStatistics none;
  LinkEstimate link = estimateLink(none, {10, 10}, 5);
  EXPECT_EQ(link.edges.bound, 0u);
  EXPECT_EQ(link.active.bound, 0u);
  EXPECT_EQ(link.edges.expected, 0);
  FrontierSource source{&none, {}};
  EXPECT_EQ(estimateFrontier(0, {&source, 1}, {}).bound, 0u);
  EXPECT_EQ(estimateFrontier(7, {}, {}).bound, 0u);
  EXPECT_EQ(estimateNnz({5, 5}, 0, 0, 10).bound, 0u);
}

TEST(SizeModel, HugeNumbersSaturate) {
  RelationStatistics r;
  r.numSources = r.numDestinations = UINT64_MAX / 2;
  r.numEdges = UINT64_MAX;
  r.maxInDegree = UINT64_MAX;
  LinkEstimate link = estimateLink(r, {UINT64_MAX / 2, 1e19}, INT64_MAX);
  EXPECT_EQ(link.edges.bound, UINT64_MAX);
  FrontierSource source{&r, link.edges};
  FrontierSource twice[] = {source, source};
  SizeEstimate frontier = estimateFrontier(UINT64_MAX, twice, {UINT64_MAX, 1e19});
  EXPECT_EQ(frontier.bound, UINT64_MAX);
  EXPECT_LE(frontier.expected, double(UINT64_MAX));
  EXPECT_EQ(estimateNnz({UINT64_MAX, 1e19}, 1, UINT64_MAX, 7).bound, UINT64_MAX);
}

/// Every batch that can be drawn stays within the bounds, and means are near the estimates.
TEST(SizeModel, AgainstSampling) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    uint64_t sources = 1 + random() % 60, destinations = 1 + random() % 60;
    Edges edges = randomEdges(random, sources, destinations, random() % 300);
    RelationStatistics r = statisticsOf(edges);
    uint64_t rows = 1 + random() % destinations;
    int64_t fanout = int64_t(random() % 6) - 1;
    LinkEstimate link = estimateLink(r, {rows, double(rows)}, fanout);
    FrontierSource source{&r, link.edges};
    SizeEstimate frontier = estimateFrontier(sources, {&source, 1}, {});
    SizeEstimate distinct = estimateSources(r, link.edges); // of one relation alone: the same
    double edgeSum = 0, activeSum = 0, rowSum = 0;
    constexpr int draws = 200;
    for (int draw = 0; draw < draws; ++draw) {
      std::vector<uint64_t> nodes(destinations);
      for (uint64_t i = 0; i < destinations; ++i)
        nodes[i] = i;
      std::shuffle(nodes.begin(), nodes.end(), random);
      std::set<uint64_t> chosen(nodes.begin(), nodes.begin() + long(rows));
      std::map<uint64_t, std::vector<uint64_t>> incoming;
      for (auto [s, d] : edges.list)
        if (chosen.count(d))
          incoming[d].push_back(s);
      uint64_t sampled = 0, active = 0;
      std::set<uint64_t> reached;
      for (auto &[d, list] : incoming) {
        std::shuffle(list.begin(), list.end(), random);
        if (fanout >= 0 && list.size() > size_t(fanout))
          list.resize(size_t(fanout));
        sampled += list.size();
        active += !list.empty();
        reached.insert(list.begin(), list.end());
      }
      ASSERT_LE(sampled, link.edges.bound);
      ASSERT_LE(active, link.active.bound);
      ASSERT_LE(reached.size(), frontier.bound);
      ASSERT_LE(reached.size(), distinct.bound);
      edgeSum += double(sampled);
      activeSum += double(active);
      rowSum += double(reached.size());
    }
    EXPECT_NEAR(link.active.expected, activeSum / draws, 1 + 0.15 * activeSum / draws);
    EXPECT_NEAR(link.edges.expected, edgeSum / draws, 2 + 0.3 * edgeSum / draws);
    EXPECT_NEAR(frontier.expected, rowSum / draws, 2 + 0.3 * rowSum / draws);
    EXPECT_NEAR(distinct.expected, rowSum / draws, 2 + 0.3 * rowSum / draws);
  }
}

TEST(SizeModel, Monotone) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    Edges edges = randomEdges(random, random() % 50, random() % 50, random() % 200);
    RelationStatistics r = statisticsOf(edges);
    if (round % 3 == 0)
      r.inHistogram.clear();
    if (round % 5 == 0)
      r.outHistogram.clear();
    uint64_t a = random() % 60, b = a + random() % 10;
    int64_t f = int64_t(random() % 8), g = f + int64_t(random() % 4);
    LinkEstimate small = estimateLink(r, {a, double(a)}, f);
    for (const LinkEstimate &large : {estimateLink(r, {b, double(b)}, f),
                                      estimateLink(r, {a, double(a)}, g),
                                      estimateLink(r, {a, double(a)}, -1)}) {
      EXPECT_LE(small.edges.bound, large.edges.bound);
      EXPECT_LE(small.active.bound, large.active.bound);
      EXPECT_LE(small.edges.expected, large.edges.expected);
      EXPECT_LE(small.active.expected, large.active.expected);
      FrontierSource s{&r, small.edges}, l{&r, large.edges};
      SizeEstimate few = estimateFrontier(edges.numSources, {&s, 1}, {a, double(a)});
      SizeEstimate many = estimateFrontier(edges.numSources, {&l, 1}, {b, double(b)});
      EXPECT_LE(few.bound, many.bound);
      EXPECT_LE(few.expected, many.expected);
    }
    EXPECT_LE(small.edges.expected, double(small.edges.bound));
    EXPECT_LE(small.active.expected, double(small.active.bound));
  }
}

TEST(SizeModel, Nnz) {
  SizeEstimate nnz = estimateNnz({10, 8}, 100, 250, 4);
  EXPECT_EQ(nnz.bound, 40u);
  EXPECT_DOUBLE_EQ(nnz.expected, 20);
  EXPECT_EQ(estimateNnz({1000, 100}, 100, 250, 4).bound, 250u);
}
