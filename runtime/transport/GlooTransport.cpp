//===- GlooTransport.cpp - workers that are processes ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A block is a header (tag, bytes), with the payload in it if that is small, or followed by it.
// Receives of headers are always posted, so that a header travels at once. Gloo ends the process
// when more bytes arrive than were asked for; therefore the slot of a payload names its size, and a
// payload of another size than expected is never matched: its header says what is wrong.
//
// Gloo's waits throw, and a wait that times out closes all of Gloo's connections, which the other
// ranks may see before our reason reaches them. They ask the control plane for the reason first.
//
//===----------------------------------------------------------------------===//
#include "runtime/transport/GlooTransport.h"

#include "runtime/transport/ControlPlane.h"
#include "runtime/transport/ThreadTransport.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <gloo/common/error.h>
#include <gloo/transport/context.h>
#include <gloo/transport/device.h>
#include <gloo/transport/tcp/device.h>
#include <mutex>

namespace heddle::transport {
namespace {

using Buffer = gloo::transport::UnboundBuffer;

constexpr size_t inlineBytes = 2048;
constexpr uint64_t headerSlot = 1;
constexpr uint64_t payloadSlots = uint64_t(1) << 62;
// How long a rank whose connection broke waits for the reason.
constexpr std::chrono::milliseconds reasonMargin{1000};

uint64_t payloadSlot(int64_t bytes) { return payloadSlots | static_cast<uint64_t>(bytes); }
bool isInline(int64_t bytes) { return bytes <= static_cast<int64_t>(inlineBytes); }

struct Header {
  Tag tag;
  int64_t bytes = 0;
};

struct Message {
  Header header;
  std::byte payload[inlineBytes];
};

/// Gloo writes to sockets without MSG_NOSIGNAL: for the length of a call, a connection that the
/// peer has closed must not raise SIGPIPE in this thread.
class PipeSignalBlocked {
public:
  PipeSignalBlocked() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    wasPending_ = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &old_);
  }
  ~PipeSignalBlocked() {
    timespec now{};
    if (!wasPending_)
      while (sigtimedwait(&pipe_, nullptr, &now) > 0) {
      }
    pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }

private:
  sigset_t pipe_, old_;
  bool wasPending_;
};

/// A Gloo buffer over the caller's memory, kept while the caller uses the same memory.
class CallerBuffer {
public:
  Buffer &over(gloo::transport::Context &mesh, void *data, int64_t bytes) {
    size_t size = static_cast<size_t>(bytes);
    if (!buffer_ || buffer_->ptr != data || buffer_->size < size)
      buffer_ = mesh.createUnboundBuffer(data, size);
    return *buffer_;
  }
  Buffer &get() { return *buffer_; }

private:
  std::unique_ptr<Buffer> buffer_;
};

struct Peer {
  Message out, in;
  std::unique_ptr<Buffer> outBuffer, inBuffer;
  CallerBuffer sendBuffer, receiveBuffer;
  // The block of this round: an index, or -1.
  int64_t send = -1, receive = -1;
  size_t nextSend = 0, nextReceive = 0;
  bool payloadPosted = false;
};

class GlooTransport;

/// What the lines of one rank share. Calls that wait for answers of the control plane come from one
/// thread: lines are joined, re-made and closed one after the other.
struct Station {
  void wakeAll();

  std::shared_ptr<gloo::transport::Device> device;
  size_t open = 0;  ///< lines that are not closed
  std::mutex mutex; ///< guards the list; taken before a line's
  std::vector<GlooTransport *> lines;
  std::unique_ptr<ControlClient> control; ///< the first to go: it wakes the lines
};

class GlooTransport final : public Transport {
public:
  GlooTransport(std::shared_ptr<Station> station, int rank, int size)
      : Transport(rank, size), station_(std::move(station)) {
    std::lock_guard<std::mutex> lock(station_->mutex);
    station_->lines.push_back(this);
    ++station_->open;
  }

