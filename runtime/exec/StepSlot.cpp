//===- StepSlot.cpp - memory of batches in flight ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/StepSlot.h"

#include "runtime/plan/PlanFile.h"

#include <algorithm>
#include <cstdio>

namespace heddle::exec {

namespace {
std::string megabytes(uint64_t bytes) {
  char text[48];
  std::snprintf(text, sizeof text, "%.1f MiB", double(bytes) / (1 << 20));
  return text;
}
absl::Status exhausted(const std::string &message) {
  return absl::ResourceExhaustedError(absl::string_view(message.data(), message.size()));
}
} // namespace

absl::Status MemoryBudget::grow(HugeMemory &memory, uint64_t needed, uint64_t bound,
                                const char *what) {
  if (needed <= memory.capacity())
    return absl::OkStatus();
  if (needed > uint64_t(1) << 50)
    return exhausted(std::string(what) +
                     ": needs more than 2^50 bytes; use a smaller batch_size or fanout");
  const uint64_t before = memory.capacity();
  // Emptied first: old and new contents are never needed together.
  release(memory);
  auto take = [&](uint64_t bytes) {
    uint64_t now = held_ += bytes;
    if (!limit_ || now <= limit_)
      return true;
    held_ -= bytes;
    return false;
  };
  // Room to spare only while memory is plentiful: it must not be what breaks the limit.
  uint64_t wanted = HugeMemory::capacityFor(std::max(needed, std::min(needed + needed / 4, bound)));
  if (limit_ && held_ + wanted > limit_ / 2)
    wanted = HugeMemory::capacityFor(needed);
  if (!take(wanted)) {
    std::string message = std::string(what) + ": " + megabytes(needed) + " are needed beside " +
                          megabytes(held_) + " held for batches, the limit is " +
                          megabytes(limit_) +
                          "; use a smaller batch_size or fanout, or raise --memory";
    if (before && memory.reserve(before))
      held_ += memory.capacity();
    return exhausted(message);
  }
  if (!memory.reserve(wanted)) {
    held_ -= wanted;
    return exhausted(std::string(what) + ": the system has no " + megabytes(needed) +
                     " of memory; use a smaller batch_size or fanout");
  }
  return absl::OkStatus();
}

absl::Status MemoryBudget::take(uint64_t bytes, const char *what) {
  const uint64_t now = held_ += bytes;
  if (!limit_ || now <= limit_)
    return absl::OkStatus();
  held_ -= bytes;
  return exhausted(std::string(what) + ": " + megabytes(bytes) + " more are needed beside " +
                   megabytes(held_) + " held for batches, the limit is " + megabytes(limit_) +
                   "; use a smaller batch_size or fanout, or raise --memory");
}

absl::Status growSlot(MemoryBudget &budget, const plan::EntryT &entry, StepSlot &slot,
                      int32_t buffer, uint64_t elements) {
  if (buffer < 0)
    return absl::OkStatus();
  const plan::BufferT &b = *entry.buffers[static_cast<size_t>(buffer)];
  uint64_t bytes;
  if (__builtin_mul_overflow(elements, uint64_t(plan::sizeOf(b.dtype)), &bytes))
    bytes = UINT64_MAX;
  return budget.grow(slot.memory[static_cast<size_t>(buffer)], bytes, UINT64_MAX, "step slot");
}

} // namespace heddle::exec
