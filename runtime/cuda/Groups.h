//===- Groups.h - ops of a step that are one launch --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A relation's ops are much like another's: kernels of one structure are one function. Those that
// run the same function and do not depend on each other are launched together, which takes one
// launch instead of many and fills the GPU.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_GROUPS_H
#define HEDDLE_RUNTIME_CUDA_GROUPS_H

#include "runtime/cuda/Schedule.h"

#include <cstdint>

namespace heddle::cuda {

/// Most ops of one launch: as a grid has blocks in y.
inline constexpr size_t mostTogether = 65535;

/// Cuts `ops` into groups, each of which may start when all groups before it have ended:
/// `functions` of an op says what it runs, ops of one group have one function; a negative one
/// stands alone. `cut`: no group has ops from before and from behind it. The groups are in an order
/// that keeps that of any two ops of which one writes what the other reads or writes; those before
/// the cut come first.
std::vector<std::vector<size_t>> groupOps(const std::vector<Accesses> &ops,
                                          const std::vector<int64_t> &functions, size_t cut);

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_GROUPS_H
