//===- ExponentialTest.cpp - e^x, the same bits everywhere -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Exponential.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace heddle {
namespace {

TEST(Exponential, IsExactToItsLastPlaces) {
  double worst = 0;
  for (float x = -103; x < 88; x += 0.00917f) {
    const double exact = std::exp(double(x));
    const double unit = std::max(std::ldexp(1.0, std::ilogb(exact) - 23), 0x1p-149);
    worst = std::max(worst, std::abs(double(exponential(x)) - exact) / unit);
  }
  EXPECT_LE(worst, 1.5);
  EXPECT_EQ(exponential(0), 1.0f);
  EXPECT_EQ(exponential(-1000), 0.0f);
  EXPECT_EQ(exponential(-std::numeric_limits<float>::infinity()), 0.0f);
  EXPECT_EQ(exponential(100), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(exponential(std::nanf(""))));
}

} // namespace
} // namespace heddle
