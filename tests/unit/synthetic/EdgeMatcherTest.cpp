//===- EdgeMatcherTest.cpp - who is joined with whom ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/synthetic/EdgeMatcher.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace heddle::synthetic {
namespace {

struct Edges {
  std::vector<int64_t> sources, destinations;
  int64_t redrawn = 0;
  friend bool operator==(const Edges &, const Edges &) = default;
};

/// All edges, drawn in blocks of `block`.
Edges allEdges(const EdgeMatcher &matcher, int64_t block) {
  Edges all;
  EdgeMatcher::Cursor cursor;
  EdgeMatcher::Scratch scratch;
  std::vector<EdgeMatcher::Piece> pieces;
  for (matcher.nextPieces(cursor, block, pieces); !pieces.empty();
       matcher.nextPieces(cursor, block, pieces))
    for (const EdgeMatcher::Piece &piece : pieces) {
      EXPECT_EQ(piece.firstHalfEdge, static_cast<int64_t>(all.sources.size()));
      size_t at = all.sources.size(), count = static_cast<size_t>(piece.edges());
      all.sources.resize(at + count);
      all.destinations.resize(at + count);
      all.redrawn += matcher.fill(piece, scratch, &all.sources[at], &all.destinations[at]);
    }
  return all;
}

double agreementOf(const Edges &edges, const CommunityLine &from, const CommunityLine &to) {
  double same = 0;
  for (size_t i = 0; i < edges.sources.size(); ++i)
    same += from.communityOf(edges.sources[i]) == to.communityOf(edges.destinations[i]);
  return same / double(edges.sources.size());
}

TEST(EdgeMatcher, EdgesAreDistinctPairsWhateverTheShape) {
  std::mt19937_64 random(21);
  auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int trial = 0; trial < 1500; ++trial) {
    int64_t communities = 1 + below(12);
    bool same = below(2);
    int64_t sources = 1 + below(80), destinations = same ? sources : 1 + below(80);
    auto ends = communityEnds(communities, (1 + below(100)) / 10.0);
    CommunityLine from(sources, ends, random()), to(destinations, ends, random());
    if (same)
      to = from;
    int64_t pairs = sources * (destinations - same);
    int64_t edges = below(4) == 0 ? pairs : std::min(pairs, below(1 + 5 * sources));
    RelationSpec relation;
    relation.agreement = below(3) / 2.0;
    relation.out = {(1 + below(10)) / 10.0, 1.2 + below(30) / 10.0, 1 + below(300)};
    relation.in = {(1 + below(10)) / 10.0, 1.2 + below(30) / 10.0, 1 + below(300)};
    EdgeMatcher matcher(relation, from, to, same, edges, (1 + below(100)) / 100.0, random());
    Edges all = allEdges(matcher, 1 + below(300));
    ASSERT_EQ(static_cast<int64_t>(all.sources.size()), edges) << trial;
    std::set<std::pair<int64_t, int64_t>> seen;
    for (size_t i = 0; i < all.sources.size(); ++i) {
      int64_t s = all.sources[i], d = all.destinations[i];
      ASSERT_TRUE(s >= 0 && s < sources && d >= 0 && d < destinations) << trial;
      ASSERT_TRUE(!same || s != d) << trial;
      ASSERT_TRUE(seen.emplace(s, d).second) << trial << ": " << s << " " << d;
    }
    ASSERT_EQ(allEdges(matcher, 1 << 20), all) << trial;
  }
}

TEST(EdgeMatcher, AgreementIsWhatIsAskedFor) {
  auto ends = communityEnds(40, 10);
  CommunityLine from(60'000, ends, 1), to(40'000, ends, 2);
  double chance = 0;
  for (int64_t c = 0; c < 40; ++c)
    chance += double(from.begin(c + 1) - from.begin(c)) / 60'000 *
              double(to.begin(c + 1) - to.begin(c)) / 40'000;
  for (double agreement : {0.0, 0.2, 0.5, 0.9, 1.0}) {
    RelationSpec relation;
    relation.agreement = agreement;
    relation.out = {0.9, 2.4, 300};
    relation.in = {0.8, 2.2, 500};
    EdgeMatcher matcher(relation, from, to, false, 300'000, 1, 77);
    EXPECT_EQ(matcher.groups(), 40);
    Edges all = allEdges(matcher, 1 << 16);
    EXPECT_NEAR(agreementOf(all, from, to), agreement + (1 - agreement) * chance, 0.04)
        << agreement;
  }
}

// Each source's and destination's degree is that of its place in the runs, but for what is redrawn.
TEST(EdgeMatcher, BothSidesKeepTheirDegrees) {
  auto ends = communityEnds(10, 5);
  CommunityLine from(5000, ends, 1), to(8000, ends, 2);
  RelationSpec relation;
  relation.agreement = 0.5;
  relation.out = {0.7, 2.2, 900};
  relation.in = {0.6, 2.5, 400};
  EdgeMatcher matcher(relation, from, to, false, 30'000, 1, 5);
  Edges all = allEdges(matcher, 1 << 16);
  std::vector<int64_t> out(5000), in(8000);
  for (size_t i = 0; i < all.sources.size(); ++i) {
    ++out[static_cast<size_t>(all.sources[i])];
    ++in[static_cast<size_t>(all.destinations[i])];
  }
  std::sort(out.rbegin(), out.rend());
  std::sort(in.rbegin(), in.rend());
  EXPECT_NEAR(double(std::count(in.begin(), in.end(), 0)), 3200, 10);
  EXPECT_NEAR(double(std::count(out.begin(), out.end(), 0)), 1500, 60);
  EXPECT_GT(out[0], 250);
  EXPECT_LT(out[0], 1000);
  EXPECT_GT(in[0], 130);
  EXPECT_LE(in[0], 401);
  EXPECT_LT(all.redrawn, 3500);
}

// Hubs of one relation are no hubs of another: ranks are shuffled for each side of each relation.
TEST(EdgeMatcher, RelationsAreIndependent) {
  auto ends = communityEnds(5, 5);
  CommunityLine from(3000, ends, 1), to(3000, ends, 2);
  RelationSpec relation;
  relation.out = relation.in = {1, 2.5, 300};
  std::vector<double> degree[2][2]; // of relation and side, less the mean
  for (int r = 0; r < 2; ++r) {
    EdgeMatcher matcher(relation, from, to, false, 15'000, 1, 100 + uint64_t(r));
    Edges all = allEdges(matcher, 1 << 16);
    for (int side = 0; side < 2; ++side) {
      degree[r][side].assign(3000, -5);
      for (int64_t row : side == 0 ? all.sources : all.destinations)
        ++degree[r][side][static_cast<size_t>(row)];
    }
  }
  for (int side = 0; side < 2; ++side) {
    double cross = 0, square[2] = {0, 0};
    for (size_t i = 0; i < 3000; ++i) {
      cross += degree[0][side][i] * degree[1][side][i];
      for (int r = 0; r < 2; ++r)
        square[r] += degree[r][side][i] * degree[r][side][i];
    }
    EXPECT_LT(std::abs(cross) / std::sqrt(square[0] * square[1]), 0.08) << "side " << side;
  }
}

} // namespace
} // namespace heddle::synthetic
