//===- Relations.h - a graph's edges on a device -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_RELATIONS_H
#define HEDDLE_RUNTIME_CUDA_RELATIONS_H

#include "runtime/cuda/DeviceSampler.h"
#include "runtime/cuda/Session.h"

namespace heddle::cuda {

/// The in-edges of the relations that a plan samples, where a device's kernels can read them: in
/// its memory as far as there is room, the others in the host's, which it reads over the bus.
class Relations {
public:
  explicit Relations(const Session &session) : session_(session) {}

  /// In canonical order, as long as `share` of the memory that is free is not used up.
  absl::Status load(const plan::PlanT &plan, const graph::GraphStore &graph, double share);
  const DeviceSampler::Relations &arrays() const { return arrays_; }

private:
  /// A copy of host memory that kernels can read.
  absl::StatusOr<uint64_t> place(const void *data, uint64_t bytes, double &room);

  const Session &session_;
  DeviceSampler::Relations arrays_;
  std::vector<DeviceMemory> device_;
  std::vector<PinnedMemory> host_;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_RELATIONS_H
