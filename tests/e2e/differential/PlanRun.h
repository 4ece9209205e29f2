//===- PlanRun.h - steps of a compiled plan ----------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_DIFFERENTIAL_PLANRUN_H
#define HEDDLE_TESTS_E2E_DIFFERENTIAL_PLANRUN_H

#include "compiler/interpreter/Interpreter.h"
#include "runtime/exec/Executor.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace heddle::test {

/// What a few steps of an entry gave.
struct PlanSteps {
  std::vector<double> losses;
  compiler::NumericArray logits; ///< of the last step
};

/// An executor for steps on one graph.
class PlanRun {
public:
  static absl::StatusOr<PlanRun> create(std::shared_ptr<const plan::PlanT> plan,
                                        std::shared_ptr<graph::GraphStore> graph, uint64_t seed,
                                        int threads, bool overlap);
  absl::StatusOr<PlanSteps> run(plan::EntryKind kind, const std::vector<std::vector<int64_t>> &batches,
                                uint64_t firstStep);
  /// The states as they are now, shaped as the interpreter's.
  compiler::NumericArrays states() const;
  /// All bytes of all states, one after another.
  std::string stateBytes() const;
  const plan::StateT *describe(const std::string &name) const;

private:
  std::shared_ptr<const plan::PlanT> plan_;
  std::shared_ptr<exec::Executor> executor_;
};

} // namespace heddle::test

#endif // HEDDLE_TESTS_E2E_DIFFERENTIAL_PLANRUN_H
