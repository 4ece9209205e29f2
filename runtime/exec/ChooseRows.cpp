//===- ChooseRows.cpp - which rows of features a cache keeps --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/ChooseRows.h"

#include "runtime/exec/Presample.h"

namespace heddle::exec {

/// Requests of a training step.
static absl::StatusOr<std::vector<cache::Hotness>>
hotnessOf(const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph,
          const ExecutorOptions &options, std::span<const cache::FetchedRows> rows,
          ThreadPool &pool) {
  if (!plan.task)
    return failedPrecondition("the plan has no task: nothing says which rows are hot");
  HEDDLE_ASSIGN_OR_RETURN(
      graph::SplitView split,
      graph.split(static_cast<int>(plan.task->node_type), plan.task->label, plan.task->split));
  HEDDLE_ASSIGN_OR_RETURN(std::vector<cache::Hotness> hotness,
                          cache::analyticHotness(plan, entry, graph,
                                                 {split.train, static_cast<size_t>(split.numTrain)},
                                                 rows));
  const auto &batches = options.cache.presample;
  if (batches.empty())
    return hotness;
  HEDDLE_ASSIGN_OR_RETURN(std::vector<cache::Hotness> counted,
                          presampledHotness(plan, entry, graph, batches, options.seed, rows, pool));
  for (size_t t = 0; t < counted.size(); ++t)
    cache::smooth(counted[t], batches.size(), hotness[t]);
  return counted;
}

absl::StatusOr<cache::Plan> chooseRows(const plan::PlanT &plan, const graph::GraphStore &graph,
                                       const ExecutorOptions &options, ThreadPool &pool,
                                       std::span<CachedFeature> features) {
  auto find = [&](const cache::FetchedRows &r) {
    for (size_t t = 0; t < features.size(); ++t)
      if (features[t].nodeType == r.nodeType && features[t].name == r.feature &&
          features[t].state == r.state)
        return int(t);
    return -1;
  };
  const int training = findEntry(plan, plan::EntryKind::TrainStep, options.partition);
  std::vector<cache::FetchedRows> rows;
  std::vector<cache::Hotness> hotness;
  if (training >= 0) {
    const plan::EntryT &entry = *plan.entries[static_cast<size_t>(training)];
    rows = cache::rowsFetched(plan, entry);
    std::erase_if(rows, [&](const cache::FetchedRows &r) { return find(r) < 0; });
    HEDDLE_ASSIGN_OR_RETURN(hotness, hotnessOf(plan, entry, graph, options, rows, pool));
  }
  std::vector<cache::Hotness> none(features.size()); // of what training does not fetch
  std::vector<cache::Table> tables(features.size());
  for (size_t t = 0; t < features.size(); ++t) {
    tables[t].rowBytes = features[t].rowBytes;
    tables[t].missSecondsPerByte = features[t].missSecondsPerByte;
    for (size_t r = 0; r < hotness.size(); ++r)
      if (find(rows[r]) == int(t))
        tables[t].hotness = hotness[r];
    if (tables[t].hotness.empty()) {
      none[t].assign(static_cast<size_t>(features[t].rows), 0.0f);
      tables[t].hotness = none[t];
    }
  }
  cache::Plan chosen = cache::planCache(tables, options.cache.policy, options.cache.bytes);
  for (size_t t = 0; t < features.size(); ++t)
    features[t].expectedHits = cache::expectedHits(tables[t], chosen.rows[t]);
  return chosen;
}

} // namespace heddle::exec
