//===- Waves.h - when each op of the compute queue runs ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The ops of a wave are independent and share the threads; between waves there is a barrier. Few
// waves keep the threads busy, many keep little memory alive at once: a wave that already has enough
// work gains nothing from one more op but the op's memory. Several schedules are made and the one
// with the least memory among the nearly fastest is taken.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_WAVES_H
#define HEDDLE_COMPILER_PLAN_WAVES_H

#include "compiler/cost/MachineRates.h"

#include <cstdint>
#include <string>
#include <vector>

namespace heddle::compiler {

struct WaveOp {
  std::vector<uint32_t> after;  ///< ops that must run in an earlier wave
  std::vector<uint32_t> reads;  ///< buffers
  std::vector<uint32_t> writes; ///< buffers; each has one writer
  double seconds = 0;           ///< by itself, on all threads
};

struct WaveBuffer {
  double bytes = 0;
  bool kept = false; ///< alive to the end of the step
};

struct WaveSchedule {
  std::string name;            ///< how it was made, for remarks
  std::vector<uint32_t> waves; ///< by op; every number below numWaves is used
  uint32_t numWaves = 0;
  double seconds = 0;   ///< estimated
  double peakBytes = 0; ///< expected bytes alive in the worst wave
};

/// All schedules that were considered, the chosen one first. Deterministic. Empty if `after` has a
/// cycle. No ops: one schedule of no waves.
std::vector<WaveSchedule> scheduleWaves(const std::vector<WaveOp> &ops,
                                        const std::vector<WaveBuffer> &buffers,
                                        const MachineRates &rates);

/// First and last wave in which each buffer is alive; a buffer that no op touches: {1, 0}.
struct Lifetime {
  uint32_t first = 1, last = 0;
};
std::vector<Lifetime> lifetimesOf(const std::vector<WaveOp> &ops,
                                  const std::vector<WaveBuffer> &buffers,
                                  const std::vector<uint32_t> &waves, uint32_t numWaves);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_WAVES_H
