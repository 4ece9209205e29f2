//===- GrowingMemory.h - memory that grows where it stands -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_GROWINGMEMORY_H
#define HEDDLE_RUNTIME_BASE_GROWINGMEMORY_H

#include <cstddef>
#include <cstdint>

namespace heddle {

/// Address space for the most that there may ever be, of which a growing head is memory (zeroed,
/// page-aligned): contents and address stay while it grows. Address space alone counts against no
/// limit.
class GrowingMemory {
public:
  GrowingMemory() = default;
  ~GrowingMemory();
  GrowingMemory(GrowingMemory &&other) noexcept;
  GrowingMemory &operator=(GrowingMemory &&other) noexcept;

  /// Once, before anything else. False: the system has no address space.
  bool reserve(size_t mostBytes);
  /// What grow(bytes) would add to size().
  size_t growth(size_t bytes) const;
  /// Makes the first `bytes`, at most what was reserved, memory. False: the system has none; what
  /// there was before stays.
  bool grow(size_t bytes);

  void *data() const { return data_; }
  size_t size() const { return size_; } ///< bytes that are memory

private:
  char *data_ = nullptr;
  size_t reserved_ = 0, size_ = 0;
};

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_GROWINGMEMORY_H
