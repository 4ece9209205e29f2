//===- EntryLayout.h - when and where the ops of an entry run ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Takes an entry whose ops stand in program order, with symbols and buffers but no waves, semaphores
// or regions, and adds those. Knows plans only, no IR.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_ENTRYLAYOUT_H
#define HEDDLE_COMPILER_PLAN_ENTRYLAYOUT_H

#include "compiler/cost/MachineRates.h"
#include "runtime/plan/plan_generated.h"

#include <string>
#include <vector>

namespace heddle::compiler {

/// Orders the ops (sample, fetch, compute, comm queue; within each by wave, then by id), sets waves,
/// semaphores, regions, arena_bound and slot_bound, and appends what was decided to `remarks`.
/// A state that the entry updates is updated after every other op that reads it (rows fetched from
/// it included, as they may be the table itself) and after the loss is known.
/// Collectives run one after the other in program order, beside the compute ops of their wave.
/// False: the ops depend on each other in a circle.
/// `draft`: order and waves only, which is what a step's time depends on.
bool layOutEntry(plan::EntryT &entry, const MachineRates &rates, std::vector<std::string> &remarks,
                 bool draft = false);

/// scale * ceil(value / divisor) + constant with expected values of the symbols.
double expectedValue(const plan::Extent &extent, const plan::EntryT &entry);
/// The same with bounds, saturated.
uint64_t boundValue(const plan::Extent &extent, const plan::EntryT &entry);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_ENTRYLAYOUT_H
