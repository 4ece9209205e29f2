//===- Memory.cpp - memory that an emulated device reaches -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/emulator/Memory.h"

#include <cstdlib>
#include <cstring>

namespace heddle::emulator {

namespace {
constexpr uint64_t alignment = 512, gap = 1 << 16;

/// Operator new aligns to 16; kernels read 16 bytes at once.
char *aligned(char *at) {
  return at + (alignment - reinterpret_cast<uint64_t>(at) % alignment) % alignment;
}
/// HEDDLE_EMULATOR_RACES=0: a tenth of the memory, twice as fast.
std::unique_ptr<Word[]> makeWords(size_t bytes) {
  static const bool wanted = [] {
    const char *text = std::getenv("HEDDLE_EMULATOR_RACES");
    return !text || std::string(text) != "0";
  }();
  return wanted ? std::make_unique<Word[]>(bytes / 4 + 1) : nullptr;
}
} // namespace

Memory &Memory::get() {
  static Memory *memory = new Memory; // outlives whoever frees at exit
  return *memory;
}

uint64_t Memory::capacity() {
  const char *text = std::getenv("HEDDLE_EMULATOR_MEMORY");
  return text ? std::strtoull(text, nullptr, 10) : uint64_t(4) << 30;
}

uint64_t Memory::allocate(size_t bytes) {
  if (bytes == 0 || used_ + bytes > capacity())
    return 0;
  auto storage = std::make_unique<char[]>(bytes + alignment);
  char *host = aligned(storage.get());
  std::memset(host, 0xff, bytes);
  const uint64_t begin = next_;
  next_ += (bytes + gap + alignment - 1) / alignment * alignment;
  used_ += bytes;
  ranges_[begin] = {begin, bytes, host, false, makeWords(bytes)};
  storage_[begin] = std::move(storage);
  return begin;
}

void *Memory::allocateHost(size_t bytes) {
  auto storage = std::make_unique<char[]>(bytes + 2 * alignment);
  char *host = aligned(storage.get());
  const uint64_t begin = reinterpret_cast<uint64_t>(host);
  ranges_[begin] = {begin, bytes, host, true, makeWords(bytes)};
  storage_[begin] = std::move(storage);
  return host;
}

bool Memory::release(uint64_t address) {
  auto found = ranges_.find(address);
  if (found == ranges_.end())
    return false;
  if (!found->second.pinned)
    used_ -= found->second.bytes;
  ranges_.erase(found);
  storage_.erase(address);
  return true;
}

const Range *Memory::find(uint64_t address, uint64_t length) const {
  auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin())
    return nullptr;
  const Range &range = std::prev(after)->second;
  return range.has(address, length) ? &range : nullptr;
}

std::string Memory::describe(uint64_t address) const {
  char text[160];
  auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) {
    std::snprintf(text, sizeof text, "address 0x%llx is in no block",
                  static_cast<unsigned long long>(address));
  } else {
    const Range &before = std::prev(after)->second;
    std::snprintf(text, sizeof text, "address 0x%llx is byte %llu of a block of %llu",
                  static_cast<unsigned long long>(address),
                  static_cast<unsigned long long>(address - before.begin),
                  static_cast<unsigned long long>(before.bytes));
  }
  return text;
}

bool Memory::isPinned(const void *address) const {
  const Range *range = find(reinterpret_cast<uint64_t>(address), 1);
  return range && range->pinned;
}

} // namespace heddle::emulator
