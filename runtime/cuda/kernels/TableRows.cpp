//===- TableRows.cpp - learnable rows between tiers, as PTX -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Compiled for NVIDIA GPUs by the host's clang, without a toolkit (runtime/CMakeLists.txt).
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/kernels/TableRows.h"

#include "runtime/cuda/kernels/GpuBlock.h"

namespace {
using namespace heddle::cuda::kernels;
struct Block : GpuBlock<tableThreads, true> {};
__attribute__((address_space(3))) TableShared shared;
} // namespace

HEDDLE_ENTRY(placeRows, Places, Block block; placeRows(block, (TableShared &)shared, argument))
HEDDLE_ENTRY(moveRows, Moves, Block block; moveRows(block, argument))
