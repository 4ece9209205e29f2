//===- KeyedPermutation.h - a random order without an array ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_SYNTHETIC_KEYEDPERMUTATION_H
#define HEDDLE_RUNTIME_SYNTHETIC_KEYEDPERMUTATION_H

#include <bit>
#include <cstdint>

namespace heddle::synthetic {

/// A pseudo-random permutation of [0, size) that is computed, not stored: a Feistel network over
/// the next power of two, walked until it comes back into the range (two steps on average at most).
/// Integers only; any element at any time. An element goes everywhere equally often over the keys;
/// below ten elements or so, some whole orders are likelier than others.
class KeyedPermutation {
public:
  KeyedPermutation() = default;
  KeyedPermutation(int64_t size, uint64_t key) : size_(size), key_(key) {
    int bits = size <= 1 ? 0 : std::bit_width(static_cast<uint64_t>(size - 1));
    lowBits_ = (bits + 1) / 2;
    lowMask_ = (uint64_t(1) << lowBits_) - 1;
    highMask_ = (uint64_t(1) << (bits - lowBits_)) - 1;
  }
  int64_t size() const { return size_; }

  /// Where `x` in [0, size) goes.
  int64_t operator()(int64_t x) const {
    auto value = static_cast<uint64_t>(x);
    do {
      uint64_t low = value & lowMask_, high = value >> lowBits_;
      for (uint64_t round = 0; round < rounds; round += 2) {
        low ^= mixed(high, round) & lowMask_;
        high ^= mixed(low, round + 1) & highMask_;
      }
      value = high << lowBits_ | low;
    } while (value >= static_cast<uint64_t>(size_));
    return static_cast<int64_t>(value);
  }
  /// What goes to `y`.
  int64_t inverse(int64_t y) const {
    auto value = static_cast<uint64_t>(y);
    do {
      uint64_t low = value & lowMask_, high = value >> lowBits_;
      for (uint64_t round = rounds; round > 0; round -= 2) {
        high ^= mixed(low, round - 1) & highMask_;
        low ^= mixed(high, round - 2) & lowMask_;
      }
      value = high << lowBits_ | low;
    } while (value >= static_cast<uint64_t>(size_));
    return static_cast<int64_t>(value);
  }

private:
  static constexpr uint64_t rounds = 8;

  /// The finaliser of SplitMix64: cheap, and enough to make a round of.
  uint64_t mixed(uint64_t half, uint64_t round) const {
    uint64_t z = key_ + (half << 3 | round) * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }

  int64_t size_ = 0;
  uint64_t key_ = 0, lowMask_ = 0, highMask_ = 0;
  int lowBits_ = 0;
};

} // namespace heddle::synthetic

#endif // HEDDLE_RUNTIME_SYNTHETIC_KEYEDPERMUTATION_H
