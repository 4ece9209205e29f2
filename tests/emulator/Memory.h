//===- Memory.h - memory that an emulated device reaches ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_EMULATOR_MEMORY_H
#define HEDDLE_TESTS_EMULATOR_MEMORY_H

#include "tests/emulator/Races.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace heddle::emulator {

/// The launches that last read and wrote a sector, where somebody counts.
struct Seen {
  uint32_t read = 0, written = 0;
};

/// A block that the device reaches at [begin, begin + bytes).
struct Range {
  uint64_t begin = 0, bytes = 0;
  char *host = nullptr;          ///< where it is
  bool pinned = false;           ///< the host's: its address is the same there
  std::unique_ptr<Word[]> words; ///< null: races are not looked for
  mutable std::unique_ptr<Seen[]> seen{}; ///< by sector; null: none was counted
  bool has(uint64_t address, uint64_t length) const {
    return address >= begin && length <= bytes && address - begin <= bytes - length;
  }
  char *at(uint64_t address) const { return host + (address - begin); }
};

/// Blocks of the device, whose addresses mean nothing to the host, and pinned ones of the host.
/// Between blocks is nothing, so an access past an end is found. New blocks hold no zeros: every
/// f32 is not a number, every index negative.
class Memory {
public:
  static Memory &get();

  uint64_t allocate(size_t bytes);
  void *allocateHost(size_t bytes);
  bool release(uint64_t address);
  /// Null: nobody's.
  const Range *find(uint64_t address, uint64_t length) const;
  /// What is wrong with an access.
  std::string describe(uint64_t address) const;
  bool isPinned(const void *address) const;
  uint64_t used() const { return used_; }
  /// Bytes of the device in all.
  static uint64_t capacity();

private:
  std::map<uint64_t, Range> ranges_;
  std::map<uint64_t, std::unique_ptr<char[]>> storage_;
  uint64_t next_ = uint64_t(0x0d) << 40, used_ = 0;
};

} // namespace heddle::emulator

#endif // HEDDLE_TESTS_EMULATOR_MEMORY_H
