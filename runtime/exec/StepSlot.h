//===- StepSlot.h - one batch in flight --------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_STEPSLOT_H
#define HEDDLE_RUNTIME_EXEC_STEPSLOT_H

#include "runtime/base/HugeMemory.h"
#include "runtime/base/Status.h"
#include "runtime/plan/plan_generated.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace heddle::exec {

/// Bytes of arenas and step slots of an executor against its limit. Thread-safe.
class MemoryBudget {
public:
  explicit MemoryBudget(uint64_t limit) : limit_(limit) {}

  /// Makes `memory` hold `needed` bytes, up to a quarter more so that slowly growing batches do not
  /// grow it every time, but no more than `bound` if that is enough. Contents are lost if it grows.
  absl::Status grow(HugeMemory &memory, uint64_t needed, uint64_t bound, const char *what);
  /// Gives back all of `memory`.
  void release(HugeMemory &memory) {
    held_ -= memory.capacity();
    memory.release();
  }
  /// Counts `bytes` of memory that is somebody else's to grow, and never gives back; `what` is it
  /// for.
  absl::Status take(uint64_t bytes, const char *what);
  uint64_t held() const { return held_; }

private:
  uint64_t limit_;
  std::atomic<uint64_t> held_{0};
};

/// What the sample and fetch queues prepare for the compute queue. Buffers only ever grow.
struct StepSlot {
  uint64_t step = 0;
  size_t batch = 0;              ///< index of the batch in the call of run()
  std::vector<int64_t> seeds;    ///< sorted
  bool sameSeeds = false;        ///< as the slot's step before: in_loop_static results still hold
  bool complete = false;         ///< the slot's last step was sampled and fetched without an error
  uint64_t labelled = 0;         ///< labelled seeds
  uint64_t sampledEdges = 0;
  double sampleSeconds = 0, fetchSeconds = 0;
  std::vector<uint64_t> symbols; ///< values, by index in the entry
  std::vector<HugeMemory> memory; ///< by buffer; empty for buffers of other spaces
  /// Slots of the rows of each list of EntryTables, which the step of `heldBatch` uses if
  /// holdsRows.
  struct TableRows {
    std::vector<int64_t> slots;
  };
  std::vector<TableRows> tableRows;
  bool holdsRows = false;
  uint64_t heldBatch = 0;

  template <class T> T *get(int32_t buffer) {
    return buffer < 0 ? nullptr : static_cast<T *>(memory[static_cast<size_t>(buffer)].data());
  }
};

/// Makes a buffer of the slot hold `elements`; its contents are lost if it grows. Buffer -1:
/// nothing.
absl::Status growSlot(MemoryBudget &budget, const plan::EntryT &entry, StepSlot &slot,
                      int32_t buffer, uint64_t elements);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_STEPSLOT_H
