//===- ControlServer.cpp - rank 0's side of the control plane ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/transport/ControlServer.h"

#include "runtime/transport/ControlPlane.h"
#include "runtime/transport/Transport.h"

#include <algorithm>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace heddle::transport {

using namespace control;

namespace {
// More connections than ranks: strangers are let in before they say who they are.
constexpr size_t maxStrangers = 64;
} // namespace

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::start(const Address &address,
                                                                    int size) {
  HEDDLE_ASSIGN_OR_RETURN(FileDescriptor listener, listenAt(address));
  std::unique_ptr<ControlServer> server(new ControlServer(std::move(listener), size));
  if (!server->stop_.valid())
    return unavailable("no descriptor is free for the control server");
  SignalsBlocked blocked;
  server->thread_ = std::thread([raw = server.get()] { raw->serve(); });
  return server;
}

ControlServer::ControlServer(FileDescriptor listener, int size)
    : listener_(std::move(listener)), stop_(eventfd(0, EFD_CLOEXEC)), size_(size),
      presence_(static_cast<size_t>(size), Presence::Absent) {
  for (Round &round : rounds_) {
    round.arrived.resize(static_cast<size_t>(size));
    round.expiry.resize(static_cast<size_t>(size));
  }
}

ControlServer::~ControlServer() {
  if (!thread_.joinable())
    return;
  uint64_t one = 1;
  while (write(stop_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  thread_.join();
}

void ControlServer::serve() {
  std::vector<pollfd> polls;
  while (true) {
    polls.clear();
    polls.push_back({stop_.get(), POLLIN, 0});
    polls.push_back({listener_.get(), POLLIN, 0});
    for (const Peer &peer : peers_)
      polls.push_back({peer.fd.get(), POLLIN, 0});
    int ready = poll(polls.data(), polls.size(), untilExpiry());
    if (ready < 0 && errno != EINTR)
      return;
    if (polls[0].revents)
      return;
    expire();
    if (ready <= 0)
      continue;
    size_t known = peers_.size();
    std::vector<int> lost;
    for (size_t i = 0; i < known; ++i) {
      if (!polls[i + 2].revents)
        continue;
      Peer &peer = peers_[i];
      Frame frame;
      FrameReader::Result result;
      while ((result = peer.reader.read(peer.fd.get(), frame)) == FrameReader::Result::Frame)
        if (!handle(peer, frame)) {
          result = FrameReader::Result::Closed;
          break;
        }
      if (result == FrameReader::Result::Closed) {
        if (peer.rank >= 0)
          lost.push_back(peer.rank);
        peer.fd = FileDescriptor();
      }
    }
    std::erase_if(peers_, [](const Peer &peer) { return !peer.fd.valid(); });
    for (int rank : lost)
      lose(rank);
    if (polls[1].revents)
      accept();
  }
}

void ControlServer::accept() {
  while (true) {
    FileDescriptor fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid())
      return;
    auto strangers =
        std::count_if(peers_.begin(), peers_.end(), [](const Peer &peer) { return peer.rank < 0; });
    if (!peerIsSameUser(fd.get()) || strangers >= static_cast<long>(maxStrangers))
      continue;
    Peer peer;
    peer.fd = std::move(fd);
    peers_.push_back(std::move(peer));
  }
}

bool ControlServer::handle(Peer &peer, const Frame &frame) {
  std::string_view payload = frame.payload;
  if (frame.kind == Hello)
    return peer.rank < 0 && hello(peer, payload);
  if (peer.rank < 0)
    return false;
  if (frame.kind == Gather || frame.kind == Remake || frame.kind == Leave)
    return arrive(peer, frame.kind, payload);
  uint32_t incarnation = 0;
  int32_t code = 0;
  if (frame.kind != Abort || !take(payload, incarnation) || !take(payload, code))
    return false;
  if (incarnation == incarnation_)
    end(static_cast<absl::StatusCode>(code), std::string(payload));
  return true;
}

bool ControlServer::hello(Peer &peer, std::string_view payload) {
  uint64_t theirMagic = 0;
  int32_t rank = -1, size = 0;
  std::string refusal;
  if (!take(payload, theirMagic) || theirMagic != magic)
    refusal = "it is another version of the program; start the same one on all ranks";
  else if (!take(payload, rank) || !take(payload, size))
    return false;
  else if (size != size_)
    refusal = "it was started as one of " + std::to_string(size) + " workers, rank 0 as one of " +
              std::to_string(size_);
  else if (rank < 0 || rank >= size_)
    refusal = "there is no rank " + std::to_string(rank) + " among " + std::to_string(size_);
  else if (presence_[static_cast<size_t>(rank)] != Presence::Absent)
    refusal = "rank " + std::to_string(rank) + " has joined already; give each worker its own rank";
  if (!refusal.empty()) {
    sendFrame(peer.fd.get(), Refused, refusal, false);
    return false;
  }
  peer.rank = rank;
  presence_[static_cast<size_t>(rank)] = Presence::Here;
  tell(rank, Welcome, pack("", incarnation_));
  if (!ended_.empty())
    tell(rank, Ended, ended_);
  return true;
}

bool ControlServer::arrive(Peer &peer, uint32_t kind, std::string_view payload) {
  uint32_t incarnation = 0;
  int64_t wait = 0;
  if (!take(payload, incarnation) || !take(payload, wait))
    return false;
  Round &round = roundOf(kind);
  size_t at = static_cast<size_t>(peer.rank);
  if (kind == Remake && ended_.empty())
    end(absl::StatusCode::kAborted,
        "ended by rank " + std::to_string(peer.rank) + ": it asked for a re-make");
  if (kind != Remake && (incarnation != incarnation_ || !ended_.empty())) {
    fail(round, peer.rank, absl::StatusCode::kAborted, "the incarnation has ended");
    return true;
  }
  round.arrived[at] = std::string(payload);
  round.expiry[at] = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait);
  if (kind == Remake)
    for (int rank = 0; rank < size_; ++rank)
      if (presence_[static_cast<size_t>(rank)] == Presence::Gone) {
        fail(round, peer.rank, absl::StatusCode::kUnavailable,
             "rank " + std::to_string(rank) + " is gone");
        return true;
      }
  if (absentFrom(round).empty())
    complete(kind);
  return true;
}

