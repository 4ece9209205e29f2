//===- EdgeSorterTest.cpp - sorting in bounded memory ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/EdgeSorter.h"
#include "tests/unit/support/TestSupport.h"

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace heddle::graph {
namespace {

using Edge = std::array<int64_t, 3>;

std::vector<Edge> finish(EdgeSorter &sorter, int64_t memory) {
  std::vector<Edge> out;
  absl::Status status =
      sorter.finish(memory, [&](int64_t major, int64_t minor, int64_t payload) {
        out.push_back({major, minor, payload});
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << messageOf(status);
  return out;
}

struct Case {
  int64_t majors, minors, edges, spillEvery, memory;
};

class EdgeSorterTest : public ::testing::TestWithParam<Case> {};

TEST_P(EdgeSorterTest, EqualsStableSort) {
  test::TemporaryDirectory dir;
  Case c = GetParam();
  std::mt19937_64 random(static_cast<uint64_t>(c.edges + c.spillEvery));
  auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  {
    auto sorter = EdgeSorter::create(c.majors, c.minors, dir / "runs");
    std::vector<Edge> expected;
    for (int64_t i = 0; i < c.edges; ++i) {
      Edge edge{below(c.majors), below(c.minors), i};
      expected.push_back(edge);
      sorter->add(edge[0], edge[1], edge[2]);
      if (c.spillEvery && i % c.spillEvery == c.spillEvery - 1) {
        ASSERT_OK(sorter->spill());
        EXPECT_EQ(sorter->heldBytes(), 0);
      }
    }
    EXPECT_EQ(sorter->size(), c.edges);
    // The third component is the order of arrival, so this is the stable order.
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(finish(*sorter, c.memory), expected);
    EXPECT_TRUE(finish(*sorter, c.memory).empty()); // and may be used again
    sorter->add(0, 0, 5);
    EXPECT_EQ(finish(*sorter, c.memory), (std::vector<Edge>{{0, 0, 5}}));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path())) << "a run file was left";
}

constexpr int64_t big = (int64_t(1) << 48) - 1;
INSTANTIATE_TEST_SUITE_P(
    Sizes, EdgeSorterTest,
    ::testing::Values(Case{1, 1, 0, 0, 1 << 20}, Case{1, 1, 100, 0, 1 << 20},
                      Case{1, 1, 100, 7, 1 << 20}, Case{5, 7, 20, 0, 1 << 20},
                      Case{5, 7, 5000, 0, 1 << 20}, Case{300, 70000, 5000, 0, 1 << 20},
                      Case{300, 70000, 50000, 10000, 1 << 20},
                      Case{5, 7, 3000, 1, 1},          // one record per run, many passes of fan-in 2
                      Case{1000, 1000, 20000, 100, 1}, // many passes
                      Case{50, 50, 20000, 100, 1 << 16}, Case{big, big, 5000, 0, 1 << 20},
                      Case{big, 3, 5000, 300, 1}, Case{big, big, 5000, 300, 1 << 16},
                      Case{int64_t(1) << 31, int64_t(1) << 31, 5000, 900, 1 << 16}));

TEST(EdgeSorter, ErrorsOfTheSinkEndIt) {
  test::TemporaryDirectory dir;
  for (bool spilled : {false, true}) {
    auto sorter = EdgeSorter::create(10, 10, dir / "runs");
    for (int i = 0; i < 10; ++i)
      sorter->add(i, i, i);
    if (spilled)
      ASSERT_OK(sorter->spill());
    int seen = 0;
    EXPECT_FAILS(sorter->finish(1 << 20,
                                [&](int64_t, int64_t, int64_t) {
                                  return ++seen == 3 ? internalError("full") : absl::OkStatus();
                                }),
                 "full");
    EXPECT_EQ(seen, 3);
  }
}

TEST(EdgeSorter, ScratchThatCannotBeWrittenIsAnError) {
  test::TemporaryDirectory dir;
  auto sorter = EdgeSorter::create(10, 10, dir / "absent/runs");
  sorter->add(1, 1, 1);
  EXPECT_FAILS(sorter->spill(), "absent/runs", "cannot open");
}

} // namespace
} // namespace heddle::graph
