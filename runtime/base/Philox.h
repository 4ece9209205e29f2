//===- Philox.h - the generator behind every random key ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Nothing but the language is used here: the same lines are compiled for GPUs. What the words of a
// counter mean is said in Keys.h.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_PHILOX_H
#define HEDDLE_RUNTIME_BASE_PHILOX_H

#include <stdint.h>

namespace heddle::keys {

enum class Purpose : uint32_t {
  Shuffle = 0,
  Sample = 1,
  Dropout = 2,
  Negative = 3,
  Init = 4,
  Split = 5,
  Generate = 6, ///< synthetic graphs (runtime/synthetic)
};

/// Four words: a counter, or what the generator makes of one.
struct Words {
  uint32_t word[4];
  constexpr uint32_t operator[](unsigned i) const { return word[i]; }
  bool operator==(const Words &) const = default;
};

/// Philox4x32-10 of `counter` under `seed` (key word 0 = low half, word 1 = high half).
inline Words philox(Words counter, uint64_t seed) {
  constexpr uint32_t m0 = 0xD2511F53u, m1 = 0xCD9E8D57u, w0 = 0x9E3779B9u, w1 = 0xBB67AE85u;
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  uint32_t c0 = counter.word[0], c1 = counter.word[1], c2 = counter.word[2], c3 = counter.word[3];
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = uint64_t(m0) * c0, p1 = uint64_t(m1) * c2;
    uint32_t n0 = uint32_t(p1 >> 32) ^ c1 ^ k0, n2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c1 = uint32_t(p1);
    c3 = uint32_t(p0);
    c0 = n0;
    c2 = n2;
    k0 += w0;
    k1 += w1;
  }
  return {{c0, c1, c2, c3}};
}

/// The counter of draw block `block` for `row` under (purpose, step, hop, id); id is the canonical
/// relation id (sampling, negatives) or the dropout site. Bounds: row < 2^48, id < 2^16, hop < 16,
/// block < 2^24; the plan verifier checks that a schema keeps them.
inline Words counter(Purpose purpose, uint32_t step, uint32_t hop, uint32_t id, uint64_t row,
                     uint32_t block) {
  return {{uint32_t(row), (id & 0xFFFFu) | (uint32_t(row >> 32) << 16), step,
           (uint32_t(purpose) << 28) | ((hop & 0xFu) << 24) | (block & 0xFFFFFFu)}};
}

/// A draw in [0, bound) from 64 random bits by multiply-shift; integer only. bound >= 1.
inline uint64_t bounded(uint32_t low, uint32_t high, uint64_t bound) {
  unsigned __int128 product = (unsigned __int128)((uint64_t(high) << 32) | low) * bound;
  return uint64_t(product >> 64);
}

} // namespace heddle::keys

#endif // HEDDLE_RUNTIME_BASE_PHILOX_H
