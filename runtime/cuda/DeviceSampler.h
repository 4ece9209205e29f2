//===- DeviceSampler.h - sampling on a GPU -----------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The ops Sample and Frontier of an entry, with the keys and the results of Sampler.h, bit for bit.
// All relations of a hop are sampled together, then all node types of the next hop numbered; the
// host waits for the number of edges, then for that of rows, since it lays out memory and sets the
// symbols.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_DEVICESAMPLER_H
#define HEDDLE_RUNTIME_CUDA_DEVICESAMPLER_H

#include "runtime/cuda/SampleQueue.h"
#include "runtime/exec/SamplingOps.h"

#include <memory>
#include <vector>

namespace heddle::cuda {

/// A relation's in-edges where the machine's kernels can read them.
struct RelationArrays {
  const int64_t *ptr = nullptr;
  const int32_t *sources32 = nullptr; ///< one of the two
  const int64_t *sources64 = nullptr;
};

class DeviceSampler {
public:
  /// By canonical relation; those that the entry samples must be there.
  using Relations = std::vector<RelationArrays>;

  DeviceSampler(const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph,
                const Relations &relations, SampleMachine &machine);
  ~DeviceSampler();

  /// Whether it can sample for the entry: not where a batch is cut into blocks by work.
  static bool supports(const plan::EntryT &entry);

  /// All its ops for a batch whose op Seeds has run on the host. When it returns, the symbols are
  /// set, the results are on the device, and those that `wanted` names also in the slot. Errors: as
  /// those of exec::Sampler.
  absl::Status sample(exec::StepSlot &slot, uint64_t seed);
  /// Buffers that are also wanted on the host: the step slot's memory.
  void alsoOnHost(int32_t buffer, exec::MemoryBudget &budget);

  /// Whether the buffer is a result of it.
  bool writes(int32_t buffer) const { return written_[size_t(buffer)]; }
  /// Where the machine has a result for a slot.
  uint64_t address(const exec::StepSlot &slot, int32_t buffer) const;

private:
  struct Sample;
  struct Frontier;
  struct Hop;
  struct OwnSlot;
  template <class Task> struct Tasks;

  OwnSlot *slotOf(const exec::StepSlot &slot) const;
  absl::Status uploadSeeds(exec::StepSlot &slot, OwnSlot &own);
  absl::Status sampleHop(Hop &hop, exec::StepSlot &slot, OwnSlot &own, uint64_t seed);
  absl::Status joinHop(Hop &hop, exec::StepSlot &slot, OwnSlot &own);
  absl::Status numberUnique(Hop &hop, exec::StepSlot &slot, OwnSlot &own);
  absl::Status transpose(Hop &hop, OwnSlot &own);
  absl::Status download(exec::StepSlot &slot, OwnSlot &own);
  /// Memory of a result; buffer -1: nothing.
  absl::Status reserve(OwnSlot &own, int32_t buffer, int64_t elements);
  /// Runs a kernel on tasks. Nothing where they have no block.
  template <class Task>
  absl::Status run(SampleKernel kernel, const Tasks<Task> &tasks, kernels::Launch launch = {});
  /// Sums of the tasks' blocks to totals_, on the host; waits for them.
  template <class Task> absl::Status total(SampleKernel count, const Tasks<Task> &tasks);
  template <class T> absl::StatusOr<const T *> table(const std::vector<T> &values);

  const plan::PlanT &plan_;
  const plan::EntryT &entry_;
  const Relations &relations_;
  SampleQueue machine_;
  std::vector<std::unique_ptr<Hop>> hops_;
  std::vector<std::unique_ptr<OwnSlot>> slots_; ///< as many as the entry's
  std::vector<bool> written_;                   ///< by buffer
  std::vector<int32_t> seedsIds_;               ///< buffers of op Seeds that its ops read
  std::vector<std::pair<int32_t, exec::MemoryBudget *>> wanted_;
  uint64_t typeSetWords_ = 0;           ///< of the sets of all node types
  MachineMemory typeWords_, typeRanks_; ///< their words, and members before each
  MachineMemory uniqueWords_, uniqueRanks_; ///< of the sets of a hop's samples
  bool allStatic_ = true;
  MachineMemory tables_, sums_, totalSums_, hist_;
  char *staging_ = nullptr; ///< of tables_, then totals
  kernels::Sum *totals_ = nullptr;
  uint64_t tableBytes_ = 0, tableAt_ = 0;
  struct Lists;
  std::unique_ptr<Lists> lists_;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_DEVICESAMPLER_H
