//===- ComputeQueue.h - the compute ops of one step --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Ops are grouped by wave. Before a step every op is cut into tasks whose number follows its work;
// all tasks of a wave then run in one parallel loop, so independent small ops fill the pool together
// and there is one barrier per wave, not per op. How an op is cut never changes its bits: rows of a
// kernel are independent, and chunks and tiles are fixed by the plan.
//
// The comm queue shares the waves: what it has in a wave runs beside the wave's tasks, and the next
// wave begins when both have ended. The plan's semaphores between the two queues say the same.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_COMPUTEQUEUE_H
#define HEDDLE_RUNTIME_EXEC_COMPUTEQUEUE_H

#include "runtime/base/ThreadPool.h"
#include "runtime/exec/Device.h"
#include "runtime/exec/KernelLibrary.h"

#include <atomic>
#include <span>
#include <string>
#include <vector>

namespace heddle::exec {

class EntryTables;

class ComputeQueue final : public StepCompute {
public:
  /// `comm`: the entry's collectives, or null. `tables`: its tables that go through tiers, or null.
  ComputeQueue(const plan::PlanT &plan, const plan::EntryT &entry, const KernelLibrary &kernels,
               const States &states, ThreadPool &pool, MemoryBudget &budget, CommQueue *comm,
               const EntryTables *tables = nullptr);
  ~ComputeQueue() override;

  absl::Status prepare(StepSlot &slot, uint64_t &arenaGrowths, Trace::Track *commTrack) override;
  absl::Status execute(const StepSlot &slot, std::span<Trace::Track *const> tracks) override;
  bool mixesWaves() const override;
  double commStallSeconds() const override { return double(commStallNs_) * 1e-9; }
  uint64_t arenaBytes() const override { return arena_.capacity(); }
  const void *output(uint32_t buffer) const override { return pointers_[buffer]; }

private:
  enum class Kind : uint8_t { Kernel, GemmRows, GemmChunks, Merge, FetchRows };
  struct Op {
    const plan::OpT *op = nullptr;
    Kind kind = Kind::Kernel;
    KernelFunction kernel = nullptr;
    const plan::KernelAttrsT *kernelAttrs = nullptr;
    const plan::GemmAttrsT *gemm = nullptr; ///< the first of its products
    size_t firstProduct = 0, endProduct = 0; ///< into products_
    const plan::MergeAttrsT *merge = nullptr;
    size_t firstArgument = 0; ///< into arguments_
    int32_t ptr = -1;         ///< buffer that balances the rows
    bool mayAlias = false;    ///< FetchRows: the table is in memory as a whole
    // Of the step:
    int64_t domain = 0;
    uint64_t bytes = 0;
    bool alias = false;
  };
  struct Product {
    const plan::GemmAttrsT *attrs;
    size_t a, b, c; ///< into arguments_
  };
  struct Task {
    uint32_t op;
    int64_t begin, end; ///< rows, columns (Merge) or chunks
  };
  struct Wave {
    uint32_t firstOp = 0, endOp = 0;
    size_t firstComm = 0, endComm = 0; ///< ops of the comm queue
    size_t firstTask = 0, endTask = 0;
    bool alone = false; ///< too small for the pool
  };

  void addOp(const plan::OpT &op);
  void makeWaves();
  void cut(Op &op, uint64_t &work);
  /// What an op of products without an estimate counts as.
  uint64_t productBytes(const Op &op) const;
  void cutRows(uint32_t index, int64_t rows, int64_t grain, int64_t tasks);
  void cutBalanced(uint32_t index, int64_t rows, const int32_t *ptr, int64_t tasks);
  void runTask(const Task &task) const;
  float *floats(size_t argument) const { return static_cast<float *>(arguments_[argument]); }
  std::string badTableRow(const StepSlot &slot) const;
  absl::Status diagnose(const StepSlot &slot, float loss) const;
  /// Adds to an error of a collective that a loss somewhere was not finite what is wrong here.
  absl::Status withCulprit(const StepSlot &slot, const absl::Status &status) const;
  /// The first tensor that is not finite, or "". Runs ops again, up to the loss or the first
  /// `collective`; no state may have been changed yet.
  std::string firstBad(const StepSlot &slot, const plan::OpT *&collective) const;

  const plan::PlanT &plan_;
  const plan::EntryT &entry_;
  const KernelLibrary &kernels_;
  const States &states_;
  ThreadPool &pool_;
  MemoryBudget &budget_;
  mutable std::atomic<bool> noProduct_{false}; ///< a dense product had no memory
  CommQueue *comm_;
  const EntryTables *tables_;
  std::vector<size_t> slotArguments_; ///< into arguments_, of tables_->replaced()
  HugeMemory arena_;
  std::vector<Op> ops_;
  std::vector<Product> products_; ///< of all ops in a row
  std::vector<Wave> waves_;
  std::vector<Task> tasks_;
  std::vector<void *> pointers_;  ///< by buffer
  std::vector<int32_t> argumentBuffers_;
  std::vector<void *> arguments_; ///< of all ops in a row
  std::vector<uint64_t> offsets_; ///< of regions
  int32_t lossBuffer_ = -1;
  uint32_t lossWave_ = 0; ///< the wave after which the loss stands
  uint64_t commStallNs_ = 0;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_COMPUTEQUEUE_H
