//===- DeviceData.h - the arrays of collectives on a GPU ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_DEVICEDATA_H
#define HEDDLE_RUNTIME_CUDA_DEVICEDATA_H

#include "runtime/cuda/kernels/Merge.h"
#include "runtime/exec/CommData.h"

namespace heddle::cuda {

enum class MergeKernel : uint8_t {
#define KERNEL(NAME, ARGUMENT) NAME,
  HEDDLE_MERGE_KERNELS(KERNEL)
#undef KERNEL
};

/// What runs the kernels of kernels/Merge.h, in the order in which they are launched.
class MergeMachine {
public:
  virtual ~MergeMachine() = default;
  /// `argument` is the kernel's, and is copied.
  virtual absl::Status launch(MergeKernel kernel, uint32_t blocks, void *argument) = 0;
  /// Memory number `which`, at least so large; contents are lost if it grows.
  virtual absl::StatusOr<void *> room(size_t which, uint64_t bytes, const char *what) = 0;
  /// Waits for what was launched.
  virtual absl::Status synchronize() = 0;
};

/// At most kernels::maxParts participants. Copies that follow each other are one launch.
std::unique_ptr<exec::CommData> deviceData(std::unique_ptr<MergeMachine> machine);

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_DEVICEDATA_H
