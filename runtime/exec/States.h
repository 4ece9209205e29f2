//===- States.h - the state registry's memory --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_STATES_H
#define HEDDLE_RUNTIME_EXEC_STATES_H

#include "runtime/base/HugeMemory.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/exec/Partners.h"
#include "runtime/exec/StateRows.h"

#include <utility>
#include <vector>

namespace heddle::exec {

/// Memory of every state of a plan, as one partition has it. States that it does not keep have views
/// too, of zeros; no page of them is taken until something is gathered into them.
class States {
public:
  /// Allocates; values are zero until initialize(). States that are `elsewhere` (empty: none) have
  /// no memory here: place() gives them some, or attach() says where their rows are, and somebody
  /// else gives them their values.
  absl::Status create(const plan::PlanT &plan, const graph::GraphStore &graph, uint32_t partition,
                      const std::vector<bool> &elsewhere = {});
  /// `base`: what kernels are given in place of the state's memory.
  void attach(size_t state, void *base, StateRows &rows);
  /// The memory of a state that is elsewhere, as it would be here: of the view's bytes, and
  /// outliving this.
  void place(size_t state, void *memory);
  /// Gives every state that is kept its initial value (plan/InitialValue.h); the same for any number
  /// of threads.
  void initialize(uint64_t seed, ThreadPool &pool);

  /// A copy, or some rows of a state that is spread.
  bool keeps(size_t state) const { return kept_[state]; }
  /// All partitions call it. Brings the states, and rows of states, that `root` does not keep there.
  absl::Status gather(const Partners &partners, uint32_t root);

  void *data(size_t state) const { return base_[state]; }
  const std::vector<StateView> &views() const { return views_; }
  /// Of the states that are kept or were gathered.
  uint64_t bytes() const { return bytes_; }

private:
  /// Elements of a state that a partition keeps: from the first one to before the second.
  std::pair<int64_t, int64_t> range(size_t state, uint32_t partition) const;
  absl::Status send(const Partners &partners, size_t state, uint32_t source, uint32_t root);

  uint32_t partitions_ = 1, partition_ = 0;
  std::vector<HugeMemory> memory_;
  std::vector<void *> base_;
  std::vector<StateView> views_;
  std::vector<bool> kept_, gathered_;
  uint64_t bytes_ = 0;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_STATES_H
