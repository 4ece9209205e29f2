//===- CostModel.h - how long an op of a plan may take -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// One model for the compiler's decisions and for what heddle-dump shows. An op takes the slower of
// its memory traffic and its arithmetic, at the rates of their kind (Rates.h); what it overlaps
// with elsewhere is not its business. Caches are not modelled: an array that the op before has just
// written counts as read from memory.
//
// A collective takes the bytes that its partition sends, or receives if those are more, at the rate
// of a link, a latency for each round of messages, and its own sums. Partitions that wait for
// others in it are not modelled: a step takes as long as in the slowest partition alone.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_COSTMODEL_H
#define HEDDLE_RUNTIME_PLAN_COSTMODEL_H

#include "runtime/plan/Rates.h"
#include "runtime/plan/plan_generated.h"

#include <vector>

namespace heddle::plan {

/// Seconds of an op that moves `bytes` (in memory) and computes `flops`; what a collective sends is
/// taken from the op. 0 while the rates are unknown. `random`: randomPositions(entry), for who asks for
/// many ops of an entry.
double secondsOf(const OpT &op, const EntryT &entry, double bytes, double flops,
                 const MachineRates &rates, const std::vector<bool> *random = nullptr);
/// By buffer: whether it says at which of many rows to read, or to add.
std::vector<bool> randomPositions(const EntryT &entry);

/// Bytes that a collective moves over the links of the partition that `entry` belongs to: sent or
/// received, whichever are more, with every symbol at its expected value; 0 for other ops.
double linkBytesOf(const OpT &op, const EntryT &entry);

/// Seconds of one step of `kind` in the slowest partition, without the first step's extra work. The
/// queues of a partition overlap, but compute and comm ops of a wave run between the same two
/// waves: these two queues take the sum over waves of the slower one. Several entries of one kind
/// in a partition (layers) are added. 0 while the rates are unknown or if there is no such entry.
double stepSeconds(const PlanT &plan, EntryKind kind, const MachineRates &rates);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_COSTMODEL_H
