//===- TableTier.cpp - one learnable table on disk, hot rows in memory ---===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/TableTier.h"

#include "runtime/base/Format.h"
#include "runtime/exec/InitialRows.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace heddle::exec {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Rows of one read or write, in bytes; and between two rows that are read together.
constexpr int64_t maxPiece = 256 << 10, maxGap = 4 << 10;
/// Rows whose reading is timed, at most.
constexpr int64_t timedRows = 1024;
/// Rows that whoever reads or writes all of a state has at hand, in bytes.
constexpr int64_t blockBytes = 1 << 20;

absl::Status exhausted(const std::string &message) {
  return absl::ResourceExhaustedError(absl::string_view(message.data(), message.size()));
}

/// A copy of one state, on disk.
class CopiedRows final : public StateRows {
public:
  CopiedRows(cache::RecordFile file, const plan::StateT &state)
      : file_(std::move(file)), state_(state) {}
  absl::Status read(int64_t first, int64_t count, void *out) override {
    HEDDLE_RETURN_IF_ERROR(file_.read(first, count * file_.recordBytes(), out));
    for (int64_t row = first; row < first + count; ++row)
      if (!file_.has(row))
        initialRows(state_, seed_, row, row + 1,
                    static_cast<char *>(out) + (row - first) * file_.recordBytes());
    return absl::OkStatus();
  }
  absl::Status write(int64_t first, int64_t count, const void *rows) override {
    return file_.write(first, count, rows);
  }
  bool touched(int64_t row) const override { return file_.has(row); }
  absl::Status copyTo(std::unique_ptr<StateRows> &) override {
    return internalError("copies of a state are not copied");
  }
  void begin(uint64_t seed) {
    seed_ = seed;
    file_.forget();
  }

private:
  cache::RecordFile file_;
  const plan::StateT &state_;
  uint64_t seed_ = 0;
};

} // namespace

/// One state of the table.
class TableTier::PartRows final : public StateRows {
public:
  PartRows(TableTier &table, size_t part) : table_(table), part_(part) {}

  absl::Status read(int64_t first, int64_t count, void *out) override {
    return forEachBlock(first, count, [&](int64_t at, int64_t rows) {
      const Part &part = table_.parts_[part_];
      HEDDLE_RETURN_IF_ERROR(readRecords(at, rows));
      for (int64_t i = 0; i < rows; ++i)
        std::memcpy(static_cast<char *>(out) + (at + i - first) * part.bytes,
                    record(i) + part.offset, size_t(part.bytes));
      return absl::OkStatus();
    });
  }

  absl::Status write(int64_t first, int64_t count, const void *in) override {
    return forEachBlock(first, count, [&](int64_t at, int64_t rows) {
      const Part &part = table_.parts_[part_];
      HEDDLE_RETURN_IF_ERROR(readRecords(at, rows));
      bool onDisk = false;
      for (int64_t i = 0; i < rows; ++i) {
        const char *row = static_cast<const char *>(in) + (at + i - first) * part.bytes;
        std::memcpy(record(i) + part.offset, row, size_t(part.bytes));
        const int64_t slot = table_.pool_.slotOf(at + i);
        onDisk |= slot < 0;
        if (slot >= 0) {
          std::memcpy(part.slot(slot), row, size_t(part.bytes));
          table_.pool_.setDirty(slot);
        }
      }
      return onDisk ? table_.file_.write(at, rows, table_.block_.data()) : absl::OkStatus();
    });
  }

  bool touched(int64_t row) const override {
    const int64_t slot = table_.pool_.slotOf(row);
    return table_.file_.has(row) || (slot >= 0 && table_.pool_.isDirty(slot));
  }

