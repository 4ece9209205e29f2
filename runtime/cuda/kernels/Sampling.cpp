//===- Sampling.cpp - the kernels of the GPU sampler as PTX -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Compiled for NVIDIA GPUs by the host's clang, without a toolkit (runtime/CMakeLists.txt).
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/kernels/SortBySource.h"

namespace {

using namespace heddle::cuda::kernels;

struct GpuBlock {
  uint32_t index;

  template <class F> void each(int64_t n, F f) {
    for (int64_t i = __nvvm_read_ptx_sreg_tid_x(); i < n; i += threads)
      f(i);
    __syncthreads();
  }
  void setBit(uint64_t *word, uint64_t bit) {
    if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
      __atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
  }
  void count(uint32_t *sum) { __atomic_fetch_add(sum, 1u, __ATOMIC_RELAXED); }
  void add(uint64_t *sum, uint64_t value) { __atomic_fetch_add(sum, value, __ATOMIC_RELAXED); }
};

__attribute__((address_space(3))) Shared shared;

} // namespace

#define KERNEL(NAME)                                                                               \
  extern "C" __attribute__((device_kernel)) void heddle_##NAME(Launch launch) {                    \
    GpuBlock block{uint32_t(__nvvm_read_ptx_sreg_ctaid_x())};                                      \
    NAME(block, (Shared &)shared, launch);                                                         \
  }
HEDDLE_SAMPLING_KERNELS(KERNEL)

extern "C" __attribute__((device_kernel)) void heddle_gatherRows(Gather gather) {
  GpuBlock block{uint32_t(__nvvm_read_ptx_sreg_ctaid_x())};
  gatherRows(block, (Shared &)shared, gather);
}
