//===- LearnableRows.cpp - learnable tables in a GPU's tiers ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/LearnableRows.h"

#include "runtime/cuda/Features.h"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace heddle::cuda {
namespace {

constexpr char tablePtx[] =
#include "runtime/cuda/TableRows.ptx.inc"
    ;
enum Kernel : size_t { placeKernel, moveKernel };
constexpr const char *kernelNames[] = {"heddle_placeRows", "heddle_moveRows"};

template <class T> T *at(DevicePointer address) { return reinterpret_cast<T *>(address); }

} // namespace

absl::Status LearnableRows::create(const plan::PlanT &plan,
                                   std::span<const exec::LearnableTable> tables,
                                   exec::States &states) {
  for (const exec::LearnableTable &described : tables) {
    exec::CacheUse use = exec::useOf(plan, described);
    if (!described.inMemory.empty()) {
      whole_.push_back(std::move(use));
      continue;
    }
    auto &table = *tables_.emplace_back(std::make_unique<Table>(session_));
    table.rows = described.rows;
    table.use = std::move(use);
    const std::string what = "learnable rows '" + table.use.state + "'";
    for (size_t s : described.states) {
      const exec::StateView &view = states.views()[s];
      Part &part =
          table.parts.emplace_back(Part{s, 0, PinnedMemory(session_), DeviceMemory(session_)});
      part.rowBytes = view.rows ? view.bytes / view.rows : 0;
      HEDDLE_RETURN_IF_ERROR(
          part.all.reserve(uint64_t(std::max<int64_t>(view.bytes, 1)), what, Room::Exact));
      states.place(s, part.all.data());
    }
    HEDDLE_RETURN_IF_ERROR(table.places.reserve(
        uint64_t(std::max<int64_t>(table.rows, 1)) * sizeof(int32_t), what, Room::Exact));
    HEDDLE_RETURN_IF_ERROR(session_.driver().check(
        session_.driver().cuMemsetD8Async(table.places.data(), 0xff, table.places.capacity(),
                                          session_.stream()),
        what));
    HEDDLE_RETURN_IF_ERROR(table.hits.reserve(2 * sizeof(uint64_t), what));
  }
  return tables_.empty() ? absl::OkStatus()
                         : kernels_.load(tablePtx, kernelNames, "the tiers of learnable rows");
}

absl::Status LearnableRows::makeRoom(Table &table, int64_t rows) {
  const int64_t needed = table.kept + rows;
  if (needed <= table.slots)
    return absl::OkStatus();
  // Rows that are kept wait with the host: there may be no room for two pools.
  HEDDLE_RETURN_IF_ERROR(copyKept(table, true));
  HEDDLE_RETURN_IF_ERROR(session_.synchronize("learnable rows"));
  table.slots = 0;
  const int64_t slots = needed + rows / 4;
  for (Part &part : table.parts) {
    part.pool.release();
    HEDDLE_RETURN_IF_ERROR(part.pool.reserve(uint64_t(slots * part.rowBytes),
                                             "learnable rows '" + table.use.state +
                                                 "' of a step, and those that --cache-memory keeps",
                                             Room::Exact));
  }
  table.slots = slots;
  return copyKept(table, false);
}

namespace {
/// Tasks in launches of as many as one takes by value.
template <class Task, class Launch>
absl::Status inLaunches(std::span<const Task> tasks, int64_t perBlock, const Launch &launch) {
  kernels::TableTasks<Task> all;
  all.count = all.starts[0] = 0;
  for (size_t t = 0; t < tasks.size(); ++t) {
    if (tasks[t].rows > 0) {
      all.tasks[all.count] = tasks[t];
      all.starts[all.count + 1] =
          all.starts[all.count] + uint32_t((tasks[t].rows + perBlock - 1) / perBlock);
      ++all.count;
    }
    if (all.count == kernels::maxTableTasks || (t + 1 == tasks.size() && all.count > 0)) {
      HEDDLE_RETURN_IF_ERROR(launch(all.starts[all.count], &all));
      all.count = 0;
    }
  }
  return absl::OkStatus();
}
} // namespace

absl::Status LearnableRows::place(std::span<const kernels::Place> tasks, Stream stream) const {
  return inLaunches(tasks, kernels::placesPerBlock, [&](uint32_t blocks, kernels::Places *all) {
    return kernels_.launch(placeKernel, blocks, kernels::tableThreads, all, stream);
  });
}

absl::Status LearnableRows::move(std::span<const kernels::Move> tasks, Stream stream) const {
  return inLaunches(tasks, kernels::movesPerBlock, [&](uint32_t blocks, kernels::Moves *all) {
    return kernels_.launch(moveKernel, blocks, kernels::tableThreads, all, stream);
  });
}

absl::Status LearnableRows::moveAll(const Table &table, DevicePointer ids, DevicePointer slots,
                                    int64_t rows, bool out) const {
  std::vector<kernels::Move> moves;
  for (const Part &part : table.parts)
    moves.push_back({.ids = at<int64_t>(ids),
                     .slots = at<int64_t>(slots),
                     .rows = rows,
                     .first = 0,
                     .rowBytes = part.rowBytes,
                     .table = part.all.data(),
                     .pool = at<char>(part.pool.data()),
                     .out = out,
                     .places = nullptr});
  return move(moves, session_.stream());
}

