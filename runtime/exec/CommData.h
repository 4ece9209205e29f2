//===- CommData.h - what collectives do with their arrays --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A collective is sizes, blocks and an exchange, which are the host's (CommQueue.h), and work on
// the data: copies, rows that are picked, sums. That is done where the data is.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_COMMDATA_H
#define HEDDLE_RUNTIME_EXEC_COMMDATA_H

#include "runtime/base/Status.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <memory>
#include <span>

namespace heddle::exec {

/// Pointers are to memory of one place, and not looked at by whoever passes them. What is asked for
/// is done in order, by submit() at the latest, and has ended after finish(); errors are those
/// calls'.
class CommData {
public:
  static constexpr size_t rooms = 3;

  virtual ~CommData() = default;
  /// Whether the place is a device's memory, which the transport then has to take.
  virtual bool onDevice() const = 0;
  /// Memory for what travels packed, number `which`, grown to `bytes`: up to a quarter more than
  /// that, unless `exactly`. What was there is lost. Between steps.
  virtual absl::StatusOr<void *> room(size_t which, uint64_t bytes, bool exactly,
                                      const char *what) = 0;

  virtual void copy(void *to, const void *from, int64_t bytes) = 0;
  /// to[i] = table[ids[i]], rows of `width` numbers.
  virtual void copyRows(const float *table, const int64_t *ids, int64_t rows, int64_t width,
                        float *to, ThreadPool *pool) = 0;
  /// What `kind` makes of the parts' `rows` rows, in order (Reduce.h). At least two parts of a sum.
  virtual void merge(plan::MergeKind kind, std::span<const float *const> parts, int64_t rows,
                     int64_t width, int64_t heads, float *out, ThreadPool *pool) = 0;
  /// The sums of the parts' rows that `table` names (Reduce.h).
  virtual void sumRows(std::span<const float *const> parts, const int32_t *table, int64_t rows,
                       int64_t width, float *out, ThreadPool *pool) = 0;

  virtual absl::Status submit() = 0;
  virtual absl::Status finish() = 0;
};

/// In the host's memory, by the calling thread and its pool, if there is one.
std::unique_ptr<CommData> hostData(MemoryBudget &budget);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_COMMDATA_H
