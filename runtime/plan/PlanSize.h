//===- PlanSize.h - how large a plan unpacks ---------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_PLANSIZE_H
#define HEDDLE_RUNTIME_PLAN_PLANSIZE_H

#include "runtime/plan/plan_generated.h"

namespace heddle::plan {

/// Whether the structs of `plan` (structurally verified) take at most about `limit` bytes. Stops
/// counting beyond it, so its time is bounded by the limit too.
bool unpackedSizeWithin(const Plan &plan, uint64_t limit);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_PLANSIZE_H
