//===- FeatureTiers.cpp - features on disk, hot rows in memory -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/FeatureTiers.h"

#include "runtime/base/Format.h"
#include "runtime/base/HugeMemory.h"
#include "runtime/base/Npy.h"
#include "runtime/cache/Hotness.h"
#include "runtime/cache/RowFile.h"
#include "runtime/exec/ConvertRows.h"
#include "runtime/exec/RankBitmap.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <limits>
#include <mutex>
#include <optional>

namespace heddle::exec {
namespace {

/// Rows whose reading is timed, at most: as many as a batch may ask for, so that all readers are busy.
constexpr int64_t timedRows = 2048, timings = 4;
/// Rows of one task, of those that are at hand.
constexpr int64_t rowsPerTask = 256;
/// RankBitmap numbers its members in 32 bits.
constexpr size_t maxKept = std::numeric_limits<int32_t>::max();
constexpr auto nothing = [](int64_t) {};

} // namespace

struct FeatureTiers::Feature {
  uint32_t nodeType = 0;
  std::string name;
  RowConverter convert = nullptr;
  int64_t dim = 0, rowBytes = 0, rows = 0;
  cache::RowFile file;
  // What is kept: the rows of `members`, in the order of their ids.
  std::optional<RankBitmap> members;
  HugeMemory kept;
  CacheUse use;

