//===- Keys.h - the one specification of random keys ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Every random decision is a pure function of (seed, what is decided), never of rank, thread,
// partition, device or plan op. The generator is Philox4x32-10 (Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", SC'11). The key is the seed; the counter packs what is decided:
//
//   word 0   low 32 bits of the global row (node or edge) id
//   word 1   bits 0-15: canonical relation id, or dropout site; bits 16-31: bits 32-47 of the row
//   word 2   global step (init: 0)
//   word 3   bits 28-31: purpose; bits 24-27: hop; bits 0-23: block index of the draw
//
// One block gives four 32-bit words. The same specification holds for generated kernels; golden
// vectors are in tests/unit/KeysTest.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_KEYS_H
#define HEDDLE_RUNTIME_BASE_KEYS_H

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

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

struct Counter {
  uint32_t word[4];
};

/// Philox4x32-10 of `counter` under `seed` (key word 0 = low half, word 1 = high half).
inline std::array<uint32_t, 4> philox(Counter counter, uint64_t seed) {
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
  return {c0, c1, c2, c3};
}

/// The counter of draw block `block` for `row` under (purpose, step, hop, id); id is the canonical
/// relation id (sampling, negatives) or the dropout site. Bounds: row < 2^48, id < 2^16, hop < 16,
/// block < 2^24; the plan verifier checks that a schema keeps them.
inline Counter counter(Purpose purpose, uint32_t step, uint32_t hop, uint32_t id, uint64_t row,
                       uint32_t block) {
  return {{uint32_t(row), (id & 0xFFFFu) | (uint32_t(row >> 32) << 16), step,
           (uint32_t(purpose) << 28) | ((hop & 0xFu) << 24) | (block & 0xFFFFFFu)}};
}

/// 64-bit FNV-1a of a name: parameters are initialised under seed ^ hashName(name).
inline uint64_t hashName(std::string_view name) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (char c : name) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3ull;
  }
  return h;
}

/// A draw in [0, bound) from 64 random bits by multiply-shift; integer only. bound >= 1.
inline uint64_t bounded(uint32_t low, uint32_t high, uint64_t bound) {
  unsigned __int128 product = (unsigned __int128)((uint64_t(high) << 32) | low) * bound;
  return uint64_t(product >> 64);
}

/// Draw `i` (0-based) of the sampling stream of one destination: 64 bits, two to a block.
/// Sampling without replacement of k out of `degree` in-edges is Floyd's method: for i in [0, k),
/// j = degree - k + i, t = bounded(draw i, j + 1); take t unless it was taken, else j. The chosen
/// offsets are then sorted. degree <= k, or k == -1, takes all and draws nothing.
inline uint64_t sampleDraw(uint64_t seed, uint32_t step, uint32_t hop, uint32_t relation,
                           uint64_t destination, uint32_t i, uint64_t bound) {
  auto w = philox(counter(Purpose::Sample, step, hop, relation, destination, i / 2), seed);
  return (i & 1) ? bounded(w[2], w[3], bound) : bounded(w[0], w[1], bound);
}

/// Whether dropout of probability p (threshold = dropoutThreshold(p)) keeps element (row, column).
inline bool dropoutKeeps(uint64_t seed, uint32_t step, uint32_t hop, uint32_t site, uint64_t row,
                         uint32_t column, uint32_t threshold) {
  auto w = philox(counter(Purpose::Dropout, step, hop, site, row, column / 4), seed);
  return w[column & 3] >= threshold;
}
/// p in [0, 1) as the 32-bit threshold below which an element is dropped.
inline uint32_t dropoutThreshold(double p) {
  return static_cast<uint32_t>(std::llround(p * 4294967296.0 > 4294967295.0 ? 4294967295.0
                                                                             : p * 4294967296.0));
}

/// 64-bit sort key of a training seed in epoch `epoch`: the epoch's order is by (key, row id).
inline uint64_t shuffleKey(uint64_t seed, uint32_t epoch, uint64_t row) {
  auto w = philox(counter(Purpose::Shuffle, epoch, 0, 0, row, 0), seed);
  return (uint64_t(w[1]) << 32) | w[0];
}

/// Uniform number in [0, 1) for element (row, column) of the parameter `name`, with 32 random bits.
inline double initUniform(uint64_t seed, std::string_view name, uint64_t row, uint32_t column) {
  auto w = philox(counter(Purpose::Init, 0, 0, 0, row, column / 4), seed ^ hashName(name));
  return w[column & 3] * 0x1p-32;
}

/// Four words of draw block `block` for item `item` (node, edge or community, below 2^48) of a
/// synthetic graph, under the stream of the quantity `name`: streams are seed ^ hashName(name), as
/// parameters are.
inline uint64_t generatorStream(uint64_t seed, std::string_view name) {
  return seed ^ hashName(name);
}
inline std::array<uint32_t, 4> generatorDraw(uint64_t stream, uint64_t item, uint32_t block) {
  return philox(counter(Purpose::Generate, 0, 0, 0, item, block), stream);
}

} // namespace heddle::keys

#endif // HEDDLE_RUNTIME_BASE_KEYS_H
