//===- TableTiers.h - learnable tables on disk, hot rows in memory -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Which tables of a plan can go through tiers, and what a step has to do about them. A table can
// where all that asks for its rows names them by ids that are known when the batch is fetched:
// picked rows and steps of an optimizer. Where a step asks for all rows (full graph), or other
// partitions do, it stays in memory.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_TABLETIERS_H
#define HEDDLE_RUNTIME_EXEC_TABLETIERS_H

#include "runtime/exec/ChooseRows.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/exec/TableTier.h"

#include <memory>
#include <vector>

namespace heddle::exec {

class States;

/// A learnable table of a plan: its weights and what the optimizer keeps beside them.
struct LearnableTable {
  std::vector<size_t> states; ///< the weights first
  std::string inMemory;       ///< why it cannot go through tiers; empty: it can
};
/// Those that entries of the partition use.
std::vector<LearnableTable> learnableTables(const plan::PlanT &plan, uint32_t partition);

class EntryTables;

/// The tables of one executor that go through tiers.
class TableTiers {
public:
  /// Errors: no room, or a folder that cannot be written.
  static absl::StatusOr<std::unique_ptr<TableTiers>> create(const plan::PlanT &plan,
                                                            const graph::GraphStore &graph,
                                                            const ExecutorOptions &options,
                                                            MemoryBudget &budget, Readers &readers);

  /// States that are not to have memory elsewhere.
  std::vector<bool> states() const;
  /// What chooseRows() has to know of each, with what a miss costs if `measured`.
  absl::StatusOr<std::vector<CachedFeature>> describe(bool measured);
  /// `expected[t]`: hits that are expected of table t.
  absl::Status keep(std::span<std::vector<int64_t>> rows, std::span<const CachedFeature> chosen);
  void initialize(uint64_t seed);
  /// Gives the states their slots and their rows.
  void attach(States &states);
  uint64_t memoryBytes() const;
  /// Of all learnable tables, also of those that stay in memory.
  std::vector<CacheUse> use();

private:
  friend class EntryTables;
  /// The table of a state, or -1.
  int find(int32_t state) const;

  const plan::PlanT *plan_ = nullptr;
  std::vector<std::unique_ptr<TableTier>> tables_;
  std::vector<CacheUse> inMemory_;
};

/// The rows that the steps of one entry use.
class EntryTables {
public:
  EntryTables(const plan::EntryT &entry, TableTiers &tiers);

  bool empty() const { return lists_.empty(); }
  /// In place of input `input` of op `op` stand the slots of list `list`.
  struct Replaced {
    size_t op, input, list;
  };
  const std::vector<Replaced> &replaced() const { return replaced_; }
  const int64_t *slots(const StepSlot &slot, size_t list) const {
    return slot.tableRows[list].slots.data();
  }
  /// Buffer of the ids of a list, and the weights' buffer of its table or -1.
  struct List {
    size_t table = 0;
    int32_t ids = -1, weights = -1;
    bool fetches = false, steps = false;
  };
  const std::vector<List> &lists() const { return lists_; }

  void beginRun(std::span<StepSlot> slots);
  /// Ends the steps of batches before `done`, and brings the rows of `slot`'s step into memory. Its
  /// ids are there. One thread of a run.
  absl::Status acquire(std::span<StepSlot> slots, StepSlot &slot, uint64_t done);
  absl::Status endRun(std::span<StepSlot> slots);

private:
  size_t listOf(size_t table, int32_t ids);

  const plan::EntryT &entry_;
  TableTiers &tiers_;
  std::vector<List> lists_;
  std::vector<Replaced> replaced_;
  std::vector<TableTier::Request> requests_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_TABLETIERS_H
