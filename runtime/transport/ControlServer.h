//===- ControlServer.h - rank 0's side of the control plane ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRANSPORT_CONTROLSERVER_H
#define HEDDLE_RUNTIME_TRANSPORT_CONTROLSERVER_H

#include "runtime/transport/Socket.h"

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace heddle::transport {

/// What the two sides say.
namespace control {
enum Kind : uint32_t {
  // client to server
  Hello = 1, ///< magic, rank, size
  Gather,    ///< incarnation, milliseconds to wait, text
  Remake,    ///< incarnation, milliseconds to wait
  Leave,     ///< incarnation, milliseconds to wait
  Abort,     ///< incarnation, status code, text
  // server to client
  Welcome,  ///< incarnation
  Refused,  ///< text
  Gathered, ///< (length, text) for each rank
  Remade,   ///< incarnation
  Left,
  Failed, ///< status code, text: no answer to Gather, Remake or Leave
  Ended,  ///< incarnation, status code, text
};
inline constexpr uint64_t magic = 0x31307472656c6468; ///< changes with the protocol

/// Integers first, then a text.
template <typename... Ints> std::string pack(const std::string &text, Ints... ints) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char *>(&ints), sizeof(ints)), ...);
  return bytes + text;
}
template <typename Int> bool take(std::string_view &bytes, Int &value) {
  if (bytes.size() < sizeof(value))
    return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return true;
}
} // namespace control

class ControlServer {
public:
  /// Serves in a thread until it is destroyed.
  static absl::StatusOr<std::unique_ptr<ControlServer>> start(const Address &address, int size);
  ~ControlServer();

private:
  struct Peer {
    FileDescriptor fd;
    FrameReader reader;
    int rank = -1; ///< -1: has not said hello
  };
  enum class Presence : uint8_t { Absent, Here, Left, Gone };
  /// One Gather, Remake or Leave, until all ranks have come.
  struct Round {
    std::vector<std::optional<std::string>> arrived;
    std::vector<Deadline> expiry;
  };

  ControlServer(FileDescriptor listener, int size);
  void serve();
  void accept();
  /// False: the peer is to be dropped.
  bool handle(Peer &peer, const Frame &frame);
  bool hello(Peer &peer, std::string_view payload);
  bool arrive(Peer &peer, uint32_t kind, std::string_view payload);
  void complete(uint32_t kind);
  void expire();
  int untilExpiry() const;
  void end(absl::StatusCode code, const std::string &text);
  void lose(int rank);
  void tell(int rank, uint32_t kind, const std::string &payload);
  void fail(Round &round, int rank, absl::StatusCode code, const std::string &text);
  std::vector<int> absentFrom(const Round &round) const;
  Round &roundOf(uint32_t kind) { return rounds_[kind - control::Gather]; }

  FileDescriptor listener_, stop_;
  int size_;
  uint32_t incarnation_ = 1;
  std::string ended_; ///< payload of Ended; empty while the incarnation lives
  std::vector<Presence> presence_;
  std::array<Round, 3> rounds_;
  std::vector<Peer> peers_;
  std::thread thread_;
};

} // namespace heddle::transport

#endif // HEDDLE_RUNTIME_TRANSPORT_CONTROLSERVER_H
