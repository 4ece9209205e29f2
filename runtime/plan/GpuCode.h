//===- GpuCode.h - what kernels for a GPU and their caller agree on -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A kernel of a GPU library is `void k(void *const *args, int64_t begin, int64_t end, int64_t
// chunks)`, with `args` and all that it points to in the device's memory. One launch does all rows
// [begin, end), with any number of threads; in Chunks mode all `chunks` chunks, row r being in
// chunk r modulo chunks. Beside the plan's kernels a library has the functions below, of the same
// type.
//
// Ops of a step that run one function on different arrays may be one launch: where the grid has more
// than one block in y, `args` is an array of as many GpuLaunch, and block (x, y) is block x of number y
// (since plan 1.8).
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_GPUCODE_H
#define HEDDLE_RUNTIME_PLAN_GPUCODE_H

#include <cstdint>
#include <string>

namespace heddle::plan {

/// Whether a library's target is a GPU: "sm_" and the compute capability, major and minor together.
inline bool isGpuTarget(const std::string &target) { return target.rfind("sm_", 0) == 0; }

/// A kernel's name in PTX, which has letters, digits, _ and $ only.
inline std::string gpuSymbol(const std::string &symbol) {
  constexpr const char *digits = "0123456789abcdef";
  std::string name;
  for (const char c : symbol) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || c == '_')
      name += c;
    else
      (((name += '$') += digits[(c >> 4) & 15]) += digits[c & 15]);
  }
  return name;
}

/// One of several launches that are made as one: the arguments of the function.
struct GpuLaunch {
  uint64_t args = 0;
  int64_t begin = 0, end = 0, chunks = 0;
};

/// Code of plans of an older minor takes no lists.
inline constexpr unsigned gpuLaunchListsSince = 8;

/// Threads of a block, of all launches.
inline constexpr unsigned gpuBlockThreads = 256;

/// args: f32 in [begin, end), f32 out [end]. out[w] = sum over c < begin of in[c * end + w]; a
/// block for `gpuMergeColumns` columns. `chunks` is not looked at.
inline constexpr const char *gpuMergeFunction = "heddle_merge";
inline constexpr unsigned gpuMergeColumns = 32;

/// args: i64 ids [end], f32 table, f32 out [end, chunks]. out[r] = table[ids[r]], rows of `chunks`
/// numbers; one thread for each number.
inline constexpr const char *gpuGatherFunction = "heddle_gather_rows";

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_GPUCODE_H
