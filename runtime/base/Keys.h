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

#include "runtime/base/Philox.h"

#include <cmath>
#include <cstdint>
#include <string_view>

namespace heddle::keys {

/// 64-bit FNV-1a of a name: parameters are initialised under seed ^ hashName(name).
inline uint64_t hashName(std::string_view name) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (char c : name) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3ull;
  }
  return h;
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
inline Words generatorDraw(uint64_t stream, uint64_t item, uint32_t block) {
  return philox(counter(Purpose::Generate, 0, 0, 0, item, block), stream);
}

} // namespace heddle::keys

#endif // HEDDLE_RUNTIME_BASE_KEYS_H
