//===- TableTier.h - one learnable table on disk, hot rows in memory -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A learnable row is its weight and what the optimizer keeps beside it: a record on disk, and in
// memory one slot in an array for each. Kernels are given those arrays, and slots in place of rows.
// Rows that nobody has changed have no record: they are computed from their keys, so neither memory
// nor disk ever has to be filled with a whole table.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_TABLETIER_H
#define HEDDLE_RUNTIME_EXEC_TABLETIER_H

#include "runtime/base/GrowingMemory.h"
#include "runtime/cache/RecordFile.h"
#include "runtime/exec/Executor.h"
#include "runtime/exec/Readers.h"
#include "runtime/exec/SlotPool.h"
#include "runtime/exec/StateRows.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/exec/TableLists.h"

#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace heddle::exec {

/// One caller at a time.
class TableTier {
public:
  /// `readers` read and write. Errors: no room on disk or in memory.
  static absl::StatusOr<std::unique_ptr<TableTier>> create(const plan::PlanT &plan,
                                                           const LearnableTable &table,
                                                           const std::string &folder,
                                                           Readers &readers, MemoryBudget &budget);
  ~TableTier();

  /// What a miss costs: some rows are written and read back, at their places.
  absl::Status measure();
  /// Once, before initialize(): rows to keep for good.
  absl::Status keep(std::vector<int64_t> ids);
  /// Every row back to its initial value. Not during a run.
  void initialize(uint64_t seed);

  /// Of the i-th state of the table: where its slots are. Never moves.
  void *base(size_t state) const { return parts_[state].memory.data(); }
  size_t numStates() const { return parts_.size(); }
  size_t stateIndex(size_t i) const { return parts_[i].index; }
  StateRows &rowsOf(size_t state) { return *parts_[state].view; }
  int64_t rows() const { return pool_.rows(); }
  int64_t recordBytes() const { return file_.recordBytes(); }
  /// Bytes of memory for slots.
  uint64_t memoryBytes() const;
  CacheUse &use() { return use_; }

  /// Whether the steps of the next run change rows; if not only weights are read.
  void beginRun(bool training) { training_ = training; }
  /// A list of rows that a step uses, and where their slots go.
  struct Request {
    std::span<const int64_t> ids; ///< unique
    int64_t *slots = nullptr;
    bool fetches = false, steps = false;
  };
  /// Brings the rows of all lists of one step into memory.
  absl::Status acquire(std::span<const Request> lists);
  /// The step of a list has ended.
  void release(std::span<const int64_t> slots) { pool_.release(slots); }
  /// All steps have ended: what is not kept goes to disk. After an error rows stay in memory.
  absl::Status endRun();

private:
  class PartRows;
  friend class PartRows;
  struct Part {
    size_t index = 0; ///< of the state
    const plan::StateT *state = nullptr;
    int64_t bytes = 0, offset = 0; ///< of a row; in the record
    GrowingMemory memory;
    std::unique_ptr<StateRows> view;
    char *slot(int64_t slot) const { return static_cast<char *>(memory.data()) + slot * bytes; }
  };
  /// Rows [first, last) of a list of slots, ascending by row, in one read or write.
  struct Piece {
    size_t first, last;
    bool onDisk;
  };

  TableTier(Readers &readers, MemoryBudget &budget) : readers_(readers), budget_(budget) {}
  absl::Status growMemory(bool kept);
  absl::Status load(std::span<const int64_t> slots);
  absl::Status store(std::span<const int64_t> slots);
  absl::Status evict();
  void initialRecord(int64_t row, char *record) const;
  /// Runs task(piece, buffer) for all pieces_; the first error.
  template <class Task> absl::Status forEachPiece(const Task &task);

  Readers &readers_;
  MemoryBudget &budget_;
  cache::RecordFile file_;
  SlotPool pool_;
  std::vector<Part> parts_;
  CacheUse use_;
  uint64_t seed_ = 0;
  bool training_ = false;
  std::vector<int64_t> added_, evicted_, dirty_; ///< slots
  std::vector<Piece> pieces_;
  std::vector<char> block_; ///< records, of whoever reads or writes all of a state
  std::mutex mutex_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_TABLETIER_H
