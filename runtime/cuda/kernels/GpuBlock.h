//===- GpuBlock.h - a block of threads, and entry points ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// For the sources that become PTX.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_KERNELS_GPUBLOCK_H
#define HEDDLE_RUNTIME_CUDA_KERNELS_GPUBLOCK_H

#include <stdint.h>

namespace heddle::cuda::kernels {

/// What the kernels' templates ask of a block. A source derives one of its own in a namespace
/// without a name: what is made for that is called from nowhere else, and so is wholly inlined.
/// `together`: the threads wait for each other after each phase.
template <uint32_t numThreads, bool together> struct GpuBlock {
  uint32_t index = uint32_t(__nvvm_read_ptx_sreg_ctaid_x());

  template <class F> void each(int64_t n, F f) {
    for (int64_t i = __nvvm_read_ptx_sreg_tid_x(); i < n; i += numThreads)
      f(i);
    if (together)
      __syncthreads();
  }
  void setBit(uint64_t *word, uint64_t bit) {
    if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
      __atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
  }
  void count(uint32_t *sum) { __atomic_fetch_add(sum, 1u, __ATOMIC_RELAXED); }
  void add(uint64_t *sum, uint64_t value) { __atomic_fetch_add(sum, value, __ATOMIC_RELAXED); }
};

} // namespace heddle::cuda::kernels

/// The entry point heddle_NAME(ARGUMENT argument), which does `BODY` with it.
#define HEDDLE_ENTRY(NAME, ARGUMENT, BODY)                                                         \
  extern "C" __attribute__((device_kernel)) void heddle_##NAME(ARGUMENT argument) { BODY; }

#endif // HEDDLE_RUNTIME_CUDA_KERNELS_GPUBLOCK_H
