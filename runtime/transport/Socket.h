//===- Socket.h - addresses, descriptors, frames -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRANSPORT_SOCKET_H
#define HEDDLE_RUNTIME_TRANSPORT_SOCKET_H

#include "runtime/base/FileDescriptor.h"
#include "runtime/base/Status.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace heddle::transport {

/// Where the workers of a job meet: "unix:@NAME" (Linux's abstract namespace: no file, gone with
/// the process, only for the same user on the same machine) or "tcp:HOST:PORT" ("tcp:[::1]:29500").
struct Address {
  bool isUnix = false;
  std::string name; ///< of a unix address, without the @
  std::string host;
  int port = 0;
  std::string text() const;
};
absl::StatusOr<Address> parseAddress(std::string_view text);

using Deadline = std::chrono::steady_clock::time_point;

/// Descriptors are close-on-exec. An address in use is an error with the remedy.
absl::StatusOr<FileDescriptor> listenAt(const Address &address);
/// Tries again until somebody listens or the deadline passes. Blocking.
absl::StatusOr<FileDescriptor> connectTo(const Address &address, Deadline deadline);
/// Whether the other end of a unix socket is a process of the same user; true for TCP.
bool peerIsSameUser(int fd);
/// The numeric address of this end of a TCP connection; "127.0.0.1" for a unix socket.
std::string localHost(int fd);

/// A frame is a kind and a text. Both ends run the same build, so integers go as they are.
struct Frame {
  uint32_t kind = 0;
  std::string payload;
};
inline constexpr uint32_t maxFrameBytes = 16u << 20;

/// Writes all of it or fails; never raises SIGPIPE. `wait`: wait for room, else a full socket is
/// an error.
bool sendFrame(int fd, uint32_t kind, std::string_view payload, bool wait);

/// Cuts frames out of a stream.
class FrameReader {
public:
  enum class Result { Frame, More, Closed };
  /// Closed: end of the stream, an error, or a frame that is too long. More: nothing complete yet
  /// (a non-blocking socket is empty); a blocking socket returns Frame or Closed.
  Result read(int fd, Frame &frame);

private:
  std::string buffer_;
};

} // namespace heddle::transport

#endif // HEDDLE_RUNTIME_TRANSPORT_SOCKET_H
