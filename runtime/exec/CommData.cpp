//===- CommData.cpp - what collectives do with the host's arrays -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/CommData.h"

#include "runtime/exec/Reduce.h"

#include <algorithm>
#include <cstring>

namespace heddle::exec {
namespace {

/// Bytes copied, or read by a sum, that are worth a task of the pool.
constexpr int64_t taskBytes = 256 << 10;

int64_t bytesOf(int64_t numbers) { return numbers * int64_t(sizeof(float)); }

/// work(begin, end) of parts of [0, count), one of which is worth a task if `bytes` of each is. No
/// part is smaller than `least`.
template <class Work>
void inTasks(int64_t count, int64_t bytes, int64_t least, ThreadPool *pool, const Work &work) {
  const int64_t chunk = std::max(taskBytes / std::max<int64_t>(bytes, 1), least);
  const int64_t tasks = (count + chunk - 1) / chunk;
  if (!pool || tasks < 2)
    work(0, count);
  else
    pool->parallelFor(tasks,
                      [&](int64_t t, int) { work(t * chunk, std::min(count, (t + 1) * chunk)); });
}

class HostData final : public CommData {
public:
  explicit HostData(MemoryBudget &budget) : budget_(budget) {}
  ~HostData() override {
    for (HugeMemory &memory : rooms_)
      budget_.release(memory);
  }

  bool onDevice() const override { return false; }
  absl::StatusOr<void *> room(size_t which, uint64_t bytes, bool exactly,
                              const char *what) override {
    HugeMemory &memory = rooms_[which];
    HEDDLE_RETURN_IF_ERROR(budget_.grow(memory, bytes, exactly ? 0 : UINT64_MAX, what));
    return memory.data();
  }

  void copy(void *to, const void *from, int64_t bytes) override {
    if (bytes > 0)
      std::memcpy(to, from, static_cast<size_t>(bytes));
  }

  void copyRows(const float *table, const int64_t *ids, int64_t rows, int64_t width, float *to,
                ThreadPool *pool) override {
    inTasks(rows, bytesOf(width), 16, pool, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (i + 4 < end)
          __builtin_prefetch(table + ids[i + 4] * width);
        std::memcpy(to + i * width, table + ids[i] * width, static_cast<size_t>(bytesOf(width)));
      }
    });
  }

  void merge(plan::MergeKind kind, std::span<const float *const> parts, int64_t rows, int64_t width,
             int64_t heads, float *out, ThreadPool *pool) override {
    const int64_t terms = static_cast<int64_t>(parts.size());
    if (kind != plan::MergeKind::Sum)
      return inTasks(rows, bytesOf(terms * width), 1, pool, [&](int64_t begin, int64_t end) {
        mergeRows(kind, parts, width, out, begin, end, heads);
      });
    inTasks(rows * width, bytesOf(terms), 16, pool,
            [&](int64_t begin, int64_t end) { sumInOrder(parts, out, begin, end); });
  }

  void sumRows(std::span<const float *const> parts, const int32_t *table, int64_t rows,
               int64_t width, float *out, ThreadPool *pool) override {
    inTasks(rows, bytesOf(2 * width), 16, pool, [&](int64_t begin, int64_t end) {
      exec::sumRows(parts, table, width, out, begin, end);
    });
  }

  absl::Status submit() override { return absl::OkStatus(); }
  absl::Status finish() override { return absl::OkStatus(); }

private:
  MemoryBudget &budget_;
  HugeMemory rooms_[rooms];
};

} // namespace

std::unique_ptr<CommData> hostData(MemoryBudget &budget) {
  return std::make_unique<HostData>(budget);
}

} // namespace heddle::exec
