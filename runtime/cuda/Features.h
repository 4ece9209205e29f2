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

/// `use` with what kernels have counted in `hits`: u64 [2], of other steps and of training steps.
exec::CacheUse withHits(const Session &session, const exec::CacheUse &use,
                        const DeviceMemory &hits);

/// Dense features that a plan fetches, where a device's kernels can read them, so that a batch
/// brings nothing but ids: whole in its memory, or in the host's, or hot rows there and all in the
/// host's. Floats of at most 32 bits and integers of at most 16 stay as the graph has them, other
/// numbers are f32.
class Features {
public:
  struct Table {
    explicit Table(const Session &session)
        : kept(session), all(session), places(session), hits(session) {}
    kernels::Element element = kernels::Element::F32;
    int64_t dim = 0;
    DeviceMemory kept; ///< [.., dim] of `element`: all rows, those of `places`, or none
    PinnedMemory all;  ///< [nodes, dim] of `element`, unless the device has all
    // Of a feature of which the device keeps some rows:
    DeviceMemory places; ///< i32 [nodes]: the row of `kept`, or -1
    DeviceMemory hits;   ///< u64 [2]: of other steps, of training steps
    exec::CacheUse use;

    bool keepsSome() const { return places.data() != 0; }
    /// What picks rows of it. `training`: where hits are counted.
    kernels::Gather gather(DevicePointer ids, int64_t rows, DevicePointer out, bool training) const;
  };

  explicit Features(const Session &session) : session_(session) {}

  /// In the plan's order, as long as `share` of the memory that is free is not used up. Those for
  /// which there is no room are copied to memory of the host that the device reads over the bus, as
  /// long as `hostBytes` are not used up; what is left the host fetches.
  absl::Status load(const plan::PlanT &plan, const graph::GraphStore &graph, double share,
                    uint64_t hostBytes);
  /// All of them in the host's memory. Returns what a chooser has to know of each.
  absl::StatusOr<std::vector<exec::CachedFeature>>
  openTiers(const plan::PlanT &plan, const graph::GraphStore &graph, const SamplingModule &module);
  /// Then: the rows of each that the device keeps.
  absl::Status keep(std::span<const std::vector<int64_t>> rows,
                    std::span<const exec::CachedFeature> chosen);

  /// The table that an op fetches from, or null.
  Table *table(const plan::OpT &op) const;
  /// Of those of which it keeps some rows.
  std::vector<exec::CacheUse> use() const;

private:
  using Key = std::pair<uint32_t, std::string>; ///< node type and feature
  absl::Status measure(Table &table, const SamplingModule &module) const;

  const Session &session_;
  std::map<Key, std::unique_ptr<Table>> tables_;
  std::vector<Table *> tiers_; ///< in the order of openTiers()
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_FEATURES_H