  absl::Status copyTo(std::unique_ptr<StateRows> &copy) override {
    const Part &part = table_.parts_[part_];
    if (!copy) {
      HEDDLE_ASSIGN_OR_RETURN(auto file,
                              cache::RecordFile::create(table_.file_.folder(), table_.rows(),
                                                        part.bytes, "the best learnable rows"));
      copy = std::make_unique<CopiedRows>(std::move(file), *part.state);
    }
    auto &rows = static_cast<CopiedRows &>(*copy);
    rows.begin(table_.seed_);
    std::vector<char> buffer;
    const int64_t together = std::max<int64_t>(1, blockBytes / table_.recordBytes());
    for (int64_t at = 0; at < table_.rows(); ++at) {
      int64_t end = at;
      while (end < table_.rows() && end - at < together && touched(end))
        ++end;
      if (end == at)
        continue;
      buffer.resize(size_t((end - at) * part.bytes));
      HEDDLE_RETURN_IF_ERROR(read(at, end - at, buffer.data()));
      HEDDLE_RETURN_IF_ERROR(rows.write(at, end - at, buffer.data()));
      at = end - 1;
    }
    return absl::OkStatus();
  }

private:
  char *record(int64_t i) { return table_.block_.data() + i * table_.recordBytes(); }

  template <class Block>
  absl::Status forEachBlock(int64_t first, int64_t count, const Block &block) {
    const int64_t together = std::max<int64_t>(1, blockBytes / table_.recordBytes());
    table_.block_.resize(size_t(std::min(count, together) * table_.recordBytes()));
    for (int64_t at = first; at < first + count; at += together)
      HEDDLE_RETURN_IF_ERROR(block(at, std::min(together, first + count - at)));
    return absl::OkStatus();
  }

  /// Whole records as they are now, wherever that is.
  absl::Status readRecords(int64_t first, int64_t count) {
    bool onDisk = false;
    for (int64_t row = first; row < first + count; ++row)
      onDisk |= table_.pool_.slotOf(row) < 0 && table_.file_.has(row);
    if (onDisk)
      HEDDLE_RETURN_IF_ERROR(
          table_.file_.read(first, count * table_.recordBytes(), table_.block_.data()));
    for (int64_t i = 0; i < count; ++i) {
      const int64_t slot = table_.pool_.slotOf(first + i);
      if (slot >= 0)
        for (const Part &part : table_.parts_)
          std::memcpy(record(i) + part.offset, part.slot(slot), size_t(part.bytes));
      else if (!table_.file_.has(first + i))
        table_.initialRecord(first + i, record(i));
    }
    return absl::OkStatus();
  }

  TableTier &table_;
  size_t part_;
};

TableTier::~TableTier() = default;

absl::StatusOr<std::unique_ptr<TableTier>>
TableTier::create(const plan::PlanT &plan, const LearnableTable &table, const std::string &folder,
                  Readers &readers, MemoryBudget &budget) {
  std::unique_ptr<TableTier> self(new TableTier(readers, budget));
  int64_t record = 0;
  for (size_t index : table.states) {
    const plan::StateT &state = *plan.states[index];
    Part &part = self->parts_.emplace_back();
    part.index = index;
    part.state = &state;
    part.bytes = int64_t(plan::initialColumns(state)) * plan::sizeOf(state.dtype);
    part.offset = record;
    record += part.bytes;
  }
  const std::string &name = self->parts_.front().state->name;
  auto noMemory = [&] {
    return exhausted("'" + name + "': the system has no memory to say where its rows are");
  };
  const int64_t rows = table.rows;
  if (!self->pool_.create(rows))
    return noMemory();
  for (size_t i = 0; i < self->parts_.size(); ++i) {
    if (!self->parts_[i].memory.reserve(size_t(rows * self->parts_[i].bytes)))
      return noMemory();
    self->parts_[i].view = std::make_unique<PartRows>(*self, i);
  }
  HEDDLE_ASSIGN_OR_RETURN(
      self->file_,
      cache::RecordFile::create(folder, rows, record, "the learnable rows '" + name + "'"));
  if (!readers.reserve(size_t(std::max(record, maxPiece))))
    return noMemory();
  self->use_ = useOf(plan, table);
  return self;
}

void TableTier::initialRecord(int64_t row, char *record) const {
  for (const Part &part : parts_)
    initialRows(*part.state, seed_, row, row + 1, record + part.offset);
}

uint64_t TableTier::memoryBytes() const {
  uint64_t bytes = 0;
  for (const Part &part : parts_)
    bytes += part.memory.size();
  return bytes;
}

