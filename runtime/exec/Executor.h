//===- Executor.h - runs the entries of a plan -------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// An Executor holds a verified plan, an opened graph and the state registry, and runs entries step
// by step. It knows ops, queues and buffers, not models. Plan nodes have prepare / initialize /
// execute: everything that allocates, looks up a name or loads code happens before the first step.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_EXECUTOR_H
#define HEDDLE_RUNTIME_EXEC_EXECUTOR_H

#include "runtime/cache/CachePlan.h"
#include "runtime/exec/Trace.h"
#include "runtime/graph/GraphStore.h"
#include "runtime/plan/PlanFile.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace heddle::transport {
class Transport;
}

namespace heddle::exec {

class Device;

/// The connections of one partition: rank and size of each are partition and number of partitions.
/// Every queue that communicates has its own, since a transport is one ordered line of calls.
struct Connections {
  transport::Transport *compute = nullptr; ///< of the comm queue, beside the compute queue
  transport::Transport *ahead = nullptr;   ///< of the fetch queue, which works steps ahead
};

class StateRows;

/// Whether, and how, features that the plan has a cache for are read from disk through host memory.
struct CacheOptions {
  bool use = false; ///< false: they are mapped memory, and the system keeps what it likes
  cache::Policy policy = cache::Policy::Greedy;
  uint64_t bytes = 0; ///< of rows; beside ExecutorOptions::memoryLimit
  /// Batches whose requests are counted to find the hot rows, from global step 0 on; empty: closed forms
  /// of degrees and fan-outs tell.
  std::vector<std::vector<int64_t>> presample = {};
  /// Learnable tables go the same way, weights and moments, by way of a file without a name in
  /// `folder`.
  bool learnable = false;
  std::string folder = {};
};

/// What became of the fetches of one feature, or of one learnable table.
struct CacheUse {
  std::string nodeType, feature;
  std::string state;    ///< of a table: its weights
  std::string inMemory; ///< of a table that is wholly in memory: why
  static constexpr const char *severalPartitions =
      "the plan has several partitions, which bring each other its rows";
  /// Bytes of a learnable row are those of its weight and of what the optimizer keeps beside it.
  int64_t rows = 0, keptRows = 0, rowBytes = 0;
  double missSecondsPerByte = 0; ///< measured when the cache was filled
  /// Rows, in training steps and in all others.
  struct Count {
    uint64_t requested = 0, hits = 0;
  } training, other;
  double expectedHits = 0; ///< of training requests, if they are as planned
  uint64_t readBytes = 0;  ///< from disk, with what lies between the rows
  uint64_t writtenBytes = 0; ///< to disk
  /// Of the run: how long fetches waited for what missed, and its rows' bytes.
  double missSeconds = 0;
  uint64_t missedBytes = 0;
  /// What a byte costs that misses: as measured at the start, many at a time, or less if the run
  /// says so.
  double missCost() const {
    return missedBytes ? std::min(missSecondsPerByte, missSeconds / double(missedBytes))
                       : missSecondsPerByte;
  }
  double secondsSaved() const {
    return double(training.hits + other.hits) * double(rowBytes) * missCost();
  }
};

struct ExecutorOptions {
  int threads = 0;           ///< of the compute queue's pool, 0 = as many as cores
  uint64_t seed = 0;         ///< of every key
  bool overlap = true;       ///< sample and fetch of later steps beside the compute of this one
  uint64_t memoryLimit = 0;  ///< bytes for arenas and step slots, 0 = none; beyond: a clear error
  std::string cpuLevel = {}; ///< force a kernel library ("x86-64-v2"); empty = the best that fits
  Trace *trace = nullptr;    ///< optional
  /// Opens the device whose compute ops these are; empty: the CPU.
  std::function<absl::StatusOr<std::unique_ptr<Device>>()> device = {};
  CacheOptions cache = {};
  uint32_t partition = 0;    ///< whose entries run here
  Connections connections = {}; ///< needed where the plan has several partitions
};

/// One state of the registry as bytes. Row-major; `rows` x `rowBytes`.
struct StateView {
  const plan::StateT *description = nullptr;
  void *data = nullptr;
  int64_t rows = 0;      ///< 1 for dense parameters
  int64_t elements = 0;  ///< in all
  int64_t bytes = 0;
  StateRows *tier = nullptr; ///< of a state that is not in memory as a whole; `data` is null then
};

/// What a step hands back. Pointers are valid until the callback returns.
struct StepResult {
  uint64_t step = 0;             ///< global step
  std::span<const int64_t> seeds; ///< sorted node ids of the batch
  float loss = 0;                ///< 0 if the entry has no "loss"
  bool hasLoss = false;
  const float *logits = nullptr; ///< [seeds.size(), classes] or null
  int64_t classes = 0;
  uint64_t labelled = 0;         ///< labelled seeds, the loss' divisor
};

/// Counters over the life of the executor.
struct ExecutorStats {
  double computeSeconds = 0, sampleSeconds = 0, fetchSeconds = 0;
  double computeStallSeconds = 0;     ///< the compute queue waiting for sample or fetch
  double commSeconds = 0;             ///< in collectives beside and between compute ops
  double commStallSeconds = 0;        ///< the compute queue waiting for them, or for the other
                                      ///< partitions at the end of a step; not in computeSeconds
  uint64_t arenaBytes = 0, slotBytes = 0, stateBytes = 0; ///< now held
  uint64_t arenaGrowths = 0;
  uint64_t sampledEdges = 0;
};

class Executor {
public:
  /// Checks the plan against the graph (schema fingerprint strict, counts free), picks the kernel
  /// library for this CPU, lays out and initialises the states (keyed by name, row, column).
  static absl::StatusOr<std::unique_ptr<Executor>>
  create(std::shared_ptr<const plan::PlanT> plan, std::shared_ptr<graph::GraphStore> graph,
         const ExecutorOptions &options);
  virtual ~Executor() = default;

