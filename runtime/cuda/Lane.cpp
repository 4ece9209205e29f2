//===- Lane.cpp - a stream beside a device's session -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Lane.h"

#include "runtime/base/Format.h"

namespace heddle::cuda {

absl::StatusOr<std::unique_ptr<Lane>> Lane::open(const Driver &driver, int ordinal) {
  std::unique_ptr<Lane> self(new Lane(driver));
  HEDDLE_RETURN_IF_ERROR(driver.check(driver.cuDeviceGet(&self->device_, ordinal), "device"));
  HEDDLE_RETURN_IF_ERROR(driver.check(
      driver.cuDevicePrimaryCtxRetain(&self->context_, self->device_), "context of a device"));
  HEDDLE_RETURN_IF_ERROR(self->enter());
  HEDDLE_RETURN_IF_ERROR(
      driver.check(driver.cuStreamCreate(&self->stream_, streamNonBlocking), "stream"));
  HEDDLE_RETURN_IF_ERROR(
      driver.check(driver.cuEventCreate(&self->event_, eventDisableTiming), "event"));
  return self;
}

Lane::~Lane() {
  if (!context_)
    return;
  (void)enter();
  if (room_)
    driver_.cuMemFree_v2(room_);
  if (event_)
    driver_.cuEventDestroy_v2(event_);
  if (stream_)
    driver_.cuStreamDestroy_v2(stream_);
  driver_.cuDevicePrimaryCtxRelease_v2(device_);
}

absl::Status Lane::enter() const {
  return check(driver_.cuCtxSetCurrent(context_), "context of a device");
}

absl::Status Lane::reserve(uint64_t bytes) {
  if (bytes <= capacity_)
    return absl::OkStatus();
  if (room_)
    driver_.cuMemFree_v2(room_);
  room_ = 0;
  capacity_ = 0;
  const uint64_t wanted = bytes + bytes / 4;
  HEDDLE_RETURN_IF_ERROR(
      driver_.check(driver_.cuMemAlloc_v2(&room_, wanted),
                    "exchange of the host's memory: " + formatBytes(wanted) + " of the device's"));
  capacity_ = wanted;
  return absl::OkStatus();
}

absl::Status Lane::toDevice(DevicePointer to, const void *from, uint64_t bytes) {
  return check(driver_.cuMemcpyHtoDAsync_v2(to, from, bytes, stream_), "copying to the device");
}

absl::Status Lane::toHost(void *to, DevicePointer from, uint64_t bytes) {
  return check(driver_.cuMemcpyDtoHAsync_v2(to, from, bytes, stream_), "copying from the device");
}

absl::Status Lane::onDevice(DevicePointer to, DevicePointer from, uint64_t bytes) {
  return check(driver_.cuMemcpyDtoDAsync_v2(to, from, bytes, stream_), "copying on the device");
}

absl::Status Lane::synchronize() {
  return check(driver_.cuStreamSynchronize(stream_), "copying between host and device");
}

absl::Status Lane::mark() { return check(driver_.cuEventRecord(event_, stream_), "event"); }

absl::StatusOr<bool> Lane::reached() {
  const Result result = driver_.cuEventQuery(event_);
  if (result == notReady)
    return false;
  HEDDLE_RETURN_IF_ERROR(check(result, "exchange between devices"));
  return true;
}

} // namespace heddle::cuda
