//===- CudaSampler.h - sampling of an entry on a GPU -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_CUDASAMPLER_H
#define HEDDLE_RUNTIME_CUDA_CUDASAMPLER_H

#include "runtime/cuda/CudaMachine.h"
#include "runtime/cuda/DeviceSampler.h"
#include "runtime/exec/Device.h"

namespace heddle::cuda {

/// A sampler on a stream of its own.
class CudaSampler final : public exec::StepSampler {
public:
  CudaSampler(const Session &session, const SamplingModule &module, const plan::PlanT &plan,
              const plan::EntryT &entry, const graph::GraphStore &graph,
              const DeviceSampler::Relations &relations)
      : machine_(session, module), device_(plan, entry, graph, relations, machine_) {}

  absl::Status initialize() { return machine_.initialize(); }
  /// What is sampled into a slot comes behind the last record of this event: of the step that had its
  /// arrays before, or a later one.
  void follow(Event event) { before_ = event; }
  absl::Status sample(exec::StepSlot &slot, uint64_t seed) override {
    if (before_)
      HEDDLE_RETURN_IF_ERROR(machine_.comeAfter(before_));
    return device_.sample(slot, seed);
  }
  DeviceSampler &device() { return device_; }

private:
  CudaMachine machine_;
  DeviceSampler device_;
  Event before_ = nullptr;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_CUDASAMPLER_H
