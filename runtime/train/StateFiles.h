//===- StateFiles.h - copies of the state registry ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// In memory (the best state so far) and as safetensors (weights, optimizer states).
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_STATEFILES_H
#define HEDDLE_RUNTIME_TRAIN_STATEFILES_H

#include "runtime/exec/Executor.h"
#include "runtime/exec/StateRows.h"

#include <map>
#include <string>
#include <vector>

namespace heddle::train {

/// Moments and step counters are needed to go on training, not to predict.
enum class StatePart { Weights, Optimizer };
StatePart partOf(const plan::StateT &state);

/// A copy of the weights that an executor keeps.
class StateSnapshot {
public:
  bool empty() const { return copies_.empty(); }
  /// Replaces the copy; memory of an earlier one is reused. Error: tables that are on disk found no
  /// room there for a copy.
  absl::Status take(exec::Executor &executor);
  /// Forgets the copy.
  void drop() { copies_ = std::vector<Copy>(); }
  /// Writes the copy back into the executor it was taken from.
  absl::Status restore(exec::Executor &executor) const;
  /// The executor's states with data pointing into this copy; the weights that it keeps only.
  std::vector<exec::StateView> views(exec::Executor &executor) const;

private:
  struct Copy {
    std::vector<uint8_t> bytes;
    std::unique_ptr<exec::StateRows> rows; ///< of a state that is not in memory as a whole
  };
  std::vector<Copy> copies_; ///< by state index; empty where not copied
};

/// Whether the executor keeps all states that writeStates() would write; else they must be
/// gathered.
bool keepsAll(exec::Executor &executor);

/// Writes the checkpointed states of `part` to `path` (replaced atomically). Tensors carry the
/// state's export key (its name where there is none); metadata gains "format": "pt" and "states",
/// a JSON object from tensor name to state name.
absl::Status writeStates(const std::string &path, const std::vector<exec::StateView> &states,
                         StatePart part, std::map<std::string, std::string> metadata);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_STATEFILES_H
