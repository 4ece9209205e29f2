//===- MachineRates.h - what this machine moves and computes -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_MACHINERATES_H
#define HEDDLE_RUNTIME_PLAN_MACHINERATES_H

#include "runtime/plan/PlanFacts.h"

#include <string>

namespace heddle::plan {

/// "12.5,180": GB/s (1e9 bytes) and GFLOP/s. Both must be positive and finite.
absl::StatusOr<MachineRates> parseMachineRates(const std::string &text);

/// Gathers random rows of 256 bytes and runs fused multiply-adds on `threads` threads (0 = one per
/// core), `seconds` in all. The figures are what a step's gathers and dense products can hope for.
MachineRates measureMachineRates(int threads = 0, double seconds = 1.0);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_MACHINERATES_H
