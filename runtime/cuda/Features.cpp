//===- Features.cpp - feature tables on a device ---------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Features.h"

#include "runtime/exec/Fetch.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <vector>

namespace heddle::cuda {

namespace {
/// Bytes that are converted and copied at once.
constexpr int64_t blockBytes = int64_t(32) << 20;

/// The features that a plan's batches fetch and that this graph has as the plan has them.
struct Fetched {
  uint32_t nodeType;
  std::string name;
  graph::DenseFeatureView view;
};
absl::StatusOr<std::vector<Fetched>> fetchedFeatures(const plan::PlanT &plan,
                                                     const graph::GraphStore &graph) {
  std::vector<Fetched> fetched;
  for (const auto &entry : plan.entries)
    for (const auto &op : entry->ops) {
      const auto *a = op->attrs.AsFetchDenseAttrs();
      if (!a || std::any_of(fetched.begin(), fetched.end(), [&](const Fetched &f) {
            return f.nodeType == a->node_type && f.name == a->feature;
          }))
        continue;
      HEDDLE_ASSIGN_OR_RETURN(graph::DenseFeatureView view,
                              graph.denseFeature(int(a->node_type), a->feature));
      if (view.dim == int64_t(a->dim) && view.rows > 0 && exec::knownFeatureDtype(view.dtype))
        fetched.push_back({a->node_type, a->feature, view});
    }
  return fetched;
}
} // namespace

absl::Status Features::load(const plan::PlanT &plan, const graph::GraphStore &graph, double share) {
  size_t free = 0, total = 0;
  HEDDLE_RETURN_IF_ERROR(session_.driver().check(session_.driver().cuMemGetInfo_v2(&free, &total),
                                                 "memory of " + session_.name()));
  double room = double(free) * share;
  PinnedMemory staging(session_);
  std::vector<int64_t> rows;
  HEDDLE_ASSIGN_OR_RETURN(const std::vector<Fetched> fetched, fetchedFeatures(plan, graph));
  for (const Fetched &f : fetched) {
    const int64_t nodes = f.view.rows, dim = f.view.dim;
    const std::string what = "feature '" + f.name + "'";
    const double bytes = double(nodes) * double(dim) * sizeof(float);
    if (bytes > room)
      continue;
    room -= bytes;
    DeviceMemory &table =
        tables_.emplace(Key(f.nodeType, f.name), DeviceMemory(session_)).first->second;
    HEDDLE_RETURN_IF_ERROR(table.reserve(uint64_t(bytes), what));
    const int64_t block = std::max<int64_t>(1, blockBytes / (dim * int64_t(sizeof(float))));
    HEDDLE_RETURN_IF_ERROR(staging.reserve(uint64_t(block * dim) * sizeof(float), what));
    for (int64_t first = 0; first < nodes; first += block) {
      rows.resize(size_t(std::min(block, nodes - first)));
      std::iota(rows.begin(), rows.end(), first);
      exec::convertRows(f.view.data, f.view.dtype, dim, rows.data(), int64_t(rows.size()),
                        reinterpret_cast<float *>(staging.data()));
      HEDDLE_RETURN_IF_ERROR(session_.toDevice(table.data() + uint64_t(first * dim) * sizeof(float),
                                               staging.data(),
                                               rows.size() * uint64_t(dim) * sizeof(float)));
      HEDDLE_RETURN_IF_ERROR(session_.synchronize(what));
    }
  }
  return absl::OkStatus();
}

absl::Status Features::loadTiers(const plan::PlanT &plan, const graph::GraphStore &graph,
                                 const exec::RowChooser &chooser, const SamplingModule &module) {
  HEDDLE_ASSIGN_OR_RETURN(std::vector<Fetched> fetched, fetchedFeatures(plan, graph));
  std::vector<exec::CachedFeature> described;
  std::vector<Tier *> tiers;
  for (const Fetched &f : fetched) {
    auto &tier = tiers_[{f.nodeType, f.name}] = std::make_unique<Tier>(session_);
    tiers.push_back(tier.get());
    const std::string what = "feature '" + f.name + "'";
    const int64_t nodes = f.view.rows, rowBytes = f.view.dim * int64_t(sizeof(float));
    HEDDLE_RETURN_IF_ERROR(tier->all.reserve(uint64_t(nodes * rowBytes), what));
    std::vector<int64_t> ids(static_cast<size_t>(nodes));
    std::iota(ids.begin(), ids.end(), 0);
    exec::convertRows(f.view.data, f.view.dtype, f.view.dim, ids.data(), nodes,
                      reinterpret_cast<float *>(tier->all.data()));
    HEDDLE_RETURN_IF_ERROR(tier->places.reserve(uint64_t(nodes) * sizeof(int32_t), what));
    HEDDLE_RETURN_IF_ERROR(tier->hits.reserve(2 * sizeof(uint64_t), what));
    HEDDLE_RETURN_IF_ERROR(session_.driver().check(
        session_.driver().cuMemsetD8Async(tier->places.data(), 0xff,
                                          uint64_t(nodes) * sizeof(int32_t), session_.stream()),
        what));
    tier->use.nodeType = plan.node_types[f.nodeType]->name;
    tier->use.feature = f.name;
    tier->use.rows = nodes;
    tier->use.rowBytes = rowBytes;
    HEDDLE_RETURN_IF_ERROR(measure(*tier, f.view.dim, module));
    described.push_back({f.nodeType, f.name, nodes, rowBytes, tier->use.missSecondsPerByte});
  }
  HEDDLE_ASSIGN_OR_RETURN(const cache::Plan chosen, chooser(described));
  for (size_t t = 0; t < tiers.size(); ++t) {
    Tier &tier = *tiers[t];
    const std::vector<int64_t> &rows = chosen.rows[t];
    tier.use.keptRows = int64_t(rows.size());
    tier.use.expectedHits = described[t].expectedHits;
    if (rows.empty())
      continue;
    const std::string what = "feature '" + tier.use.feature + "'";
    const uint64_t rowBytes = uint64_t(tier.use.rowBytes);
    HEDDLE_RETURN_IF_ERROR(tier.kept.reserve(rows.size() * rowBytes, what));
    std::vector<int32_t> places(size_t(tier.use.rows), -1);
    PinnedMemory staging(session_);
    HEDDLE_RETURN_IF_ERROR(staging.reserve(rows.size() * rowBytes, what));
    for (size_t i = 0; i < rows.size(); ++i) {
      places[size_t(rows[i])] = int32_t(i);
      std::memcpy(staging.data() + i * rowBytes, tier.all.data() + uint64_t(rows[i]) * rowBytes,
                  rowBytes);
    }
    HEDDLE_RETURN_IF_ERROR(
        session_.toDevice(tier.kept.data(), staging.data(), rows.size() * rowBytes));
    HEDDLE_RETURN_IF_ERROR(
        session_.toDevice(tier.places.data(), places.data(), places.size() * sizeof(int32_t)));
    HEDDLE_RETURN_IF_ERROR(session_.synchronize(what));
  }
  return absl::OkStatus();
}

absl::Status Features::measure(Tier &tier, int64_t dim, const SamplingModule &module) const {
  // Rows all over the table, none of which is kept: beside the bus a hit costs next to nothing.
  constexpr int64_t timed = 1 << 14;
  const int64_t rows = std::min(tier.use.rows, timed);
  std::vector<int64_t> ids(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i)
    ids[size_t(i)] = i * (tier.use.rows / rows);
  DeviceMemory list(session_), out(session_);
  HEDDLE_RETURN_IF_ERROR(list.reserve(ids.size() * sizeof(int64_t), "timing a feature"));
  HEDDLE_RETURN_IF_ERROR(out.reserve(ids.size() * uint64_t(tier.use.rowBytes), "timing a feature"));
  HEDDLE_RETURN_IF_ERROR(session_.toDevice(list.data(), ids.data(), ids.size() * sizeof(int64_t)));
  kernels::Gather gather{reinterpret_cast<const int64_t *>(list.data()),
                         rows,
                         dim,
                         reinterpret_cast<const int32_t *>(tier.places.data()),
                         nullptr,
                         reinterpret_cast<const float *>(tier.all.data()),
                         reinterpret_cast<float *>(out.data()),
                         reinterpret_cast<uint64_t *>(tier.hits.data())};
  double best = 0;
  for (int round = 0; round < 4; ++round) {
    HEDDLE_RETURN_IF_ERROR(session_.synchronize("timing a feature"));
    const auto start = std::chrono::steady_clock::now();
    HEDDLE_RETURN_IF_ERROR(module.gather(gather));
    HEDDLE_RETURN_IF_ERROR(session_.synchronize("timing a feature"));
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = round == 0 ? seconds : std::min(best, seconds);
  }
  tier.use.missSecondsPerByte = best / double(rows * tier.use.rowBytes);
  return absl::OkStatus();
}

Features::Tier *Features::tier(const plan::OpT &op) const {
  const auto *a = op.attrs.AsFetchDenseAttrs();
  if (!a)
    return nullptr;
  auto found = tiers_.find({a->node_type, a->feature});
  return found == tiers_.end() ? nullptr : found->second.get();
}

std::vector<exec::CacheUse> Features::use() const {
  std::vector<exec::CacheUse> all;
  (void)session_.enter();
  for (const auto &[key, tier] : tiers_) {
    exec::CacheUse use = tier->use;
    uint64_t hits[2] = {0, 0};
    (void)session_.toHost(hits, tier->hits.data(), sizeof hits);
    (void)session_.synchronize("hits");
    use.other.hits = hits[0];
    use.training.hits = hits[1];
    all.push_back(std::move(use));
  }
  return all;
}

DevicePointer Features::table(const plan::OpT &op) const {
  const auto *a = op.attrs.AsFetchDenseAttrs();
  if (!a)
    return 0;
  auto found = tables_.find({a->node_type, a->feature});
  return found == tables_.end() ? 0 : found->second.data();
}

} // namespace heddle::cuda
