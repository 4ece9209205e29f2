//===- Lanes.h - registers of a warp -----------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_EMULATOR_LANES_H
#define HEDDLE_TESTS_EMULATOR_LANES_H

#include "tests/emulator/Ptx.h"

#include <bit>
#include <vector>

namespace heddle::emulator {

/// The registers of the 32 threads of a warp. 16-bit registers have 32 bits here, the upper ones
/// zero.
struct Lanes {
  std::vector<uint32_t> bank32;
  std::vector<uint64_t> bank64;
  std::vector<uint32_t> predicates; ///< a bit for each thread

  template <class T> T *of(int number) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    if constexpr (sizeof(T) == 4)
      return reinterpret_cast<T *>(bank32.data() + size_t(number) * warpLanes);
    else
      return reinterpret_cast<T *>(bank64.data() + size_t(number) * warpLanes);
  }
};

/// f(lane) for each thread of the mask.
template <class F> void forLanes(uint32_t mask, F f) {
  if (mask == UINT32_MAX)
    for (int lane = 0; lane < warpLanes; ++lane)
      f(lane);
  else
    for (; mask; mask &= mask - 1)
      f(std::countr_zero(mask));
}

} // namespace heddle::emulator

#endif // HEDDLE_TESTS_EMULATOR_LANES_H
