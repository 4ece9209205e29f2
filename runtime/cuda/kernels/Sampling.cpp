//===- Sampling.cpp - the kernels of the GPU sampler as PTX -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Compiled for NVIDIA GPUs by the host's clang, without a toolkit (runtime/CMakeLists.txt).
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/kernels/GpuBlock.h"
#include "runtime/cuda/kernels/SortBySource.h"

namespace {
using namespace heddle::cuda::kernels;
struct Block : GpuBlock<threads, true> {};
__attribute__((address_space(3))) Shared shared;
} // namespace

#define KERNEL(NAME)                                                                               \
  HEDDLE_ENTRY(NAME, Launch, Block block; NAME(block, (Shared &)shared, argument))
HEDDLE_SAMPLING_KERNELS(KERNEL)

HEDDLE_ENTRY(gatherRows, Gather, Block block; gatherRows(block, (Shared &)shared, argument))
