//===- ThreadPoolTest.cpp - the pool runs every task once ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/CpuLevel.h"
#include "runtime/base/HugeMemory.h"
#include "runtime/base/ThreadPool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>

namespace heddle {
namespace {

TEST(ThreadPool, EveryTaskOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(tasks) + 1);
      std::atomic<bool> badThread{false};
      pool.parallelFor(tasks, [&](int64_t task, int thread) {
        hits[static_cast<size_t>(task)]++;
        if (thread < 0 || thread >= threads)
          badThread = true;
      });
      for (int64_t t = 0; t < tasks; ++t)
        EXPECT_EQ(hits[static_cast<size_t>(t)], 1);
      EXPECT_FALSE(badThread);
    }
  }
}

// Late workers of one loop must not take part in the next with the old function.
TEST(ThreadPool, ManySmallLoopsInARow) {
  ThreadPool pool(8);
  for (int round = 0; round < 20000; ++round) {
    int64_t tasks = round % 5 + 1;
    std::atomic<int64_t> sum{0};
    pool.parallelFor(tasks, [&, round](int64_t task, int) { sum += task + round; });
    ASSERT_EQ(sum, tasks * (tasks - 1) / 2 + tasks * round) << round;
  }
}

TEST(ThreadPool, WakesAfterSleep) {
  ThreadPool pool(3);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int> sum{0};
    pool.parallelFor(100, [&](int64_t, int) { ++sum; });
    EXPECT_EQ(sum, 100);
  }
}

TEST(HugeMemory, GrowsAlignedAndZeroed) {
  HugeMemory memory;
  EXPECT_EQ(memory.data(), nullptr);
  for (size_t bytes : {size_t(1), size_t(100), size_t(1) << 16, size_t(3) << 20, size_t(9) << 20}) {
    ASSERT_TRUE(memory.reserve(bytes));
    EXPECT_GE(memory.capacity(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % 64, 0u);
    if (bytes >= size_t(2) << 20)
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % (size_t(2) << 20), 0u);
    auto *data = static_cast<unsigned char *>(memory.data());
    EXPECT_TRUE(std::all_of(data, data + bytes, [](unsigned char c) { return c == 0; }));
    std::fill(data, data + bytes, static_cast<unsigned char>(7));
  }
  void *before = memory.data();
  EXPECT_TRUE(memory.reserve(10));
  EXPECT_EQ(memory.data(), before);
  EXPECT_FALSE(memory.reserve(SIZE_MAX - 100));
  EXPECT_EQ(memory.data(), nullptr);
}

TEST(CpuLevel, LevelsAreNested) {
  std::vector<std::string> levels = cpuLevels();
  ASSERT_FALSE(levels.empty());
  for (const std::string &level : levels)
    EXPECT_TRUE(cpuRuns(level));
  EXPECT_FALSE(cpuRuns("x86-64-v9"));
#if defined(__x86_64__)
  EXPECT_EQ(levels.back(), "x86-64-v2");
#endif
}

} // namespace
} // namespace heddle
