//===- HugeMemory.cpp - blocks on 2 MiB pages --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/HugeMemory.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace heddle {

namespace {
constexpr size_t hugePage = size_t(2) << 20;
constexpr size_t mapFrom = size_t(1) << 20;
} // namespace

HugeMemory::HugeMemory(HugeMemory &&other) noexcept { *this = std::move(other); }

HugeMemory &HugeMemory::operator=(HugeMemory &&other) noexcept {
  std::swap(data_, other.data_);
  std::swap(capacity_, other.capacity_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

void HugeMemory::release() {
  if (mapped_)
    munmap(data_, capacity_);
  else
    std::free(data_);
  data_ = nullptr;
  capacity_ = 0;
  mapped_ = false;
}

size_t HugeMemory::capacityFor(size_t bytes) {
  size_t unit = bytes < mapFrom ? 64 : hugePage;
  return bytes > SIZE_MAX / 2 ? bytes : (bytes + unit - 1) / unit * unit;
}

bool HugeMemory::reserve(size_t bytes) {
  if (bytes <= capacity_)
    return true;
  release();
  if (bytes > SIZE_MAX / 2)
    return false;
  const size_t size = capacityFor(bytes);
  if (bytes < mapFrom) {
    data_ = std::aligned_alloc(64, size);
    if (!data_)
      return false;
    std::memset(data_, 0, size);
    capacity_ = size;
    return true;
  }
  // Mapped with a page to spare, then cut to an aligned block.
  char *raw = static_cast<char *>(mmap(nullptr, size + hugePage, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (raw == MAP_FAILED)
    return false;
  size_t head = (hugePage - reinterpret_cast<uintptr_t>(raw) % hugePage) % hugePage;
  if (head)
    munmap(raw, head);
  if (hugePage - head)
    munmap(raw + head + size, hugePage - head);
  data_ = raw + head;
  capacity_ = size;
  mapped_ = true;
  // Without transparent huge pages the block works all the same, only slower.
  (void)madvise(data_, size, MADV_HUGEPAGE);
  return true;
}

} // namespace heddle
