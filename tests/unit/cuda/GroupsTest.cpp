//===- GroupsTest.cpp - ops of a step that are one launch ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace heddle::cuda {
namespace {

bool conflict(const Accesses &a, const Accesses &b) {
  auto meets = [](const std::vector<size_t> &x, const std::vector<size_t> &y) {
    return std::any_of(x.begin(), x.end(), [&](size_t piece) {
      return std::find(y.begin(), y.end(), piece) != y.end();
    });
  };
  return meets(a.writes, b.reads) || meets(a.reads, b.writes) || meets(a.writes, b.writes);
}

TEST(Groups, RandomOpsKeepTheirOrder) {
  std::mt19937 random(3);
  auto below = [&](size_t n) { return size_t(random() % n); };
  size_t together = 0;
  for (int round = 0; round < 300; ++round) {
    const size_t count = below(60), pieces = 1 + below(40), cut = below(count + 1);
    std::vector<Accesses> ops(count);
    std::vector<int64_t> functions;
    for (Accesses &op : ops) {
      for (size_t n = below(3); n > 0; --n)
        op.reads.push_back(below(pieces));
      op.writes.push_back(below(pieces));
      functions.push_back(int64_t(below(4)) - 1);
    }
    const auto groups = groupOps(ops, functions, cut);
    std::vector<size_t> place(count, SIZE_MAX);
    for (size_t g = 0; g < groups.size(); ++g) {
      ASSERT_FALSE(groups[g].empty());
      together += groups[g].size() > 1;
      EXPECT_TRUE(std::is_sorted(groups[g].begin(), groups[g].end()));
      for (size_t i : groups[g]) {
        ASSERT_LT(i, count);
        EXPECT_EQ(place[i], SIZE_MAX) << "twice";
        place[i] = g;
        EXPECT_EQ(functions[i], functions[groups[g].front()]);
        EXPECT_TRUE(functions[i] >= 0 || groups[g].size() == 1);
        EXPECT_EQ(i < cut, groups[g].front() < cut);
        EXPECT_TRUE(g == 0 || (groups[g - 1].front() < cut) >= (i < cut));
      }
    }
    for (size_t i = 0; i < count; ++i) {
      ASSERT_NE(place[i], SIZE_MAX);
      for (size_t j = i + 1; j < count; ++j)
        if (conflict(ops[i], ops[j])) {
          EXPECT_LT(place[i], place[j]) << i << " before " << j;
        }
    }
  }
  EXPECT_GT(together, 100u);
}

TEST(Groups, RelationsOfALayerAreOneLaunch) {
  // Twenty relations: a kernel each, a product each, a kernel each that needs the product's result.
  std::vector<Accesses> ops;
  std::vector<int64_t> functions;
  for (size_t r = 0; r < 20; ++r)
    for (size_t k = 0; k < 3; ++k) {
      ops.push_back({{10 * r + k}, {10 * r + k + 1}});
      functions.push_back(k == 1 ? -1 : int64_t(k));
    }
  const auto groups = groupOps(ops, functions, ops.size());
  ASSERT_EQ(groups.size(), 22u);
  EXPECT_EQ(groups.front().size(), 20u);
  EXPECT_EQ(groups.back().size(), 20u);
}

} // namespace
} // namespace heddle::cuda
