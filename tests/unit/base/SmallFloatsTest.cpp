//===- SmallFloatsTest.cpp - numbers of 16 bits -----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/SmallFloats.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

namespace heddle {
namespace {

TEST(Bfloat, IsTheUpperHalfOfAFloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = bfloatToFloat(uint16_t(bits));
    ASSERT_EQ(std::bit_cast<uint32_t>(value), bits << 16);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(bfloatToFloat(floatToBfloat(value))));
    else
      ASSERT_EQ(floatToBfloat(value), bits);
  }
  // A NaN all of whose fraction is in the half that goes.
  for (uint32_t bits : {0x7F800001u, 0xFF800001u, 0x7FFFFFFFu}) {
    uint16_t small = floatToBfloat(std::bit_cast<float>(bits));
    EXPECT_TRUE(std::isnan(bfloatToFloat(small)));
    EXPECT_EQ(small >> 15, bits >> 31);
  }
}

// Compared in double with both neighbours: the nearer one, of two as near the even one.
TEST(Bfloat, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7F7F; ++bits) {
    double low = bfloatToFloat(uint16_t(bits)), high = bfloatToFloat(uint16_t(bits + 1));
    float middle = float((low + high) / 2); // exact
    EXPECT_EQ(floatToBfloat(middle), bits & 1 ? bits + 1 : bits);
    EXPECT_EQ(floatToBfloat(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(floatToBfloat(std::nextafter(middle, INFINITY)), bits + 1);
    EXPECT_EQ(floatToBfloat(-middle), 0x8000u | (bits & 1 ? bits + 1 : bits));
  }
  EXPECT_EQ(floatToBfloat(0x1.FEFFFEp127f), 0x7F7F); // the largest that stays finite
  EXPECT_EQ(floatToBfloat(0x1.FFp127f), 0x7F80);
  EXPECT_EQ(floatToBfloat(-INFINITY), 0xFF80);
  EXPECT_EQ(floatToBfloat(0x1p-149f), 0);
  EXPECT_EQ(floatToBfloat(-0x1p-149f), 0x8000);
}

/// The 16-bit number nearest to a double, found among all of them.
template <class Widen> uint16_t nearest(double value, uint16_t infinity, Widen widen) {
  uint32_t low = 0, high = infinity; // magnitudes rise with the bits
  while (high - low > 1) {
    uint32_t middle = (low + high) / 2;
    (double(widen(uint16_t(middle))) <= std::fabs(value) ? low : high) = middle;
  }
  double below = widen(uint16_t(low)), above = widen(uint16_t(high));
  if (high == infinity) // as if the next number were there
    above = 2 * below - widen(uint16_t(low - 1));
  double toBelow = std::fabs(value) - below, toAbove = above - std::fabs(value);
  uint32_t bits = toBelow < toAbove ? low : toBelow > toAbove ? high : low & 1 ? high : low;
  return uint16_t(bits | (std::signbit(value) ? 0x8000u : 0));
}

// A double a little beside a tie between two small floats is a tie as a float: rounding to nearest
// twice would go wrong.
TEST(SmallFloats, DoublesAreRoundedOnce) {
  std::mt19937_64 random(5);
  int wouldDiffer = 0;
  for (int i = 0; i < 200000; ++i) {
    uint16_t half = uint16_t(random() % 0x7BFF), bfloat = uint16_t(random() % 0x7F7F);
    double tieHalf = (double(halfToFloat(half)) + halfToFloat(half + 1)) / 2;
    double tieBfloat = (double(bfloatToFloat(bfloat)) + bfloatToFloat(bfloat + 1)) / 2;
    const double factor[] = {1, 1 + 0x1p-40, 1 - 0x1p-40, 1.3};
    double a = tieHalf * factor[i % 4], b = tieBfloat * factor[i % 4];
    if (i & 8)
      a = -a, b = -b;
    ASSERT_EQ(floatToHalf(roundToOdd(a)), nearest(a, 0x7C00, halfToFloat)) << a;
    ASSERT_EQ(floatToBfloat(roundToOdd(b)), nearest(b, 0x7F80, bfloatToFloat)) << b;
    wouldDiffer += floatToHalf(float(a)) != floatToHalf(roundToOdd(a));
  }
  EXPECT_GT(wouldDiffer, 1000);
  EXPECT_EQ(floatToBfloat(roundToOdd(1e300)), 0x7F80);
  EXPECT_EQ(floatToBfloat(roundToOdd(-1e-300)), 0x8000);
  EXPECT_EQ(roundToOdd(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(roundToOdd(NAN)));
  EXPECT_EQ(roundToOdd(0.5), 0.5f);
}

} // namespace
} // namespace heddle
