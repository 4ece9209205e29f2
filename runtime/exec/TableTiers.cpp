//===- TableTiers.cpp - learnable tables on disk, hot rows in memory -----===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/TableTiers.h"

#include "runtime/exec/States.h"

#include <algorithm>

namespace heddle::exec {
absl::StatusOr<std::unique_ptr<TableTiers>>
TableTiers::create(const plan::PlanT &plan, const graph::GraphStore &graph,
                   const ExecutorOptions &options, MemoryBudget &budget, Readers &readers) {
  std::unique_ptr<TableTiers> self(new TableTiers());
  self->plan_ = &plan;
  for (const LearnableTable &table : learnableTables(plan, graph.schema(), options.partition)) {
    if (!table.inMemory.empty()) {
      self->inMemory_.push_back(useOf(plan, table));
      continue;
    }
    HEDDLE_ASSIGN_OR_RETURN(auto tier,
                            TableTier::create(plan, table, options.cache.folder, readers, budget));
    self->tables_.push_back(std::move(tier));
  }
  return self;
}

int TableTiers::find(int32_t state) const {
  for (size_t t = 0; state >= 0 && t < tables_.size(); ++t)
    for (size_t i = 0; i < tables_[t]->numStates(); ++i)
      if (tables_[t]->stateIndex(i) == size_t(state))
        return int(t);
  return -1;
}

std::vector<bool> TableTiers::states() const {
  std::vector<bool> out(plan_->states.size());
  for (size_t s = 0; s < out.size(); ++s)
    out[s] = find(int32_t(s)) >= 0;
  return out;
}

absl::StatusOr<std::vector<CachedFeature>> TableTiers::describe(bool measured) {
  std::vector<CachedFeature> out;
  for (auto &table : tables_) {
    if (measured)
      HEDDLE_RETURN_IF_ERROR(table->measure());
    CachedFeature described;
    described.nodeType = uint32_t(plan_->states[table->stateIndex(0)]->rows_type);
    described.state = int32_t(table->stateIndex(0));
    described.rows = table->rows();
    described.rowBytes = table->recordBytes();
    described.missSecondsPerByte = table->use().missSecondsPerByte;
    out.push_back(described);
  }
  return out;
}

absl::Status TableTiers::keep(std::span<std::vector<int64_t>> rows,
                              std::span<const CachedFeature> chosen) {
  for (size_t t = 0; t < tables_.size(); ++t) {
    tables_[t]->use().expectedHits = chosen[t].expectedHits;
    HEDDLE_RETURN_IF_ERROR(tables_[t]->keep(std::move(rows[t])));
  }
  return absl::OkStatus();
}

void TableTiers::initialize(uint64_t seed) {
  for (auto &table : tables_)
    table->initialize(seed);
}

void TableTiers::attach(States &states) {
  for (auto &table : tables_)
    for (size_t i = 0; i < table->numStates(); ++i)
      states.attach(table->stateIndex(i), table->base(i), table->rowsOf(i));
}

uint64_t TableTiers::memoryBytes() const {
  uint64_t bytes = 0;
  for (const auto &table : tables_)
    bytes += table->memoryBytes();
  return bytes;
}

std::vector<CacheUse> TableTiers::use() {
  std::vector<CacheUse> out = inMemory_;
  for (auto &table : tables_)
    out.push_back(table->use());
  return out;
}

EntryTables::EntryTables(const plan::EntryT &entry, TableTiers &tiers)
    : entry_(entry), tiers_(tiers),
      asked_(entry, [&](int32_t state) { return tiers.find(state); }) {}

void EntryTables::beginRun(std::span<StepSlot> slots) {
  for (StepSlot &slot : slots) {
    slot.tableRows.resize(asked_.lists().size());
    slot.holdsRows = false;
  }
  for (auto &table : tiers_.tables_)
    table->beginRun(entry_.kind == plan::EntryKind::TrainStep);
}

absl::Status EntryTables::acquire(std::span<StepSlot> slots, StepSlot &slot, uint64_t done) {
  for (StepSlot &other : slots)
    if (other.holdsRows && (other.heldBatch < done || &other == &slot)) {
      for (size_t i = 0; i < asked_.lists().size(); ++i)
        tiers_.tables_[asked_.lists()[i].table]->release(other.tableRows[i].slots);
      other.holdsRows = false;
    }
  for (size_t t = 0; t < tiers_.tables_.size(); ++t) {
    requests_.clear();
    for (size_t i = 0; i < asked_.lists().size(); ++i) {
      const TableLists::List &list = asked_.lists()[i];
      if (list.table != t)
        continue;
      const plan::BufferT &ids = *entry_.buffers[size_t(list.ids)];
      const size_t rows = plan::evaluate(*ids.rows, slot.symbols);
      slot.tableRows[i].slots.resize(rows);
      requests_.push_back({{slot.get<int64_t>(list.ids), rows},
                           slot.tableRows[i].slots.data(),
                           list.fetches,
                           list.steps});
    }
    if (!requests_.empty())
      HEDDLE_RETURN_IF_ERROR(tiers_.tables_[t]->acquire(requests_));
  }
  slot.holdsRows = true;
  slot.heldBatch = slot.batch;
  return absl::OkStatus();
}

absl::Status EntryTables::endRun(std::span<StepSlot> slots) {
  absl::Status status;
  for (StepSlot &slot : slots)
    slot.holdsRows = false;
  for (auto &table : tiers_.tables_)
    status.Update(table->endRun());
  return status;
}

} // namespace heddle::exec
