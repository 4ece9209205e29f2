//===- Merge.cpp - the kernels of collectives as PTX -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Compiled for NVIDIA GPUs by the host's clang, without a toolkit (runtime/CMakeLists.txt).
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/kernels/Merge.h"

namespace {

using namespace heddle::cuda::kernels;

struct GpuBlock {
  uint32_t index;

  template <class F> void each(int64_t n, F f) {
    for (int64_t i = __nvvm_read_ptx_sreg_tid_x(); i < n; i += mergeThreads)
      f(i);
  }
};

} // namespace

#define KERNEL(NAME, ARGUMENT)                                                                     \
  extern "C" __attribute__((device_kernel)) void heddle_##NAME(ARGUMENT argument) {                \
    GpuBlock block{uint32_t(__nvvm_read_ptx_sreg_ctaid_x())};                                      \
    NAME(block, argument);                                                                         \
  }
HEDDLE_MERGE_KERNELS(KERNEL)
