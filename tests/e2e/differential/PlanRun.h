//===- PlanRun.h - steps of a compiled plan ----------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_DIFFERENTIAL_PLANRUN_H
#define HEDDLE_TESTS_E2E_DIFFERENTIAL_PLANRUN_H

#include "compiler/interpreter/Interpreter.h"
#include "runtime/exec/Executor.h"
#include "runtime/transport/Connections.h"

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace heddle::test {

/// What a few steps of an entry gave.
struct PlanSteps {
  std::vector<double> losses;
  compiler::NumericArray logits; ///< of the last step
};

/// Executors for steps on one graph: one for each partition, each in a thread of its own.
class PlanRun {
public:
  static absl::StatusOr<PlanRun> create(std::shared_ptr<const plan::PlanT> plan,
                                        std::shared_ptr<graph::GraphStore> graph, uint64_t seed,
                                        int threads, bool overlap,
                                        const exec::CacheOptions &cache = {});
  /// Of partition 0; then its states are those of all.
  absl::StatusOr<PlanSteps> run(plan::EntryKind kind, const std::vector<std::vector<int64_t>> &batches,
                                uint64_t firstStep);
  /// The states as they are now, shaped as the interpreter's.
  compiler::NumericArrays states() const;
  /// Puts numbers into states of f32 by name, in every partition. Error: one is not there, or of another size.
  absl::Status fill(const compiler::NumericArrays &values);
  /// All bytes of all states, one after another.
  std::string stateBytes() const;
  const plan::StateT *describe(const std::string &name) const;
  /// A state whose copies in different partitions have different bits; empty if there is none.
  std::string differingCopy() const;
  /// Bytes that all partitions have sent since the executors were made, by class; no class of 0 bytes.
  std::map<std::string, int64_t> sentBytes() const;

private:
  absl::Status onAll(const std::function<absl::Status(uint32_t partition)> &work);

  std::shared_ptr<const plan::PlanT> plan_;
  // Executors end before the connections that they use.
  std::shared_ptr<std::vector<transport::ConnectionPair>> connections_;
  std::vector<std::shared_ptr<exec::Executor>> executors_;
};

} // namespace heddle::test

#endif // HEDDLE_TESTS_E2E_DIFFERENTIAL_PLANRUN_H
