//===- WorkerLink.h - a worker's line to its supervisor ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_LAUNCH_WORKERLINK_H
#define HEDDLE_RUNTIME_LAUNCH_WORKERLINK_H

#include "runtime/base/Status.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace heddle::launch {

/// One worker's place in the memory that it shares with the supervisor: an unnamed file, which
/// nothing can leave behind.
struct alignas(64) LinkSlot {
  static constexpr size_t words = 24;
  std::atomic<uint64_t> beats{0};
  std::atomic<uint64_t> length{0};
  std::array<std::atomic<uint64_t>, words> text{}; ///< what the worker does; may be torn

  void write(std::string_view activity);
  std::string read() const;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

/// "FD:BYTES:MILLISECONDS" of the shared file and the interval of beats.
inline constexpr const char *linkVariable = "HEDDLE_LINK";

/// In the worker: a thread that beats, so that a stopped process is noticed, and a note of what the
/// worker does, which the supervisor reports when it dies.
class WorkerLink {
public:
  /// Null if no supervisor of ours started this process. Call once, early.
  static absl::StatusOr<std::unique_ptr<WorkerLink>> fromEnvironment();
  ~WorkerLink();

  /// Copies at most 192 bytes; no system call, no allocation. From one thread.
  void setActivity(std::string_view activity) { slot_->write(activity); }

private:
  WorkerLink() = default;

  LinkSlot *slot_ = nullptr;
  void *mapping_ = nullptr;
  size_t mappedBytes_ = 0;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace heddle::launch

#endif // HEDDLE_RUNTIME_LAUNCH_WORKERLINK_H
