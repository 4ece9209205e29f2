//===- StepSlot.cpp - memory of batches in flight ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/StepSlot.h"

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
  uint64_t before = memory.capacity();
  uint64_t others = held_ - before;
  auto refuse = [&] {
    return exhausted(std::string(what) + ": " + megabytes(needed) + " are needed beside " +
                     megabytes(others) + " held for batches, the limit is " + megabytes(limit_) +
                     "; use a smaller batch_size or fanout, or raise --memory");
  };
  if (needed > uint64_t(1) << 50 || (limit_ && (needed > limit_ || others > limit_ - needed)))
    return needed > uint64_t(1) << 50 && !limit_
               ? exhausted(std::string(what) + ": needs more than 2^50 bytes; use a smaller "
                                               "batch_size or fanout")
               : refuse();
  uint64_t wanted = std::max(needed, std::min(needed + needed / 4, bound));
  if (limit_)
    wanted = std::min(wanted, limit_ - others);
  wanted = std::max<uint64_t>(wanted, 64);
  // Emptied first: old and new contents are never needed together.
  memory.release();
  held_ -= before;
  if (!memory.reserve(wanted) && !memory.reserve(needed))
    return exhausted(std::string(what) + ": the system has no " + megabytes(needed) +
                     " of memory; use a smaller batch_size or fanout");
  held_ += memory.capacity();
  return absl::OkStatus();
}

} // namespace heddle::exec
