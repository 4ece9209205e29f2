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
#include <optional>
#include <utility>
#include <vector>

namespace heddle::cuda {

namespace {
/// Bytes that are converted and copied at once.
constexpr int64_t blockBytes = int64_t(32) << 20;

/// The type of a dtype that stays on a device as it is.
std::optional<kernels::Element> elementOf(const std::string &dtype) {
  using kernels::Element;
  static constexpr std::pair<const char *, Element> table[] = {
      {"float32", Element::F32}, {"float16", Element::F16}, {"bfloat16", Element::BF16},
      {"int8", Element::I8},     {"uint8", Element::U8},    {"bool", Element::U8},
      {"int16", Element::I16},   {"uint16", Element::U16}};
  for (const auto &[name, element] : table)
    if (dtype == name)
      return element;
  return std::nullopt;
}

/// The features that a plan's batches fetch and that this graph has as the plan has them.
struct Fetched {
  uint32_t nodeType;
  std::string name;
  graph::DenseFeatureView view;

  kernels::Element element() const { return elementOf(view.dtype).value_or(kernels::Element::F32); }
  int64_t rowBytes() const { return view.dim * kernels::bytesOf(element()); }
  /// Rows [first, first + count) as the device has them.
  void copy(int64_t first, int64_t count, char *to, std::vector<int64_t> &scratch) const {
    if (elementOf(view.dtype)) {
      std::memcpy(to, static_cast<const char *>(view.data) + first * rowBytes(),
                  size_t(count * rowBytes()));
      return;
    }
    scratch.resize(size_t(count));
    std::iota(scratch.begin(), scratch.end(), first);
    exec::convertRows(view.data, view.dtype, view.dim, scratch.data(), count,
                      reinterpret_cast<float *>(to));
  }
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
/// All rows, to memory that the device reads.
absl::Status copyToHost(const Fetched &f, Features::Table &table, const std::string &what,
                        std::vector<int64_t> &scratch) {
  const int64_t nodes = f.view.rows, rowBytes = f.rowBytes();
  HEDDLE_RETURN_IF_ERROR(table.all.reserve(uint64_t(nodes * rowBytes), what, Room::Exact));
  const int64_t block = std::max<int64_t>(1, blockBytes / rowBytes);
  for (int64_t first = 0; first < nodes; first += block)
    f.copy(first, std::min(block, nodes - first), table.all.data() + first * rowBytes, scratch);
  return absl::OkStatus();
}
} // namespace

kernels::Gather Features::Table::gather(DevicePointer ids, int64_t rows, DevicePointer out,
                                        bool training) const {
  return {reinterpret_cast<const int64_t *>(ids),
          rows,
          dim,
          reinterpret_cast<const int32_t *>(places.data()),
          kept.data() ? reinterpret_cast<const void *>(kept.data()) : all.data(),
          all.data(),
          reinterpret_cast<float *>(out),
          reinterpret_cast<uint64_t *>(hits.data() + training * sizeof(uint64_t)),
          element};
}

absl::Status Features::load(const plan::PlanT &plan, const graph::GraphStore &graph, double share,
                            uint64_t hostBytes) {
  size_t free = 0, total = 0;
  HEDDLE_RETURN_IF_ERROR(session_.driver().check(session_.driver().cuMemGetInfo_v2(&free, &total),
                                                 "memory of " + session_.name()));
  double room = double(free) * share, hostRoom = double(hostBytes);
  PinnedMemory staging(session_);
  std::vector<int64_t> scratch;
  HEDDLE_ASSIGN_OR_RETURN(const std::vector<Fetched> fetched, fetchedFeatures(plan, graph));
  for (const Fetched &f : fetched) {
    const int64_t nodes = f.view.rows, rowBytes = f.rowBytes();
    const std::string what = "feature '" + f.name + "'";
    const double bytes = double(nodes) * double(rowBytes);
    const bool here = bytes <= room;
    if (!here && bytes > hostRoom)
      continue;
    (here ? room : hostRoom) -= bytes;
    auto &table = tables_[{f.nodeType, f.name}] = std::make_unique<Table>(session_);
    table->element = f.element();
    table->dim = f.view.dim;
    if (!here) {
      HEDDLE_RETURN_IF_ERROR(copyToHost(f, *table, what, scratch));
      continue;
    }
    HEDDLE_RETURN_IF_ERROR(table->kept.reserve(uint64_t(nodes * rowBytes), what, Room::Exact));
    const int64_t block = std::max<int64_t>(1, blockBytes / rowBytes);
    HEDDLE_RETURN_IF_ERROR(staging.reserve(uint64_t(std::min(block, nodes) * rowBytes), what));
    for (int64_t first = 0; first < nodes; first += block) {
      const int64_t count = std::min(block, nodes - first);
      f.copy(first, count, staging.data(), scratch);
      HEDDLE_RETURN_IF_ERROR(session_.toDevice(table->kept.data() + uint64_t(first * rowBytes),
                                               staging.data(), uint64_t(count * rowBytes)));
      HEDDLE_RETURN_IF_ERROR(session_.synchronize(what));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<exec::CachedFeature>> Features::openTiers(const plan::PlanT &plan,
                                                                     const graph::GraphStore &graph,
                                                                     const SamplingModule &module) {
  HEDDLE_ASSIGN_OR_RETURN(std::vector<Fetched> fetched, fetchedFeatures(plan, graph));
  std::vector<exec::CachedFeature> described;
  std::vector<int64_t> scratch;
  for (const Fetched &f : fetched) {
    auto &tier = tables_[{f.nodeType, f.name}] = std::make_unique<Table>(session_);
    tiers_.push_back(tier.get());
    const std::string what = "feature '" + f.name + "'";
    const int64_t nodes = f.view.rows, rowBytes = f.rowBytes();
    tier->element = f.element();
    tier->dim = f.view.dim;
    HEDDLE_RETURN_IF_ERROR(copyToHost(f, *tier, what, scratch));
    HEDDLE_RETURN_IF_ERROR(
        tier->places.reserve(uint64_t(nodes) * sizeof(int32_t), what, Room::Exact));
    HEDDLE_RETURN_IF_ERROR(tier->hits.reserve(2 * sizeof(uint64_t), what));
    HEDDLE_RETURN_IF_ERROR(session_.driver().check(
        session_.driver().cuMemsetD8Async(tier->places.data(), 0xff,
                                          uint64_t(nodes) * sizeof(int32_t), session_.stream()),
        what));
    tier->use.nodeType = plan.node_types[f.nodeType]->name;
    tier->use.feature = f.name;
    tier->use.rows = nodes;
    tier->use.rowBytes = rowBytes;
    HEDDLE_RETURN_IF_ERROR(measure(*tier, module));
    described.push_back({f.nodeType, f.name, nodes, rowBytes, tier->use.missSecondsPerByte});
  }
  return described;
}

absl::Status Features::keep(std::span<const std::vector<int64_t>> chosenRows,
                            std::span<const exec::CachedFeature> chosen) {
  for (size_t t = 0; t < tiers_.size(); ++t) {
    Table &tier = *tiers_[t];
    const std::vector<int64_t> &rows = chosenRows[t];
    tier.use.keptRows = int64_t(rows.size());
    tier.use.expectedHits = chosen[t].expectedHits;
    if (rows.empty())
      continue;
    const std::string what = "feature '" + tier.use.feature + "'";
    const uint64_t rowBytes = uint64_t(tier.use.rowBytes);
    HEDDLE_RETURN_IF_ERROR(tier.kept.reserve(rows.size() * rowBytes, what, Room::Exact));
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

absl::Status Features::measure(Table &table, const SamplingModule &module) const {
  // Rows all over the table, none of which is kept: beside the bus a hit costs next to nothing.
  constexpr int64_t timed = 1 << 14;
  const int64_t rows = std::min(table.use.rows, timed);
  std::vector<int64_t> ids(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i)
    ids[size_t(i)] = i * (table.use.rows / rows);
  DeviceMemory list(session_), out(session_);
  HEDDLE_RETURN_IF_ERROR(list.reserve(ids.size() * sizeof(int64_t), "timing a feature"));
  HEDDLE_RETURN_IF_ERROR(
      out.reserve(ids.size() * uint64_t(table.dim) * sizeof(float), "timing a feature"));
  HEDDLE_RETURN_IF_ERROR(session_.toDevice(list.data(), ids.data(), ids.size() * sizeof(int64_t)));
  const kernels::Gather gather = table.gather(list.data(), rows, out.data(), false);
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
  table.use.missSecondsPerByte = best / double(rows * table.use.rowBytes);
  return absl::OkStatus();
}

Features::Table *Features::table(const plan::OpT &op) const {
  const auto *a = op.attrs.AsFetchDenseAttrs();
  if (!a)
    return nullptr;
  auto found = tables_.find({a->node_type, a->feature});
  return found == tables_.end() ? nullptr : found->second.get();
}

exec::CacheUse withHits(const Session &session, const exec::CacheUse &use,
                        const DeviceMemory &hits) {
  uint64_t found[2] = {0, 0};
  (void)session.toHost(found, hits.data(), sizeof found);
  (void)session.synchronize("hits");
  exec::CacheUse out = use;
  out.other.hits = found[0];
  out.training.hits = found[1];
  return out;
}

std::vector<exec::CacheUse> Features::use() const {
  std::vector<exec::CacheUse> all;
  (void)session_.enter();
  for (const auto &[key, table] : tables_) {
    if (!table->keepsSome())
      continue;
    all.push_back(withHits(session_, table->use, table->hits));
  }
  return all;
}

} // namespace heddle::cuda
