//===- EntryRuntime.h - one entry of a plan, ready to run --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_ENTRYRUNTIME_H
#define HEDDLE_RUNTIME_EXEC_ENTRYRUNTIME_H

#include "runtime/exec/ComputeQueue.h"
#include "runtime/exec/Fetch.h"
#include "runtime/exec/Sampler.h"

#include <atomic>
#include <functional>
#include <mutex>

namespace heddle::exec {

/// A count that one thread raises and others wait for.
class StepCount {
public:
  void reset() { value_.store(0, std::memory_order_relaxed); }
  void raise(uint64_t value) {
    value_.store(value, std::memory_order_release);
    value_.notify_all();
  }
  void wait(uint64_t value) const {
    for (uint64_t now; (now = value_.load(std::memory_order_acquire)) < value;)
      value_.wait(now, std::memory_order_acquire);
  }
  uint64_t value() const { return value_.load(std::memory_order_acquire); }

private:
  alignas(64) std::atomic<uint64_t> value_{0};
};

/// Tracks of the queues; null or empty = not traced.
struct Tracks {
  Trace::Track *sample = nullptr, *fetch = nullptr;
  std::vector<Trace::Track *> compute; ///< one per thread of the pool
};

/// What the entries of an executor share.
struct Shared {
  const plan::PlanT &plan;
  const graph::GraphStore &graph;
  const KernelLibrary &kernels;
  const States &states;
  ThreadPool &computePool, &samplePool, &fetchPool;
  MemoryBudget &budget;
  Tracks &tracks;
  ExecutorStats &stats;
};

/// The three queues of one entry and its step slots. Batches go through them in order; batch i uses
/// slot i % slots, whose sample and fetch queues wait until compute has done with batch i - slots.
class EntryRuntime {
public:
  static absl::StatusOr<std::unique_ptr<EntryRuntime>> create(const plan::EntryT &entry,
                                                              const Shared &shared);

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
  /// False ends the run (`status` says whether by an error).
  bool compute(StepSlot &slot, const Request &request, absl::Status &status);
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
  std::unique_ptr<ComputeQueue> compute_;
  std::vector<size_t> sampleOps_, fetchOps_; ///< indices of ops
  std::vector<StepSlot> slots_;
  std::vector<absl::Status> slotStatus_;
  std::vector<StepCount> semaphores_;
  StepCount begun_, sampled_, fetched_, computed_; ///< batches
  std::atomic<bool> stop_{false};
  std::mutex failure_;
  int32_t loss_ = -1, logits_ = -1;
  bool allStatic_ = false;
  size_t nextStatic_ = 0;
  std::vector<int64_t> sorted_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_ENTRYRUNTIME_H