  ~GlooTransport() override {
    bool last;
    {
      std::lock_guard<std::mutex> lock(station_->mutex);
      std::erase(station_->lines, this);
      last = station_->lines.empty();
    }
    // First, so that the others hear the reason before connections break.
    if (last)
      station_->control.reset();
    else if (!left_ && station_->control)
      end(unavailable("its worker has destroyed its transport without closing"));
    PipeSignalBlocked guard;
    dropMesh();
  }

  /// The first line of a station.
  absl::Status join(const Address &address) {
    Call call{"join", Tag{}, Clock::now() + timeout(), timeout()};
    auto joined = ControlClient::join(address, rank(), size(), call.deadline,
                                      [station = station_.get()] { station->wakeAll(); });
    if (!joined.ok())
      return failed(call, joined.status().code(), messageOf(joined.status()));
    station_->control = std::move(joined).value();
    if (control().incarnation() != incarnation() || !control().status().ok())
      return failed(call, absl::StatusCode::kUnavailable, "the others have gone on without it");
    try {
      PipeSignalBlocked guard;
      SignalsBlocked blocked; // for the thread of Gloo's device
      gloo::transport::tcp::attr attributes;
      attributes.hostname = control().host();
      station_->device = gloo::transport::tcp::CreateDevice(attributes);
    } catch (const std::exception &error) {
      return failed(call, absl::StatusCode::kUnavailable, oneLine(error.what()));
    }
    return makeMesh(call);
  }

  /// Another line of a station whose first line has joined.
  absl::Status connect() {
    return makeMesh(Call{"join", Tag{}, Clock::now() + timeout(), timeout()});
  }

  /// Called when the incarnation ends, from any thread.
  void wake() {
    std::lock_guard<std::mutex> lock(wakeMutex_);
    if (!waiting_)
      return;
    if (waitingReceives_)
      waiting_->abortWaitRecv();
    else
      waiting_->abortWaitSend();
  }

protected:
  absl::Status exchangeRemote(const Call &call, std::span<const SendBlock> sends,
                              std::span<const ReceiveBlock> receives) override {
    PipeSignalBlocked guard;
    absl::Status status;
    for (Peer &peer : peers_)
      peer.nextSend = peer.nextReceive = 0;
    try {
      while (status.ok() && nextRound(sends, receives))
        status = oneRound(call, sends, receives);
    } catch (const std::exception &error) { // of send() and recv(); wait() catches its own
      status = broken(call, oneLine(error.what()));
    }
    if (!status.ok()) {
      end(status); // before the connections break
      dropMesh();
    }
    return status;
  }

  void abortGroup(const absl::Status &reason) override { end(reason); }

  absl::Status groupStatus() override {
    absl::Status status = control().status();
    if (status.ok() && control().incarnation() != incarnation())
      return absl::AbortedError("its pair was re-made and this one was not");
    return status;
  }

  absl::StatusOr<uint32_t> remakeGroup(const Call &call) override {
    PipeSignalBlocked guard;
    // The first line to be re-made begins the next incarnation, the others follow it.
    const bool first = control().incarnation() == latest_;
    if (first)
      end(cancelled("it asked for a re-make"));
    dropMesh();
    if (first)
      if (auto begun = control().remake(call.deadline); !begun.ok())
        return controlError(call, begun.status());
    latest_ = control().incarnation();
    HEDDLE_RETURN_IF_ERROR(makeMesh(call));
    return latest_;
  }

  absl::Status closeGroup(const Call &call) override {
    // The last line of a station leaves; the others only wait until all are here.
    const bool last = station_->open == 1;
    absl::Status status =
        last ? control().leave(call.deadline) : control().allGather("", call.deadline).status();
    if (!status.ok()) {
      status = controlError(call, status);
      end(status);
      return status;
    }
    --station_->open;
    left_ = true;
    PipeSignalBlocked guard;
    dropMesh();
    return absl::OkStatus();
  }

private:
  ControlClient &control() { return *station_->control; }

  void end(const absl::Status &reason) { control().end(endedHere(reason)); }

  static std::string oneLine(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return "Gloo: " + text;
  }

