//===- Presample.h - requests of rows, counted --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_PRESAMPLE_H
#define HEDDLE_RUNTIME_EXEC_PRESAMPLE_H

#include "runtime/base/ThreadPool.h"
#include "runtime/cache/Hotness.h"

#include <functional>

namespace heddle::exec {

/// Draws `batches` as steps 0, 1, ... of `entry` draw them under `seed`, and hands each one to `each`,
/// with the ids of every fetch of `rows` (by table, then by fetch).
absl::Status forSampledIds(
    const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph,
    std::span<const std::vector<int64_t>> batches, uint64_t seed,
    std::span<const cache::FetchedRows> rows, ThreadPool &pool,
    const std::function<void(size_t table, size_t fetch, std::span<const int64_t> ids)> &each);

/// Mean requests of a step in those batches, for each of `rows`.
absl::StatusOr<std::vector<cache::Hotness>>
presampledHotness(const plan::PlanT &plan, const plan::EntryT &entry,
                  const graph::GraphStore &graph, std::span<const std::vector<int64_t>> batches,
                  uint64_t seed, std::span<const cache::FetchedRows> rows, ThreadPool &pool);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_PRESAMPLE_H
