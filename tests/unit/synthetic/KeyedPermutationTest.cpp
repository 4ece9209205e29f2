//===- KeyedPermutationTest.cpp - a random order without an array ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/synthetic/KeyedPermutation.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace heddle::synthetic {
namespace {

TEST(KeyedPermutation, EverySmallSizeIsAPermutationWithItsInverse) {
  for (int64_t size = 1; size <= 300; ++size)
    for (uint64_t key : {uint64_t(0), uint64_t(1), ~uint64_t(0), uint64_t(size) << 40}) {
      KeyedPermutation order(size, key);
      std::vector<bool> seen(static_cast<size_t>(size));
      for (int64_t x = 0; x < size; ++x) {
        int64_t y = order(x);
        ASSERT_TRUE(y >= 0 && y < size) << size << " " << x;
        ASSERT_FALSE(seen[static_cast<size_t>(y)]) << size << " " << x;
        seen[static_cast<size_t>(y)] = true;
        ASSERT_EQ(order.inverse(y), x) << size;
      }
    }
}

TEST(KeyedPermutation, LargeSizesComeBack) {
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 20000; ++trial) {
    auto size = static_cast<int64_t>(1 + (random() >> (16 + random() % 47)));
    KeyedPermutation order(size, random());
    auto x = static_cast<int64_t>(random() % static_cast<uint64_t>(size));
    int64_t y = order(x);
    ASSERT_TRUE(y >= 0 && y < size);
    ASSERT_EQ(order.inverse(y), x);
  }
}

// Pearson's statistic of where an element goes, over keys: 99.9 % points of its distribution.
TEST(KeyedPermutation, KeysSpreadEveryElementEvenly) {
  std::mt19937_64 random(3);
  for (auto [size, limit] :
       {std::pair(int64_t(2), 10.8), {3, 13.8}, {10, 27.9}, {16, 37.7}, {100, 148.2}})
    for (int64_t x : {int64_t(0), size / 2, size - 1}) {
      constexpr int keys = 100000;
      std::vector<int> hits(static_cast<size_t>(size));
      for (int key = 0; key < keys; ++key)
        ++hits[static_cast<size_t>(KeyedPermutation(size, random())(x))];
      double expected = double(keys) / double(size), statistic = 0;
      for (int count : hits)
        statistic += (count - expected) * (count - expected) / expected;
      EXPECT_LT(statistic, limit) << "size " << size << ", element " << x;
    }
}

// Neighbours do not stay neighbours: the pairs (image of x, image of x + 1) fill a 10 x 10 board.
TEST(KeyedPermutation, NeighboursPart) {
  constexpr int64_t size = 100'000;
  KeyedPermutation order(size, 42);
  std::vector<int> board(100);
  for (int64_t x = 0; x + 1 < size; ++x)
    ++board[static_cast<size_t>(order(x) / 10000 * 10 + order(x + 1) / 10000)];
  double statistic = 0;
  for (int count : board)
    statistic += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(statistic, 148.2);
}

} // namespace
} // namespace heddle::synthetic
