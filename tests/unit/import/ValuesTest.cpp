//===- ValuesTest.cpp -----------------------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Values.h"

#include "runtime/base/SmallFloats.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

using namespace heddle;
using namespace heddle::importing;

namespace {

TEST(Values, EveryHalfComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = halfToFloat(uint16_t(bits));
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(value))));
    else
      ASSERT_EQ(floatToHalf(value), bits) << value;
  }
}

// The nearest half of a float lies between its neighbours: compared in double, ties to even.
TEST(Values, HalvesRoundToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    double low = halfToFloat(uint16_t(bits)), high = halfToFloat(uint16_t(bits + 1));
    float middle = float((low + high) / 2); // exact
    EXPECT_EQ(floatToHalf(middle), bits & 1 ? bits + 1 : bits);
    EXPECT_EQ(floatToHalf(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(floatToHalf(std::nextafter(middle, 1e9f)), bits + 1);
    EXPECT_EQ(floatToHalf(-middle), 0x8000u | (bits & 1 ? bits + 1 : bits));
  }
  EXPECT_EQ(floatToHalf(65519.0f), 0x7BFF);
  EXPECT_EQ(floatToHalf(65520.0f), 0x7C00);
  EXPECT_EQ(floatToHalf(1e30f), 0x7C00);
}

TEST(Values, Numbers) {
  EXPECT_EQ(parseNumber("1"), 1);
  EXPECT_EQ(parseNumber(" -2.5e3 "), -2500);
  EXPECT_EQ(parseNumber("+4"), 4);
  EXPECT_EQ(parseNumber("True"), 1);
  EXPECT_EQ(parseNumber("false"), 0);
  EXPECT_TRUE(std::isnan(*parseNumber("nan")));
  EXPECT_TRUE(std::isinf(*parseNumber("1e999")));
  for (const char *bad : {"", " ", "x", "1x", "1,5", "+-1", "--1", "0x10", "1 2"})
    EXPECT_FALSE(parseNumber(bad)) << bad;
}

TEST(Values, Times) {
  struct Case {
    const char *text;
    double value;
  } dates[] = {{"1970-01-01", 0},
               {"1969-12-31", -86400},
               {"2000-02-29", 951782400},
               {"2026-06-01", 1780272000},
               {"2026-06-01 12:30", 1780272000 + 45000},
               {"2026-06-01T12:30:15Z", 1780272000 + 45015},
               {"2026-06-01T12:30:15.25Z", 1780272000 + 45015.25},
               {"2026-06-01T02:00:00+02:00", 1780272000},
               {"2026-05-31T22:00-0200", 1780272000}};
  for (const Case &c : dates) {
    auto time = parseTime(c.text);
    ASSERT_TRUE(time) << c.text;
    EXPECT_TRUE(time->isDate);
    EXPECT_DOUBLE_EQ(time->value, c.value) << c.text;
  }
  EXPECT_FALSE(parseTime("17")->isDate);
  for (const char *bad : {"", "2026-13-01", "2026-02-29", "1900-02-29", "2026-6-1", "2026-06-01T",
                          "2026-06-01T25:00", "2026-06-01T10:00X", "2026-06-01T10:00:00.",
                          "2026-06-01T10:00+1", "nan", "inf", "true", "yesterday"})
    EXPECT_FALSE(parseTime(bad)) << bad;
}

TEST(Values, IntegersAreRangeChecked) {
  char out[8];
  EXPECT_TRUE(encodeNumber(127, "int8", out));
  EXPECT_FALSE(encodeNumber(128, "int8", out));
  EXPECT_TRUE(encodeNumber(-128, "int8", out));
  EXPECT_FALSE(encodeNumber(-1, "uint32", out));
  EXPECT_FALSE(encodeNumber(0.5, "int32", out));
  EXPECT_FALSE(encodeNumber(0x1p63, "int64", out));
  EXPECT_TRUE(encodeNumber(-0x1p63, "int64", out));
  EXPECT_FALSE(encodeNumber(0x1p64, "uint64", out));
  EXPECT_FALSE(encodeNumber(NAN, "int32", out));
  EXPECT_FALSE(encodeNumber(1e39, "float32", out));
  EXPECT_FALSE(encodeNumber(70000, "float16", out));
  EXPECT_TRUE(encodeNumber(70000, "bfloat16", out));
  EXPECT_EQ(decodeNumber(out, "bfloat16", 0), 70144); // 137 * 2^9
  EXPECT_FALSE(encodeNumber(3.4e38, "bfloat16", out));
  EXPECT_FALSE(encodeNumber(1e300, "bfloat16", out));
  EXPECT_FALSE(encodeNumber(2, "bool", out));
  EXPECT_TRUE(encodeNumber(-7, "int16", out));
  EXPECT_EQ(decodeNumber(out, "int16", 0), -7);
}

} // namespace
