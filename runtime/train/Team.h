//===- Team.h - partitions that train one model -------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Every partition runs the same training loop. What only partition 0 knows or does (the value of an
// evaluation, an interrupt, files) becomes known to the others here, between the executor's runs
// and never inside a step: between runs nobody else uses the connections.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_TEAM_H
#define HEDDLE_RUNTIME_TRAIN_TEAM_H

#include "runtime/exec/Executor.h"
#include "runtime/transport/Transport.h"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace heddle::train {

/// One partition's part in the team. All partitions make the same calls in the same order, from one
/// thread each.
class Team {
public:
  virtual ~Team() = default;
  virtual int partition() const = 0;
  virtual int size() const = 0;
  bool leads() const { return partition() == 0; }

  /// Partition 0 calls `work`; all get what it returned. The others wait for as long as it works: a
  /// sign of life every now and then keeps their time-outs away, so that writing may take longer
  /// than a call may. An error is returned on partition 0 and ends the team.
  virtual absl::StatusOr<uint64_t> lead(const std::function<absl::StatusOr<uint64_t>()> &work) = 0;

  /// Everyone's `numbers` (as many in each), by partition, on partition 0; elsewhere nothing.
  virtual absl::StatusOr<std::vector<std::vector<int64_t>>>
  collect(std::span<const int64_t> numbers) = 0;

  /// Returns when all have called it. For the start, which takes each as long as its machine and
  /// its states need: the others are waited for much longer than in a call.
  virtual absl::Status awaitAll() = 0;

  /// What this partition has sent to others so far, over all of its connections.
  virtual transport::TransportCounters sent() const = 0;

  /// Ends the waiting of all others. Whoever fails calls it, so that nobody waits for a time-out.
  virtual void abort(const absl::Status &reason) = 0;

  /// `work` that only succeeds or fails.
  absl::Status leadTo(const std::function<absl::Status()> &work);

  /// The team of a plan with one partition: no thread, no message.
  static Team &alone();
};

/// The team of the partitions that `connections` join. The connections must outlive it.
std::unique_ptr<Team> makeTeam(const exec::Connections &connections);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_TEAM_H
