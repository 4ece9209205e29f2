//===- CostModel.h - how long an op of a plan may take -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// One model for the compiler's decisions and for what heddle-dump shows. An op takes the slower of
// its memory traffic and its arithmetic, at the rates of their kind (Rates.h); what it overlaps
// with elsewhere is not its business. Caches are not modelled: an array that the op before has just
// written counts as read from memory.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_COSTMODEL_H
#define HEDDLE_RUNTIME_PLAN_COSTMODEL_H

#include "runtime/plan/Rates.h"
#include "runtime/plan/plan_generated.h"

namespace heddle::plan {

/// Seconds of an op that moves `bytes` and computes `flops`; 0 while the rates are unknown.
double secondsOf(const OpT &op, const EntryT &entry, double bytes, double flops,
                 const MachineRates &rates);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_COSTMODEL_H
