//===- Schedule.h - ops of a step on several streams -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A step has hundreds of small kernels, of which one alone does not fill a GPU. Ops that do not
// depend on each other go to different streams; an op waits for those of other streams that it
// depends on.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_SCHEDULE_H
#define HEDDLE_RUNTIME_CUDA_SCHEDULE_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace heddle::cuda {

/// What an op reads and writes: numbers of pieces of memory.
struct Accesses {
  std::vector<size_t> reads, writes;
};

/// Ops that each op depends on; one of several that order it already may be named too.
std::vector<std::vector<size_t>> dependencies(const std::vector<Accesses> &ops);

struct Schedule {
  struct Op {
    uint32_t stream = 0;
    bool awaited = false;      ///< an op of another stream waits for it
    std::vector<size_t> waits; ///< ops of other streams that must have ended before it
  };
  std::vector<Op> ops;
  std::vector<size_t> ends; ///< ops that stream 0 has to wait for to be behind all ops; awaited
};

/// A schedule that keeps the order of any two ops of which one writes what the other reads or
/// writes.
Schedule makeSchedule(const std::vector<Accesses> &ops, uint32_t streams);

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_SCHEDULE_H
