//===- Fetch.h - features, labels and scalars of a batch ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_FETCH_H
#define HEDDLE_RUNTIME_EXEC_FETCH_H

#include "runtime/base/ThreadPool.h"
#include "runtime/exec/ConvertRows.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/graph/GraphStore.h"
#include "runtime/plan/PlanFile.h"

#include <memory>
#include <vector>

namespace heddle::exec {

class FeatureTiers;

/// Runs the ops FetchDense, FetchEdge, FetchSparse, FetchLabels and Scalars of one entry; one batch
/// at a time.
class Fetcher {
public:
  /// Looks up every feature and label. Errors name what the graph lacks. `tiers`: what has features
  /// in place of the graph's mapped arrays, or null.
  static absl::StatusOr<std::unique_ptr<Fetcher>>
  create(const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph,
         ThreadPool &pool, MemoryBudget &budget, FeatureTiers *tiers = nullptr);
  ~Fetcher();

  /// Op `index` for `slot`; `rates` holds the learning rate of each optimizer group at this step.
  absl::Status run(size_t index, StepSlot &slot, uint64_t seed, const double *rates);

  /// Seeds with a label of the plan's task (all seeds where the task has no label).
  uint64_t countLabelled(const std::vector<int64_t> &seeds) const;

  /// The pool of the next run; not larger than the first.
  void usePool(ThreadPool &pool) { pool_ = &pool; }

private:
  struct FetchOp;
  Fetcher(const plan::PlanT &plan, const plan::EntryT &entry, ThreadPool &pool,
          MemoryBudget &budget);

  absl::Status dense(FetchOp &op, StepSlot &slot);
  absl::Status sparse(FetchOp &op, StepSlot &slot);
  absl::Status labels(FetchOp &op, StepSlot &slot);
  absl::Status scalars(FetchOp &op, StepSlot &slot, uint64_t seed, const double *rates);

  const plan::PlanT &plan_;
  const plan::EntryT &entry_;
  ThreadPool *pool_;
  MemoryBudget &budget_;
  FeatureTiers *tiers_ = nullptr;
  std::vector<std::unique_ptr<FetchOp>> ops_; ///< by op index
  bool taskLabel_ = false;
  graph::LabelView label_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_FETCH_H
