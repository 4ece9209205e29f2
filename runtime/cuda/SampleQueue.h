//===- SampleQueue.h - work of the sampler, given in one go ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_SAMPLEQUEUE_H
#define HEDDLE_RUNTIME_CUDA_SAMPLEQUEUE_H

#include "runtime/cuda/SampleMachine.h"

#include <vector>

namespace heddle::cuda {

/// Keeps what a machine is given until somebody waits for it, and then gives it the copies to the
/// device before everything else: those that follow each other in memory as one. A call of the driver
/// costs as much for a few bytes as for many.
///
/// So what is copied to the device has to stay as it is until then, and no work that is kept may use
/// the memory that it goes to.
class SampleQueue final : public SampleMachine {
public:
  explicit SampleQueue(SampleMachine &machine) : machine_(machine) {}

  absl::Status enter() override { return machine_.enter(); }
  absl::StatusOr<uint64_t> allocate(uint64_t bytes, const std::string &what) override {
    return machine_.allocate(bytes, what);
  }
  /// Of memory that nothing kept uses.
  void release(uint64_t address) override { machine_.release(address); }
  absl::StatusOr<void *> allocateHost(uint64_t bytes) override {
    return machine_.allocateHost(bytes);
  }
  void releaseHost(void *memory) override { machine_.releaseHost(memory); }
  absl::Status toDevice(uint64_t to, const void *from, uint64_t bytes) override;
  absl::Status toHost(void *to, uint64_t from, uint64_t bytes) override;
  absl::Status fill(uint64_t to, uint8_t value, uint64_t bytes) override;
  absl::Status launch(SampleKernel kernel, uint32_t blocks, const kernels::Launch &launch) override;
  absl::Status synchronize() override;

  /// Forgets what is kept: of a batch that has failed.
  void drop();

private:
  struct Copy {
    uint64_t to;
    const char *from;
    uint64_t bytes;
  };
  /// A launch, or where it has no blocks a fill.
  struct Work {
    uint32_t blocks = 0;
    SampleKernel kernel = SampleKernel::mark;
    kernels::Launch launch{};
    uint64_t to = 0, bytes = 0;
    uint8_t value = 0;
  };
  absl::Status give();

  SampleMachine &machine_;
  std::vector<Copy> copies_;
  std::vector<Work> work_;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_SAMPLEQUEUE_H
