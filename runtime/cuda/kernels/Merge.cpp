//===- Merge.cpp - the kernels of collectives as PTX -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Compiled for NVIDIA GPUs by the host's clang, without a toolkit (runtime/CMakeLists.txt).
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/kernels/Merge.h"

#include "runtime/cuda/kernels/GpuBlock.h"

namespace {
using namespace heddle::cuda::kernels;
struct Block : GpuBlock<mergeThreads, false> {};
} // namespace

#define KERNEL(NAME, ARGUMENT) HEDDLE_ENTRY(NAME, ARGUMENT, Block block; NAME(block, argument))
HEDDLE_MERGE_KERNELS(KERNEL)