  absl::Status controlError(const Call &call, const absl::Status &status) const {
    if (status.code() == absl::StatusCode::kDeadlineExceeded)
      return timedOut(call, messageOf(status));
    return failed(call, status.code(), messageOf(status));
  }

  /// Connects every pair of ranks anew; ends when all have.
  absl::Status makeMesh(const Call &call) {
    absl::Status status = connectMesh(call);
    if (status.ok()) // nobody may send before everybody can receive
      if (auto all = control().allGather("", call.deadline); !all.ok())
        status = controlError(call, all.status());
    if (!status.ok()) {
      end(status);
      dropMesh();
    }
    return status;
  }

  absl::Status connectMesh(const Call &call) {
    int at = -1;
    try {
      auto mesh = station_->device->createContext(rank(), size());
      // Gloo waits five times as long for a connection as it is told.
      auto left = std::chrono::duration_cast<Milliseconds>(call.deadline - Clock::now()) / 5;
      mesh->setTimeout(std::max(left, Milliseconds(1)));
      std::string addresses;
      for (int peer = 0; peer < size(); ++peer) {
        std::vector<char> address;
        if (peer != rank())
          address = mesh->createPair(peer)->address().bytes();
        uint32_t length = static_cast<uint32_t>(address.size());
        addresses.append(reinterpret_cast<const char *>(&length), sizeof(length));
        addresses.append(address.data(), address.size());
      }
      auto all = control().allGather(addresses, call.deadline);
      if (!all.ok())
        return controlError(call, all.status());
      for (at = 0; at < size(); ++at)
        if (at != rank())
          mesh->getPair(at)->connect(addressFor(rank(), (*all)[static_cast<size_t>(at)]));
      mesh_ = std::move(mesh);
      at = -1;
      peers_ = std::vector<Peer>(static_cast<size_t>(size()));
      for (int peer = 0; peer < size(); ++peer) {
        if (peer == rank())
          continue;
        Peer &self = peers_[static_cast<size_t>(peer)];
        self.outBuffer = mesh_->createUnboundBuffer(&self.out, sizeof(Message));
        self.inBuffer = mesh_->createUnboundBuffer(&self.in, sizeof(Message));
        self.inBuffer->recv(peer, headerSlot, 0, sizeof(Message));
      }
    } catch (const std::exception &error) {
      absl::Status reason = control().awaitEnd(Milliseconds(0));
      if (!reason.ok())
        return interrupted(call, reason);
      std::string where = at < 0 ? "" : "connecting to rank " + std::to_string(at) + ": ";
      return failed(call, absl::StatusCode::kUnavailable, where + oneLine(error.what()));
    }
    return absl::OkStatus();
  }

  /// The entry of `to` in a list that connectMesh wrote.
  static std::vector<char> addressFor(int to, const std::string &list) {
    size_t at = 0;
    for (int rank = 0;; ++rank) {
      uint32_t length = 0;
      if (at + sizeof(length) > list.size())
        throw gloo::IoException("a malformed list of addresses");
      std::memcpy(&length, list.data() + at, sizeof(length));
      at += sizeof(length);
      if (length > list.size() - at)
        throw gloo::IoException("a malformed list of addresses");
      if (rank == to)
        return {list.begin() + static_cast<long>(at),
                list.begin() + static_cast<long>(at + length)};
      at += length;
    }
  }

  /// After this Gloo touches nobody's memory.
  void dropMesh() {
    peers_.clear();
    mesh_.reset();
  }

  /// Picks at most one block for each peer and direction; false when none is left.
  bool nextRound(std::span<const SendBlock> sends, std::span<const ReceiveBlock> receives) {
    bool any = false;
    for (int rank = 0; rank < size(); ++rank) {
      Peer &peer = peers_[static_cast<size_t>(rank)];
      auto pick = [&](auto blocks, size_t &next, int64_t &picked) {
        while (next < blocks.size() && blocks[next].peer != rank)
          ++next;
        picked = next < blocks.size() ? static_cast<int64_t>(next++) : -1;
        any |= picked >= 0;
      };
      pick(sends, peer.nextSend, peer.send);
      pick(receives, peer.nextReceive, peer.receive);
      peer.payloadPosted = false;
    }
    return any;
  }

