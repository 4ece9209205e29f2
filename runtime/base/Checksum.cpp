//===- Checksum.cpp - XXH64 --------------------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Written from the xxHash fast digest algorithm's specification, section "XXH64".
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Checksum.h"

#include "runtime/base/MappedFile.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace heddle {

static_assert(std::endian::native == std::endian::little, "arrays and checksums are little-endian");

namespace {

constexpr uint64_t prime1 = 0x9E3779B185EBCA87ull;
constexpr uint64_t prime2 = 0xC2B2AE3D27D4EB4Full;
constexpr uint64_t prime3 = 0x165667B19E3779F9ull;
constexpr uint64_t prime4 = 0x85EBCA77C2B2AE63ull;
constexpr uint64_t prime5 = 0x27D4EB2F165667C5ull;

uint64_t load64(const unsigned char *p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

uint32_t load32(const unsigned char *p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline uint64_t round(uint64_t lane, uint64_t word) {
  return std::rotl(lane + word * prime2, 31) * prime1;
}

uint64_t mergeLane(uint64_t hash, uint64_t lane) {
  return (hash ^ round(0, lane)) * prime1 + prime4;
}

const unsigned char *consumeStripes(std::array<uint64_t, 4> &lanes, const unsigned char *p,
                                    size_t stripes) {
  uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
  for (size_t i = 0; i < stripes; ++i, p += 32) {
    a = round(a, load64(p));
    b = round(b, load64(p + 8));
    c = round(c, load64(p + 16));
    d = round(d, load64(p + 24));
  }
  lanes = {a, b, c, d};
  return p;
}

} // namespace

Checksum::Checksum(uint64_t seed)
    : lanes_{seed + prime1 + prime2, seed + prime2, seed, seed - prime1}, tail_{}, seed_(seed) {}

void Checksum::update(const void *bytes, size_t size) {
  if (size == 0)
    return;
  auto *p = static_cast<const unsigned char *>(bytes);
  total_ += size;
  if (tailSize_ > 0) {
    size_t take = std::min(size, tail_.size() - tailSize_);
    std::memcpy(tail_.data() + tailSize_, p, take);
    tailSize_ += take;
    p += take;
    size -= take;
    if (tailSize_ < tail_.size())
      return;
    consumeStripes(lanes_, tail_.data(), 1);
    tailSize_ = 0;
  }
  p = consumeStripes(lanes_, p, size / 32);
  tailSize_ = size % 32;
  std::memcpy(tail_.data(), p, tailSize_);
}

uint64_t Checksum::digest() const {
  uint64_t hash;
  if (total_ >= 32) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
           std::rotl(lanes_[3], 18);
    for (uint64_t lane : lanes_)
      hash = mergeLane(hash, lane);
  } else {
    hash = seed_ + prime5;
  }
  hash += total_;
  const unsigned char *p = tail_.data();
  size_t left = tailSize_;
  for (; left >= 8; left -= 8, p += 8)
    hash = std::rotl(hash ^ round(0, load64(p)), 27) * prime1 + prime4;
  if (left >= 4) {
    hash = std::rotl(hash ^ (load32(p) * prime1), 23) * prime2 + prime3;
    left -= 4;
    p += 4;
  }
  for (; left > 0; --left, ++p)
    hash = std::rotl(hash ^ (*p * prime5), 11) * prime1;
  hash ^= hash >> 33;
  hash *= prime2;
  hash ^= hash >> 29;
  hash *= prime3;
  hash ^= hash >> 32;
  return hash;
}

std::string Checksum::hex() const { return checksumHex(digest()); }

uint64_t checksumOf(const void *bytes, size_t size, uint64_t seed) {
  Checksum sum(seed);
  sum.update(bytes, size);
  return sum.digest();
}

std::string checksumHex(uint64_t digest) {
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, digest >>= 4)
    text[static_cast<size_t>(i)] = "0123456789abcdef"[digest & 15];
  return text;
}

absl::StatusOr<std::string> checksumOfFile(const std::string &path) {
  HEDDLE_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  file.advise(MappedFile::Advice::Sequential);
  return checksumHex(checksumOf(file.data(), static_cast<size_t>(file.size())));
}

} // namespace heddle
