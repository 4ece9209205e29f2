//===- Relations.cpp - a graph's edges on a device --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Relations.h"

#include <algorithm>
#include <cstring>

namespace heddle::cuda {

absl::StatusOr<uint64_t> Relations::place(const void *data, uint64_t bytes, double &room) {
  const uint64_t wanted = std::max<uint64_t>(bytes, 1);
  if (double(wanted) <= room) {
    room -= double(wanted);
    device_.emplace_back(session_);
    HEDDLE_RETURN_IF_ERROR(device_.back().reserve(wanted, "edges of the graph", Room::Exact));
    HEDDLE_RETURN_IF_ERROR(session_.toDevice(device_.back().data(), data, bytes));
    HEDDLE_RETURN_IF_ERROR(session_.synchronize("edges of the graph"));
    return uint64_t(device_.back().data());
  }
  host_.emplace_back(session_);
  HEDDLE_RETURN_IF_ERROR(host_.back().reserve(wanted, "edges of the graph", Room::Exact));
  if (bytes)
    std::memcpy(host_.back().data(), data, bytes);
  return reinterpret_cast<uint64_t>(host_.back().data());
}

absl::Status Relations::load(const plan::PlanT &plan, const graph::GraphStore &graph,
                             double share) {
  std::vector<bool> sampled(plan.relations.size());
  for (const auto &entry : plan.entries)
    if (DeviceSampler::supports(*entry))
      for (const auto &op : entry->ops)
        if (const auto *a = op->attrs.AsSampleAttrs())
          sampled[a->relation] = true;
  size_t free = 0, total = 0;
  HEDDLE_RETURN_IF_ERROR(session_.driver().check(session_.driver().cuMemGetInfo_v2(&free, &total),
                                                 "memory of " + session_.name()));
  double room = double(free) * share;
  arrays_.resize(plan.relations.size());
  for (size_t r = 0; r < sampled.size(); ++r) {
    if (!sampled[r])
      continue;
    const graph::RelationView &view = graph.relation(int(r));
    RelationArrays &arrays = arrays_[r];
    HEDDLE_ASSIGN_OR_RETURN(
        const uint64_t ptr,
        place(view.inPtr, (uint64_t(view.numDestinations) + 1) * sizeof(int64_t), room));
    arrays.ptr = reinterpret_cast<const int64_t *>(ptr);
    const bool narrow = view.inSources.i32 || view.numEdges == 0;
    const void *sources = narrow ? static_cast<const void *>(view.inSources.i32)
                                 : static_cast<const void *>(view.inSources.i64);
    HEDDLE_ASSIGN_OR_RETURN(const uint64_t at,
                            place(sources, uint64_t(view.numEdges) * (narrow ? 4 : 8), room));
    if (narrow)
      arrays.sources32 = reinterpret_cast<const int32_t *>(at);
    else
      arrays.sources64 = reinterpret_cast<const int64_t *>(at);
  }
  return absl::OkStatus();
}

} // namespace heddle::cuda
