//===- Session.h - a device's context, stream and memory ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_SESSION_H
#define HEDDLE_RUNTIME_CUDA_SESSION_H

#include "runtime/cuda/Driver.h"

#include <memory>
#include <string>

namespace heddle::cuda {

/// One device in use by one executor: the primary context of the process, streams of its own and a cuBLAS
/// handle for each.
class Session {
public:
  static constexpr uint32_t maxStreams = 8;

  /// Errors: see Driver::get and BlasLibrary::get; there is no device of that number.
  static absl::StatusOr<std::unique_ptr<Session>> open(int ordinal);
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  const Driver &driver() const { return *driver_; }
  const BlasLibrary &blasLibrary() const { return *blas_; }
  /// The first is where everything happens that is not said to be on another.
  Stream stream(uint32_t number = 0) const { return streams_[number]; }
  Blas blas(uint32_t number = 0) const { return handles_[number]; }
  const std::string &name() const { return name_; }
  int capability() const { return capability_; } ///< 90 for 9.0
  int processors() const { return processors_; }

  /// Makes the context that of the calling thread. Every call from another thread needs it first.
  absl::Status enter() const;
  /// Products of all handles with inputs rounded to TF32.
  absl::Status useTf32() const;
  absl::Status toDevice(DevicePointer to, const void *from, uint64_t bytes) const;
  absl::Status toHost(void *to, DevicePointer from, uint64_t bytes, uint32_t stream = 0) const;
  absl::Status synchronize(const std::string &what) const;
  absl::Status synchronizeAll(const std::string &what) const; ///< streams
  /// Code of a PTX text. `what`: for the error, which has the driver's own words.
  absl::Status loadModule(Module &module, const char *text, const std::string &what) const;

private:
  Session() = default;
  const Driver *driver_ = nullptr;
  const BlasLibrary *blas_ = nullptr;
  DeviceNumber device_ = 0;
  Context context_ = nullptr;
  Stream streams_[maxStreams] = {};
  Blas handles_[maxStreams] = {};
  std::string name_;
  int capability_ = 0, processors_ = 0;
};

/// Growing: a quarter more than asked for, so that slowly growing batches do not grow it every
/// time.
enum class Room : uint8_t { Growing, Exact };

/// A block of the device's memory, zeroed. Only grows, when the session's first stream has nothing to do.
class DeviceMemory {
public:
  explicit DeviceMemory(const Session &session) : session_(&session) {}
  ~DeviceMemory() { release(); }
  DeviceMemory(DeviceMemory &&other) noexcept;
  DeviceMemory &operator=(DeviceMemory &&) = delete;

  DevicePointer data() const { return data_; }
  uint64_t capacity() const { return capacity_; }
  /// Contents are lost when it grows; work that uses them must have ended. `what`: for the error.
  absl::Status reserve(uint64_t bytes, const std::string &what, Room room = Room::Growing);
  void release();

private:
  const Session *session_;
  DevicePointer data_ = 0;
  uint64_t capacity_ = 0;
};

/// A block of the host's memory that the device copies from and to by itself. Only grows, likewise.
class PinnedMemory {
public:
  explicit PinnedMemory(const Session &session) : session_(&session) {}
  ~PinnedMemory() { release(); }
  PinnedMemory(PinnedMemory &&other) noexcept;
  PinnedMemory &operator=(PinnedMemory &&) = delete;

  char *data() const { return static_cast<char *>(data_); }
  uint64_t capacity() const { return capacity_; }
  absl::Status reserve(uint64_t bytes, const std::string &what, Room room = Room::Growing);
  void release();

private:
  const Session *session_;
  void *data_ = nullptr;
  uint64_t capacity_ = 0;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_SESSION_H