  absl::Status oneRound(const Call &call, std::span<const SendBlock> sends,
                        std::span<const ReceiveBlock> receives) {
    auto blockOf = [](auto blocks, int64_t index) { return blocks[static_cast<size_t>(index)]; };
    for (int rank = 0; rank < size(); ++rank) {
      Peer &peer = peers_[static_cast<size_t>(rank)];
      current_ = rank;
      if (peer.receive < 0)
        continue;
      ReceiveBlock block = blockOf(receives, peer.receive);
      if (!block.received && !isInline(block.bytes))
        postPayload(peer, rank, block, block.bytes);
    }
    for (int rank = 0; rank < size(); ++rank)
      if (Peer &peer = peers_[static_cast<size_t>(rank)]; peer.send >= 0)
        startSend(call, peer, rank, blockOf(sends, peer.send));
    for (int rank = 0; rank < size(); ++rank)
      if (Peer &peer = peers_[static_cast<size_t>(rank)]; peer.receive >= 0)
        HEDDLE_RETURN_IF_ERROR(readHeader(call, peer, rank, blockOf(receives, peer.receive)));
    for (int rank = 0; rank < size(); ++rank)
      if (Peer &peer = peers_[static_cast<size_t>(rank)]; peer.payloadPosted)
        HEDDLE_RETURN_IF_ERROR(wait(call, rank, peer.receiveBuffer.get(), true));
    for (int rank = 0; rank < size(); ++rank) {
      Peer &peer = peers_[static_cast<size_t>(rank)];
      if (peer.send < 0)
        continue;
      HEDDLE_RETURN_IF_ERROR(wait(call, rank, *peer.outBuffer, false));
      if (!isInline(blockOf(sends, peer.send).bytes))
        HEDDLE_RETURN_IF_ERROR(wait(call, rank, peer.sendBuffer.get(), false));
    }
    return absl::OkStatus();
  }

  void postPayload(Peer &peer, int rank, const ReceiveBlock &block, int64_t bytes) {
    peer.receiveBuffer.over(*mesh_, block.data, bytes)
        .recv(rank, payloadSlot(bytes), 0, static_cast<size_t>(bytes));
    peer.payloadPosted = true;
  }

  void startSend(const Call &call, Peer &peer, int rank, const SendBlock &block) {
    current_ = rank;
    peer.out.header = {call.tag, block.bytes};
    size_t length = sizeof(Header);
    if (isInline(block.bytes) && block.bytes > 0) {
      std::memcpy(peer.out.payload, block.data, static_cast<size_t>(block.bytes));
      length += static_cast<size_t>(block.bytes);
    }
    peer.outBuffer->send(rank, headerSlot, 0, length);
    if (!isInline(block.bytes))
      peer.sendBuffer.over(*mesh_, const_cast<void *>(block.data), block.bytes)
          .send(rank, payloadSlot(block.bytes), 0, static_cast<size_t>(block.bytes));
  }

  absl::Status readHeader(const Call &call, Peer &peer, int rank, const ReceiveBlock &block) {
    HEDDLE_RETURN_IF_ERROR(wait(call, rank, *peer.inBuffer, true));
    const Header &header = peer.in.header;
    int64_t bytes = header.bytes;
    if (absl::Status status = checkArrival(call, rank, header.tag, bytes, block); !status.ok()) {
      // Of a step before: left by a peer that gave up, and why may still be on the way.
      const bool before = header.tag.step < call.tag.step;
      absl::Status ended = control().awaitEnd(before ? reasonMargin : Milliseconds(0));
      return ended.ok() ? status : interrupted(call, ended);
    }
    if (isInline(bytes) && bytes > 0)
      std::memcpy(block.data, peer.in.payload, static_cast<size_t>(bytes));
    if (block.received)
      *block.received = bytes;
    peer.inBuffer->recv(rank, headerSlot, 0, sizeof(Message));
    if (!isInline(bytes) && !peer.payloadPosted)
      postPayload(peer, rank, block, bytes);
    return absl::OkStatus();
  }

