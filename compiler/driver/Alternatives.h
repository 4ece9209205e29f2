//===- Alternatives.h - ways to cut a step, weighed --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_DRIVER_ALTERNATIVES_H
#define HEDDLE_COMPILER_DRIVER_ALTERNATIVES_H

#include "compiler/cost/MachineRates.h"
#include "compiler/driver/Compile.h"
#include "runtime/plan/plan_generated.h"

namespace heddle::compiler {

/// An order and an exchange mode with what the cost model says of them.
struct Alternative {
  std::string name; ///< "raf, replicated head"
  PhaseOptions options;
  bool chosen = false, forced = false;
  double seconds = 0;   ///< of a training step: the slowest partition, communication included
  double wireBytes = 0; ///< expected of a training step, all partitions together
  std::string problem;  ///< why it is not possible; empty if it is
};

/// What the user says of the choice: "auto", or the one that is forced.
struct ForcedChoice {
  std::string order = "auto", exchange = "auto", split = "auto";
};

/// Makes every alternative of `module` (metatree phase; left as it is) up to the layout of its
/// entries, without generating code, and chooses the one with the least estimated time, the first
/// of equal ones, among those that `forced` allows. Root links cut to even out loads are weighed where
/// the largest load is more than a tenth above the mean. Error: that of the first allowed one, if none
/// is possible. The context needs multithreading enabled, and prepareCodeGen.
absl::StatusOr<std::vector<Alternative>> weighAlternatives(mlir::ModuleOp module,
                                                           const PhaseOptions &options,
                                                           const ForcedChoice &forced,
                                                           const MachineRates &rates);

/// One line: what was chosen, against what, with seconds and bytes.
std::string describeChoice(const std::vector<Alternative> &alternatives);

/// For heddle-dump.
void addAlternatives(plan::PlanT &plan, const std::vector<Alternative> &alternatives);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_DRIVER_ALTERNATIVES_H
