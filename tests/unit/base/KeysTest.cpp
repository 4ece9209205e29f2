//===- KeysTest.cpp - golden vectors of the keys ------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Keys.h"

#include <gtest/gtest.h>

namespace heddle::keys {
namespace {

using Block = Words;

// The known answers that Random123 publishes for philox4x32-10.
TEST(Keys, PhiloxKnownAnswers) {
  EXPECT_EQ(philox({{0, 0, 0, 0}}, 0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({{~0u, ~0u, ~0u, ~0u}}, ~uint64_t(0)),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0x299f31d0a4093822ull),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Keys, CounterPacksEveryField) {
  Words c = counter(Purpose::Dropout, 7, 15, 0xABCD, 0x123456789ABCull, 0xFEDCBA);
  EXPECT_EQ(c.word[0], 0x56789ABCu);
  EXPECT_EQ(c.word[1], 0x1234ABCDu);
  EXPECT_EQ(c.word[2], 7u);
  EXPECT_EQ(c.word[3], 0x2FFEDCBAu);
}

TEST(Keys, BoundedCoversTheRange) {
  EXPECT_EQ(bounded(0, 0, 10), 0u);
  EXPECT_EQ(bounded(~0u, ~0u, 10), 9u);
  EXPECT_EQ(bounded(~0u, ~0u, 1), 0u);
  EXPECT_EQ(bounded(0, 0x80000000u, 10), 5u);
  EXPECT_EQ(bounded(~0u, ~0u, ~uint64_t(0)), ~uint64_t(0) - 1);
}

TEST(Keys, HashNameIsFnv1a) {
  EXPECT_EQ(hashName(""), 0xcbf29ce484222325ull);
  EXPECT_EQ(hashName("a"), 0xaf63dc4c8601ec8cull);
  EXPECT_EQ(hashName("foobar"), 0x85944171f73967e8ull);
}

// Spelt out from the specification, without the helpers that the runtime uses.
TEST(Keys, DrawsComeTwoToABlock) {
  for (uint32_t i = 0; i < 9; ++i) {
    uint32_t block = i / 2;
    Block w = philox({{42, 3, 5, (1u << 28) | (2u << 24) | block}}, 99);
    uint64_t bits = i % 2 ? (uint64_t(w[3]) << 32 | w[2]) : (uint64_t(w[1]) << 32 | w[0]);
    uint64_t expected = uint64_t(((unsigned __int128)bits * 1000) >> 64);
    EXPECT_EQ(sampleDraw(99, 5, 2, 3, 42, i, 1000), expected) << i;
  }
}

TEST(Keys, DropoutKeepsItsShare) {
  EXPECT_EQ(dropoutThreshold(0), 0u);
  EXPECT_EQ(dropoutThreshold(0.5), 0x80000000u);
  EXPECT_EQ(dropoutThreshold(1.0), 0xFFFFFFFFu);
  uint32_t threshold = dropoutThreshold(0.3);
  int kept = 0;
  for (uint64_t row = 0; row < 1000; ++row)
    for (uint32_t column = 0; column < 64; ++column)
      kept += dropoutKeeps(1, 2, 0, 3, row, column, threshold);
  EXPECT_NEAR(kept / 64000.0, 0.7, 0.01);
  EXPECT_TRUE(dropoutKeeps(1, 2, 0, 3, 0, 0, 0));
}

TEST(Keys, GoldenValues) {
  // Fixed for ever: a change here changes every run of every user.
  EXPECT_EQ(shuffleKey(0, 0, 0), [] {
    Block w = philox({{0, 0, 0, 0}}, 0);
    return uint64_t(w[1]) << 32 | w[0];
  }());
  EXPECT_EQ(shuffleKey(0, 0, 0), 0xe169c58d6627e8d5ull);
  double u = initUniform(7, "encoder.weight", 3, 5);
  Block w = philox({{3, 0, 0, (4u << 28) | 1u}}, 7 ^ hashName("encoder.weight"));
  EXPECT_EQ(u, w[1] / 4294967296.0);
  EXPECT_GE(u, 0.0);
  EXPECT_LT(u, 1.0);
  // Synthetic graphs: purpose 6, the item's high bits beside the (unused) id.
  EXPECT_EQ(generatorStream(7, "feat"), 7 ^ hashName("feat"));
  EXPECT_EQ(generatorDraw(generatorStream(7, "feat"), 0x123456789Aull, 5),
            philox({{0x3456789Au, 0x12u << 16, 0, (6u << 28) | 5u}}, 7 ^ hashName("feat")));
  EXPECT_EQ(generatorDraw(7, 3, 1), (Block{0xf5bb1fb2, 0x8ef77906, 0x55c93eab, 0x2965d28f}));
}

} // namespace
} // namespace heddle::keys
