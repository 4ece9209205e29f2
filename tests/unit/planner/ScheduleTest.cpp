//===- ScheduleTest.cpp - waves and regions against brute force -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/Memory.h"
#include "compiler/plan/Waves.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>
#include <set>

using namespace heddle::compiler;

namespace {

struct Program {
  std::vector<WaveOp> ops;
  std::vector<WaveBuffer> buffers;

  uint32_t buffer(double bytes, bool kept = false) {
    buffers.push_back({bytes, kept});
    return uint32_t(buffers.size() - 1);
  }
  /// An op that reads what earlier ops wrote.
  uint32_t op(std::vector<uint32_t> reads, std::vector<uint32_t> writes, double seconds = 1e-6) {
    WaveOp added;
    added.reads = reads;
    added.writes = writes;
    added.seconds = seconds;
    for (uint32_t b : reads)
      for (uint32_t i = 0; i < ops.size(); ++i)
        if (std::count(ops[i].writes.begin(), ops[i].writes.end(), b))
          added.after.push_back(i);
    std::sort(added.after.begin(), added.after.end());
    added.after.erase(std::unique(added.after.begin(), added.after.end()), added.after.end());
    ops.push_back(added);
    return uint32_t(ops.size() - 1);
  }
};

/// Bytes alive in the worst wave, by asking of every wave and every buffer.
double peakOf(const Program &program, const WaveSchedule &schedule) {
  double peak = 0;
  for (uint32_t wave = 0; wave < schedule.numWaves; ++wave) {
    double alive = 0;
    for (uint32_t b = 0; b < program.buffers.size(); ++b) {
      bool before = false, after = false;
      for (uint32_t i = 0; i < program.ops.size(); ++i) {
        const WaveOp &op = program.ops[i];
        bool touches = std::count(op.reads.begin(), op.reads.end(), b) ||
                       std::count(op.writes.begin(), op.writes.end(), b);
        before |= touches && schedule.waves[i] <= wave;
        after |= touches && schedule.waves[i] >= wave;
      }
      if (before && (after || program.buffers[b].kept))
        alive += program.buffers[b].bytes;
    }
    peak = std::max(peak, alive);
  }
  return peak;
}

void check(const Program &program, const WaveSchedule &schedule) {
  ASSERT_EQ(schedule.waves.size(), program.ops.size());
  std::set<uint32_t> used(schedule.waves.begin(), schedule.waves.end());
  EXPECT_EQ(used.size(), schedule.numWaves);
  for (uint32_t wave : used)
    EXPECT_LT(wave, schedule.numWaves);
  for (uint32_t i = 0; i < program.ops.size(); ++i)
    for (uint32_t before : program.ops[i].after)
      EXPECT_LT(schedule.waves[before], schedule.waves[i]) << schedule.name;
  EXPECT_NEAR(schedule.peakBytes, peakOf(program, schedule), 1e-6 * schedule.peakBytes + 1e-9)
      << schedule.name;
}

/// No wave has two members of one region alive, by asking of every wave.
void checkArena(const std::vector<ArenaBuffer> &buffers, const ArenaPlan &plan) {
  uint32_t last = 0;
  for (const ArenaBuffer &buffer : buffers)
    last = std::max(last, buffer.life.last);
  for (uint32_t wave = 0; wave <= last; ++wave) {
    std::set<uint32_t> taken;
    for (uint32_t b = 0; b < buffers.size(); ++b)
      if (buffers[b].life.first <= wave && wave <= buffers[b].life.last)
        EXPECT_TRUE(taken.insert(plan.region[b]).second) << "wave " << wave << " buffer " << b;
  }
  double expected = 0;
  std::set<uint32_t> seen;
  for (uint32_t r = 0; r < plan.regions.size(); ++r) {
    double largest = 0;
    EXPECT_FALSE(plan.regions[r].empty());
    for (uint32_t b : plan.regions[r]) {
      EXPECT_EQ(plan.region[b], r);
      EXPECT_TRUE(seen.insert(b).second);
      largest = std::max(largest, buffers[b].expectedBytes);
    }
    expected += largest;
  }
  EXPECT_EQ(seen.size(), buffers.size());
  EXPECT_NEAR(plan.expectedBytes, expected, 1e-6 * expected + 1e-9);
  EXPECT_LE(plan.boundBytes, plan.sumBoundBytes);
}

Program randomProgram(std::mt19937 &random) {
  Program program;
  size_t count = random() % 40;
  for (size_t i = 0; i < count; ++i) {
    std::vector<uint32_t> reads;
    for (size_t r = random() % 4; r-- > 0 && !program.buffers.empty();)
      reads.push_back(uint32_t(random() % program.buffers.size()));
    std::vector<uint32_t> writes;
    for (size_t w = random() % 3; w-- > 0;)
      writes.push_back(program.buffer(double(random() % 1000), random() % 10 == 0));
    program.op(reads, writes, double(random() % 1000) * 1e-6);
  }
  return program;
}

} // namespace

