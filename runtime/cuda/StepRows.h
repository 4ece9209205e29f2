//===- StepRows.h - the learnable rows of a step on a GPU --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What the steps of one entry do about learnable tables in tiers: they bring the rows that the step
// names and the device does not keep, and take back what it has changed. Only weights are waited
// for at the start; what the optimizer keeps beside them comes while the loss is computed.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_STEPROWS_H
#define HEDDLE_RUNTIME_CUDA_STEPROWS_H

#include "runtime/cuda/LearnableRows.h"

#include <optional>
#include <vector>

namespace heddle::cuda {

class StepRows {
public:
  StepRows(LearnableRows &rows, const plan::EntryT &entry);
  ~StepRows();
  StepRows(const StepRows &) = delete;
  StepRows &operator=(const StepRows &) = delete;
  absl::Status initialize(const Session &session);

  const exec::TableLists &asked() const { return asked_; }
  bool empty() const { return asked_.lists().empty(); }
  /// Whether a buffer is a table that goes through tiers.
  bool has(int32_t buffer) const;

  /// Room for the rows of a step. Sets the addresses of the tables' buffers in `device`, which has
  /// those of the ids. Between steps.
  absl::Status prepare(const std::vector<uint64_t> &symbols, std::vector<DevicePointer> &device);
  /// Where the rows of a list are, once acquire() has run: i64, one for each id.
  DevicePointer slots(size_t list) const { return lists_[list].slots; }

  // Of one step, on the session's first stream; it must be behind the step's ops when they end:
  /// Gives the rows slots, and brings the weights that are missing.
  absl::Status acquire();
  /// What comes next, on any of the session's streams, may step rows.
  absl::Status awaitAll();
  /// The end. `changed`: rows were stepped.
  absl::Status release(bool changed);

private:
  struct List {
    size_t round = 0;     ///< how many lists of its table come before
    bool changes = false; ///< steps change rows of its table
    size_t numParts = 1;  ///< of its table that they need: all, or the weights
    // In a step:
    int64_t rows = 0, first = 0; ///< `first`: see kernels::Place
    DevicePointer ids = 0, slots = 0;
  };
  /// The state of a table that a buffer is.
  struct TableBuffer {
    size_t buffer, table, part;
  };
  /// Of a list, the moves of one state of its table.
  kernels::Move moveOf(size_t list, size_t part, bool out);

  LearnableRows &rows_;
  const plan::EntryT &entry_;
  const bool training_;
  exec::TableLists asked_;
  const Session *session_ = nullptr;
  std::vector<List> lists_;
  std::vector<TableBuffer> buffers_;
  size_t numRounds_ = 0;
  std::optional<DeviceMemory> slots_;
  Stream stream_ = nullptr;
  Event placed_ = nullptr, loaded_ = nullptr;
  bool awaits_ = false; ///< for loaded_
  std::vector<kernels::Place> places_;
  std::vector<kernels::Move> moves_;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_STEPROWS_H
