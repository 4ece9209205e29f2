//===- Counts.h - what an emulated device has done ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Numbers that need no clock: what kernels issue and touch, and what the host asks for. Instructions
// are those of the PTX text, of which an assembler makes more or fewer; sectors and wavefronts are
// as hardware counts them for one instruction of a warp, without any cache.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_EMULATOR_COUNTS_H
#define HEDDLE_TESTS_EMULATOR_COUNTS_H

#include "tests/emulator/Ptx.h"

#include <bit>
#include <cstdint>
#include <map>
#include <string>

namespace heddle::emulator {

/// What memory is moved in, at an address that is a multiple of it.
inline constexpr uint64_t sectorBytes = 32;

/// Of a kernel, over its launches.
struct KernelCounts {
  uint64_t launches = 0, blocks = 0, threads = 0; ///< threads: of all blocks
  uint64_t instructions = 0;                      ///< by warps
  uint64_t lanes = 0; ///< threads that took part in them, those that a predicate kept out not
  struct Global {
    uint64_t accesses = 0; ///< instructions of warps
    uint64_t bytes = 0;    ///< that threads asked for
    uint64_t sectors = 0;  ///< different ones of each instruction
    uint64_t least = 0;    ///< different ones of each launch: what a cache without end moves
    uint64_t host = 0;     ///< of `sectors`, those in the host's memory
  };
  Global loads, stores; ///< an atomic is both
  struct {
    uint64_t accesses = 0;
    uint64_t extra = 0; ///< wavefronts beyond those of as many bytes without a conflict of banks
  } shared;
};

/// Gathers what one instruction of a warp touches; null counts mean that nobody counts.
class AccessCounter {
public:
  AccessCounter(KernelCounts &counts, uint32_t launch) : counts_(counts), launch_(launch) {}

  void issue(uint32_t lanes) {
    ++counts_.instructions;
    counts_.lanes += uint64_t(std::popcount(lanes));
  }
  /// A thread's access to `bytes` of a block of global memory, or of shared memory.
  void touch(const Range &range, uint64_t address, uint64_t bytes, bool reads, bool writes);
  void touchShared(uint64_t address, int lane);
  /// The accesses of one instruction are complete: `bytes` for each thread.
  void finish(uint64_t bytes, bool reads, bool writes);

private:
  KernelCounts &counts_;
  const uint32_t launch_;
  /// An access may lie across two sectors.
  uint64_t sectors_[2 * warpLanes], shared_[warpLanes];
  bool host_[2 * warpLanes];
  int numSectors_ = 0, numThreads_ = 0;
  uint32_t sharedLanes_ = 0;
};

/// Of the whole process.
class Counts {
public:
  /// Null unless HEDDLE_EMULATOR_COUNTS names a file, which is written when the process ends.
  static Counts *get();

  void call(const char *function) { ++calls_[function].calls; }
  void copied(const char *function, uint64_t bytes) { calls_[function].bytes += bytes; }
  void multiplied(const char *function, uint64_t flops) { calls_[function].flops += flops; }
  /// Stays where it is.
  KernelCounts &kernel(const std::string &name) { return kernels_[name]; }
  std::string json() const;

private:
  struct Call {
    uint64_t calls = 0, bytes = 0, flops = 0;
  };
  std::map<std::string, Call> calls_;
  std::map<std::string, KernelCounts> kernels_;
};

} // namespace heddle::emulator

#endif // HEDDLE_TESTS_EMULATOR_COUNTS_H
