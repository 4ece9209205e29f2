//===- MachineRates.h - what this machine moves and computes -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_MACHINERATES_H
#define HEDDLE_RUNTIME_PLAN_MACHINERATES_H

#include "runtime/base/Status.h"
#include "runtime/plan/CostModel.h"

#include <string>

namespace heddle::plan {

/// "12.5,180": GB/s (1e9 bytes) of gathered rows and GFLOP/s of dense products; or four numbers,
/// followed by GB/s of streamed arrays and GFLOP/s of generated kernels; or six, followed by GB/s of
/// a worker's links to the others and microseconds of a message. All must be positive and finite.
absl::StatusOr<MachineRates> parseMachineRates(const std::string &text);

/// Gathers random rows of 256 bytes, copies arrays, multiplies 64 x 64 matrices and evaluates
/// polynomials on `threads` threads (0 = one per core), `seconds` in all. Vectors have 256 bits at
/// most: with wider ones dense products may be faster.
MachineRates measureMachineRates(int threads = 0, double seconds = 1.0);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_MACHINERATES_H
