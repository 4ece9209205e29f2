//===- ControlPlane.h - who is there, who has ended it -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A star beside the transport that moves the data: rank 0 serves, every rank (0 too) is a client.
// It carries small texts only: who has joined, addresses, the reason why an incarnation ended, the
// next incarnation. A worker that dies is noticed by its connection and named to all others.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRANSPORT_CONTROLPLANE_H
#define HEDDLE_RUNTIME_TRANSPORT_CONTROLPLANE_H

#include "runtime/transport/Socket.h"

#include <condition_variable>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace heddle::transport {

class ControlServer;

/// Calls that wait come from one thread; end() and status() from any.
class ControlClient {
public:
  /// Connects (rank 0 starts to serve first). `onEnd` is called, from another thread or from
  /// end(), when an incarnation ends; it must not wait. Errors: nobody serves there, another size,
  /// the rank is taken, another version.
  static absl::StatusOr<std::unique_ptr<ControlClient>>
  join(const Address &address, int rank, int size, Deadline deadline, std::function<void()> onEnd);
  ~ControlClient();

  uint32_t incarnation();
  /// Ok, or why the present incarnation ended.
  absl::Status status();
  /// Waits at most so long for status() to become an error.
  absl::Status awaitEnd(std::chrono::milliseconds time);

  /// Everyone's text, by rank. kDeadlineExceeded: the message is the list of missing ranks.
  absl::StatusOr<std::vector<std::string>> allGather(const std::string &text, Deadline deadline);
  /// Waits for all ranks; returns the new incarnation. Errors as allGather's.
  absl::StatusOr<uint32_t> remake(Deadline deadline);
  /// Waits for all ranks; then nobody misses this one. Errors as allGather's.
  absl::Status leave(Deadline deadline);
  /// Ends the incarnation everywhere; the first reason stays.
  void end(const absl::Status &reason);

  /// The address under which the other workers' hosts can reach this one.
  const std::string &host() const { return host_; }

private:
  ControlClient() = default;
  void readFrames();
  absl::StatusOr<Frame> request(uint32_t kind, uint32_t answer, const std::string &payload,
                                Deadline deadline, bool endsWithIncarnation);

  std::unique_ptr<ControlServer> server_; ///< on rank 0
  FileDescriptor fd_;
  std::string host_;
  std::function<void()> onEnd_;
  std::thread reader_;
  std::mutex sendMutex_;

  std::mutex mutex_; ///< guards what follows
  std::condition_variable changed_;
  uint32_t incarnation_ = 1;
  absl::Status status_;
  bool lost_ = false; ///< the server is gone
  bool leaving_ = false;
  std::optional<Frame> answer_;
};

/// Blocks all signals for the threads that are started in its scope, so that the process's signals
/// go to the threads that expect them.
class SignalsBlocked {
public:
  SignalsBlocked();
  ~SignalsBlocked();

private:
  sigset_t old_;
};

} // namespace heddle::transport

#endif // HEDDLE_RUNTIME_TRANSPORT_CONTROLPLANE_H
