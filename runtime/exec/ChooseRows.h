//===- ChooseRows.h - which rows of features a cache keeps -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_CHOOSEROWS_H
#define HEDDLE_RUNTIME_EXEC_CHOOSEROWS_H

#include "runtime/base/ThreadPool.h"
#include "runtime/cache/CachePlan.h"
#include "runtime/exec/Executor.h"
#include "runtime/graph/GraphStore.h"

#include <span>

namespace heddle::exec {

/// A feature, or a learnable table, that goes through a cache.
struct CachedFeature {
  uint32_t nodeType = 0;
  std::string name; ///< of a feature
  int64_t rows = 0, rowBytes = 0;
  double missSecondsPerByte = 0;
  double expectedHits = 0; ///< set by chooseRows()
  int32_t state = -1;      ///< of a table: its weights
};

/// Rows to keep of each, by the policy, memory and hotness of `options.cache`. `pool`
/// samples. Errors: what the graph lacks.
absl::StatusOr<cache::Plan> chooseRows(const plan::PlanT &plan, const graph::GraphStore &graph,
                                       const ExecutorOptions &options, ThreadPool &pool,
                                       std::span<CachedFeature> features);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_CHOOSEROWS_H
