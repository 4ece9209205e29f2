//===- CacheReport.h - what caches of features were worth ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_CACHEREPORT_H
#define HEDDLE_RUNTIME_TRAIN_CACHEREPORT_H

#include "runtime/train/Team.h"

#include <string>
#include <vector>

namespace heddle::train {

/// The fetches of one feature, or learnable table, in all partitions together.
struct CacheReport {
  exec::CacheUse use; ///< sums; rows and rowBytes are the graph's
  double secondsSaved = 0;
};

/// On partition 0, for each cache of the plan that any partition went through, then for each
/// learnable table that was to go through one; elsewhere nothing. All partitions call it.
absl::StatusOr<std::vector<CacheReport>> collectCaches(const plan::PlanT &plan,
                                                       const exec::Executor &executor, Team &team);

/// A table for people, or "".
std::string describeCaches(const std::vector<CacheReport> &caches);
/// An array as JSON text.
std::string cachesJson(const std::vector<CacheReport> &caches);

/// The first batches of the first epoch under `seed`, to count their requests. Error: the split is missing.
absl::StatusOr<std::vector<std::vector<int64_t>>> presampleBatches(const plan::PlanT &plan,
                                                                   const graph::GraphStore &graph,
                                                                   uint64_t seed);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_CACHEREPORT_H
