//===- StepRows.cpp - the learnable rows of a step on a GPU -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/StepRows.h"

#include <algorithm>
#include <utility>

namespace heddle::cuda {

StepRows::StepRows(LearnableRows &rows, const plan::EntryT &entry)
    : rows_(rows), entry_(entry), training_(entry.kind == plan::EntryKind::TrainStep),
      asked_(entry, [&](int32_t state) { return rows.find(state); }),
      lists_(asked_.lists().size()) {
  const auto &asked = asked_.lists();
  for (size_t i = 0; i < lists_.size(); ++i) {
    for (size_t j = 0; j < lists_.size(); ++j) {
      const bool same = asked[j].table == asked[i].table;
      lists_[i].round += same && j < i;
      lists_[i].changes |= same && asked[j].steps;
    }
    if (lists_[i].changes)
      lists_[i].numParts = rows.table(asked[i].table).parts.size();
    numRounds_ = std::max(numRounds_, lists_[i].round + 1);
  }
  for (size_t b = 0; b < entry.buffers.size(); ++b) {
    const plan::BufferT &buffer = *entry.buffers[b];
    if (buffer.space != plan::Space::State || rows.find(buffer.state) < 0)
      continue;
    const size_t table = size_t(rows.find(buffer.state));
    const auto &parts = rows.table(table).parts;
    for (size_t p = 0; p < parts.size(); ++p)
      if (parts[p].state == size_t(buffer.state))
        buffers_.push_back({b, table, p});
  }
}

bool StepRows::has(int32_t buffer) const {
  return std::any_of(buffers_.begin(), buffers_.end(),
                     [&](const TableBuffer &own) { return own.buffer == size_t(buffer); });
}

StepRows::~StepRows() {
  if (!session_)
    return;
  (void)session_->enter();
  for (Event event : {placed_, loaded_})
    if (event)
      session_->driver().cuEventDestroy_v2(event);
  if (stream_)
    session_->driver().cuStreamDestroy_v2(stream_);
}

absl::Status StepRows::initialize(const Session &session) {
  session_ = &session;
  slots_.emplace(session);
  const Driver &driver = session.driver();
  for (Event *event : {&placed_, &loaded_})
    HEDDLE_RETURN_IF_ERROR(driver.check(driver.cuEventCreate(event, eventDisableTiming), "event"));
  return driver.check(driver.cuStreamCreateWithPriority(&stream_, streamNonBlocking, 0),
                      "stream of learnable rows");
}

absl::Status StepRows::prepare(const std::vector<uint64_t> &symbols,
                               std::vector<DevicePointer> &device) {
  int64_t total = 0;
  for (size_t t = 0; t < rows_.numTables(); ++t) {
    LearnableRows::Table &table = rows_.table(t);
    int64_t room = 0;
    for (size_t i = 0; i < lists_.size(); ++i)
      if (const auto &list = asked_.lists()[i]; list.table == t) {
        lists_[i].rows = int64_t(plan::evaluate(*entry_.buffers[size_t(list.ids)]->rows, symbols));
        lists_[i].first = table.kept + room;
        room += lists_[i].rows;
      }
    total += room;
    HEDDLE_RETURN_IF_ERROR(rows_.makeRoom(table, room));
  }
  HEDDLE_RETURN_IF_ERROR(
      slots_->reserve(uint64_t(std::max<int64_t>(total, 1)) * sizeof(int64_t), "learnable rows"));
  DevicePointer next = slots_->data();
  for (size_t i = 0; i < lists_.size(); ++i) {
    lists_[i].ids = device[size_t(asked_.lists()[i].ids)];
    lists_[i].slots = next;
    next += uint64_t(lists_[i].rows) * sizeof(int64_t);
  }
  for (const TableBuffer &own : buffers_)
    device[own.buffer] = rows_.table(own.table).parts[own.part].pool.data();
  return absl::OkStatus();
}

kernels::Move StepRows::moveOf(size_t list, size_t part, bool out) {
  const LearnableRows::Part &own = rows_.table(asked_.lists()[list].table).parts[part];
  return {.ids = reinterpret_cast<const int64_t *>(lists_[list].ids),
          .slots = reinterpret_cast<const int64_t *>(lists_[list].slots),
          .rows = lists_[list].rows,
          .first = lists_[list].first,
          .rowBytes = own.rowBytes,
          .table = own.all.data(),
          .pool = reinterpret_cast<char *>(own.pool.data()),
          .out = out,
          .places = nullptr};
}

absl::Status StepRows::acquire() {
  for (size_t round = 0; round < numRounds_; ++round) {
    places_.clear();
    for (size_t i = 0; i < lists_.size(); ++i) {
      if (lists_[i].round != round)
        continue;
      const exec::TableLists::List &asked = asked_.lists()[i];
      LearnableRows::Table &table = rows_.table(asked.table);
      places_.push_back({.ids = reinterpret_cast<const int64_t *>(lists_[i].ids),
                         .rows = lists_[i].rows,
                         .kept = table.kept,
                         .first = lists_[i].first,
                         .places = reinterpret_cast<int32_t *>(table.places.data()),
                         .slots = reinterpret_cast<int64_t *>(lists_[i].slots),
                         .hits = asked.fetches
                                     ? reinterpret_cast<uint64_t *>(table.hits.data()) + training_
                                     : nullptr});
      if (asked.fetches)
        (training_ ? table.use.training : table.use.other).requested += uint64_t(lists_[i].rows);
    }
    HEDDLE_RETURN_IF_ERROR(rows_.place(places_, session_->stream()));
  }
  const Driver &driver = session_->driver();
  moves_.clear();
  for (size_t i = 0; i < lists_.size(); ++i)
    for (size_t p = 1; p < lists_[i].numParts; ++p)
      moves_.push_back(moveOf(i, p, false));
  awaits_ = !moves_.empty();
  if (awaits_) {
    HEDDLE_RETURN_IF_ERROR(
        driver.check(driver.cuEventRecord(placed_, session_->stream()), "event"));
    HEDDLE_RETURN_IF_ERROR(driver.check(driver.cuStreamWaitEvent(stream_, placed_, 0), "event"));
    HEDDLE_RETURN_IF_ERROR(rows_.move(moves_, stream_));
    HEDDLE_RETURN_IF_ERROR(driver.check(driver.cuEventRecord(loaded_, stream_), "event"));
  }
  moves_.clear();
  for (size_t i = 0; i < lists_.size(); ++i)
    moves_.push_back(moveOf(i, 0, false));
  return rows_.move(moves_, session_->stream());
}

absl::Status StepRows::awaitAll() {
  if (!std::exchange(awaits_, false))
    return absl::OkStatus();
  const Driver &driver = session_->driver();
  for (uint32_t stream = 0; stream < Session::maxStreams; ++stream)
    HEDDLE_RETURN_IF_ERROR(
        driver.check(driver.cuStreamWaitEvent(session_->stream(stream), loaded_, 0), "event"));
  return absl::OkStatus();
}

absl::Status StepRows::release(bool changed) {
  HEDDLE_RETURN_IF_ERROR(awaitAll()); // of a step that ended early: nobody writes its rows later
  moves_.clear();
  for (size_t i = 0; changed && i < lists_.size(); ++i)
    for (size_t p = 0; lists_[i].changes && p < lists_[i].numParts; ++p)
      moves_.push_back(moveOf(i, p, true));
  for (size_t i = 0; i < lists_.size(); ++i) {
    kernels::Move forget = moveOf(i, 0, true);
    forget.rowBytes = 0;
    forget.places = reinterpret_cast<int32_t *>(rows_.table(asked_.lists()[i].table).places.data());
    moves_.push_back(forget);
  }
  return rows_.move(moves_, session_->stream());
}

} // namespace heddle::cuda
