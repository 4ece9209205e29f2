//===- CudaDevice.h - an NVIDIA GPU as an executor's device ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_CUDADEVICE_H
#define HEDDLE_RUNTIME_CUDA_CUDADEVICE_H

#include "runtime/exec/Device.h"

#include <functional>
#include <memory>
#include <string>

namespace heddle::cuda {

/// GPU `ordinal` of this machine. Errors: no driver, no cuBLAS, no such device.
absl::StatusOr<std::unique_ptr<exec::Device>> openDevice(int ordinal);

/// What the user chose: "cpu", "cuda" (partition k takes GPU k modulo how many there are) or "cuda:N".
struct DeviceChoice {
  bool cuda = false;
  int ordinal = -1; ///< -1: by partition
};
absl::StatusOr<DeviceChoice> parseDevice(const std::string &text);
/// Whether there is such a device, before anything is read for it; "cpu" always is.
absl::Status checkDevice(const DeviceChoice &choice);
/// The number of the GPU that a partition has. Errors: none here.
absl::StatusOr<int> ordinalOf(const DeviceChoice &choice, uint32_t partition);
/// For ExecutorOptions::device.
std::function<absl::StatusOr<std::unique_ptr<exec::Device>>()>
deviceFactory(const DeviceChoice &choice, uint32_t partition);

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_CUDADEVICE_H
