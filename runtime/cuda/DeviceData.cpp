//===- DeviceData.cpp - the arrays of collectives on a GPU -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/DeviceData.h"

#include <algorithm>

namespace heddle::cuda {
namespace {

using namespace kernels;

int64_t blocksOf(int64_t count, int64_t perBlock) { return (count + perBlock - 1) / perBlock; }

class DeviceData final : public exec::CommData {
public:
  explicit DeviceData(std::unique_ptr<MergeMachine> machine) : machine_(std::move(machine)) {
    pieces_.count = 0;
    pieces_.starts[0] = 0;
  }

  bool onDevice() const override { return true; }
  absl::StatusOr<void *> room(size_t which, uint64_t bytes, bool, const char *what) override {
    return machine_->room(which, bytes, what);
  }

  void copy(void *to, const void *from, int64_t bytes) override {
    if (bytes <= 0)
      return;
    const int64_t blocks = blocksOf(bytes, bytesPerBlock);
    if (pieces_.count == maxPieces || pieces_.starts[pieces_.count] + blocks > INT32_MAX)
      startCopies();
    const uint32_t at = pieces_.count++;
    pieces_.to[at] = to;
    pieces_.from[at] = from;
    pieces_.bytes[at] = bytes;
    pieces_.starts[at + 1] = pieces_.starts[at] + uint32_t(blocks);
  }

  void copyRows(const float *table, const int64_t *ids, int64_t rows, int64_t width, float *to,
                ThreadPool *) override {
    RowCopy task{table, ids, rows, width, to};
    launch(MergeKernel::copyRows, blocksOf(rows, mergeRowsPerBlock), &task);
  }

  void merge(plan::MergeKind kind, std::span<const float *const> parts, int64_t rows, int64_t width,
             int64_t heads, float *out, ThreadPool *) override {
    MergeTask task;
    setParts(task.parts, parts);
    task.rows = rows;
    task.width = width;
    task.heads = heads;
    task.out = out;
    const int64_t byNumbers = blocksOf(rows * width, numbersPerBlock),
                  byRows = blocksOf(rows, mergeRowsPerBlock);
    switch (kind) {
    case plan::MergeKind::Sum:
      return launch(MergeKernel::mergeSum, byNumbers, &task);
    case plan::MergeKind::Max:
      return launch(MergeKernel::mergeMax, byNumbers, &task);
    case plan::MergeKind::Argmax:
      return launch(MergeKernel::mergeArgmax, byRows, &task);
    case plan::MergeKind::Softmax:
      return launch(MergeKernel::mergeSoftmax, byRows, &task);
    }
  }

  void sumRows(std::span<const float *const> parts, const int32_t *table, int64_t rows,
               int64_t width, float *out, ThreadPool *) override {
    RowSum task;
    setParts(task.parts, parts);
    task.table = table;
    task.rows = rows;
    task.width = width;
    task.out = out;
    launch(MergeKernel::sumRows, blocksOf(rows, mergeRowsPerBlock), &task);
  }

  absl::Status submit() override {
    startCopies();
    return status_;
  }
  absl::Status finish() override {
    HEDDLE_RETURN_IF_ERROR(submit());
    return machine_->synchronize();
  }

private:
  void setParts(Parts &parts, std::span<const float *const> all) {
    if (all.size() > maxParts)
      note(internalError("a collective of " + std::to_string(all.size()) +
                         " partitions on a device"));
    parts.count = uint32_t(std::min<size_t>(all.size(), maxParts));
    std::copy_n(all.begin(), parts.count, parts.part);
  }

  void startCopies() {
    if (pieces_.count == 0)
      return;
    note(machine_->launch(MergeKernel::copyPieces, pieces_.starts[pieces_.count], &pieces_));
    pieces_.count = 0;
  }

  /// After the copies before it.
  void launch(MergeKernel kernel, int64_t blocks, void *argument) {
    startCopies();
    if (blocks > INT32_MAX)
      return note(internalError("an array of a collective is too large for a device"));
    if (blocks > 0)
      note(machine_->launch(kernel, uint32_t(blocks), argument));
  }

  void note(const absl::Status &status) {
    if (status_.ok())
      status_ = status;
  }

  std::unique_ptr<MergeMachine> machine_;
  Pieces pieces_;       ///< not yet begun
  absl::Status status_; ///< the first error; nothing goes on after one
};

} // namespace

std::unique_ptr<exec::CommData> deviceData(std::unique_ptr<MergeMachine> machine) {
  return std::make_unique<DeviceData>(std::move(machine));
}

} // namespace heddle::cuda
