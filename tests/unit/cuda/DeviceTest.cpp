//===- DeviceTest.cpp - choosing a device, also where there is none --------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaDevice.h"
#include "runtime/cuda/Driver.h"
#include "runtime/plan/GpuCode.h"

#include <gtest/gtest.h>

namespace heddle::cuda {
namespace {

TEST(Device, NamesAreReadWhole) {
  EXPECT_FALSE(parseDevice("cpu")->cuda);
  EXPECT_EQ(parseDevice("cuda")->ordinal, -1);
  EXPECT_EQ(parseDevice("cuda:3")->ordinal, 3);
  for (const char *wrong : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda: 1", "CUDA", "cuda:99999999999"}) {
    auto choice = parseDevice(wrong);
    ASSERT_FALSE(choice.ok()) << wrong;
    EXPECT_NE(messageOf(choice.status()).find("it is cpu, cuda or cuda:N"), std::string::npos);
  }
}

TEST(Device, TheCpuNeedsNoDriver) {
  EXPECT_TRUE(checkDevice({}).ok());
  EXPECT_FALSE(deviceFactory({}, 0));
}

TEST(Device, WhatIsMissingIsSaid) {
  absl::Status status = checkDevice({true, -1});
  if (status.ok())
    GTEST_SKIP() << "there is a device here";
  EXPECT_NE(messageOf(status).find("--device=cuda"), std::string::npos) << messageOf(status);
  auto made = deviceFactory({true, 0}, 0)();
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(messageOf(made.status()), messageOf(Driver::get().status()));
}

TEST(GpuCode, NamesOfKernelsStayDistinct) {
  EXPECT_EQ(plan::gpuSymbol("kernel0.add"), "kernel0$2eadd");
  EXPECT_NE(plan::gpuSymbol("a.b"), plan::gpuSymbol("a_b"));
  EXPECT_NE(plan::gpuSymbol("a.b"), plan::gpuSymbol("a$2eb"));
  EXPECT_EQ(plan::gpuSymbol("\xc3\xa4"), "$c3$a4");
  EXPECT_TRUE(plan::isGpuTarget("sm_90"));
  EXPECT_FALSE(plan::isGpuTarget("x86-64-v3"));
}

} // namespace
} // namespace heddle::cuda
