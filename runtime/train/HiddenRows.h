//===- HiddenRows.h - the rows between layers ---------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_HIDDENROWS_H
#define HEDDLE_RUNTIME_TRAIN_HIDDENROWS_H

#include "runtime/exec/Executor.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace heddle::train {

/// The states of role Hidden of a plan, by layer (which takes them) and node type.
class HiddenRows {
public:
  /// `executor` must outlive this. A layer takes the tables that its entries read.
  HiddenRows(const plan::PlanT &plan, exec::Executor &executor);
  ~HiddenRows();
  HiddenRows(const HiddenRows &) = delete;
  HiddenRows &operator=(const HiddenRows &) = delete;

  /// Null: no layer takes rows of that type there.
  const exec::StateView *of(int layer, int type) const;
  /// The most that two layers in a row need at a time, in bytes.
  uint64_t mostBytes() const;
  /// Backs the tables by a file without a name in `folder`, which the system writes out where memory is
  /// short. Error: the folder has no room for it.
  absl::Status spill(const std::string &folder);
  /// Gives back the memory of the rows that `layer` took.
  void drop(int layer);

private:
  std::map<std::pair<int, int>, exec::StateView> tables_;
  int file_ = -1;
};

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_HIDDENROWS_H
