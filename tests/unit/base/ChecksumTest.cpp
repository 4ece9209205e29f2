//===- ChecksumTest.cpp - XXH64 against its specification --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Checksum.h"
#include "tests/unit/support/TestSupport.h"

#include <random>
#include <vector>

namespace heddle {
namespace {

std::string of(std::string_view text) { return checksumHex(checksumOf(text.data(), text.size())); }

TEST(Checksum, KnownTexts) {
  EXPECT_EQ(of(""), "ef46db3751d8e999");
  EXPECT_EQ(of("a"), "d24ec4f1a98c6e5b");
  EXPECT_EQ(of("abc"), "44bc2cf5ad770999");
  EXPECT_EQ(of("Nobody inspects the spammish repetition"), "fbcea83c8a378bf1");
}

// The vectors of the reference implementation's sanity check: its byte generator, lengths and seeds.
TEST(Checksum, SanityVectors) {
  std::vector<unsigned char> bytes(2243);
  uint64_t generator = 2654435761u;
  for (unsigned char &byte : bytes) {
    byte = static_cast<unsigned char>(generator >> 56);
    generator *= 11400714785074694797ull;
  }
  constexpr uint64_t seed = 2654435761u;
  struct {
    size_t length;
    uint64_t seed, digest;
  } vectors[] = {{0, 0, 0xEF46DB3751D8E999ull},     {0, seed, 0xAC75FDA2929B17EFull},
                 {1, 0, 0xE934A84ADB052768ull},     {1, seed, 0x5014607643A9B4C3ull},
                 {4, 0, 0x9136A0DCA57457EEull},     {14, 0, 0x8282DCC4994E35C8ull},
                 {14, seed, 0xC3BD6BF63DEB6DF0ull}, {222, 0, 0xB641AE8CB691C174ull},
                 {222, seed, 0x20CB8AB7AE10C14Aull}};
  for (auto &v : vectors)
    EXPECT_EQ(checksumHex(checksumOf(bytes.data(), v.length, v.seed)), checksumHex(v.digest))
        << v.length << " bytes";
}

TEST(Checksum, AnyCutGivesTheSameDigest) {
  std::mt19937 random(1);
  std::string bytes(1000, ' ');
  for (char &c : bytes)
    c = static_cast<char>(random());
  for (int trial = 0; trial < 200; ++trial) {
    size_t size = random() % bytes.size();
    Checksum sum;
    for (size_t at = 0; at < size;) {
      size_t take = std::min<size_t>(size - at, random() % 70);
      sum.update(bytes.data() + at, take);
      sum.digest(); // looking does not disturb
      at += take;
    }
    ASSERT_EQ(sum.digest(), checksumOf(bytes.data(), size)) << size;
  }
}

TEST(Checksum, OfFile) {
  test::TemporaryDirectory dir;
  test::writeAll(dir / "f", "abc");
  EXPECT_EQ(test::valueOf(checksumOfFile(dir / "f")), "44bc2cf5ad770999");
  EXPECT_FAILS(checksumOfFile(dir / "absent"), "absent", "cannot open");
  EXPECT_FAILS(checksumOfFile(dir.path()), "not a regular file");
}

} // namespace
} // namespace heddle
