//===- CountsTest.cpp - what the double of NVIDIA's driver counts ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Kernels whose counts can be worked out by hand.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/emulator/RunKernel.h"

#include <gtest/gtest.h>

using namespace heddle::emulator;

namespace {

/// Instructions of kernelOf() around the body.
constexpr uint64_t around = 8;
const std::string shared = ".shared .align 16 .b8 s[8192];\n";

KernelCounts countsOf(const std::string &body, unsigned threads = 32, unsigned blocks = 1,
                      const std::string &more = "") {
  KernelCounts counts;
  const std::vector<uint32_t> in(1024, 5);
  const Outcome counted = runKernel(kernelOf(body, more), in, threads, blocks, &counts);
  EXPECT_EQ(counted.wrong, "");
  EXPECT_EQ(counted.out, runKernel(kernelOf(body, more), in, threads, blocks).out);
  EXPECT_EQ(counts.launches, 1u);
  EXPECT_EQ(counts.blocks, blocks);
  EXPECT_EQ(counts.threads, uint64_t(blocks) * threads);
  return counts;
}

void expectGlobal(const KernelCounts::Global &global, uint64_t accesses, uint64_t bytes,
                  uint64_t sectors, uint64_t least) {
  EXPECT_EQ(global.accesses, accesses);
  EXPECT_EQ(global.bytes, bytes);
  EXPECT_EQ(global.sectors, sectors);
  EXPECT_EQ(global.least, least);
  EXPECT_EQ(global.host, 0u);
}

TEST(EmulatorCounts, NeighboursShareSectors) {
  const KernelCounts counts = countsOf("ld.global.b32 %r3, [%rd4]; st.global.b32 [%rd5], %r3;");
  EXPECT_EQ(counts.instructions, around + 2);
  EXPECT_EQ(counts.lanes, 32 * (around + 2));
  expectGlobal(counts.loads, 1, 128, 4, 4);
  expectGlobal(counts.stores, 1, 128, 4, 4);
  EXPECT_EQ(counts.shared.accesses, 0u);
}

TEST(EmulatorCounts, WideLoadsTakeFourTimesAsMany) {
  const KernelCounts counts =
      countsOf("mul.wide.u32 %rd6, %r1, 16; add.s64 %rd7, %rd1, %rd6;"
               "ld.global.v4.b32 {%r3, %r4, %r5, %r6}, [%rd7];");
  expectGlobal(counts.loads, 1, 512, 16, 16);
}

TEST(EmulatorCounts, StridesTakeASectorEach) {
  const KernelCounts counts = countsOf("mul.wide.u32 %rd6, %r1, 32; add.s64 %rd7, %rd1, %rd6;"
                                       "ld.global.b32 %r3, [%rd7];");
  expectGlobal(counts.loads, 1, 128, 32, 32);
}

TEST(EmulatorCounts, OneNumberForAllIsOneSector) {
  expectGlobal(countsOf("ld.global.b32 %r3, [%rd1];").loads, 1, 128, 1, 1);
}

TEST(EmulatorCounts, OrderOfThreadsDoesNotCount) {
  // Thread t reads number 7 t modulo 32.
  const KernelCounts counts =
      countsOf("mul.lo.u32 %r3, %r1, 7; and.b32 %r3, %r3, 31; mul.wide.u32 %rd6, %r3, 4;"
               "add.s64 %rd7, %rd1, %rd6; ld.global.b32 %r4, [%rd7];");
  expectGlobal(counts.loads, 1, 128, 4, 4);
}

TEST(EmulatorCounts, LeastIsOfTheLaunch) {
  // Two warps of three blocks read the same numbers, twice each.
  const KernelCounts counts =
      countsOf("and.b32 %r3, %r1, 31; mul.wide.u32 %rd6, %r3, 4; add.s64 %rd7, %rd1, %rd6;"
               "ld.global.b32 %r4, [%rd7]; ld.global.b32 %r5, [%rd7];",
               64, 3);
  expectGlobal(counts.loads, 12, 12 * 128, 48, 4);
  EXPECT_EQ(counts.instructions, 6 * (around + 5));
}

TEST(EmulatorCounts, ThreadsApartIssueApart) {
  // Eight of 32 leave out three instructions; then one is for five threads alone.
  const KernelCounts counts = countsOf("setp.lt.u32 %p1, %r1, 8; @%p1 bra $L1;"
                                       "mov.b32 %r3, 1; mov.b32 %r4, 2; mov.b32 %r5, 3;\n$L1:\n"
                                       "setp.lt.u32 %p2, %r1, 5; @%p2 mov.b32 %r6, 4;");
  EXPECT_EQ(counts.instructions, around + 7);
  EXPECT_EQ(counts.lanes, 32 * (around + 3) + 3 * 24 + 5);
}

TEST(EmulatorCounts, BarriersAndShufflesCountOnce) {
  // Half of the threads come to the shuffle later than the others.
  const KernelCounts counts =
      countsOf("setp.lt.u32 %p1, %r1, 16; mov.b32 %r3, 1; @%p1 bra $L1; mov.b32 %r3, 2;\n$L1:\n"
               "shfl.sync.bfly.b32 %r4, %r3, 1, 31, -1; bar.warp.sync -1; bar.sync 0;");
  EXPECT_EQ(counts.instructions, around + 7);
  EXPECT_EQ(counts.lanes, 32 * (around + 6) + 16);
}

TEST(EmulatorCounts, AtomicsReadAndWrite) {
  const KernelCounts counts = countsOf("atom.global.add.u32 %r3, [%rd1], 0;");
  expectGlobal(counts.loads, 1, 128, 1, 1);
  expectGlobal(counts.stores, 1, 128, 1, 1);
}

/// Wavefronts too many where thread t writes at t * stride, of the given type.
uint64_t conflicts(unsigned stride, const std::string &store) {
  const KernelCounts counts =
      countsOf("mov.b64 %rd6, s; mad.wide.u32 %rd7, %r1, " + std::to_string(stride) + ", %rd6;" +
                   store,
               32, 1, shared);
  EXPECT_EQ(counts.shared.accesses, 1u);
  expectGlobal(counts.stores, 0, 0, 0, 0);
  return counts.shared.extra;
}

TEST(EmulatorCounts, BanksThatSeveralThreadsWant) {
  const std::string one = "st.shared.b32 [%rd7], %r1;", two = "st.shared.b64 [%rd7], %rd1;";
  const std::string four = "st.shared.v4.b32 [%rd7], {%r1, %r1, %r1, %r1};";
  EXPECT_EQ(conflicts(4, one), 0u);
  EXPECT_EQ(conflicts(8, one), 1u);
  EXPECT_EQ(conflicts(12, one), 0u); // 3 and 32 have no divisor in common
  EXPECT_EQ(conflicts(128, one), 31u);
  EXPECT_EQ(conflicts(8, two), 0u);
  EXPECT_EQ(conflicts(16, two), 2u);    // each half of the warp: two of a bank
  EXPECT_EQ(conflicts(16, four), 0u);
  EXPECT_EQ(conflicts(128, four), 28u); // each quarter: eight of a bank
}

TEST(EmulatorCounts, OneWordForAllIsNoConflict) {
  const KernelCounts counts =
      countsOf("mov.b64 %rd6, s; setp.eq.u32 %p1, %r1, 0; @%p1 st.shared.b32 [%rd6], %r1;"
               "bar.sync 0; ld.shared.b32 %r3, [%rd6];",
               32, 1, shared);
  EXPECT_EQ(counts.shared.accesses, 2u);
  EXPECT_EQ(counts.shared.extra, 0u);
}

TEST(EmulatorCounts, JsonHasCallsAndKernels) {
  Counts counts;
  counts.call("cuLaunchKernel");
  counts.call("cuMemcpyHtoDAsync_v2");
  counts.call("cuMemcpyHtoDAsync_v2");
  counts.copied("cuMemcpyHtoDAsync_v2", 24);
  counts.kernel("k").loads.sectors = 7;
  const std::string text = counts.json();
  EXPECT_NE(text.find("\"cuLaunchKernel\": {\"calls\": 1}"), std::string::npos) << text;
  EXPECT_NE(text.find("\"cuMemcpyHtoDAsync_v2\": {\"calls\": 2, \"bytes\": 24}"), std::string::npos)
      << text;
  EXPECT_NE(text.find("\"sectors\": 7"), std::string::npos) << text;
}

} // namespace
