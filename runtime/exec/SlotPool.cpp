//===- SlotPool.cpp - which rows of a table are in memory ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/SlotPool.h"

#include <algorithm>

namespace heddle::exec {

bool SlotPool::create(int64_t rows) {
  rows_ = rows;
  if (!map_.reserve(std::max<size_t>(64, size_t(rows) * sizeof(uint32_t))))
    return false;
  slotOf_ = static_cast<uint32_t *>(map_.data());
  return true;
}

void SlotPool::keep(std::span<const int64_t> ids) {
  kept_ = static_cast<int64_t>(ids.size());
  ids_.assign(ids.begin(), ids.end());
  users_.assign(ids.size(), 0);
  dirty_.assign(ids.size(), 0);
  listed_.assign(ids.size(), 0);
  for (size_t slot = 0; slot < ids.size(); ++slot)
    slotOf_[ids[slot]] = uint32_t(slot) + 1;
}

void SlotPool::touch(std::span<const int64_t> ids, int64_t *slots) {
  for (size_t i = 0; i < ids.size(); ++i) {
    slots[i] = slotOf(ids[i]);
    if (slots[i] >= 0)
      ++users_[size_t(slots[i])];
  }
}

void SlotPool::evictable(std::vector<int64_t> &out) {
  out.clear();
  for (int64_t slot : idle_) {
    listed_[size_t(slot)] = 0;
    if (ids_[size_t(slot)] >= 0 && users_[size_t(slot)] == 0)
      out.push_back(slot);
  }
  idle_.clear();
  std::sort(out.begin(), out.end(),
            [&](int64_t a, int64_t b) { return ids_[size_t(a)] < ids_[size_t(b)]; });
}

void SlotPool::drop(std::span<const int64_t> slots) {
  for (int64_t slot : slots) {
    slotOf_[ids_[size_t(slot)]] = 0;
    ids_[size_t(slot)] = -1;
    users_[size_t(slot)] = 0;
    dirty_[size_t(slot)] = 0;
    free_.push_back(slot);
  }
}

void SlotPool::place(std::span<const int64_t> ids, int64_t *slots, std::vector<int64_t> &added) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (slots[i] >= 0)
      continue;
    slots[i] = slotOf(ids[i]); // another list of the step may have brought it
    if (slots[i] < 0) {
      if (free_.empty()) {
        slots[i] = static_cast<int64_t>(ids_.size());
        ids_.push_back(-1);
        users_.push_back(0);
        dirty_.push_back(0);
        listed_.push_back(0);
      } else {
        slots[i] = free_.back();
        free_.pop_back();
      }
      ids_[size_t(slots[i])] = ids[i];
      slotOf_[ids[i]] = uint32_t(slots[i]) + 1;
      added.push_back(slots[i]);
    }
    ++users_[size_t(slots[i])];
  }
}

void SlotPool::release(std::span<const int64_t> slots) {
  for (int64_t slot : slots)
    if (--users_[size_t(slot)] == 0 && !isKept(slot) && !listed_[size_t(slot)]) {
      listed_[size_t(slot)] = 1;
      idle_.push_back(slot);
    }
}

void SlotPool::releaseAll() {
  std::fill(users_.begin(), users_.end(), 0);
  for (int64_t slot = kept_; slot < slots(); ++slot)
    if (ids_[size_t(slot)] >= 0 && !listed_[size_t(slot)]) {
      listed_[size_t(slot)] = 1;
      idle_.push_back(slot);
    }
}

} // namespace heddle::exec
