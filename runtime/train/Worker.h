//===- Worker.h - the partitions that one process hosts -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A plan for p partitions runs on 1..p workers (processes). A worker gives each of its partitions a
// thread with an executor of its own. With one worker the partitions are joined in memory, with
// several by Gloo, where rank is partition, wherever the partitions are.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_WORKER_H
#define HEDDLE_RUNTIME_TRAIN_WORKER_H

#include "runtime/train/Run.h"
#include "runtime/transport/Connections.h"

#include <chrono>

namespace heddle::train {

struct WorkerOptions {
  RunOptions run;
  /// Threads (0: one per core), memory and cache are the worker's and are divided among its partitions.
  /// What differs between partitions is filled in.
  exec::ExecutorOptions executor;
  int rank = 0, workers = 1; ///< workers <= partitions
  std::string address;       ///< where several workers meet
  /// How long several workers wait for each other once they have met, for which they have at least
  /// a minute. Threads of one process are not timed.
  std::chrono::milliseconds timeout = transport::Transport::defaultTimeout;
  std::string trace; ///< file for this worker's trace; may be empty
  /// Puts another transport on the connections of a partition, or leaves them. Returns its name, or
  /// nothing. All partitions call it once they have met; may be empty.
  std::function<absl::StatusOr<std::string>(transport::ConnectionPair &pair, int partition)>
      transport = {};
};

/// Makes an executor of the plan at hand.
using MakeExecutor =
    std::function<absl::StatusOr<std::unique_ptr<exec::Executor>>(const exec::ExecutorOptions &)>;

/// Partitions [first, last) of worker `rank`: partition k is on worker k * workers / partitions.
struct PartitionRange {
  int first = 0, last = 0;
};
PartitionRange partitionsOf(int rank, int workers, int partitions);

/// runTraining() of all partitions of this worker, each in a thread. Several workers first make
/// sure that plan, graph and settings are the same in all (kFailedPrecondition: what differs, and
/// where) and agree on the CPU level of their kernels. Of several errors the one that says most is
/// returned (severityOf). The outcome is partition 0's; of a worker without it, only `interrupted`.
absl::StatusOr<RunOutcome> runWorker(const plan::PlanT &plan, const graph::GraphStore &graph,
                                     const MakeExecutor &make, const TrainSettings &settings,
                                     const WorkerOptions &options,
                                     const std::function<bool()> &stop);

/// How much an error says about the cause of a failure of several workers: 3 a failure of its own,
/// 2 somebody is gone or late, 1 ended because of another one, 0 no error.
int severityOf(const absl::Status &status);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_WORKER_H
