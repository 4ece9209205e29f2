//===- Launch.h - runs a kernel on an emulated device ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Threads of a warp that are at one instruction run it together; of several the one that stands
// first goes on, until it meets others. A shuffle waits for all threads of its mask, as the
// hardware's does: threads that never come are an error, as are threads of one block that use one
// word of shared memory without a barrier between, and words of global memory that one thread
// writes and another one of the launch reads or writes. Blocks run one after another, the last
// first: nothing may depend on their order.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_EMULATOR_LAUNCH_H
#define HEDDLE_TESTS_EMULATOR_LAUNCH_H

#include "tests/emulator/Counts.h"
#include "tests/emulator/Ptx.h"

#include <string>
#include <vector>

namespace heddle::emulator {

struct Launch {
  const Ptx *module = nullptr;
  const Kernel *kernel = nullptr;
  uint64_t data = 0; ///< address of the module's arrays
  unsigned blocks = 1, rows = 1, threads = 1; ///< rows: blocks in y
  std::vector<char> parameters;
  KernelCounts *counts = nullptr; ///< null: nobody counts
};

/// Empty, or what was wrong: the kernel, the line of its text, block and thread.
std::string run(const Launch &launch);

} // namespace heddle::emulator

#endif // HEDDLE_TESTS_EMULATOR_LAUNCH_H
