//===- EmulatorTest.cpp - the double of NVIDIA's driver finds what it should ---===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Results of the plans' kernels are compared elsewhere (e2e.emulated_devices). Here: that
// arithmetic is PTX's where C++'s is another, that threads meet where they must, and that each kind
// of mistake a kernel or its caller can make is found and said.
//
//===----------------------------------------------------------------------===//
#include "tests/emulator/Streams.h"
#include "tests/unit/emulator/RunKernel.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

using namespace heddle::emulator;

namespace {

std::vector<uint32_t> counting(size_t n) {
  std::vector<uint32_t> numbers(n);
  for (size_t i = 0; i < n; ++i)
    numbers[i] = uint32_t(i);
  return numbers;
}

const std::string loadIt = "ld.global.b32 %r3, [%rd4];\n", storeIt = "st.global.b32 [%rd5], %r4;\n";

TEST(Emulator, ArithmeticIsPtxs) {
  auto one = [](const std::string &body, uint32_t x) {
    Outcome r = runKernel(kernelOf(loadIt + body + storeIt), std::vector<uint32_t>(32, x), 32);
    EXPECT_EQ(r.wrong, "");
    return r.out[7];
  };
  auto f = [](float x) { return std::bit_cast<uint32_t>(x); };
  EXPECT_EQ(one("shl.b32 %r4, %r3, 40;", 1), 0u); // shifts stop at the width
  EXPECT_EQ(one("shr.s32 %r4, %r3, 40;", 0x80000000), 0xffffffff);
  EXPECT_EQ(one("shr.u32 %r4, %r3, 31;", 0x80000000), 1u);
  EXPECT_EQ(one("bfe.u32 %r4, %r3, 4, 8;", 0xabcd), 0xbcu);
  EXPECT_EQ(one("max.f32 %r4, %r3, 0f7FC00000;", f(2)), f(2)); // a number beats NaN
  EXPECT_EQ(one("copysign.f32 %r4, %r3, 0f40400000;", f(-0.0f)), f(-3));
  EXPECT_EQ(one("fma.rn.f32 %r4, %r3, %r3, 0fBF800000;", f(1 + 0x1p-12f)),
            f(std::fma(1 + 0x1p-12f, 1 + 0x1p-12f, -1.0f)));
  EXPECT_EQ(one("mul.rn.f32 %r5, %r3, %r3; sub.rn.f32 %r4, %r5, 0f3F800000;", f(1 + 0x1p-12f)),
            f(0x1p-11f)); // not fused
  EXPECT_EQ(one("mul.wide.s32 %rd6, %r3, 5; cvt.u32.u64 %r4, %rd6;", uint32_t(-3)), uint32_t(-15));
  EXPECT_EQ(
      one("cvt.s64.s32 %rd6, %r3; shr.u64 %rd7, %rd6, 32; cvt.u32.u64 %r4, %rd7;", uint32_t(-1)),
      0xffffffff);
  EXPECT_EQ(one("{ .reg .b32 tmp; mov.b64 %rd6, {%r3, 7}; mov.b64 {tmp, %r4}, %rd6; }", 5), 7u);
  EXPECT_EQ(one("setp.ne.f32 %p1, %r3, %r3; setp.neu.f32 %p2, %r3, %r3; selp.b32 %r5, 1, 0, %p1; "
                "selp.b32 %r6, 2, 0, %p2; or.b32 %r4, %r5, %r6;",
                0x7fc00000),
            2u); // ordered and unordered
  EXPECT_EQ(one("div.u32 %r4, %r3, 0;", 9), 0xffffffff);
  EXPECT_EQ(one("clz.b32 %r5, %r3; popc.b32 %r6, %r3; add.s32 %r4, %r5, %r6;", 0xf0), 28u);
  EXPECT_EQ(one("cvt.u16.u32 %rs1, %r3; add.s16 %rs2, %rs1, 1; cvt.u32.u16 %r4, %rs2;", 0xffff),
            0u);
}

TEST(Emulator, BranchesPartAndMeet) {
  // Of 40 threads, each goes round as often as its number says; odd ones take a way of their own.
  Outcome r = runKernel(kernelOf(R"(
    mov.b32 %r4, 0; mov.b32 %r5, 0;
    and.b32 %r6, %r1, 1; setp.eq.b32 %p1, %r6, 1;
$L1:
    setp.ge.u32 %p2, %r5, %r1;
    @%p2 bra $L3;
    @%p1 bra $L2;
    add.s32 %r4, %r4, 10;
    add.s32 %r5, %r5, 1;
    bra.uni $L1;
$L2:
    add.s32 %r4, %r4, 1;
    add.s32 %r5, %r5, 1;
    bra $L1;
$L3:
    st.global.b32 [%rd5], %r4;)"),
                        counting(40), 40);
  ASSERT_EQ(r.wrong, "");
  for (uint32_t i = 0; i < 40; ++i)
    EXPECT_EQ(r.out[i], i * (i % 2 ? 1 : 10)) << i;
}

TEST(Emulator, ShufflesWaitForTheirMask) {
  // Threads 0-15 come round a longer way than 16-31.
  const std::string text = kernelOf(loadIt + R"(
    setp.gt.u32 %p1, %r1, 15;
    @%p1 bra $L1;
    add.s32 %r3, %r3, 100;
$L1:
    shfl.sync.bfly.b32 %r4, %r3, 16, 31, -1;
)" + storeIt);
  Outcome r = runKernel(text, counting(32), 32);
  ASSERT_EQ(r.wrong, "");
  for (uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ(r.out[i], (i ^ 16) + (i < 16 ? 0 : 100));
}

TEST(Emulator, ThreadsVote) {
  Outcome r = runKernel(
      kernelOf(loadIt + "setp.gt.u32 %p1, %r3, 27; vote.sync.ballot.b32 %r4, %p1, -1;" + storeIt),
      counting(32), 32);
  ASSERT_EQ(r.wrong, "");
  EXPECT_EQ(r.out, std::vector<uint32_t>(32, 0xf0000000));
}

/// What is wrong with a kernel must name `expected` and the line.
void expectFault(const std::string &text, const std::string &expected, unsigned threads = 32,
                 unsigned blocks = 1, size_t numbers = 64) {
  Outcome r = runKernel(text, counting(numbers), threads, blocks);
  EXPECT_NE(r.wrong.find(expected), std::string::npos)
      << "'" << r.wrong << "' says nothing of: " << expected;
  EXPECT_NE(r.wrong.find("line "), std::string::npos) << r.wrong;
}

TEST(Emulator, MistakesOfKernelsAreFound) {
  expectFault(kernelOf(loadIt), "reads 4 bytes: address", 64, 1, 63); // one past the end
  expectFault(kernelOf("st.global.b32 [%rd5+-4], 1;"), "writes 4 bytes: address");
  expectFault(kernelOf("ld.global.v4.b32 {%r3, %r4, %r5, %r6}, [%rd1+4];"), "no multiple of it");
  expectFault(kernelOf("mov.b64 %rd6, 0; ld.b32 %r3, [%rd6];"), "is in no block");
  expectFault(
      kernelOf("setp.gt.u32 %p1, %r1, 3; @%p1 ret; shfl.sync.bfly.b32 %r3, %r1, 4, 31, 15;"),
      "not in its mask");
  expectFault(kernelOf("setp.gt.u32 %p1, %r1, 3; @%p1 bra $L1; bar.warp.sync -1;\n$L1:\n mov.b32 "
                       "%r3, 0; bar.sync 0;"),
              "do not come");
  expectFault(kernelOf("bar.warp.sync 1;"), "not in the mask");
  expectFault(kernelOf("st.global.b32 [%rd2], %r1;"), "another thread wrote");
  expectFault(kernelOf("st.global.b32 [%rd5], %r1; bar.sync 0; st.global.b32 [%rd5], %r2;"),
              "another thread wrote", 32, 2);
  expectFault(kernelOf("ld.global.b32 %r3, [%rd2]; st.global.b32 [%rd5], %r3;"),
              "another thread read");
  const std::string shared = ".shared .align 4 .b8 s[256];\n";
  expectFault(
      kernelOf(
          "cvt.u64.u32 %rd6, %r1; shl.b64 %rd6, %rd6, 2; mov.b64 %rd7, s; add.s64 %rd6, %rd6, %rd7;"
          "st.shared.b32 [%rd6], %r1; ld.shared.b32 %r3, [s+128];",
          shared),
      "another thread wrote", 64);
  expectFault(kernelOf("ld.shared.b32 %r3, [s+256];", shared), "is outside");
}

TEST(Emulator, WhatMeetsInBetweenIsNoMistake) {
  const std::string shared = ".shared .align 4 .b8 s[256];\n";
  const std::string at = "shl.b64 %rd6, %rd3, 0; mov.b64 %rd7, s; add.s64 %rd6, %rd6, %rd7;";
  Outcome r = runKernel(kernelOf(at + loadIt +
                                     "st.shared.b32 [%rd6], %r3; bar.sync 0; ld.shared.b32 %r4, "
                                     "[s+252]; bar.sync 0; st.shared.b32 [%rd6], %r4; bar.sync 0;" +
                                     storeIt,
                                 shared),
                        counting(64), 64);
  EXPECT_EQ(r.wrong, "");
  EXPECT_EQ(r.out[0], 63u);
  // A warp's barrier orders a warp's threads.
  r = runKernel(kernelOf("ld.global.b32 %r4, [%rd2]; bar.warp.sync -1; setp.ne.b32 %p1, %r1, 0; "
                         "@%p1 bra $L1; st.global.b32 [%rd2], 5;\n$L1:\n mov.b32 %r5, 0;"),
                counting(32), 32);
  EXPECT_EQ(r.wrong, "");
  // Atomics of any threads.
  r = runKernel(kernelOf("st.global.b32 [%rd5], 0; bar.sync 0; atom.global.add.u32 %r3, [%rd2], 2; "
                         "red.global.max.u32 [%rd2+4], %r1;"),
                counting(32), 32);
  EXPECT_EQ(r.wrong, "");
  EXPECT_EQ(r.out[0], 64u);
  EXPECT_EQ(r.out[1], 31u);
}

TEST(Emulator, ArraysOfTheModuleAreRead) {
  Outcome r = runKernel(kernelOf("add.s64 %rd6, %rd3, t; ld.global.nc.b32 %r4, [%rd6];" + storeIt,
                                 ".global .align 4 .b8 t[16] = {1, 0, 0, 0, 2, 0, 0, 0, 0, 1};\n"),
                        counting(4), 3);
  ASSERT_EQ(r.wrong, "");
  EXPECT_EQ(r.out[0], 1u);
  EXPECT_EQ(r.out[1], 2u);
  EXPECT_EQ(r.out[2], 256u);
}

TEST(Emulator, TextThatIsNotUnderstoodIsRefused) {
  for (const char *body : {"wmma.mma %r3;", "add.s32 %r3, %r4;", "add.s32 %rd3, %r4, 1;",
                           "bra $L9;", "ld.tex.b32 %r3, [%rd1];", "mov.b32 %r3, nobody;",
                           "add.s32 %r3, %r4, 1", "bar.sync 1;", "mov.u32 %r99x, 1;"}) {
    std::string error;
    EXPECT_EQ(parsePtx(kernelOf(body), error), nullptr) << body;
    EXPECT_NE(error.find("line "), std::string::npos) << body;
  }
}

TEST(Emulator, StreamsDoNoMoreThanTheyMust) {
  Device &device = Device::get();
  Stream a, b;
  device.streams = {&a, &b};
  std::vector<int> done;
  auto work = [&](int n) {
    return [&done, n] {
      done.push_back(n);
      return 0;
    };
  };
  auto marker = std::make_shared<Marker>();
  marker->stream = &a;
  device.give(&a, {work(1), {}, {}});
  device.give(&a, {{}, marker, {}});
  device.give(&a, {work(2), {}, {}});
  device.give(&b, {work(3), {}, {}});
  device.give(&b, {{}, {}, marker});
  device.give(&b, {work(4), {}, {}});
  EXPECT_TRUE(done.empty());
  EXPECT_EQ(device.finish(&b), 0);
  EXPECT_EQ(done, (std::vector<int>{3, 1, 4})); // 2 is nobody's need yet
  device.finishAll();
  EXPECT_EQ(done, (std::vector<int>{3, 1, 4, 2}));
  device.streams.clear();
}

} // namespace
