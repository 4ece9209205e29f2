//===- CudaMachine.h - the sampler's kernels on a GPU ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_CUDAMACHINE_H
#define HEDDLE_RUNTIME_CUDA_CUDAMACHINE_H

#include "runtime/cuda/KernelModule.h"
#include "runtime/cuda/SampleMachine.h"

namespace heddle::cuda {

/// The kernels of kernels/Sampling.cpp, loaded on a device.
class SamplingModule {
public:
  explicit SamplingModule(const Session &session) : kernels_(session) {}

  absl::Status load();
  absl::Status launch(SampleKernel kernel, uint32_t blocks, const kernels::Launch &launch,
                      Stream stream) const;
  /// On the session's first stream.
  absl::Status gather(const kernels::Gather &gather) const;

private:
  KernelModule kernels_;
};

/// A stream of its own, before others where both have work: a batch that is sampled early keeps the
/// other stream busy.
class CudaMachine final : public SampleMachine {
public:
  CudaMachine(const Session &session, const SamplingModule &module)
      : session_(session), driver_(session.driver()), module_(module) {}
  ~CudaMachine() override;
  absl::Status initialize();
  /// What is given from here on waits for the last record of the event.
  absl::Status comeAfter(Event event);

  absl::Status enter() override { return session_.enter(); }
  absl::StatusOr<uint64_t> allocate(uint64_t bytes, const std::string &what) override;
  void release(uint64_t address) override;
  absl::StatusOr<void *> allocateHost(uint64_t bytes) override;
  void releaseHost(void *memory) override;
  absl::Status toDevice(uint64_t to, const void *from, uint64_t bytes) override;
  absl::Status toHost(void *to, uint64_t from, uint64_t bytes) override;
  absl::Status fill(uint64_t to, uint8_t value, uint64_t bytes) override;
  absl::Status launch(SampleKernel kernel, uint32_t blocks, const kernels::Launch &launch) override;
  absl::Status synchronize() override;

private:
  const Session &session_;
  const Driver &driver_;
  const SamplingModule &module_;
  Stream stream_ = nullptr;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_CUDAMACHINE_H
