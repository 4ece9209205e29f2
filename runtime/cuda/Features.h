//===- Features.h - feature tables on a device -------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_FEATURES_H
#define HEDDLE_RUNTIME_CUDA_FEATURES_H

#include "runtime/cuda/CudaMachine.h"
#include "runtime/exec/Device.h"
#include "runtime/graph/GraphStore.h"
#include "runtime/plan/PlanFile.h"

#include <map>
#include <memory>
#include <utility>

namespace heddle::cuda {

/// Dense features that a plan fetches, as f32 where a device's kernels can read them, so that a
/// batch brings nothing but ids: whole in its memory, or hot rows there and all in the host's.
class Features {
public:
  /// A feature of which the device keeps some rows.
  struct Tier {
    Tier(const Session &session) : places(session), kept(session), hits(session), all(session) {}
    DeviceMemory places; ///< i32 [nodes]: the row of `kept`, or -1
    DeviceMemory kept;
    DeviceMemory hits; ///< u64 [2]: of other steps, of training steps
    PinnedMemory all;  ///< [nodes, dim]
    exec::CacheUse use;
  };

  explicit Features(const Session &session) : session_(session) {}

  /// In the plan's order, as long as `share` of the memory that is free is not used up; those for
  /// which there is no room the host fetches.
  absl::Status load(const plan::PlanT &plan, const graph::GraphStore &graph, double share);
  /// The rows that the chooser names, and all of them in the host's memory.
  absl::Status loadTiers(const plan::PlanT &plan, const graph::GraphStore &graph,
                         const exec::RowChooser &chooser, const SamplingModule &module);

  /// The table that an op fetches from, or 0.
  DevicePointer table(const plan::OpT &op) const;
  /// The same where the device keeps some rows, or null.
  Tier *tier(const plan::OpT &op) const;
  std::vector<exec::CacheUse> use() const;

private:
  using Key = std::pair<uint32_t, std::string>; ///< node type and feature
  absl::Status measure(Tier &tier, int64_t dim, const SamplingModule &module) const;

  const Session &session_;
  std::map<Key, DeviceMemory> tables_;
  std::map<Key, std::unique_ptr<Tier>> tiers_;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_FEATURES_H