void ControlServer::complete(uint32_t kind) {
  Round &round = roundOf(kind);
  std::string answer;
  if (kind == Gather)
    for (const auto &text : round.arrived)
      answer += pack(*text, static_cast<uint32_t>(text->size()));
  if (kind == Remake) {
    ++incarnation_;
    ended_.clear();
    for (Round &other : rounds_) // what arrived in the old incarnation is void
      for (auto &text : other.arrived)
        text.reset();
    answer = pack("", incarnation_);
  }
  for (auto &text : round.arrived)
    text.reset();
  for (int rank = 0; rank < size_; ++rank) {
    if (kind == Leave)
      presence_[static_cast<size_t>(rank)] = Presence::Left;
    tell(rank, kind == Gather ? Gathered : kind == Remake ? Remade : Left, answer);
  }
}

std::vector<int> ControlServer::absentFrom(const Round &round) const {
  std::vector<int> ranks;
  for (int rank = 0; rank < size_; ++rank)
    if (!round.arrived[static_cast<size_t>(rank)])
      ranks.push_back(rank);
  return ranks;
}

void ControlServer::expire() {
  Deadline now = std::chrono::steady_clock::now();
  for (Round &round : rounds_) {
    std::string missing;
    for (int rank = 0; rank < size_; ++rank)
      if (round.arrived[static_cast<size_t>(rank)] &&
          round.expiry[static_cast<size_t>(rank)] <= now) {
        if (missing.empty())
          missing = rankList(absentFrom(round));
        fail(round, rank, absl::StatusCode::kDeadlineExceeded, missing);
      }
  }
}

int ControlServer::untilExpiry() const {
  Deadline now = std::chrono::steady_clock::now();
  int64_t least = -1;
  for (const Round &round : rounds_)
    for (size_t rank = 0; rank < round.arrived.size(); ++rank)
      if (round.arrived[rank]) {
        int64_t left =
            std::chrono::duration_cast<std::chrono::milliseconds>(round.expiry[rank] - now).count();
        left = std::max<int64_t>(left + 1, 0);
        least = least < 0 ? left : std::min(least, left);
      }
  return static_cast<int>(std::min<int64_t>(least, 1 << 30));
}

void ControlServer::fail(Round &round, int rank, absl::StatusCode code, const std::string &text) {
  round.arrived[static_cast<size_t>(rank)].reset();
  tell(rank, Failed, pack(text, static_cast<int32_t>(code)));
}

void ControlServer::end(absl::StatusCode code, const std::string &text) {
  if (!ended_.empty())
    return;
  ended_ = pack(text, incarnation_, static_cast<int32_t>(code));
  for (int rank = 0; rank < size_; ++rank)
    tell(rank, Ended, ended_);
}

void ControlServer::lose(int rank) {
  Presence &presence = presence_[static_cast<size_t>(rank)];
  if (presence == Presence::Left)
    return;
  presence = Presence::Gone;
  std::string text = "rank " + std::to_string(rank) + " is gone";
  end(absl::StatusCode::kUnavailable,
      text + ": its worker has ended, or destroyed its transport without closing");
  for (Round &round : rounds_) {
    round.arrived[static_cast<size_t>(rank)].reset();
    for (int other = 0; other < size_; ++other)
      if (round.arrived[static_cast<size_t>(other)])
        fail(round, other, absl::StatusCode::kUnavailable, text);
  }
}

void ControlServer::tell(int rank, uint32_t kind, const std::string &payload) {
  // A worker that does not read its few small frames is noticed by its own timeouts.
  for (Peer &peer : peers_)
    if (peer.rank == rank && peer.fd.valid())
      sendFrame(peer.fd.get(), kind, payload, false);
}

} // namespace heddle::transport
