//===- MachineRates.h - how fast a machine is assumed to be ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Rates turn the bytes and flops of ops into seconds, to compare alternatives and for remarks. The
// defaults are those of one ordinary server socket; only their ratios matter for decisions.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_COST_MACHINERATES_H
#define HEDDLE_COMPILER_COST_MACHINERATES_H

#include <algorithm>

namespace heddle::compiler {

struct MachineRates {
  double bytesPerSecond = 20e9;  ///< memory traffic of all cores together
  double flopsPerSecond = 200e9; ///< f32, all cores together, generated kernels and products
  double waveSeconds = 10e-6;    ///< starting a wave on all threads and waiting for the last

  /// Seconds of an op by itself: whichever of memory and arithmetic takes longer.
  double seconds(double bytes, double flops) const {
    return std::max(bytes / bytesPerSecond, flops / flopsPerSecond);
  }
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_COST_MACHINERATES_H
