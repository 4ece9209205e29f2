//===- TableTiers.cpp - learnable tables on disk, hot rows in memory -----===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/TableTiers.h"

#include "runtime/exec/States.h"

#include <algorithm>
#include <map>

namespace heddle::exec {
namespace {

int32_t stateOf(const plan::EntryT &entry, int32_t buffer) {
  return buffer < 0 ? -1 : entry.buffers[size_t(buffer)]->state;
}

/// Whether the ids are the same in all steps of the entry: then they are all that can be reached.
bool everyStepTheSame(const plan::EntryT &entry, int32_t ids) {
  for (const auto &op : entry.ops)
    if (op->in_loop_static &&
        std::find(op->outputs.begin(), op->outputs.end(), ids) != op->outputs.end())
      return true;
  return false;
}

/// Why an op that uses a table, of whose states `isOwn` is true, needs it in memory, or "".
template <class IsOwn>
std::string obstacle(const plan::EntryT &entry, const plan::OpT &op, const IsOwn &isOwn) {
  const auto *kernel = op.attrs.AsKernelAttrs();
  int32_t ids = -1;
  if (op.attrs.AsFetchRowsAttrs()) {
    ids = op.inputs[0];
  } else if (kernel && kernel->row_ids >= 0) {
    ids = op.inputs[size_t(kernel->row_ids)];
    for (int32_t b : op.outputs)
      if (stateOf(entry, b) >= 0 && !isOwn(stateOf(entry, b)))
        return "op '" + op.name + "' steps another table too";
  } else {
    return kernel && op.outputs.size() > 1 ? "the plan is of an older heddle-compile; recompile"
                                           : "op '" + op.name + "' reads all of it";
  }
  if (entry.buffers[size_t(ids)]->space != plan::Space::Slot)
    return "op '" + op.name + "' asks for rows that are not known before the step";
  if (everyStepTheSame(entry, ids))
    return std::string(entry.kind == plan::EntryKind::TrainStep ? "a step" : "an evaluation") +
           " of the full graph asks for all of it";
  return "";
}

} // namespace

std::vector<LearnableTable> learnableTables(const plan::PlanT &plan, uint32_t partition) {
  std::vector<LearnableTable> out;
  for (size_t s = 0; s < plan.states.size(); ++s) {
    const plan::StateT &state = *plan.states[s];
    if (state.role != plan::StateRole::EmbeddingRows || state.rows_type < 0)
      continue;
    LearnableTable table;
    table.states.push_back(s);
    for (size_t m = 0; m < plan.states.size(); ++m)
      if (plan.states[m]->parameter == int32_t(s) && m != s)
        table.states.push_back(m);
    auto isOwn = [&](int32_t other) {
      return other >= 0 && std::find(table.states.begin(), table.states.end(), size_t(other)) !=
                               table.states.end();
    };
    for (size_t m : table.states)
      if (plan.states[m]->rows_type != state.rows_type)
        table.inMemory = "'" + plan.states[m]->name + "' has not a row for each of its rows";
    if (plan.partitions > 1)
      table.inMemory = CacheUse::severalPartitions;
    bool used = false;
    for (const auto &entry : plan.entries) {
      if (entry->partition != partition)
        continue;
      for (const auto &op : entry->ops) {
        auto isTable = [&](int32_t b) { return isOwn(stateOf(*entry, b)); };
        if (!std::any_of(op->inputs.begin(), op->inputs.end(), isTable) &&
            !std::any_of(op->outputs.begin(), op->outputs.end(), isTable))
          continue;
        used = true;
        if (table.inMemory.empty())
          table.inMemory = obstacle(*entry, *op, isOwn);
      }
    }
    if (used)
      out.push_back(std::move(table));
  }
  return out;
}

absl::StatusOr<std::unique_ptr<TableTiers>>
TableTiers::create(const plan::PlanT &plan, const graph::GraphStore &graph,
                   const ExecutorOptions &options, MemoryBudget &budget, Readers &readers) {
  std::unique_ptr<TableTiers> self(new TableTiers());
  self->plan_ = &plan;
  for (LearnableTable &table : learnableTables(plan, options.partition)) {
    const plan::StateT &state = *plan.states[table.states.front()];
    const int64_t rows = graph.schema().nodeTypes[size_t(state.rows_type)].numNodes;
    constexpr int64_t most = int64_t(1) << 31; // slots are numbered in 32 bits
    if (table.inMemory.empty() && rows >= most)
      table.inMemory = "it has more than 2^31 rows";
    if (table.inMemory.empty()) {
      HEDDLE_ASSIGN_OR_RETURN(auto tier, TableTier::create(plan, table.states, rows,
                                                           options.cache.folder, readers, budget));
      self->tables_.push_back(std::move(tier));
      continue;
    }
    CacheUse &use = self->inMemory_.emplace_back();
    use.nodeType = plan.node_types[size_t(state.rows_type)]->name;
    use.state = state.name;
    use.rows = rows;
    use.keptRows = rows;
    for (size_t s : table.states) {
      int64_t bytes = plan::sizeOf(plan.states[s]->dtype);
      for (uint64_t extent : plan.states[s]->shape)
        bytes *= int64_t(extent);
      use.rowBytes += bytes;
    }
    use.inMemory = table.inMemory;
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
    : entry_(entry), tiers_(tiers) {
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const plan::OpT &op = *entry.ops[i];
    if (op.attrs.AsFetchRowsAttrs()) {
      if (int table = tiers.find(stateOf(entry, op.inputs[1])); table >= 0) {
        const size_t list = listOf(size_t(table), op.inputs[0]);
        lists_[list].fetches = true;
        lists_[list].weights = op.inputs[1];
        replaced_.push_back({i, 0, list});
      }
    } else if (const auto *kernel = op.attrs.AsKernelAttrs(); kernel && kernel->row_ids >= 0) {
      for (int32_t b : op.outputs)
        if (int table = tiers.find(stateOf(entry, b)); table >= 0) {
          const size_t input = size_t(kernel->row_ids);
          const size_t list = listOf(size_t(table), op.inputs[input]);
          lists_[list].steps = true;
          replaced_.push_back({i, input, list});
          break; // all of its states are of one table
        }
    }
  }
}

size_t EntryTables::listOf(size_t table, int32_t ids) {
  for (size_t i = 0; i < lists_.size(); ++i)
    if (lists_[i].table == table && lists_[i].ids == ids)
      return i;
  lists_.push_back({table, ids, -1, false, false});
  return lists_.size() - 1;
}

void EntryTables::beginRun(std::span<StepSlot> slots) {
  for (StepSlot &slot : slots) {
    slot.tableRows.resize(lists_.size());
    slot.holdsRows = false;
  }
  for (auto &table : tiers_.tables_)
    table->beginRun(entry_.kind == plan::EntryKind::TrainStep);
}

absl::Status EntryTables::acquire(std::span<StepSlot> slots, StepSlot &slot, uint64_t done) {
  for (StepSlot &other : slots)
    if (other.holdsRows && (other.heldBatch < done || &other == &slot)) {
      for (size_t i = 0; i < lists_.size(); ++i)
        tiers_.tables_[lists_[i].table]->release(other.tableRows[i].slots);
      other.holdsRows = false;
    }
  for (size_t t = 0; t < tiers_.tables_.size(); ++t) {
    requests_.clear();
    for (size_t i = 0; i < lists_.size(); ++i) {
      const List &list = lists_[i];
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
