//===- Device.h - where the compute ops of an executor run -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The compute queue of an entry is threads on a CPU (ComputeQueue.h) and a stream on a device. Batches are
// sampled and features fetched by the host, or by the device as far as it can.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_DEVICE_H
#define HEDDLE_RUNTIME_EXEC_DEVICE_H

#include "runtime/exec/ChooseRows.h"
#include "runtime/exec/CommQueue.h"
#include "runtime/exec/States.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/exec/TableLists.h"
#include "runtime/exec/Trace.h"

#include <functional>
#include <memory>
#include <span>
#include <string>

namespace heddle::exec {

/// The ops Sample and Frontier of one entry, where they do not run on the host. Calls come from the sample
/// queue's thread.
class StepSampler {
public:
  virtual ~StepSampler() = default;
  /// All of them for a batch whose op Seeds has run. Sets the symbols; of the results those that somebody
  /// reads on the host are in the slot. Errors: as those of Sampler.
  virtual absl::Status sample(StepSlot &slot, uint64_t seed) = 0;
};

/// The compute ops of one entry, and the collectives among them.
class StepCompute {
public:
  virtual ~StepCompute() = default;

  /// Whether it fetches the op's rows itself, where it computes: then nobody else does.
  virtual bool takes(const plan::OpT &op) const { return false; }
  /// What samples its batches; null: the host does.
  virtual StepSampler *sampler() { return nullptr; }
  /// Before the steps of a run.
  virtual absl::Status begin() { return absl::OkStatus(); }
  /// Everything of a step that depends on its sizes: arena, pointers, tasks. Allocates if it grows.
  /// `commTrack` may be null.
  virtual absl::Status prepare(StepSlot &slot, uint64_t &arenaGrowths,
                               Trace::Track *commTrack) = 0;
  /// Runs the waves. A loss that is not finite ends the step before any state is changed: returns
  /// an error that names the first bad tensor. `tracks`: one per thread of the pool, or empty.
  virtual absl::Status execute(const StepSlot &slot, std::span<Trace::Track *const> tracks) = 0;

  /// After the steps of a run: waits for what is still under way.
  virtual absl::Status end() { return absl::OkStatus(); }

  /// Whether a collective stands beside compute ops: then it wants the comm queue's thread.
  virtual bool mixesWaves() const = 0;
  /// How long the last execute() had nothing to do but to wait for collectives.
  virtual double commStallSeconds() const = 0;
  /// Bytes of the arena now.
  virtual uint64_t arenaBytes() const = 0;
  /// Data, on the host, of one of the entry's outputs in the step that was executed last.
  virtual const void *output(uint32_t buffer) const = 0;
};

/// Chooses the rows of features that a device keeps, the others staying with the host.
using RowChooser = std::function<absl::StatusOr<cache::Plan>(std::span<CachedFeature>)>;

/// An accelerator as one executor uses it. Calls come from one thread at a time.
class Device {
public:
  virtual ~Device() = default;

  /// For people: "NVIDIA H100 (sm_90)".
  virtual std::string name() const = 0;
  /// The plan's target that its kernels were loaded from.
  virtual std::string kernelTarget() const = 0;
  /// Loads the plan's kernels, makes room for the states, and brings features there: as far as
  /// there is room, or with a chooser the rows that it names. Of `tables` those that can
  /// (TableLists.h) go through tiers as well, and their states, which have no memory yet, are given
  /// some; there is a chooser if there are tables. Plan, states and graph outlive the device.
  /// Errors: no code for this device in the plan, no memory.
  virtual absl::Status load(const plan::PlanT &plan, States &states, const graph::GraphStore &graph,
                            const RowChooser &chooser, std::span<const LearnableTable> tables) = 0;
  /// Of the features that a chooser was asked about, and of the tables.
  virtual std::vector<CacheUse> cacheUse() const = 0;
  /// For the collectives of an entry, where their arrays stay here while they travel.
  virtual std::unique_ptr<CommData> commData() = 0;
  /// What runs the compute ops of an entry. `comm`: its collectives, or null.
  virtual absl::StatusOr<std::unique_ptr<StepCompute>>
  compute(const plan::EntryT &entry, CommQueue *comm, MemoryBudget &budget) = 0;
  /// Copies all states to the device, and back.
  virtual absl::Status upload() = 0;
  virtual absl::Status download() = 0;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_DEVICE_H
