//===- GrowingMemory.cpp - memory that grows where it stands -------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/GrowingMemory.h"

#include <algorithm>
#include <sys/mman.h>
#include <utility>

namespace heddle {
namespace {

constexpr size_t hugePage = size_t(2) << 20, smallest = size_t(64) << 10;
/// From here on a huge page too many is little.
constexpr size_t large = size_t(32) << 20;

size_t upTo(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

} // namespace

GrowingMemory::~GrowingMemory() {
  if (data_)
    ::munmap(data_, reserved_);
}

GrowingMemory::GrowingMemory(GrowingMemory &&other) noexcept { *this = std::move(other); }

GrowingMemory &GrowingMemory::operator=(GrowingMemory &&other) noexcept {
  std::swap(data_, other.data_);
  std::swap(reserved_, other.reserved_);
  std::swap(size_, other.size_);
  return *this;
}

bool GrowingMemory::reserve(size_t mostBytes) {
  if (mostBytes > SIZE_MAX / 2)
    return false;
  const size_t size = upTo(std::max<size_t>(mostBytes, 1), hugePage);
  char *raw = static_cast<char *>(::mmap(nullptr, size + hugePage, PROT_NONE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (raw == MAP_FAILED)
    return false;
  const size_t head = (hugePage - reinterpret_cast<uintptr_t>(raw) % hugePage) % hugePage;
  if (head)
    ::munmap(raw, head);
  if (hugePage - head)
    ::munmap(raw + head + size, hugePage - head);
  data_ = raw + head;
  reserved_ = size;
  return true;
}

size_t GrowingMemory::growth(size_t bytes) const {
  if (bytes <= size_)
    return 0;
  // A large block grows by whole huge pages, a small one takes little.
  return std::min(upTo(bytes, bytes < large ? smallest : hugePage), reserved_) - size_;
}

bool GrowingMemory::grow(size_t bytes) {
  const size_t more = growth(bytes);
  if (more == 0)
    return bytes <= size_;
  if (bytes > reserved_ || ::mprotect(data_ + size_, more, PROT_READ | PROT_WRITE) != 0)
    return false;
  size_ += more;
  // Without transparent huge pages the block works all the same, only slower.
  if (size_ >= hugePage)
    (void)::madvise(data_, size_ / hugePage * hugePage, MADV_HUGEPAGE);
  return true;
}

} // namespace heddle
