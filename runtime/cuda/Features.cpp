//===- Features.cpp - feature tables on a device ---------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Features.h"

#include "runtime/exec/Fetch.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace heddle::cuda {

namespace {
/// Bytes that are converted and copied at once.
constexpr int64_t blockBytes = int64_t(32) << 20;
} // namespace

absl::Status Features::load(const plan::PlanT &plan, const graph::GraphStore &graph, double share) {
  size_t free = 0, total = 0;
  HEDDLE_RETURN_IF_ERROR(session_.driver().check(
      session_.driver().cuMemGetInfo_v2(&free, &total), "memory of " + session_.name()));
  double room = double(free) * share;
  PinnedMemory staging(session_);
  std::vector<int64_t> rows;
  for (const auto &entry : plan.entries)
    for (const auto &op : entry->ops) {
      const auto *a = op->attrs.AsFetchDenseAttrs();
      if (!a || tables_.count({a->node_type, a->feature}))
        continue;
      HEDDLE_ASSIGN_OR_RETURN(graph::DenseFeatureView view,
                              graph.denseFeature(int(a->node_type), a->feature));
      const int64_t nodes = graph.schema().nodeTypes[a->node_type].numNodes, dim = a->dim;
      const double bytes = double(nodes) * double(dim) * sizeof(float);
      if (view.dim != dim || !exec::knownFeatureDtype(view.dtype) || bytes > room || bytes == 0)
        continue;
      room -= bytes;
      DeviceMemory &table =
          tables_.emplace(std::pair(a->node_type, a->feature), DeviceMemory(session_)).first->second;
      HEDDLE_RETURN_IF_ERROR(table.reserve(uint64_t(bytes), "feature '" + a->feature + "'"));
      const int64_t block = std::max<int64_t>(1, blockBytes / (dim * int64_t(sizeof(float))));
      HEDDLE_RETURN_IF_ERROR(
          staging.reserve(uint64_t(block * dim) * sizeof(float), "feature '" + a->feature + "'"));
      for (int64_t first = 0; first < nodes; first += block) {
        rows.resize(size_t(std::min(block, nodes - first)));
        std::iota(rows.begin(), rows.end(), first);
        exec::convertRows(view.data, view.dtype, dim, rows.data(), int64_t(rows.size()),
                          reinterpret_cast<float *>(staging.data()));
        HEDDLE_RETURN_IF_ERROR(
            session_.toDevice(table.data() + uint64_t(first * dim) * sizeof(float), staging.data(),
                              rows.size() * uint64_t(dim) * sizeof(float)));
        HEDDLE_RETURN_IF_ERROR(session_.synchronize("feature '" + a->feature + "'"));
      }
    }
  return absl::OkStatus();
}

DevicePointer Features::table(const plan::OpT &op) const {
  const auto *a = op.attrs.AsFetchDenseAttrs();
  if (!a)
    return 0;
  auto found = tables_.find({a->node_type, a->feature});
  return found == tables_.end() ? 0 : found->second.data();
}

} // namespace heddle::cuda
