//===- HostMachine.h - the GPU sampler's kernels on a CPU --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_EXEC_HOSTMACHINE_H
#define HEDDLE_TESTS_UNIT_EXEC_HOSTMACHINE_H

#include "runtime/cuda/SampleMachine.h"
#include "runtime/cuda/kernels/SortBySource.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace heddle::testing {

/// Blocks in any order, the threads of each in any order too: what a kernel may not depend on.
struct HostBlock {
  uint32_t index;
  std::mt19937 *random;

  template <class F> void each(int64_t n, F f) {
    const int64_t shift = n > 1 ? int64_t((*random)() % uint64_t(n)) : 0;
    for (int64_t i = 0; i < n; ++i)
      f((i + shift) % n);
  }
  void setBit(uint64_t *word, uint64_t bit) { *word |= bit; }
  void count(uint32_t *sum) { ++*sum; }
  void add(uint64_t *sum, uint64_t value) { *sum += value; }
};

class HostMachine final : public cuda::SampleMachine {
public:
  absl::Status enter() override { return absl::OkStatus(); }
  absl::StatusOr<uint64_t> allocate(uint64_t bytes, const std::string &) override {
    void *memory = std::malloc(bytes);
    std::memset(memory, 0xA5, bytes);
    return reinterpret_cast<uint64_t>(memory);
  }
  void release(uint64_t address) override { std::free(reinterpret_cast<void *>(address)); }
  absl::StatusOr<void *> allocateHost(uint64_t bytes) override { return std::malloc(bytes); }
  void releaseHost(void *memory) override { std::free(memory); }
  absl::Status toDevice(uint64_t to, const void *from, uint64_t bytes) override {
    return copy(reinterpret_cast<void *>(to), from, bytes);
  }
  absl::Status toHost(void *to, uint64_t from, uint64_t bytes) override {
    return copy(to, reinterpret_cast<const void *>(from), bytes);
  }
  absl::Status fill(uint64_t to, uint8_t value, uint64_t bytes) override {
    if (bytes)
      std::memset(reinterpret_cast<void *>(to), value, bytes);
    return absl::OkStatus();
  }
  absl::Status launch(cuda::SampleKernel kernel, uint32_t blocks,
                      const cuda::kernels::Launch &launch) override {
    using namespace cuda::kernels;
    auto shared = std::make_unique<Shared>();
    std::vector<uint32_t> order(blocks);
    for (uint32_t b = 0; b < blocks; ++b)
      order[b] = b;
    std::shuffle(order.begin(), order.end(), random_);
    for (uint32_t b : order) {
      std::memset(static_cast<void *>(shared.get()), 0x5A, sizeof(Shared));
      HostBlock block{b, &random_};
      switch (kernel) {
#define KERNEL(NAME)                                                                               \
  case cuda::SampleKernel::NAME:                                                                   \
    NAME(block, *shared, launch);                                                                  \
    break;
        HEDDLE_SAMPLING_KERNELS(KERNEL)
#undef KERNEL
      }
    }
    return absl::OkStatus();
  }
  absl::Status synchronize() override { return absl::OkStatus(); }

private:
  static absl::Status copy(void *to, const void *from, uint64_t bytes) {
    if (bytes)
      std::memcpy(to, from, bytes);
    return absl::OkStatus();
  }
  std::mt19937 random_{7};
};

} // namespace heddle::testing

#endif // HEDDLE_TESTS_UNIT_EXEC_HOSTMACHINE_H