absl::Status TableTier::growMemory(bool kept) {
  uint64_t more = 0;
  for (const Part &part : parts_)
    more += part.memory.growth(size_t(pool_.slots() * part.bytes));
  if (more == 0)
    return absl::OkStatus();
  if (!kept) // rows that are kept are in --cache-memory
    HEDDLE_RETURN_IF_ERROR(budget_.take(more, "learnable rows"));
  for (Part &part : parts_)
    if (!part.memory.grow(size_t(pool_.slots() * part.bytes)))
      return exhausted(kept ? "--cache-memory: the system has no " + formatBytes(more) +
                                  " for rows of '" + use_.state + "'; give less"
                            : "learnable rows: the system has no " + formatBytes(more) +
                                  " more for rows of '" + use_.state +
                                  "'; use a smaller batch_size or fanout, or less --cache-memory");
  return absl::OkStatus();
}

template <class Task> absl::Status TableTier::forEachPiece(const Task &task) {
  absl::Status first;
  readers_.pool().parallelFor(int64_t(pieces_.size()), [&](int64_t i, int thread) {
    absl::Status status =
        task(pieces_[size_t(i)], reinterpret_cast<char *>(readers_.buffer(thread)));
    if (status.ok())
      return;
    std::lock_guard<std::mutex> lock(mutex_);
    first.Update(status);
  });
  return first;
}

/// Rows of `slots`, ascending by row, into their slots.
absl::Status TableTier::load(std::span<const int64_t> slots) {
  const int64_t record = recordBytes();
  const size_t numParts = training_ ? parts_.size() : 1;
  const int64_t needed = parts_[numParts - 1].offset + parts_[numParts - 1].bytes;
  auto row = [&](size_t i) { return pool_.idOf(slots[i]); };
  pieces_.clear();
  for (size_t i = 0; i < slots.size(); ++i) {
    const bool onDisk = file_.has(row(i));
    Piece *piece = pieces_.empty() ? nullptr : &pieces_.back();
    if (piece && piece->onDisk == onDisk && (row(i) - row(piece->first) + 1) * record <= maxPiece &&
        (!onDisk || (row(i) - row(i - 1) - 1) * record <= maxGap))
      piece->last = i + 1;
    else
      pieces_.push_back({i, i + 1, onDisk});
    if (onDisk)
      use_.readBytes += uint64_t(needed);
  }
  return forEachPiece([&](const Piece &piece, char *buffer) -> absl::Status {
    const int64_t first = row(piece.first), last = row(piece.last - 1);
    if (piece.onDisk)
      HEDDLE_RETURN_IF_ERROR(file_.read(first, (last - first) * record + needed, buffer));
    for (size_t i = piece.first; i < piece.last; ++i)
      for (size_t p = 0; p < numParts; ++p) {
        const Part &part = parts_[p];
        if (piece.onDisk)
          std::memcpy(part.slot(slots[i]), buffer + (row(i) - first) * record + part.offset,
                      size_t(part.bytes));
        else
          initialRows(*part.state, seed_, row(i), row(i) + 1, part.slot(slots[i]));
      }
    return absl::OkStatus();
  });
}

/// Rows of `slots`, ascending by row, from their slots to disk.
absl::Status TableTier::store(std::span<const int64_t> slots) {
  const int64_t record = recordBytes();
  auto row = [&](size_t i) { return pool_.idOf(slots[i]); };
  pieces_.clear();
  for (size_t i = 0; i < slots.size(); ++i) {
    Piece *piece = pieces_.empty() ? nullptr : &pieces_.back();
    if (piece && row(i) == row(i - 1) + 1 && int64_t(i - piece->first + 1) * record <= maxPiece)
      piece->last = i + 1;
    else
      pieces_.push_back({i, i + 1, true});
  }
  use_.writtenBytes += slots.size() * uint64_t(record);
  return forEachPiece([&](const Piece &piece, char *buffer) {
    for (size_t i = piece.first; i < piece.last; ++i)
      for (const Part &part : parts_)
        std::memcpy(buffer + int64_t(i - piece.first) * record + part.offset, part.slot(slots[i]),
                    size_t(part.bytes));
    return file_.write(row(piece.first), int64_t(piece.last - piece.first), buffer);
  });
}

absl::Status TableTier::evict() {
  pool_.evictable(evicted_);
  dirty_.clear();
  for (int64_t slot : evicted_)
    if (pool_.isDirty(slot))
      dirty_.push_back(slot);
  HEDDLE_RETURN_IF_ERROR(store(dirty_));
  pool_.drop(evicted_);
  return absl::OkStatus();
}