TEST(Waves, NoOps) {
  auto schedules = scheduleWaves({}, {}, MachineRates());
  ASSERT_FALSE(schedules.empty());
  EXPECT_EQ(schedules.front().numWaves, 0u);
}

TEST(Waves, Cycle) {
  std::vector<WaveOp> ops(2);
  ops[0].after = {1};
  ops[1].after = {0};
  EXPECT_TRUE(scheduleWaves(ops, {}, MachineRates()).empty());
}

TEST(Waves, SmallOpsShareWaves) {
  Program program;
  for (int i = 0; i < 8; ++i)
    program.op({}, {program.buffer(100)});
  auto schedules = scheduleWaves(program.ops, program.buffers, MachineRates());
  EXPECT_EQ(schedules.front().numWaves, 1u);
}

TEST(Waves, LargeBranchesRunOneByOne) {
  // Branches of a large intermediate and a small result each: together they need all intermediates.
  Program program;
  std::vector<uint32_t> results;
  for (int i = 0; i < 10; ++i) {
    uint32_t large = program.buffer(1e9), small = program.buffer(1e6);
    program.op({}, {large}, 0.1);
    program.op({large}, {small}, 0.1);
    results.push_back(small);
  }
  program.op(results, {program.buffer(1e6, true)}, 0.1);
  auto schedules = scheduleWaves(program.ops, program.buffers, MachineRates());
  check(program, schedules.front());
  EXPECT_LT(schedules.front().peakBytes, 1.1e9);
}

TEST(Waves, RowsAreFetchedLateAndGradientsUsedEarly) {
  Program program;
  uint32_t rows = program.buffer(1e6);
  uint32_t fetch = program.op({}, {rows});
  uint32_t x = program.buffer(10);
  program.op({}, {x});
  for (int i = 0; i < 5; ++i) {
    uint32_t y = program.buffer(10);
    program.op({x}, {y});
    x = y;
  }
  uint32_t gradient = program.buffer(1e6);
  uint32_t use = program.op({x, rows}, {gradient});
  uint32_t step = program.op({gradient}, {});
  for (int i = 0; i < 5; ++i) {
    uint32_t y = program.buffer(10);
    program.op({x}, {y});
    x = y;
  }
  WaveSchedule chosen = scheduleWaves(program.ops, program.buffers, MachineRates()).front();
  check(program, chosen);
  EXPECT_EQ(chosen.waves[fetch] + 1, chosen.waves[use]);
  EXPECT_EQ(chosen.waves[use] + 1, chosen.waves[step]);
}

TEST(Waves, RandomPrograms) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    Program program = randomProgram(random);
    auto schedules = scheduleWaves(program.ops, program.buffers, MachineRates());
    ASSERT_FALSE(schedules.empty());
    double fastest = schedules.front().seconds, least = schedules.front().peakBytes;
    for (const WaveSchedule &schedule : schedules) {
      check(program, schedule);
      fastest = std::min(fastest, schedule.seconds);
    }
    EXPECT_LE(schedules.front().seconds, fastest * 1.05);
    for (const WaveSchedule &schedule : schedules)
      if (schedule.seconds <= fastest * 1.05)
        EXPECT_LE(least, schedule.peakBytes);
    auto again = scheduleWaves(program.ops, program.buffers, MachineRates());
    EXPECT_EQ(again.front().waves, schedules.front().waves);
  }
}

TEST(Memory, ChainNeedsTwoRegions) {
  std::vector<ArenaBuffer> buffers;
  for (uint32_t i = 0; i < 10; ++i)
    buffers.push_back({{i, i + 1}, 100, 100, 0});
  ArenaPlan plan = planArena(buffers);
  EXPECT_EQ(plan.regions.size(), 2u);
  EXPECT_DOUBLE_EQ(plan.expectedBytes, 200);
  EXPECT_EQ(plan.boundBytes, 256u); // rounded to 64
  EXPECT_DOUBLE_EQ(plan.sumExpectedBytes, 1000);
  checkArena(buffers, plan);
}

TEST(Memory, PrefersTheSameSymbol) {
  // Two free regions of a size: the one of the same symbol stays exact when the sizes differ.
  std::vector<ArenaBuffer> buffers = {{{0, 0}, 100, 100, 1}, {{0, 0}, 100, 100, 2},
                                      {{1, 1}, 100, 100, 2}, {{1, 1}, 100, 100, 1}};
  ArenaPlan plan = planArena(buffers);
  EXPECT_EQ(plan.region[0], plan.region[3]);
  EXPECT_EQ(plan.region[1], plan.region[2]);
}

