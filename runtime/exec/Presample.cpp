//===- Presample.cpp - requests of rows, counted -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Presample.h"

#include "runtime/exec/Sampler.h"

#include <algorithm>

namespace heddle::exec {

absl::Status forSampledIds(
    const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph,
    std::span<const std::vector<int64_t>> batches, uint64_t seed,
    std::span<const cache::FetchedRows> rows, ThreadPool &pool,
    const std::function<void(size_t, size_t, std::span<const int64_t>)> &each) {
  MemoryBudget budget(0);
  Sampler sampler(plan, entry, graph, pool, budget);
  StepSlot slot;
  slot.symbols.assign(entry.symbols.size(), 0);
  slot.memory.resize(entry.buffers.size());
  for (size_t b = 0; b < entry.buffers.size(); ++b)
    if (entry.buffers[b]->space == plan::Space::Slot)
      HEDDLE_RETURN_IF_ERROR(budget.grow(slot.memory[b], 64, 64, "step slot"));
  for (size_t i = 0; i < batches.size(); ++i) {
    slot.seeds = batches[i];
    std::sort(slot.seeds.begin(), slot.seeds.end());
    slot.step = i;
    HEDDLE_RETURN_IF_ERROR(sampler.checkSeeds(slot.seeds, "seeds"));
    for (size_t op = 0; op < entry.ops.size(); ++op)
      if (entry.ops[op]->queue == plan::Queue::Sample && !entry.ops[op]->attrs.AsScalarsAttrs())
        HEDDLE_RETURN_IF_ERROR(sampler.run(op, slot, seed));
    for (size_t t = 0; t < rows.size(); ++t)
      for (size_t f = 0; f < rows[t].fetches.size(); ++f) {
        const int32_t ids = rows[t].fetches[f].ids;
        const int32_t symbol = entry.buffers[static_cast<size_t>(ids)]->rows->symbol();
        each(t, f, {slot.get<int64_t>(ids), slot.symbols[static_cast<size_t>(symbol)]});
      }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<cache::Hotness>>
presampledHotness(const plan::PlanT &plan, const plan::EntryT &entry,
                  const graph::GraphStore &graph, std::span<const std::vector<int64_t>> batches,
                  uint64_t seed, std::span<const cache::FetchedRows> rows, ThreadPool &pool) {
  auto empty = [&](size_t table) {
    return cache::Hotness(
        static_cast<size_t>(graph.schema().nodeTypes[rows[table].nodeType].numNodes), 0.0f);
  };
  // Whole numbers below 2^24: sums of f32 are exact.
  std::vector<std::vector<cache::Hotness>> counts(rows.size());
  for (size_t t = 0; t < rows.size(); ++t)
    counts[t].assign(rows[t].fetches.size(), empty(t));
  HEDDLE_RETURN_IF_ERROR(forSampledIds(plan, entry, graph, batches, seed, rows, pool,
                                       [&](size_t t, size_t f, std::span<const int64_t> ids) {
                                         for (int64_t id : ids)
                                           counts[t][f][static_cast<size_t>(id)] += 1;
                                       }));
  std::vector<cache::Hotness> out;
  const float share = batches.empty() ? 0 : 1 / float(batches.size());
  for (size_t t = 0; t < rows.size(); ++t) {
    cache::Hotness &sum = out.emplace_back(empty(t));
    for (size_t f = 0; f < rows[t].fetches.size(); ++f)
      cache::addRequests(sum, counts[t][f], rows[t].fetches[f]);
    for (float &value : sum)
      value *= share;
  }
  return out;
}

} // namespace heddle::exec
