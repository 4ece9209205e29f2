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

/// A text that one process writes and another reads: without a lock, so it may be torn.
template <size_t bytes> struct LinkText {
  static_assert(bytes % 8 == 0);
  std::atomic<uint64_t> length{0};
  std::array<std::atomic<uint64_t>, bytes / 8> words{};

  /// Copies as much as there is room for; no system call, no allocation.
  void write(std::string_view text);
  /// One line, whatever was written.
  std::string read() const;
};
extern template struct LinkText<192>;
extern template struct LinkText<2048>;

/// One worker's place in the memory that it shares with the supervisor: an unnamed file, which
/// nothing can leave behind.
struct alignas(64) LinkSlot {
  std::atomic<uint64_t> beats{0};
  std::atomic<uint64_t> severity{0}; ///< of the failure; 0: none was told
  LinkText<192> activity;            ///< what the worker does
  LinkText<2048> failure;            ///< why it ends
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

/// "FD:BYTES:MILLISECONDS" of the shared file and the interval of beats.
inline constexpr const char *linkVariable = "HEDDLE_LINK";

/// In the worker: a thread that beats, so that a stopped process is noticed, a note of what the
/// worker does, which the supervisor reports when it dies, and the reason why it ends by itself.
class WorkerLink {
public:
  /// Null if no supervisor of ours started this process. Call once, early.
  static absl::StatusOr<std::unique_ptr<WorkerLink>> fromEnvironment();
  ~WorkerLink();

  /// Copies at most 192 bytes; no system call, no allocation. From one thread.
  void setActivity(std::string_view activity) { slot_->activity.write(activity); }

  /// What the supervisor shall say, instead of this worker, when it ends now with an exit code
  /// other than 0. Of several workers that fail, the one with the highest `severity` (at least 1)
  /// is reported, and of those the first.
  void setFailure(int severity, std::string_view message);

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
