//===- Session.cpp - a device's context, stream and memory ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Session.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <utility>

namespace heddle::cuda {

absl::StatusOr<std::unique_ptr<Session>> Session::open(int ordinal) {
  std::unique_ptr<Session> self(new Session);
  HEDDLE_ASSIGN_OR_RETURN(self->driver_, Driver::get());
  const Driver &driver = *self->driver_;
  int count = 0;
  HEDDLE_RETURN_IF_ERROR(driver.check(driver.cuDeviceGetCount(&count), "counting devices"));
  if (ordinal < 0 || ordinal >= count)
    return invalidArgument("--device=cuda:" + std::to_string(ordinal) + ": this machine has " +
                           std::to_string(count) + (count == 1 ? " device" : " devices") +
                           ", numbered from 0");
  HEDDLE_RETURN_IF_ERROR(driver.check(driver.cuDeviceGet(&self->device_, ordinal), "device"));
  char name[256] = {};
  driver.cuDeviceGetName(name, sizeof name - 1, self->device_);
  int major = 0, minor = 0;
  driver.cuDeviceGetAttribute(&major, attributeMajor, self->device_);
  driver.cuDeviceGetAttribute(&minor, attributeMinor, self->device_);
  driver.cuDeviceGetAttribute(&self->processors_, attributeProcessors, self->device_);
  self->name_ = name;
  self->capability_ = 10 * major + minor;
  HEDDLE_RETURN_IF_ERROR(
      driver.check(driver.cuDevicePrimaryCtxRetain(&self->context_, self->device_),
                   "context of " + self->name_));
  HEDDLE_RETURN_IF_ERROR(self->enter());
  HEDDLE_ASSIGN_OR_RETURN(self->blas_, BlasLibrary::get());
  for (uint32_t s = 0; s < maxStreams; ++s) {
    HEDDLE_RETURN_IF_ERROR(
        driver.check(driver.cuStreamCreate(&self->streams_[s], streamNonBlocking), "stream"));
    HEDDLE_RETURN_IF_ERROR(
        self->blas_->check(self->blas_->cublasCreate_v2(&self->handles_[s]), "cublasCreate"));
    HEDDLE_RETURN_IF_ERROR(self->blas_->check(
        self->blas_->cublasSetStream_v2(self->handles_[s], self->streams_[s]), "cublasSetStream"));
  }
  return self;
}

Session::~Session() {
  if (!context_)
    return;
  (void)enter();
  for (uint32_t s = 0; s < maxStreams; ++s) {
    if (handles_[s])
      blas_->cublasDestroy_v2(handles_[s]);
    if (streams_[s])
      driver_->cuStreamDestroy_v2(streams_[s]);
  }
  driver_->cuDevicePrimaryCtxRelease_v2(device_);
}

absl::Status Session::enter() const {
  return driver_->check(driver_->cuCtxSetCurrent(context_), "context of " + name_);
}

absl::Status Session::useTf32() const {
  for (Blas handle : handles_)
    HEDDLE_RETURN_IF_ERROR(
        blas_->check(blas_->cublasSetMathMode(handle, blasTf32), "cublasSetMathMode"));
  return absl::OkStatus();
}

absl::Status Session::toDevice(DevicePointer to, const void *from, uint64_t bytes) const {
  if (bytes == 0)
    return absl::OkStatus();
  return driver_->check(driver_->cuMemcpyHtoDAsync_v2(to, from, bytes, stream()),
                        "copying to the device");
}

absl::Status Session::toHost(void *to, DevicePointer from, uint64_t bytes, uint32_t stream) const {
  if (bytes == 0)
    return absl::OkStatus();
  return driver_->check(driver_->cuMemcpyDtoHAsync_v2(to, from, bytes, streams_[stream]),
                        "copying from the device");
}

absl::Status Session::synchronize(const std::string &what) const {
  return driver_->check(driver_->cuStreamSynchronize(stream()), what);
}

absl::Status Session::synchronizeAll(const std::string &what) const {
  for (Stream stream : streams_)
    HEDDLE_RETURN_IF_ERROR(driver_->check(driver_->cuStreamSynchronize(stream), what));
  return absl::OkStatus();
}

absl::Status Session::loadModule(Module &module, const char *text, const std::string &what) const {
  char log[4096] = {};
  int options[] = {jitErrorLog, jitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
  const Result result = driver_->cuModuleLoadDataEx(&module, text, 2, options, values);
  return result ? driver_->check(result, what + (log[0] ? ": " + std::string(log) : ""))
                : absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

namespace {
uint64_t withRoom(uint64_t bytes, Room room) {
  return (bytes + (room == Room::Growing ? bytes / 4 : 0) + 4095) / 4096 * 4096;
}
} // namespace

DeviceMemory::DeviceMemory(DeviceMemory &&other) noexcept
    : session_(other.session_), data_(std::exchange(other.data_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

absl::Status DeviceMemory::reserve(uint64_t bytes, const std::string &what, Room room) {
  if (bytes <= capacity_)
    return absl::OkStatus();
  if (data_) // a step that nobody has waited for may use it
    HEDDLE_RETURN_IF_ERROR(session_->synchronize(what));
  release();
  const Driver &driver = session_->driver();
  uint64_t wanted = withRoom(bytes, room);
  Result result = driver.cuMemAlloc_v2(&data_, wanted);
  if (result == outOfMemory)
    result = driver.cuMemAlloc_v2(&data_, wanted = bytes);
  if (result) {
    data_ = 0;
    size_t free = 0, total = 0;
    driver.cuMemGetInfo_v2(&free, &total);
    return driver.check(result, what + ": " + formatBytes(bytes) + " on " + session_->name() +
                                    ", which has " + formatBytes(uint64_t(free)) + " free of " +
                                    formatBytes(uint64_t(total)));
  }
  capacity_ = wanted;
  return driver.check(driver.cuMemsetD8Async(data_, 0, wanted, session_->stream()), what);
}

void DeviceMemory::release() {
  if (data_) {
    (void)session_->enter();
    session_->driver().cuMemFree_v2(data_);
  }
  data_ = 0;
  capacity_ = 0;
}

PinnedMemory::PinnedMemory(PinnedMemory &&other) noexcept
    : session_(other.session_), data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)) {}

absl::Status PinnedMemory::reserve(uint64_t bytes, const std::string &what, Room room) {
  if (bytes <= capacity_)
    return absl::OkStatus();
  if (data_) // a step that nobody has waited for may use it
    HEDDLE_RETURN_IF_ERROR(session_->synchronize(what));
  release();
  const Driver &driver = session_->driver();
  uint64_t wanted = withRoom(bytes, room);
  Result result = driver.cuMemHostAlloc(&data_, wanted, 0);
  if (result) {
    data_ = nullptr;
    return driver.check(result, what + ": " + formatBytes(bytes) + " of the host's memory");
  }
  capacity_ = wanted;
  return absl::OkStatus();
}

void PinnedMemory::release() {
  if (data_) {
    (void)session_->enter();
    session_->driver().cuMemFreeHost(data_);
  }
  data_ = nullptr;
  capacity_ = 0;
}

} // namespace heddle::cuda
