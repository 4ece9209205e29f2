//===- Features.h - feature tables on a device -------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_FEATURES_H
#define HEDDLE_RUNTIME_CUDA_FEATURES_H

#include "runtime/cuda/Session.h"
#include "runtime/graph/GraphStore.h"
#include "runtime/plan/PlanFile.h"

#include <map>
#include <utility>

namespace heddle::cuda {

/// Dense features that a plan fetches, whole and as f32 in the device's memory, so that a batch brings
/// nothing but ids. Those for which there is no room stay with the host.
class Features {
public:
  explicit Features(const Session &session) : session_(session) {}

  /// In the plan's order, as long as `share` of the memory that is free is not used up.
  absl::Status load(const plan::PlanT &plan, const graph::GraphStore &graph, double share);
  /// The table that an op fetches from, or 0.
  DevicePointer table(const plan::OpT &op) const;

private:
  const Session &session_;
  std::map<std::pair<uint32_t, std::string>, DeviceMemory> tables_; ///< by node type and feature
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_FEATURES_H