absl::Status TableTier::acquire(std::span<const Request> lists) {
  uint64_t requested = 0, hits = 0;
  for (const Request &list : lists) {
    pool_.touch(list.ids, list.slots);
    if (!list.fetches)
      continue;
    requested += list.ids.size();
    for (size_t i = 0; i < list.ids.size(); ++i)
      hits += list.slots[i] >= 0 && pool_.isKept(list.slots[i]);
  }
  const Clock::time_point touched = Clock::now();
  absl::Status status = evict();
  added_.clear();
  for (const Request &list : lists)
    pool_.place(list.ids, list.slots, added_);
  if (status.ok())
    status = growMemory(false);
  if (status.ok()) {
    std::sort(added_.begin(), added_.end(),
              [&](int64_t a, int64_t b) { return pool_.idOf(a) < pool_.idOf(b); });
    status = load(added_);
  }
  if (!status.ok()) {
    // What is not there must not look as if it were. The run ends, and with it all uses.
    pool_.drop(added_);
    return status;
  }
  for (const Request &list : lists)
    if (list.steps)
      for (size_t i = 0; i < list.ids.size(); ++i)
        pool_.setDirty(list.slots[i]);
  CacheUse::Count &count = training_ ? use_.training : use_.other;
  count.requested += requested;
  count.hits += hits;
  if (requested > hits) {
    use_.missSeconds += secondsSince(touched);
    use_.missedBytes += (requested - hits) * uint64_t(recordBytes());
  }
  return absl::OkStatus();
}

absl::Status TableTier::endRun() {
  const Clock::time_point start = Clock::now();
  pool_.releaseAll();
  absl::Status status = evict();
  use_.missSeconds += secondsSince(start);
  return status;
}

absl::Status TableTier::measure() {
  const int64_t count = std::min(rows(), timedRows);
  if (count == 0)
    return absl::OkStatus();
  std::vector<char> record(static_cast<size_t>(recordBytes()));
  auto rowAt = [&](int64_t i) { return i * rows() / count; };
  for (int64_t i = 0; i < count;
       ++i) // of rows that were never written the file has nothing to read
    HEDDLE_RETURN_IF_ERROR(file_.write(rowAt(i), 1, record.data()));
  HEDDLE_RETURN_IF_ERROR(file_.giveBack());
  std::vector<int64_t> ids(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    ids[size_t(i)] = rowAt(i);
  // As a step does it: rows are read, and written back.
  const Clock::time_point start = Clock::now();
  absl::Status first;
  readers_.pool().parallelFor(count, [&](int64_t i, int thread) {
    std::byte *buffer = readers_.buffer(thread);
    absl::Status status = file_.read(ids[size_t(i)], recordBytes(), buffer);
    if (status.ok())
      status = file_.write(ids[size_t(i)], 1, buffer);
    if (!status.ok()) {
      std::lock_guard<std::mutex> lock(mutex_);
      first.Update(status);
    }
  });
  use_.missSecondsPerByte = secondsSince(start) / double(count * recordBytes());
  file_.forget();
  return first;
}

absl::Status TableTier::keep(std::vector<int64_t> ids) {
  pool_.keep(ids);
  use_.keptRows = int64_t(ids.size());
  return growMemory(true);
}

void TableTier::initialize(uint64_t seed) {
  seed_ = seed;
  file_.forget();
  pool_.releaseAll(); // a run that failed may have left rows
  pool_.evictable(evicted_);
  pool_.drop(evicted_);
  constexpr int64_t together = 64;
  const int64_t kept = pool_.kept();
  readers_.pool().parallelFor((kept + together - 1) / together, [&](int64_t task, int) {
    for (int64_t slot = task * together; slot < std::min(kept, (task + 1) * together); ++slot) {
      for (const Part &part : parts_)
        initialRows(*part.state, seed, pool_.idOf(slot), pool_.idOf(slot) + 1, part.slot(slot));
    }
  });
  for (int64_t slot = 0; slot < kept; ++slot)
    pool_.setClean(slot);
}

} // namespace heddle::exec