  /// Waits for one operation of Gloo's.
  absl::Status wait(const Call &call, int rank, Buffer &buffer, bool receiving) {
    current_ = rank;
    {
      std::lock_guard<std::mutex> lock(wakeMutex_);
      absl::Status ended = groupStatus();
      if (!ended.ok())
        return interrupted(call, ended);
      waiting_ = &buffer;
      waitingReceives_ = receiving;
    }
    bool done = false;
    std::string error;
    try {
      // Rounded up: a wait that ended before the deadline would read as a lost connection.
      auto left = std::chrono::ceil<Milliseconds>(call.deadline - Clock::now());
      left = std::max(left, Milliseconds(1)); // Gloo reads -1 as its default
      done = receiving ? buffer.waitRecv(nullptr, left) : buffer.waitSend(nullptr, left);
    } catch (const std::exception &exception) {
      error = oneLine(exception.what());
    }
    {
      std::lock_guard<std::mutex> lock(wakeMutex_);
      waiting_ = nullptr;
    }
    if (done)
      return absl::OkStatus();
    return broken(call, error);
  }

  /// Why the operation with rank current_ failed.
  absl::Status broken(const Call &call, const std::string &error) {
    bool late = Clock::now() >= call.deadline;
    absl::Status ended = control().awaitEnd(late ? Milliseconds(0) : reasonMargin);
    if (!ended.ok())
      return interrupted(call, ended);
    std::string peer = "rank " + std::to_string(current_);
    if (late)
      return timedOut(call, peer);
    return failed(call, absl::StatusCode::kUnavailable, "lost " + peer + " (" + error + ")");
  }

  std::shared_ptr<Station> station_;
  bool left_ = false;   ///< it has been closed
  uint32_t latest_ = 1; ///< incarnation of the control plane that the line has seen
  std::shared_ptr<gloo::transport::Context> mesh_;
  int current_ = -1;        ///< the peer that is being dealt with
  std::vector<Peer> peers_; ///< one for each rank; this rank's is unused

  std::mutex wakeMutex_; ///< taken before the control client's
  Buffer *waiting_ = nullptr;
  bool waitingReceives_ = false;
};

void Station::wakeAll() {
  std::lock_guard<std::mutex> lock(mutex);
  for (GlooTransport *line : lines)
    line->wake();
}

} // namespace

absl::StatusOr<std::vector<std::unique_ptr<Transport>>>
makeGlooLines(const std::string &address, int rank, int size, int lines,
              Transport::Milliseconds timeout) {
  if (size < 1 || rank < 0 || rank >= size)
    return invalidArgument("there is no rank " + std::to_string(rank) + " among " +
                           std::to_string(size) + " workers");
  std::vector<std::unique_ptr<Transport>> transports;
  if (size == 1) {
    transports = std::move(makeThreadLines(1, lines)[0]);
    for (auto &alone : transports)
      alone->setTimeout(timeout);
    return transports;
  }
  HEDDLE_ASSIGN_OR_RETURN(Address parsed, parseAddress(address));
  auto station = std::make_shared<Station>();
  std::vector<std::unique_ptr<GlooTransport>> made;
  for (int line = 0; line < lines; ++line) {
    made.push_back(std::make_unique<GlooTransport>(station, rank, size));
    made.back()->setTimeout(timeout);
    HEDDLE_RETURN_IF_ERROR(line == 0 ? made.back()->join(parsed) : made.back()->connect());
  }
  for (auto &transport : made)
    transports.push_back(std::move(transport));
  return transports;
}

absl::StatusOr<std::unique_ptr<Transport>>
makeGlooTransport(const std::string &address, int rank, int size, Transport::Milliseconds timeout) {
  HEDDLE_ASSIGN_OR_RETURN(auto lines, makeGlooLines(address, rank, size, 1, timeout));
  return std::move(lines[0]);
}

} // namespace heddle::transport
