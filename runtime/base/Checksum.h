//===- Checksum.h - XXH64 ----------------------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The 64-bit xxHash of bytes (from its public specification), with seed 0 unless given. It guards
// against damage, not against an attacker.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_CHECKSUM_H
#define HEDDLE_RUNTIME_BASE_CHECKSUM_H

#include "runtime/base/Status.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace heddle {

/// Streaming: any cut of the same bytes into updates gives the same digest.
class Checksum {
public:
  explicit Checksum(uint64_t seed = 0);
  void update(const void *bytes, size_t size);
  void update(std::string_view text) { update(text.data(), text.size()); }
  /// The checksum of all bytes so far; more may follow.
  uint64_t digest() const;
  /// digest() as 16 lower-case hex digits.
  std::string hex() const;

private:
  std::array<uint64_t, 4> lanes_;
  std::array<unsigned char, 32> tail_;
  size_t tailSize_ = 0;
  uint64_t total_ = 0;
  uint64_t seed_;
};

uint64_t checksumOf(const void *bytes, size_t size, uint64_t seed = 0);
std::string checksumHex(uint64_t digest);
/// 16 hex digits of a file's bytes.
absl::StatusOr<std::string> checksumOfFile(const std::string &path);

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_CHECKSUM_H
