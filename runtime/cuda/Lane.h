//===- Lane.h - a stream beside a device's session ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_LANE_H
#define HEDDLE_RUNTIME_CUDA_LANE_H

#include "runtime/cuda/Driver.h"

#include <memory>

namespace heddle::cuda {

/// A stream of a device that is waited for by asking, never by blocking, and room on the device for
/// what comes from or goes to the host's memory. In the process's primary context: memory of any
/// session of the device can be used. One thread at a time.
class Lane {
public:
  static absl::StatusOr<std::unique_ptr<Lane>> open(const Driver &driver, int ordinal);
  ~Lane();
  Lane(const Lane &) = delete;
  Lane &operator=(const Lane &) = delete;

  /// Before anything else, on each thread.
  absl::Status enter() const;
  Stream stream() const { return stream_; }

  /// Bytes on the device; what was there is lost when it grows. Nothing may be under way.
  absl::Status reserve(uint64_t bytes);
  DevicePointer room() const { return room_; }

  /// Of memory that is ordinary: `from` has been read, or `to` written, when it returns.
  absl::Status toDevice(DevicePointer to, const void *from, uint64_t bytes);
  absl::Status toHost(void *to, DevicePointer from, uint64_t bytes);
  absl::Status onDevice(DevicePointer to, DevicePointer from, uint64_t bytes);
  absl::Status synchronize();

  /// From here on: whether everything that is in the stream now has ended.
  absl::Status mark();
  absl::StatusOr<bool> reached();

private:
  explicit Lane(const Driver &driver) : driver_(driver) {}
  /// As Driver::check, which would make a string of `what` each time.
  absl::Status check(Result result, const char *what) const {
    return result ? driver_.check(result, what) : absl::OkStatus();
  }
  const Driver &driver_;
  DeviceNumber device_ = 0;
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  Event event_ = nullptr;
  DevicePointer room_ = 0;
  uint64_t capacity_ = 0;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_LANE_H
