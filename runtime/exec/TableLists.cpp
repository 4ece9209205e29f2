//===- TableLists.cpp - which learnable rows a step uses -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/TableLists.h"

#include "runtime/graph/GraphSchema.h"

#include <algorithm>

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

std::vector<LearnableTable> learnableTables(const plan::PlanT &plan,
                                            const graph::GraphSchema &schema, uint32_t partition) {
  std::vector<LearnableTable> out;
  for (size_t s = 0; s < plan.states.size(); ++s) {
    const plan::StateT &state = *plan.states[s];
    if (state.role != plan::StateRole::EmbeddingRows || state.rows_type < 0)
      continue;
    LearnableTable table;
    table.states.push_back(s);
    table.rows = schema.nodeTypes[size_t(state.rows_type)].numNodes;
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
    constexpr int64_t most = int64_t(1) << 31; // slots are numbered in 32 bits
    if (table.rows >= most)
      table.inMemory = "it has more than 2^31 rows";
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

CacheUse useOf(const plan::PlanT &plan, const LearnableTable &table) {
  const plan::StateT &weights = *plan.states[table.states.front()];
  CacheUse use;
  use.nodeType = plan.node_types[size_t(weights.rows_type)]->name;
  use.state = weights.name;
  use.rows = table.rows;
  for (size_t s : table.states) {
    int64_t bytes = plan::sizeOf(plan.states[s]->dtype);
    for (uint64_t extent : plan.states[s]->shape)
      bytes *= int64_t(extent);
    use.rowBytes += bytes;
  }
  use.inMemory = table.inMemory;
  if (!use.inMemory.empty())
    use.keptRows = use.rows;
  return use;
}

TableLists::TableLists(const plan::EntryT &entry, const std::function<int(int32_t)> &tableOf) {
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const plan::OpT &op = *entry.ops[i];
    if (op.attrs.AsFetchRowsAttrs()) {
      if (int table = tableOf(stateOf(entry, op.inputs[1])); table >= 0) {
        const size_t list = listOf(size_t(table), op.inputs[0]);
        lists_[list].fetches = true;
        lists_[list].weights = op.inputs[1];
        replaced_.push_back({i, 0, list});
      }
    } else if (const auto *kernel = op.attrs.AsKernelAttrs(); kernel && kernel->row_ids >= 0) {
      for (int32_t b : op.outputs)
        if (int table = tableOf(stateOf(entry, b)); table >= 0) {
          const size_t input = size_t(kernel->row_ids);
          const size_t list = listOf(size_t(table), op.inputs[input]);
          lists_[list].steps = true;
          replaced_.push_back({i, input, list});
          break; // all of its states are of one table
        }
    }
  }
}

size_t TableLists::listOf(size_t table, int32_t ids) {
  for (size_t i = 0; i < lists_.size(); ++i)
    if (lists_[i].table == table && lists_[i].ids == ids)
      return i;
  lists_.push_back({table, ids, -1, false, false});
  return lists_.size() - 1;
}

} // namespace heddle::exec
