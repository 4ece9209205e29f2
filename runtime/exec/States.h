//===- States.h - the state registry's memory --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_STATES_H
#define HEDDLE_RUNTIME_EXEC_STATES_H

#include "runtime/base/HugeMemory.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/exec/Executor.h"

#include <vector>

namespace heddle::exec {

/// Memory of every state of a plan.
class States {
public:
  /// Allocates; values are zero until initialize().
  absl::Status create(const plan::PlanT &plan, const graph::GraphStore &graph);
  /// Gives every state its initial value (plan/InitialValue.h); the same for any number of threads.
  void initialize(uint64_t seed, ThreadPool &pool);

  void *data(size_t state) const { return memory_[state].data(); }
  const std::vector<StateView> &views() const { return views_; }
  uint64_t bytes() const { return bytes_; }

private:
  std::vector<HugeMemory> memory_;
  std::vector<StateView> views_;
  uint64_t bytes_ = 0;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_STATES_H
