//===- EntryRuntime.h - one entry of a plan, ready to run --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_ENTRYRUNTIME_H
#define HEDDLE_RUNTIME_EXEC_ENTRYRUNTIME_H

#include "runtime/exec/AheadExchange.h"
#include "runtime/exec/ComputeQueue.h"
#include "runtime/exec/Fetch.h"
#include "runtime/exec/Sampler.h"
#include "runtime/exec/StepCount.h"

#include <atomic>
#include <functional>
#include <mutex>

namespace heddle::exec {

class EntryTables;
class FeatureTiers;
class TableTiers;

/// Tracks of the queues; null or empty = not traced.
struct Tracks {
  Trace::Track *sample = nullptr, *fetch = nullptr;
  Trace::Track *comm = nullptr, *ahead = nullptr; ///< exchanges of the comm and the fetch queue
  std::vector<Trace::Track *> compute; ///< one per thread of the pool
};

/// What the entries of an executor share.
struct Shared {
  const plan::PlanT &plan;
  const graph::GraphStore &graph;
  const KernelLibrary *kernels; ///< null with a device
  Device *device;               ///< null: compute ops run on computePool
  const States &states;
  ThreadPool &computePool, &samplePool, &fetchPool;
  MemoryBudget &budget;
  Tracks &tracks;
  ExecutorStats &stats;
  const Partners &partners;
  FeatureTiers *tiers = nullptr; ///< null: features are mapped
  TableTiers *tables = nullptr;  ///< null: learnable tables are in memory
};

/// The queues of one entry and its step slots. Batches go through them in order; batch i uses slot
/// i % slots, whose sample and fetch queues wait until compute has done with batch i - slots.
///
/// With several partitions all run the same batches, and partition 0 says after each step whether
/// there is another. An error of a batch that is prepared ahead is told to the others when the steps
/// before it are done, as it is with one partition; an error of a connection at once.
class EntryRuntime {
public:
  static absl::StatusOr<std::unique_ptr<EntryRuntime>> create(const plan::EntryT &entry,
                                                              const Shared &shared);
  ~EntryRuntime();

  struct Request {
    std::span<const std::vector<int64_t>> batches;
    uint64_t firstStep = 0;
    uint64_t seed = 0;
    std::vector<double> rates; ///< [batch][group]
    size_t groups = 0;
    bool overlap = true;
    const std::function<bool(const StepResult &)> *done = nullptr;
  };
  absl::Status run(const Request &request);

  uint64_t arenaBytes() const { return compute_->arenaBytes(); }

private:
  EntryRuntime(const plan::EntryT &entry, const Shared &shared);

  void begin(StepSlot &slot, const Request &request, size_t batch);
  void sample(StepSlot &slot, const Request &request);
  void fetch(StepSlot &slot, const Request &request);
  /// Brings learnable rows of the batch into memory.
  void acquireRows(StepSlot &slot);
  /// An op of ahead_, after the batch's meeting; nothing where it has failed or somebody stops.
  void numberTogether(StepSlot &slot, size_t op);
  /// False ends the run (`status` says whether by an error).
  bool compute(StepSlot &slot, const Request &request, absl::Status &status);
  /// Partition 0 tells the others its loss and whether the run goes on.
  bool agree(const StepSlot &slot, const Request &request, StepResult &result,
             absl::Status &status);
  /// After an early end that all have agreed on: leaves the fetch queues in step with each other.
  absl::Status endAhead(const Request &request);
  void failAhead(StepSlot &slot, const absl::Status &status, bool connection);
  /// The error that ended this partition's part in the exchanges ahead.
  absl::Status aheadStatus();
  void fail(StepSlot &slot, const absl::Status &status);
  bool good(const StepSlot &slot);
  void record(Trace::Track &track, const plan::OpT &op, const StepSlot &slot, uint64_t start) const;
  StepSlot &staticSlot(const Request &request, size_t batch);
  absl::Status runInOrder(const Request &request);
  absl::Status runOverlapped(const Request &request);
  void signal(const plan::OpT &op, size_t batch);

  const plan::EntryT &entry_;
  const Shared &shared_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<Fetcher> fetcher_;
  std::unique_ptr<CommQueue> comm_;      ///< null: no collectives in the comm queue
  std::unique_ptr<AheadExchange> ahead_; ///< null: none in the fetch queue
  std::unique_ptr<EntryTables> tables_;  ///< null: it uses none that goes through tiers
  std::unique_ptr<StepCompute> compute_;
  std::vector<uint32_t> aheadWaits_;         ///< semaphores of all ops of ahead_
  std::vector<size_t> sampleOps_, fetchOps_; ///< indices of ops
  std::vector<StepSlot> slots_;
  std::vector<absl::Status> slotStatus_;
  std::vector<StepCount> semaphores_;
  StepCount begun_, sampled_, fetched_, computed_; ///< batches
  std::atomic<bool> stop_{false};
  std::mutex failure_;
  int32_t loss_ = -1, logits_ = -1;
  bool allStatic_ = false; ///< in the entries of all partitions
  size_t nextStatic_ = 0;
  // Of a run with several partitions.
  size_t met_ = 0;           ///< batches before it have had their meeting
  bool aheadEnded_ = false;  ///< somebody has said stop, or this partition has failed
  absl::Status aheadStatus_; ///< guarded by failure_
  bool endedEarly_ = false;
  uint32_t incarnation_ = 0; ///< of the connections in the run before
  std::vector<transport::SendBlock> verdicts_;
  std::vector<int64_t> sorted_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_ENTRYRUNTIME_H
