//===- ScheduleTest.cpp - every dependency is kept ----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace heddle::cuda {
namespace {

/// after[i][j]: op i can only begin when op j has ended, by streams and waits. after[n]: of what comes
/// behind the schedule's ends on stream 0.
std::vector<std::vector<char>> orderOf(const Schedule &schedule) {
  const size_t n = schedule.ops.size();
  std::vector<std::vector<char>> after(n + 1, std::vector<char>(n));
  for (size_t i = 0; i <= n; ++i) {
    auto follow = [&](size_t j) {
      after[i][j] = true;
      for (size_t k = 0; k < n; ++k)
        after[i][k] |= after[j][k];
    };
    for (size_t j = 0; j < i; ++j)
      if (schedule.ops[j].stream == (i < n ? schedule.ops[i].stream : 0))
        follow(j);
    for (size_t j : i < n ? schedule.ops[i].waits : schedule.ends) {
      EXPECT_LT(j, i);
      EXPECT_FALSE(after[i][j]) << "waits for " << j << ", which it is behind";
      EXPECT_TRUE(schedule.ops[j].awaited);
      follow(j);
    }
  }
  return after;
}

TEST(Schedule, KeepsEveryDependency) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const size_t n = random() % 60, pieces = 1 + random() % 30;
    const uint32_t streams = 1 + random() % 6;
    std::vector<Accesses> ops(n);
    for (Accesses &op : ops) {
      for (size_t i = random() % 4; i-- > 0;)
        op.reads.push_back(random() % pieces);
      for (size_t i = random() % 3; i-- > 0;)
        op.writes.push_back(random() % pieces);
    }
    const Schedule schedule = makeSchedule(ops, streams);
    const auto after = orderOf(schedule);
    auto meet = [](const std::vector<size_t> &a, const std::vector<size_t> &b) {
      return std::any_of(a.begin(), a.end(), [&](size_t piece) {
        return std::find(b.begin(), b.end(), piece) != b.end();
      });
    };
    for (size_t i = 0; i < n; ++i) {
      ASSERT_LT(schedule.ops[i].stream, streams);
      for (size_t j = 0; j < i; ++j)
        if (meet(ops[i].writes, ops[j].writes) || meet(ops[i].writes, ops[j].reads) ||
            meet(ops[i].reads, ops[j].writes)) {
          ASSERT_TRUE(after[i][j]) << "round " << round << ": " << i << " after " << j;
        }
      ASSERT_TRUE(after[n][i]) << "round " << round << ": the end after " << i;
    }
  }
}

// Chains that have nothing in common do not wait for each other, and one chain stays on its stream.
TEST(Schedule, ChainsGoToStreams) {
  std::vector<Accesses> ops;
  for (size_t step = 0; step < 5; ++step)
    for (size_t chain = 0; chain < 4; ++chain)
      ops.push_back({{chain}, {chain}});
  const Schedule schedule = makeSchedule(ops, 4);
  for (size_t i = 0; i < ops.size(); ++i) {
    EXPECT_TRUE(schedule.ops[i].waits.empty());
    EXPECT_EQ(schedule.ops[i].stream, schedule.ops[i % 4].stream);
  }
}

// An op that several wait for is waited for once by each stream.
TEST(Schedule, WaitsOnce) {
  std::vector<Accesses> ops = {{{}, {0}}, {{0}, {1}}, {{0}, {2}}, {{2, 0}, {3}}};
  const Schedule schedule = makeSchedule(ops, 2);
  EXPECT_EQ(schedule.ops[1].stream, schedule.ops[0].stream);
  EXPECT_EQ(schedule.ops[2].waits, std::vector<size_t>{0});
  EXPECT_TRUE(schedule.ops[3].waits.empty());
}

// Where others are behind the last ops of their streams nobody waits for those.
TEST(Schedule, EndsAreOnlyThoseThatNobodyIsBehind) {
  std::vector<Accesses> ops = {{{}, {0}}, {{}, {1}}, {{}, {2}}, {{0, 1, 2}, {3}}};
  EXPECT_TRUE(makeSchedule(ops, 3).ends.empty() ||
              makeSchedule(ops, 3).ends == std::vector<size_t>{3});
  ops.push_back({{2}, {4}});
  EXPECT_LE(makeSchedule(ops, 3).ends.size(), 2u);
  EXPECT_TRUE(makeSchedule({}, 3).ends.empty());
}

// An op that depends on the ends of two streams takes one that it is behind, not a third in use.
TEST(Schedule, NoOpWaitsForAStrangerWhereItNeedNot) {
  // 0 and 1 on two streams, 2 behind 0; 3 depends on 0 alone, whose stream has gone on.
  const std::vector<Accesses> ops = {{{}, {0}}, {{}, {1}}, {{0}, {2}}, {{0}, {3}}};
  const Schedule schedule = makeSchedule(ops, 3);
  EXPECT_EQ(schedule.ops[2].stream, schedule.ops[0].stream);
  EXPECT_NE(schedule.ops[3].stream, schedule.ops[0].stream);
  EXPECT_NE(schedule.ops[3].stream, schedule.ops[1].stream);
}

} // namespace
} // namespace heddle::cuda
