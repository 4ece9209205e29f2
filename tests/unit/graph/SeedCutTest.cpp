//===- SeedCutTest.cpp - a batch cut into blocks of equal work ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/graph/SeedCut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

using namespace heddle::graph;

namespace {

/// A relation by the in-degrees of its destinations.
struct Degrees {
  explicit Degrees(const std::vector<int64_t> &degrees) : ptr(degrees.size() + 1, 0) {
    std::partial_sum(degrees.begin(), degrees.end(), ptr.begin() + 1);
    view.inPtr = ptr.data();
    view.numEdges = ptr.back();
  }
  std::vector<int64_t> ptr;
  RelationView view;
};

std::vector<int64_t> cut(const std::vector<int64_t> &seeds, const std::vector<CutLink> &links,
                         size_t blocks) {
  std::vector<int64_t> work, begins(blocks + 1, -1);
  cutSeeds(seeds, links, work, begins);
  return begins;
}

std::vector<int64_t> upTo(int64_t n) {
  std::vector<int64_t> ids(static_cast<size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

TEST(SeedCut, WithoutLinksBlocksAreEqual) {
  EXPECT_EQ(cut(upTo(10), {}, 2), (std::vector<int64_t>{0, 5, 10}));
  EXPECT_EQ(cut(upTo(10), {}, 3), (std::vector<int64_t>{0, 4, 7, 10}));
  EXPECT_EQ(cut(upTo(2), {}, 4), (std::vector<int64_t>{0, 1, 1, 2, 2}));
  EXPECT_EQ(cut({}, {}, 3), (std::vector<int64_t>{0, 0, 0, 0}));
  EXPECT_EQ(cut({7}, {}, 1), (std::vector<int64_t>{0, 1}));
}

TEST(SeedCut, EdgesCountUpToTheFanout) {
  Degrees links({9, 0, 0, 0, 0, 0, 0, 0, 0, 0}), none({0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  none.view.inPtr = nullptr; // a relation without an edge may have no array
  // The first seed has as much work as all others together, with a fanout of 1 only twice theirs.
  EXPECT_EQ(cut(upTo(10), {{&links.view, -1}, {&none.view, -1}}, 2),
            (std::vector<int64_t>{0, 1, 10}));
  EXPECT_EQ(cut(upTo(10), {{&links.view, 1}}, 2), (std::vector<int64_t>{0, 5, 10}));
  EXPECT_EQ(cut(upTo(10), {{&links.view, 0}}, 2), (std::vector<int64_t>{0, 5, 10}));
  // By id, not by place in the batch.
  EXPECT_EQ(cut({0, 8, 9}, {{&links.view, -1}}, 2), (std::vector<int64_t>{0, 1, 3}));
}

TEST(SeedCut, NoBlockHasMuchMoreThanItsShare) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 300; ++round) {
    const size_t nodes = 1 + random() % 200, blocks = 1 + random() % 9;
    std::vector<CutLink> links;
    std::vector<Degrees> relations;
    relations.reserve(3);
    std::vector<int64_t> seeds, work;
    for (size_t i = 0; i < nodes; ++i)
      if (random() % 3)
        seeds.push_back(static_cast<int64_t>(i));
    work.assign(seeds.size(), 1);
    for (int r = 0; r < 3; ++r) {
      std::vector<int64_t> degrees(nodes);
      for (int64_t &d : degrees)
        d = random() % 4 ? 0 : int64_t(random() % 50);
      relations.emplace_back(degrees);
      const int64_t fanout = int64_t(random() % 12) - 1;
      links.push_back({&relations.back().view, fanout});
      for (size_t i = 0; i < seeds.size(); ++i) {
        const int64_t degree = degrees[size_t(seeds[i])];
        work[i] += fanout < 0 ? degree : std::min(degree, fanout);
      }
    }
    const std::vector<int64_t> begins = cut(seeds, links, blocks);
    EXPECT_EQ(begins.front(), 0);
    EXPECT_EQ(begins.back(), int64_t(seeds.size()));
    ASSERT_TRUE(std::is_sorted(begins.begin(), begins.end()));
    const int64_t all = std::accumulate(work.begin(), work.end(), int64_t(0)),
                  most = work.empty() ? 0 : *std::max_element(work.begin(), work.end());
    for (size_t b = 0; b < blocks; ++b) {
      const int64_t own =
          std::accumulate(work.begin() + begins[b], work.begin() + begins[b + 1], int64_t(0));
      EXPECT_LE(own * int64_t(blocks), all + most * int64_t(blocks));
    }
  }
}

} // namespace
