//===- Memory.h - which buffers share a piece of the arena -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_MEMORY_H
#define HEDDLE_COMPILER_PLAN_MEMORY_H

#include "compiler/plan/Waves.h"

#include <cstdint>
#include <vector>

namespace heddle::compiler {

/// A buffer of the arena. Sizes are known at run time only; `shape` is equal for buffers whose sizes
/// are surely equal or proportional (the same symbol).
struct ArenaBuffer {
  Lifetime life;
  double expectedBytes = 0;
  uint64_t boundBytes = 0;
  int64_t shape = -1;
};

struct ArenaPlan {
  std::vector<uint32_t> region; ///< by buffer
  std::vector<std::vector<uint32_t>> regions; ///< members, by region, in order of first use
  double expectedBytes = 0;     ///< sum over regions of the largest member
  uint64_t boundBytes = 0;      ///< the same of bounds, each rounded up to 64; saturated
  double sumExpectedBytes = 0;  ///< without any reuse
  uint64_t sumBoundBytes = 0;
};

/// Colours the interval graph: two buffers with a common wave never share a region. Greedy by size;
/// prefers regions of the same shape, then the tightest fit. Deterministic.
ArenaPlan planArena(const std::vector<ArenaBuffer> &buffers);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_MEMORY_H
