//===- SampleMachine.h - what runs the kernels of the sampler ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_SAMPLEMACHINE_H
#define HEDDLE_RUNTIME_CUDA_SAMPLEMACHINE_H

#include "runtime/base/Status.h"
#include "runtime/cuda/kernels/Tasks.h"

#include <utility>

namespace heddle::cuda {

enum class SampleKernel : uint8_t {
#define KERNEL(NAME) NAME,
  HEDDLE_SAMPLING_KERNELS(KERNEL)
#undef KERNEL
};

/// A stream of a GPU with memory and the kernels of kernels/; in the tests, a CPU. All
/// but allocate() and synchronize() may return before they have ended, and run in the order of the
/// calls.
class SampleMachine {
public:
  virtual ~SampleMachine() = default;

  /// Makes it the calling thread's.
  virtual absl::Status enter() = 0;
  virtual absl::StatusOr<uint64_t> allocate(uint64_t bytes, const std::string &what) = 0;
  virtual void release(uint64_t address) = 0;
  /// Memory of the host that toDevice() and toHost() reach by themselves.
  virtual absl::StatusOr<void *> allocateHost(uint64_t bytes) = 0;
  virtual void releaseHost(void *memory) = 0;
  virtual absl::Status toDevice(uint64_t to, const void *from, uint64_t bytes) = 0;
  virtual absl::Status toHost(void *to, uint64_t from, uint64_t bytes) = 0;
  virtual absl::Status fill(uint64_t to, uint8_t value, uint64_t bytes) = 0;
  virtual absl::Status launch(SampleKernel kernel, uint32_t blocks,
                              const kernels::Launch &launch) = 0;
  virtual absl::Status synchronize() = 0;
};

/// A block of a machine's memory. Only grows; contents are lost then.
class MachineMemory {
public:
  explicit MachineMemory(SampleMachine &machine) : machine_(&machine) {}
  MachineMemory(MachineMemory &&other) noexcept
      : machine_(other.machine_), address_(std::exchange(other.address_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  MachineMemory &operator=(MachineMemory &&) = delete;
  ~MachineMemory() {
    if (address_)
      machine_->release(address_);
  }

  /// Up to a quarter more than `bytes`, so that slowly growing batches do not grow it every time.
  /// Work that uses it must have ended.
  absl::Status reserve(uint64_t bytes, const std::string &what);
  uint64_t address() const { return address_; }
  template <class T> T *get() const { return reinterpret_cast<T *>(address_); }

private:
  SampleMachine *machine_;
  uint64_t address_ = 0, capacity_ = 0;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_SAMPLEMACHINE_H