  /// Runs `entry` once for every batch, in order; batch i is sorted before use and has global step
  /// firstStep + i. Steps of one call overlap; the call returns when all are done. `learningRates`
  /// gives, per step, the rate of each optimizer group: rates(step, group); empty = the plan's.
  /// `done` is called in step order on the calling thread; returning false ends after that step.
  /// A non-finite loss ends with an error that names the step and the first bad tensor; states keep
  /// the value of the step before.
  ///
  /// With several partitions all call it with equal arguments. Only what partition 0's `done` returns
  /// counts: all end after the same step, and an early end leaves everything fit for another run().
  /// Every partition is given partition 0's loss; logits only where its entry has them. An error of
  /// one ends the run in all of them, with that reason; then the connections have to be re-made (by
  /// all) before another run().
  virtual absl::Status run(int entry, const std::vector<std::vector<int64_t>> &batches,
                           uint64_t firstStep,
                           const std::function<double(uint64_t step, int group)> &learningRates,
                           const std::function<bool(const StepResult &)> &done) = 0;

  /// What the caller writes into them counts in the next run.
  virtual std::vector<StateView> states() = 0;
  /// Every state back to its initial value under `seed`.
  virtual void resetStates(uint64_t seed) = 0;
  /// Whether this partition keeps a copy of the state: others have views too, of zeros, until
  /// gatherStates() fills them.
  virtual bool keeps(size_t state) const = 0;
  /// Brings every state that `root` does not keep there from the first partition that does. All
  /// partitions call it, between runs. One partition: nothing to do.
  virtual absl::Status gatherStates(uint32_t root) = 0;
  virtual const ExecutorStats &stats() const = 0;
  /// Of each feature that goes through a cache here, and each learnable table that was to; between
  /// runs.
  virtual std::vector<CacheUse> cacheUse() const { return {}; }
  virtual int threads() const = 0;
  virtual std::string kernelTarget() const = 0;
};

/// The partition's entry of the given kind, or -1.
int findEntry(const plan::PlanT &plan, plan::EntryKind kind, uint32_t partition = 0);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_EXECUTOR_H