/// What planArena gives, found by looking at every region for every buffer.
std::vector<std::vector<uint32_t>> regionsBySearch(const std::vector<ArenaBuffer> &buffers,
                                                   const std::vector<uint32_t> &order) {
  struct Region {
    std::vector<uint32_t> members;
    double expected = 0;
    uint64_t bound = 0;
    int64_t shape = 0;
  };
  std::vector<Region> regions;
  for (uint32_t b : order) {
    const ArenaBuffer &buffer = buffers[b];
    using Cost = std::tuple<double, bool, uint64_t, double>;
    std::optional<std::pair<Cost, size_t>> best;
    for (size_t r = 0; r < regions.size(); ++r) {
      const Region &region = regions[r];
      bool free = std::none_of(region.members.begin(), region.members.end(), [&](uint32_t other) {
        return buffers[other].life.first <= buffer.life.last &&
               buffer.life.first <= buffers[other].life.last;
      });
      Cost cost{std::max(0.0, buffer.expectedBytes - region.expected),
                region.shape != buffer.shape,
                buffer.boundBytes > region.bound ? buffer.boundBytes - region.bound : 0,
                std::max(0.0, region.expected - buffer.expectedBytes)};
      if (free && (!best || cost < best->first))
        best = {cost, r};
    }
    if (!best) {
      best = {Cost(), regions.size()};
      regions.push_back({{}, 0, 0, buffer.shape});
    }
    Region &region = regions[best->second];
    region.members.push_back(b);
    region.expected = std::max(region.expected, buffer.expectedBytes);
    region.bound = std::max(region.bound, buffer.boundBytes);
  }
  std::vector<std::vector<uint32_t>> members;
  for (Region &region : regions) {
    std::sort(region.members.begin(), region.members.end(), [&](uint32_t a, uint32_t b) {
      return std::tuple(buffers[a].life.first, a) < std::tuple(buffers[b].life.first, b);
    });
    members.push_back(std::move(region.members));
  }
  return members;
}

TEST(Memory, TakesTheRegionsThatASearchTakes) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<ArenaBuffer> buffers;
    uint32_t waves = 1 + random() % (round % 3 ? 30 : 400);
    for (size_t i = random() % 200; i-- > 0;) {
      uint32_t first = random() % waves;
      // Few sizes and bounds, so that many regions are alike and many costs equal.
      double bytes = double(random() % 4) * 64;
      buffers.push_back({{first, first + uint32_t(random() % (1 + waves / 4))}, bytes,
                         uint64_t(bytes) + random() % 3 * 32, int64_t(random() % 4) - 1});
    }
    std::vector<uint32_t> bySize(buffers.size()), byTime(buffers.size());
    std::iota(bySize.begin(), bySize.end(), 0);
    std::iota(byTime.begin(), byTime.end(), 0);
    std::sort(bySize.begin(), bySize.end(), [&](uint32_t a, uint32_t b) {
      return std::tuple(-buffers[a].expectedBytes, ~buffers[a].boundBytes, buffers[a].life.first,
                        a) < std::tuple(-buffers[b].expectedBytes, ~buffers[b].boundBytes,
                                        buffers[b].life.first, b);
    });
    std::sort(byTime.begin(), byTime.end(), [&](uint32_t a, uint32_t b) {
      return std::tuple(buffers[a].life.first, -buffers[a].expectedBytes, a) <
             std::tuple(buffers[b].life.first, -buffers[b].expectedBytes, b);
    });
    ArenaPlan plan = planArena(buffers);
    EXPECT_TRUE(plan.regions == regionsBySearch(buffers, bySize) ||
                plan.regions == regionsBySearch(buffers, byTime));
    checkArena(buffers, plan);
  }
}

TEST(Memory, SaturatesAndHandlesNothing) {
  EXPECT_TRUE(planArena({}).regions.empty());
  std::vector<ArenaBuffer> buffers = {{{0, 3}, 1e20, UINT64_MAX, 1}, {{1, 2}, 1e20, UINT64_MAX, 1}};
  ArenaPlan plan = planArena(buffers);
  EXPECT_EQ(plan.boundBytes, UINT64_MAX);
  checkArena(buffers, plan);
}

TEST(Memory, RandomIntervalsAndPrograms) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<ArenaBuffer> buffers;
    if (round % 2) {
      for (size_t i = random() % 60; i-- > 0;) {
        uint32_t first = random() % 20;
        double bytes = double(random() % 500);
        buffers.push_back({{first, first + uint32_t(random() % 6)}, bytes,
                           uint64_t(bytes) * (1 + random() % 3), int64_t(random() % 4) - 1});
      }
    } else {
      Program program = randomProgram(random);
      WaveSchedule schedule = scheduleWaves(program.ops, program.buffers, MachineRates()).front();
      auto lives = lifetimesOf(program.ops, program.buffers, schedule.waves, schedule.numWaves);
      for (size_t b = 0; b < lives.size(); ++b)
        if (lives[b].first <= lives[b].last)
          buffers.push_back({lives[b], program.buffers[b].bytes,
                             uint64_t(program.buffers[b].bytes), int64_t(b % 3)});
      ArenaPlan plan = planArena(buffers);
      EXPECT_GE(plan.expectedBytes + 1e-9, schedule.peakBytes);
    }
    checkArena(buffers, planArena(buffers));
  }
}
