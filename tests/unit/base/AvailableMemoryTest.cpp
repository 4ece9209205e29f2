//===- AvailableMemoryTest.cpp - what the system can still give ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/AvailableMemory.h"

#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace heddle {
namespace {

TEST(AvailableMemory, OfThisMachine) {
  EXPECT_GT(availableMemory(), uint64_t(1) << 20);
  EXPECT_LT(availableMemory(), uint64_t(1) << 50);
}

TEST(AvailableMemory, TheLeastOfTheSystemsAndTheGroups) {
  test::TemporaryDirectory root;
  auto write = [&](const std::string &name, const std::string &text) {
    std::filesystem::create_directories(std::filesystem::path(root / name).parent_path());
    test::writeAll(root / name, text);
  };
  auto available = [&] { return availableMemory(root / ""); };
  EXPECT_EQ(available(), 0u);
  write("proc/meminfo", "MemTotal:       100 kB\nMemAvailable:    80 kB\nBuffers: 1 kB\n");
  EXPECT_EQ(available(), 80u << 10);
  write("proc/self/cgroup", "12:cpu:/x\n0::/outer/inner\n");
  EXPECT_EQ(available(), 80u << 10);
  write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  EXPECT_EQ(available(), 80u << 10);
  write("sys/fs/cgroup/outer/memory.max", "70000\n");
  write("sys/fs/cgroup/outer/memory.current", "50000\n");
  EXPECT_EQ(available(), 20000u);
  write("sys/fs/cgroup/outer/memory.stat", "anon 30000\ninactive_file 15000\n");
  EXPECT_EQ(available(), 35000u);
  write("sys/fs/cgroup/outer/inner/memory.max", "1000\n");
  write("sys/fs/cgroup/outer/inner/memory.current", "3000\n");
  EXPECT_EQ(available(), 0u);
  write("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(available(), 80u << 10);
  write("sys/fs/cgroup/memory.max", "512\n");
  EXPECT_EQ(available(), 512u);
}

} // namespace
} // namespace heddle
