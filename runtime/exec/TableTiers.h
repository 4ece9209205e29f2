//===- TableTiers.h - learnable tables on disk, hot rows in memory -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The tables of an executor that can (TableLists.h), and what a step has to do about them.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_TABLETIERS_H
#define HEDDLE_RUNTIME_EXEC_TABLETIERS_H

#include "runtime/exec/ChooseRows.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/exec/TableLists.h"
#include "runtime/exec/TableTier.h"

#include <memory>
#include <vector>

namespace heddle::exec {

class States;

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

  bool empty() const { return asked_.lists().empty(); }
  const TableLists &asked() const { return asked_; }
  const int64_t *slots(const StepSlot &slot, size_t list) const {
    return slot.tableRows[list].slots.data();
  }

  void beginRun(std::span<StepSlot> slots);
  /// Ends the steps of batches before `done`, and brings the rows of `slot`'s step into memory. Its
  /// ids are there. One thread of a run.
  absl::Status acquire(std::span<StepSlot> slots, StepSlot &slot, uint64_t done);
  absl::Status endRun(std::span<StepSlot> slots);

private:
  const plan::EntryT &entry_;
  TableTiers &tiers_;
  TableLists asked_;
  std::vector<TableTier::Request> requests_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_TABLETIERS_H
