//===- PlanSize.h - what the structure's verifier leaves open ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_PLANSIZE_H
#define HEDDLE_RUNTIME_PLAN_PLANSIZE_H

#include "runtime/plan/plan_generated.h"

namespace heddle::plan {

/// Why `plan` (structurally verified) must not be unpacked, or null: its structs take more than
/// about `limit` bytes, or vectors of 64-bit numbers are not aligned. Stops counting beyond the
/// limit, so its time is bounded by the limit too.
const char *whyNotUnpacked(const Plan &plan, uint64_t limit);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_PLANSIZE_H
