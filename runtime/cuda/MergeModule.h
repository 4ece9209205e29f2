//===- MergeModule.h - the kernels of collectives on a GPU -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_MERGEMODULE_H
#define HEDDLE_RUNTIME_CUDA_MERGEMODULE_H

#include "runtime/cuda/DeviceData.h"
#include "runtime/cuda/KernelModule.h"

namespace heddle::cuda {

/// The kernels of kernels/Merge.h, loaded on a device.
class MergeModule {
public:
  explicit MergeModule(const Session &session) : kernels_(session) {}

  absl::Status load();
  /// On the session's first stream. The module must outlive it.
  std::unique_ptr<MergeMachine> machine() const;

private:
  KernelModule kernels_;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_MERGEMODULE_H
