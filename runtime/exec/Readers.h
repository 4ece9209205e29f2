//===- Readers.h - threads that wait for a disk ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_READERS_H
#define HEDDLE_RUNTIME_EXEC_READERS_H

#include "runtime/base/HugeMemory.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/cache/RowFile.h"

#include <cstddef>
#include <vector>

namespace heddle::exec {

/// What all tiers of an executor read and write with: threads, which wait most of the time, and a
/// buffer for each. One user at a time.
class Readers {
public:
  /// As many at a time as a disk of flash memory needs to be busy.
  static constexpr int count = 16;

  Readers() : pool_(count, "read"), buffers_(size_t(pool_.threads())) {}

  ThreadPool &pool() { return pool_; }
  /// Makes each buffer hold `bytes`. False: the system has no memory.
  bool reserve(size_t bytes) {
    for (HugeMemory &memory : buffers_)
      if (!memory.reserve(bytes + cache::RowFile::alignment))
        return false;
    return true;
  }
  /// Of a thread of the pool; aligned for RowFile.
  std::byte *buffer(int thread) const {
    constexpr uintptr_t alignment = cache::RowFile::alignment;
    std::byte *memory = static_cast<std::byte *>(buffers_[static_cast<size_t>(thread)].data());
    return memory + (alignment - reinterpret_cast<uintptr_t>(memory) % alignment) % alignment;
  }

private:
  ThreadPool pool_;
  std::vector<HugeMemory> buffers_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_READERS_H
