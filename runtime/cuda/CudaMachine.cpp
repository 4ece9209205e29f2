//===- CudaMachine.cpp - the sampler's kernels on a GPU ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaMachine.h"

#include "runtime/base/Format.h"

#include <iterator>

namespace heddle::cuda {

namespace {

constexpr char samplingPtx[] =
#include "runtime/cuda/Sampling.ptx.inc"
    ;

/// As SampleKernel numbers them, then what picks rows of features.
constexpr const char *kernelNames[] = {
#define KERNEL(NAME) "heddle_" #NAME,
    HEDDLE_SAMPLING_KERNELS(KERNEL)
#undef KERNEL
        "heddle_gatherRows"};
constexpr size_t gatherKernel = std::size(kernelNames) - 1;

/// Lower than any, as the driver takes it.
constexpr int highestPriority = -100;

} // namespace

absl::Status SamplingModule::load() {
  return kernels_.load(samplingPtx, kernelNames, "the sampler");
}

absl::Status SamplingModule::launch(SampleKernel kernel, uint32_t blocks,
                                    const kernels::Launch &launch, Stream stream) const {
  kernels::Launch argument = launch;
  return kernels_.launch(size_t(kernel), blocks, kernels::threads, &argument, stream);
}

absl::Status SamplingModule::gather(const kernels::Gather &gather) const {
  if (gather.rows == 0)
    return absl::OkStatus();
  kernels::Gather argument = gather;
  const int64_t perBlock = kernels::gatherRowsPerBlock(gather.dim);
  return kernels_.launch(gatherKernel, uint32_t((gather.rows + perBlock - 1) / perBlock),
                         kernels::threads, &argument, kernels_.session().stream());
}

CudaMachine::~CudaMachine() {
  if (stream_) {
    (void)session_.enter();
    driver_.cuStreamDestroy_v2(stream_);
  }
}

absl::Status CudaMachine::initialize() {
  return driver_.check(
      driver_.cuStreamCreateWithPriority(&stream_, streamNonBlocking, highestPriority),
      "stream of the sampler");
}

absl::Status CudaMachine::comeAfter(Event event) {
  HEDDLE_RETURN_IF_ERROR(enter());
  return driver_.check(driver_.cuStreamWaitEvent(stream_, event, 0), "sampling after a step");
}

absl::StatusOr<uint64_t> CudaMachine::allocate(uint64_t bytes, const std::string &what) {
  DevicePointer address = 0;
  HEDDLE_RETURN_IF_ERROR(
      driver_.check(driver_.cuMemAlloc_v2(&address, bytes),
                    what + ": " + formatBytes(bytes) + " on " + session_.name()));
  return uint64_t(address);
}

void CudaMachine::release(uint64_t address) {
  (void)session_.enter();
  driver_.cuMemFree_v2(address);
}

absl::StatusOr<void *> CudaMachine::allocateHost(uint64_t bytes) {
  void *memory = nullptr;
  HEDDLE_RETURN_IF_ERROR(
      driver_.check(driver_.cuMemHostAlloc(&memory, bytes, 0),
                    "sampling: " + formatBytes(bytes) + " of the host's memory"));
  return memory;
}

void CudaMachine::releaseHost(void *memory) {
  (void)session_.enter();
  driver_.cuMemFreeHost(memory);
}

absl::Status CudaMachine::toDevice(uint64_t to, const void *from, uint64_t bytes) {
  return bytes == 0 ? absl::OkStatus()
                    : driver_.check(driver_.cuMemcpyHtoDAsync_v2(to, from, bytes, stream_),
                                    "copying to the device");
}

absl::Status CudaMachine::toHost(void *to, uint64_t from, uint64_t bytes) {
  return bytes == 0 ? absl::OkStatus()
                    : driver_.check(driver_.cuMemcpyDtoHAsync_v2(to, from, bytes, stream_),
                                    "copying from the device");
}

absl::Status CudaMachine::fill(uint64_t to, uint8_t value, uint64_t bytes) {
  return bytes == 0 ? absl::OkStatus()
                    : driver_.check(driver_.cuMemsetD8Async(to, value, bytes, stream_), "sampling");
}

absl::Status CudaMachine::launch(SampleKernel kernel, uint32_t blocks,
                                 const kernels::Launch &launch) {
  return module_.launch(kernel, blocks, launch, stream_);
}

absl::Status CudaMachine::synchronize() {
  return driver_.check(driver_.cuStreamSynchronize(stream_), "sampling on " + session_.name());
}

} // namespace heddle::cuda
