//===- SlotPool.h - which rows of a table are in memory ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Of a table whose rows do not all stay in memory, those that do have a slot each: some for good,
// the others as long as a step that is in flight uses them. A row never has two slots, so steps
// that share a row share it, and none reads what another has made stale. Here is who has which
// slot; what is in it is the caller's.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_SLOTPOOL_H
#define HEDDLE_RUNTIME_EXEC_SLOTPOOL_H

#include "runtime/base/HugeMemory.h"

#include <cstdint>
#include <span>
#include <vector>

namespace heddle::exec {

/// A step goes through touch() for all its lists of rows, then evict(), then place() for all its
/// lists, and in the end release(). One caller at a time.
class SlotPool {
public:
  /// Of a table of `rows` rows, fewer than 2^31. False: the system has no memory for 4 bytes each.
  bool create(int64_t rows);
  /// Gives the rows, each named once, the slots 0, 1, ... for good. Before any other is in.
  void keep(std::span<const int64_t> ids);

  int64_t rows() const { return rows_; }
  int64_t kept() const { return kept_; }
  /// Slots that have ever been in use, and so must be memory.
  int64_t slots() const { return static_cast<int64_t>(ids_.size()); }
  /// The slot of a row, or -1.
  int64_t slotOf(int64_t id) const { return int64_t(slotOf_[id]) - 1; }
  int64_t idOf(int64_t slot) const { return ids_[size_t(slot)]; }
  bool isKept(int64_t slot) const { return slot < kept_; }

  /// The slots of rows that are in, which the step now uses; -1 for others.
  void touch(std::span<const int64_t> ids, int64_t *slots);
  /// Replaces `out` by the slots, by row, that nobody uses and that are not kept. They stay with
  /// their rows until drop().
  void evictable(std::vector<int64_t> &out);
  /// Takes the rows out. They are not in use.
  void drop(std::span<const int64_t> slots);
  /// Gives a slot to the rows of a list that touch() did not find and sets its place in `slots`.
  /// Slots that were given are appended to `added`: what was in them is another row's.
  void place(std::span<const int64_t> ids, int64_t *slots, std::vector<int64_t> &added);
  /// Ends one use of each slot.
  void release(std::span<const int64_t> slots);
  /// Ends all uses.
  void releaseAll();

  /// The row in a slot has changed; until it is dropped, or forgotten to be.
  void setDirty(int64_t slot) { dirty_[size_t(slot)] = 1; }
  bool isDirty(int64_t slot) const { return dirty_[size_t(slot)]; }
  void setClean(int64_t slot) { dirty_[size_t(slot)] = 0; }

private:
  int64_t rows_ = 0, kept_ = 0;
  HugeMemory map_;
  uint32_t *slotOf_ = nullptr; ///< by row: slot + 1, or 0
  // By slot:
  std::vector<int64_t> ids_; ///< -1: free
  std::vector<int32_t> users_;
  std::vector<uint8_t> dirty_, listed_; ///< listed: in idle_
  std::vector<int64_t> free_;           ///< slots
  std::vector<int64_t> idle_; ///< slots that had no user at some time since evictable() was asked
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_SLOTPOOL_H