absl::Status LearnableRows::copyKept(const Table &table, bool out) const {
  return table.resident ? moveAll(table, table.keptIds.data(), 0, table.kept, out)
                        : absl::OkStatus();
}

absl::Status LearnableRows::upload() {
  for (auto &table : tables_) {
    table->resident = true;
    HEDDLE_RETURN_IF_ERROR(copyKept(*table, false));
  }
  return absl::OkStatus();
}

absl::Status LearnableRows::download() const {
  for (const auto &table : tables_)
    HEDDLE_RETURN_IF_ERROR(copyKept(*table, true));
  return absl::OkStatus();
}

absl::Status LearnableRows::measure(Table &table) {
  // Rows all over the table, none of which is kept, as a step brings them and takes them back.
  constexpr int64_t timed = 1 << 13, share = 4;
  size_t free = 0, total = 0;
  HEDDLE_RETURN_IF_ERROR(
      session_.driver().check(session_.driver().cuMemGetInfo_v2(&free, &total), "memory"));
  const int64_t rows = std::min(
      {table.rows, timed, int64_t(free) / share / std::max<int64_t>(1, table.use.rowBytes)});
  if (rows == 0)
    return absl::OkStatus();
  std::vector<int64_t> ids(static_cast<size_t>(rows)), slots(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i)
    ids[size_t(i)] = i * (table.rows / rows);
  std::iota(slots.begin(), slots.end(), 0);
  const std::string what = "timing learnable rows";
  DeviceMemory lists(session_);
  const uint64_t bytes = ids.size() * sizeof(int64_t);
  HEDDLE_RETURN_IF_ERROR(lists.reserve(2 * bytes, what));
  HEDDLE_RETURN_IF_ERROR(session_.toDevice(lists.data(), ids.data(), bytes));
  HEDDLE_RETURN_IF_ERROR(session_.toDevice(lists.data() + bytes, slots.data(), bytes));
  HEDDLE_RETURN_IF_ERROR(makeRoom(table, rows));
  double best = 0;
  for (int round = 0; round < 4; ++round) {
    HEDDLE_RETURN_IF_ERROR(session_.synchronize(what));
    const auto start = std::chrono::steady_clock::now();
    for (bool out : {false, true})
      HEDDLE_RETURN_IF_ERROR(moveAll(table, lists.data(), lists.data() + bytes, rows, out));
    HEDDLE_RETURN_IF_ERROR(session_.synchronize(what));
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = round == 0 ? seconds : std::min(best, seconds);
  }
  table.use.missSecondsPerByte = best / double(rows * table.use.rowBytes);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<exec::CachedFeature>> LearnableRows::describe(const plan::PlanT &plan) {
  std::vector<exec::CachedFeature> out;
  for (auto &table : tables_) {
    HEDDLE_RETURN_IF_ERROR(measure(*table));
    exec::CachedFeature described;
    described.state = int32_t(table->parts.front().state);
    described.nodeType = uint32_t(plan.states[size_t(described.state)]->rows_type);
    described.rows = table->rows;
    described.rowBytes = table->use.rowBytes;
    described.missSecondsPerByte = table->use.missSecondsPerByte;
    out.push_back(described);
  }
  return out;
}

absl::Status LearnableRows::keep(std::span<const std::vector<int64_t>> rows,
                                 std::span<const exec::CachedFeature> chosen) {
  for (size_t t = 0; t < tables_.size(); ++t) {
    Table &table = *tables_[t];
    table.use.expectedHits = chosen[t].expectedHits;
    table.use.keptRows = table.kept = int64_t(rows[t].size());
    // What the timing took is given back.
    for (Part &part : table.parts)
      part.pool.release();
    table.slots = 0;
    HEDDLE_RETURN_IF_ERROR(makeRoom(table, 0));
    if (rows[t].empty())
      continue;
    const std::string what = "learnable rows '" + table.use.state + "'";
    std::vector<int32_t> places(size_t(table.rows), -1);
    for (size_t i = 0; i < rows[t].size(); ++i)
      places[size_t(rows[t][i])] = int32_t(i);
    const uint64_t bytes = rows[t].size() * sizeof(int64_t);
    HEDDLE_RETURN_IF_ERROR(table.keptIds.reserve(bytes, what, Room::Exact));
    HEDDLE_RETURN_IF_ERROR(session_.toDevice(table.keptIds.data(), rows[t].data(), bytes));
    HEDDLE_RETURN_IF_ERROR(
        session_.toDevice(table.places.data(), places.data(), places.size() * sizeof(int32_t)));
    HEDDLE_RETURN_IF_ERROR(session_.synchronize(what));
  }
  return absl::OkStatus();
}

int LearnableRows::find(int32_t state) const {
  for (size_t t = 0; state >= 0 && t < tables_.size(); ++t)
    for (const Part &part : tables_[t]->parts)
      if (part.state == size_t(state))
        return int(t);
  return -1;
}

std::vector<exec::CacheUse> LearnableRows::use() const {
  std::vector<exec::CacheUse> all = whole_;
  (void)session_.enter();
  for (const auto &table : tables_)
    all.push_back(withHits(session_, table->use, table->hits));
  return all;
}

} // namespace heddle::cuda