  bool has(int64_t id) const { return members && members->contains(id); }
  std::byte *keptRow(int64_t id) const {
    return static_cast<std::byte *>(kept.data()) + members->rank(id) * rowBytes;
  }
};

struct FeatureTiers::Scratch {
  std::vector<cache::RowFile::Piece> pieces;
  std::vector<int64_t> missed; ///< ids
  std::vector<size_t> places;  ///< of those in the list that was asked for
  std::mutex mutex;
  absl::Status status; ///< the first error
};

FeatureTiers::FeatureTiers(Readers &readers)
    : readers_(readers), scratch_(std::make_unique<Scratch>()) {}
FeatureTiers::~FeatureTiers() = default;

absl::StatusOr<std::unique_ptr<FeatureTiers>> FeatureTiers::create(const plan::PlanT &plan,
                                                                   const graph::GraphStore &graph,
                                                                   uint32_t partition,
                                                                   Readers &readers) {
  std::unique_ptr<FeatureTiers> self(new FeatureTiers(readers));
  HEDDLE_RETURN_IF_ERROR(self->open(plan, graph, partition));
  return self;
}

absl::Status FeatureTiers::open(const plan::PlanT &plan, const graph::GraphStore &graph,
                                uint32_t partition) {
  size_t buffer = 0;
  for (const auto &cache : plan.caches) {
    const bool fetched = std::any_of(plan.entries.begin(), plan.entries.end(), [&](const auto &e) {
      const auto rows = cache::rowsFetched(plan, *e);
      return e->partition == partition &&
             std::any_of(rows.begin(), rows.end(), [&](const cache::FetchedRows &r) {
               return r.nodeType == cache->node_type && r.feature == cache->feature;
             });
    });
    if (!fetched)
      continue;
    HEDDLE_ASSIGN_OR_RETURN(graph::DenseFeatureView view,
                            graph.denseFeature(static_cast<int>(cache->node_type), cache->feature));
    const int64_t rowBytes = view.dim * dtypeBytes(view.dtype);
    // What the fetcher cannot read it says itself.
    if (view.file.empty() || rowBytes == 0 || !rowConverterOf(view.dtype) ||
        view.dim != int64_t(cache->dim))
      continue;
    auto feature = std::make_unique<Feature>();
    feature->nodeType = cache->node_type;
    feature->name = cache->feature;
    feature->convert = rowConverterOf(view.dtype);
    feature->dim = view.dim;
    feature->rowBytes = rowBytes;
    feature->rows = view.rows;
    HEDDLE_ASSIGN_OR_RETURN(feature->file,
                            cache::RowFile::open(view.file, view.offset, rowBytes, view.rows));
    buffer = std::max(buffer, feature->file.bufferBytes());
    feature->use.nodeType = plan.node_types[cache->node_type]->name;
    feature->use.feature = cache->feature;
    feature->use.rows = view.rows;
    feature->use.rowBytes = rowBytes;
    features_.push_back(std::move(feature));
  }
  if (!features_.empty() && !readers_.reserve(buffer))
    return absl::ResourceExhaustedError("the system has no memory to read features from disk");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CachedFeature>> FeatureTiers::describe(bool measured) {
  std::vector<CachedFeature> described;
  for (auto &feature : features_) {
    if (measured)
      HEDDLE_RETURN_IF_ERROR(measure(*feature));
    described.push_back({feature->nodeType, feature->name, feature->rows, feature->rowBytes,
                         feature->use.missSecondsPerByte});
  }
  return described;
}

absl::Status FeatureTiers::keep(std::span<std::vector<int64_t>> rows,
                                std::span<const CachedFeature> chosen) {
  for (size_t t = 0; t < features_.size(); ++t)
    features_[t]->use.expectedHits = chosen[t].expectedHits;
  for (size_t t = 0; t < features_.size(); ++t)
    HEDDLE_RETURN_IF_ERROR(fill(*features_[t], std::move(rows[t])));
  return absl::OkStatus();
}

template <class Row, class Other>
absl::Status FeatureTiers::readRows(const Feature &feature, std::span<const int64_t> ids,
                                    const Row &row, int64_t tasks, const Other &other) {
  Scratch &s = *scratch_;
  feature.file.cut(ids, s.pieces);
  readBytes_ = 0;
  for (const auto &piece : s.pieces)
    readBytes_ += static_cast<uint64_t>(piece.bytes);
  const int64_t pieces = static_cast<int64_t>(s.pieces.size());
  s.status = absl::OkStatus();
  std::atomic<int64_t> unread = pieces;
  readSeconds_ = 0;
  const auto start = std::chrono::steady_clock::now();
  // Reads first: what is at hand is copied while they wait.
  readers_.pool().parallelFor(pieces + tasks, [&](int64_t task, int thread) {
    if (task >= pieces)
      return other(task - pieces);
    const cache::RowFile::Piece &piece = s.pieces[static_cast<size_t>(task)];
    std::byte *buffer = readers_.buffer(thread);
    absl::Status status = feature.file.read(piece, buffer);
    if (!status.ok()) {
      std::lock_guard<std::mutex> lock(s.mutex);
      s.status.Update(status);
      return;
    }
    for (size_t i = piece.first; i < piece.last; ++i)
      row(feature.file.row(piece, buffer, ids[i]), i);
    if (unread.fetch_sub(1, std::memory_order_acq_rel) == 1)
      readSeconds_ =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  });
  return s.status;
}

absl::Status FeatureTiers::measure(Feature &feature) {
  const int64_t count = std::min(feature.rows, timedRows);
  if (count == 0)
    return absl::OkStatus();
  // The best of several: the first pays for what the file system looks up once, any for other work.
  double best = 0;
  std::vector<int64_t> ids(static_cast<size_t>(count));
  for (int64_t time = 0; time < timings; ++time) {
    for (int64_t i = 0; i < count; ++i)
      ids[static_cast<size_t>(i)] =
          std::min(feature.rows - 1, (timings * i + time) * feature.rows / (timings * count));
    const auto start = std::chrono::steady_clock::now();
    HEDDLE_RETURN_IF_ERROR(
        readRows(feature, ids, [](const std::byte *, size_t) {}, 0, nothing));
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = time == 0 ? seconds : std::min(best, seconds);
  }
  feature.use.missSecondsPerByte = best / double(count * feature.rowBytes);
  return absl::OkStatus();
}

absl::Status FeatureTiers::fill(Feature &feature, std::vector<int64_t> ids) {
  if (ids.empty())
    return absl::OkStatus();
  ids.resize(std::min(ids.size(), maxKept)); // the hottest stand first
  std::sort(ids.begin(), ids.end());
  const uint64_t bytes = ids.size() * static_cast<uint64_t>(feature.rowBytes);
  if (!feature.kept.reserve(bytes)) {
    const std::string message = "--cache-memory: the system has no " + formatBytes(bytes) +
                                " for rows of '" + feature.use.nodeType + "'; give less";
    return absl::ResourceExhaustedError(absl::string_view(message.data(), message.size()));
  }
  feature.members.emplace(feature.rows);
  for (int64_t id : ids)
    feature.members->insert(id);
  feature.members->number();
  feature.use.keptRows = static_cast<int64_t>(ids.size());
  auto keep = [&](const std::byte *row, size_t place) {
    std::memcpy(feature.keptRow(ids[place]), row, static_cast<size_t>(feature.rowBytes));
  };
  return readRows(feature, ids, keep, 0, nothing);
}

int FeatureTiers::find(uint32_t nodeType, const std::string &feature) const {
  for (size_t t = 0; t < features_.size(); ++t)
    if (features_[t]->nodeType == nodeType && features_[t]->name == feature)
      return static_cast<int>(t);
  return -1;
}

absl::Status FeatureTiers::fetch(int table, const int64_t *ids, int64_t rows, float *out) {
  Feature &feature = *features_[static_cast<size_t>(table)];
  Scratch &s = *scratch_;
  s.missed.clear();
  s.places.clear();
  for (int64_t i = 0; i < rows; ++i)
    if (!feature.has(ids[i])) {
      s.missed.push_back(ids[i]);
      s.places.push_back(static_cast<size_t>(i));
    }
  CacheUse::Count &count = training_ ? feature.use.training : feature.use.other;
  count.requested += static_cast<uint64_t>(rows);
  count.hits += static_cast<uint64_t>(rows) - s.missed.size();
  constexpr int64_t first = 0; // the only row of what is converted
  auto convert = [&](const std::byte *row, size_t place) {
    feature.convert(row, feature.dim, &first, 1, out + int64_t(place) * feature.dim);
  };
  const bool hits = static_cast<int64_t>(s.missed.size()) < rows;
  absl::Status status = readRows(
      feature, s.missed,
      [&](const std::byte *row, size_t place) { convert(row, s.places[place]); },
      hits ? (rows + rowsPerTask - 1) / rowsPerTask : 0, [&](int64_t task) {
        const int64_t end = std::min(rows, (task + 1) * rowsPerTask);
        for (int64_t i = task * rowsPerTask; i < end; ++i)
          if (feature.has(ids[i]))
            convert(feature.keptRow(ids[i]), static_cast<size_t>(i));
      });
  feature.use.readBytes += readBytes_;
  feature.use.missSeconds += readSeconds_;
  feature.use.missedBytes += s.missed.size() * static_cast<uint64_t>(feature.rowBytes);
  return status;
}

std::vector<CacheUse> FeatureTiers::use() const {
  std::vector<CacheUse> out;
  for (const auto &feature : features_)
    out.push_back(feature->use);
  return out;
}

} // namespace heddle::exec
