//===- Transport.cpp - calls on top of one exchange --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/transport/Transport.h"

#include "runtime/base/TrafficNames.h"

#include <cstdio>
#include <cstring>

namespace heddle::transport {

const char *trafficName(Traffic traffic) {
  static_assert(trafficClasses == int(trafficNames.size()));
  return size_t(traffic) < trafficNames.size() ? trafficNames[size_t(traffic)] : "unknown";
}

std::string rankList(const std::vector<int> &ranks) {
  std::string text = ranks.size() == 1 ? "rank" : "ranks";
  for (size_t i = 0; i < ranks.size(); ++i)
    text += (i ? ", " : " ") + std::to_string(ranks[i]);
  return text;
}

namespace {

std::string tagText(const Tag &tag) {
  return "(incarnation " + std::to_string(tag.incarnation) + ", step " + std::to_string(tag.step) +
         ", op " + std::to_string(tag.op) + ")";
}

std::string seconds(Transport::Milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g s", static_cast<double>(time.count()) / 1000.0);
  return text;
}

/// Clears a flag at the end of a call.
class Busy {
public:
  explicit Busy(std::atomic<bool> &flag) : flag_(flag), entered_(!flag.exchange(true)) {}
  ~Busy() {
    if (entered_)
      flag_.store(false);
  }
  bool entered() const { return entered_; }

private:
  std::atomic<bool> &flag_;
  bool entered_;
};

// Nothing of another thread's call may be touched, so a refused call does not end the incarnation.
#define HEDDLE_ENTER(call)                                                                         \
  Busy busy(busy_);                                                                                \
  if (!busy.entered())                                                                             \
  return failed(call, absl::StatusCode::kInternal, "another thread is inside a call")

} // namespace

std::string Transport::describe(const Call &call) const {
  std::string text = "rank " + std::to_string(rank_) + ": " + call.name;
  if (call.tag.incarnation == 0) // re-make and close belong to no op
    return text;
  text += " of op " + std::to_string(call.tag.op);
  if (const std::string name = opNames_ ? opNames_(call.tag.op) : ""; !name.empty())
    text += " (" + name + ")";
  return text + ", step " + std::to_string(call.tag.step);
}

absl::Status Transport::failed(const Call &call, absl::StatusCode code,
                               const std::string &text) const {
  std::string message = describe(call) + ": " + text;
  return absl::Status(code, absl::string_view(message.data(), message.size()));
}

absl::Status Transport::interrupted(const Call &call, const absl::Status &groupStatus) const {
  return failed(call, groupStatus.code(), messageOf(groupStatus));
}

absl::Status Transport::timedOut(const Call &call, const std::string &missing) const {
  return failed(call, absl::StatusCode::kDeadlineExceeded,
                "waited " + seconds(call.timeout) + " for " + missing);
}

absl::Status Transport::endedHere(const absl::Status &reason) const {
  std::string self = "rank " + std::to_string(rank_) + ": ", text = messageOf(reason);
  text = "ended by " + (text.compare(0, self.size(), self) == 0 ? text : self + text);
  return absl::AbortedError(absl::string_view(text.data(), text.size()));
}

absl::Status Transport::checkArrival(const Call &call, int peer, const Tag &theirs, int64_t bytes,
                                     const ReceiveBlock &block) const {
  if (theirs != call.tag)
    return failed(call, absl::StatusCode::kInternal,
                  "rank " + std::to_string(peer) + " sent a block tagged " + tagText(theirs) +
                      ", expected " + tagText(call.tag) + ": the workers are out of step");
  if (block.received ? bytes > block.bytes : bytes != block.bytes)
    return failed(call, absl::StatusCode::kInternal,
                  "rank " + std::to_string(peer) + " sent a block of " + std::to_string(bytes) +
                      " bytes, expected " + (block.received ? "at most " : "") +
                      std::to_string(block.bytes));
  return absl::OkStatus();
}

Transport::Call Transport::begin(const char *name, const Tag &tag) const {
  return {name, tag, Clock::now() + timeout_, timeout_};
}

absl::Status Transport::check(const Call &call, std::span<const SendBlock> sends,
                              std::span<const ReceiveBlock> receives) const {
  if (closed_)
    return failed(call, absl::StatusCode::kInternal, "the transport is closed");
  if (call.tag.incarnation != incarnation())
    return failed(call, absl::StatusCode::kInternal,
                  "the tag's incarnation is " + std::to_string(call.tag.incarnation) +
                      ", the transport's " + std::to_string(incarnation()));
  auto wrong = [&](int peer, int64_t bytes, const void *data, bool onDevice) -> absl::Status {
    if (peer < 0 || peer >= size_)
      return failed(call, absl::StatusCode::kInternal,
                    "there is no rank " + std::to_string(peer) + " among " + std::to_string(size_));
    if (bytes < 0 || (bytes > 0 && !data))
      return failed(call, absl::StatusCode::kInternal,
                    "a block of " + std::to_string(bytes) + " bytes for rank " +
                        std::to_string(peer) + " has no memory");
    if (onDevice && !takesDeviceMemory())
      return failed(call, absl::StatusCode::kInternal,
                    "a block for rank " + std::to_string(peer) +
                        " is in device memory, which this transport does not take");
    return absl::OkStatus();
  };
  for (const SendBlock &block : sends)
    HEDDLE_RETURN_IF_ERROR(wrong(block.peer, block.bytes, block.data, block.onDevice));
  for (const ReceiveBlock &block : receives)
    HEDDLE_RETURN_IF_ERROR(wrong(block.peer, block.bytes, block.data, block.onDevice));
  return absl::OkStatus();
}

absl::Status Transport::copyOwn(const Call &call, std::span<const SendBlock> sends,
                                std::span<const ReceiveBlock> receives) {
  size_t next = 0;
  for (const SendBlock &from : sends) {
    if (from.peer != rank_)
      continue;
    while (next < receives.size() && receives[next].peer != rank_)
      ++next;
    if (next == receives.size())
      return failed(call, absl::StatusCode::kInternal, "a block to itself that nothing receives");
    const ReceiveBlock &to = receives[next++];
    HEDDLE_RETURN_IF_ERROR(checkArrival(call, rank_, call.tag, from.bytes, to));
    if (from.bytes > 0 && (from.onDevice || to.onDevice))
      HEDDLE_RETURN_IF_ERROR(copyOnDevice(call, from, to));
    else if (from.bytes > 0 && from.data != to.data)
      std::memmove(to.data, from.data, static_cast<size_t>(from.bytes));
    if (to.received)
      *to.received = from.bytes;
  }
  for (; next < receives.size(); ++next)
    if (receives[next].peer == rank_)
      return failed(call, absl::StatusCode::kInternal, "a block from itself that nothing sends");
  return absl::OkStatus();
}

absl::Status Transport::copyOnDevice(const Call &call, const SendBlock &, const ReceiveBlock &) {
  return failed(call, absl::StatusCode::kInternal, "a block in device memory"); // check() saw to it
}

absl::Status Transport::run(const Call &call, Traffic traffic, std::span<const SendBlock> sends,
                            std::span<const ReceiveBlock> receives) {
  absl::Status status = groupStatus();
  if (!status.ok())
    return interrupted(call, status);
  status = check(call, sends, receives);
  if (status.ok())
    status = copyOwn(call, sends, receives);
  int64_t bytes = 0, blocks = 0;
  if (status.ok()) {
    remoteSends_.clear();
    remoteReceives_.clear();
    for (const SendBlock &block : sends)
      if (block.peer != rank_) {
        remoteSends_.push_back(block);
        bytes += block.bytes;
        blocks += block.bytes > 0;
      }
    for (const ReceiveBlock &block : receives)
      if (block.peer != rank_)
        remoteReceives_.push_back(block);
    if (!remoteSends_.empty() || !remoteReceives_.empty())
      status = exchangeRemote(call, remoteSends_, remoteReceives_);
  }
  if (!status.ok()) {
    abortGroup(status);
    return status;
  }
  Counter &counter = sent_[static_cast<size_t>(traffic)];
  counter.bytes.fetch_add(bytes, std::memory_order_relaxed);
  counter.blocks.fetch_add(blocks, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status Transport::exchange(const Tag &tag, Traffic traffic, std::span<const SendBlock> sends,
                                 std::span<const ReceiveBlock> receives) {
  Call call = begin("exchange", tag);
  HEDDLE_ENTER(call);
  return run(call, traffic, sends, receives);
}

absl::Status Transport::send(const Tag &tag, Traffic traffic, int peer, const void *data,
                             int64_t bytes) {
  Call call = begin("send", tag);
  HEDDLE_ENTER(call);
  SendBlock block{peer, data, bytes};
  return run(call, traffic, {&block, 1}, {});
}

absl::Status Transport::receive(const Tag &tag, Traffic traffic, int peer, void *data,
                                int64_t bytes, int64_t *received) {
  Call call = begin("receive", tag);
  HEDDLE_ENTER(call);
  ReceiveBlock block{peer, data, bytes, received};
  return run(call, traffic, {}, {&block, 1});
}

absl::Status Transport::allToAll(const Tag &tag, Traffic traffic, const void *sendData,
                                 std::span<const int64_t> sendBytes, void *receiveData,
                                 std::span<const int64_t> receiveBytes) {
  Call call = begin("allToAll", tag);
  HEDDLE_ENTER(call);
  size_t size = static_cast<size_t>(size_);
  if (sendBytes.size() != size || receiveBytes.size() != size) {
    absl::Status status =
        failed(call, absl::StatusCode::kInternal, "byte counts for another number of ranks");
    abortGroup(status);
    return status;
  }
  sends_.clear();
  receives_.clear();
  auto *from = static_cast<const std::byte *>(sendData);
  auto *to = static_cast<std::byte *>(receiveData);
  for (int peer = 0; peer < size_; ++peer) {
    int64_t out = sendBytes[static_cast<size_t>(peer)],
            in = receiveBytes[static_cast<size_t>(peer)];
    sends_.push_back({peer, from, out});
    receives_.push_back({peer, to, in});
    if (out > 0)
      from += out;
    if (in > 0)
      to += in;
  }
  return run(call, traffic, sends_, receives_);
}

absl::Status Transport::allGather(const Tag &tag, Traffic traffic, const void *sendData,
                                  void *receiveData, std::span<const int64_t> bytes) {
  Call call = begin("allGather", tag);
  HEDDLE_ENTER(call);
  if (bytes.size() != static_cast<size_t>(size_)) {
    absl::Status status =
        failed(call, absl::StatusCode::kInternal, "byte counts for another number of ranks");
    abortGroup(status);
    return status;
  }
  sends_.clear();
  receives_.clear();
  auto *to = static_cast<std::byte *>(receiveData);
  for (int peer = 0; peer < size_; ++peer) {
    int64_t in = bytes[static_cast<size_t>(peer)];
    sends_.push_back({peer, sendData, bytes[static_cast<size_t>(rank_)]});
    receives_.push_back({peer, to, in});
    if (in > 0)
      to += in;
  }
  return run(call, traffic, sends_, receives_);
}

absl::Status Transport::barrier(const Tag &tag) {
  Call call = begin("barrier", tag);
  HEDDLE_ENTER(call);
  sends_.clear();
  receives_.clear();
  for (int peer = 0; peer < size_; ++peer) {
    sends_.push_back({peer, nullptr, 0});
    receives_.push_back({peer, nullptr, 0});
  }
  return run(call, Traffic::Control, sends_, receives_);
}

void Transport::abort(const absl::Status &reason) { abortGroup(reason); }

absl::Status Transport::remake() {
  Call call = begin("remake", Tag{});
  HEDDLE_ENTER(call);
  if (closed_)
    return failed(call, absl::StatusCode::kInternal, "the transport is closed");
  HEDDLE_ASSIGN_OR_RETURN(uint32_t incarnation, remakeGroup(call));
  setIncarnation(incarnation);
  return absl::OkStatus();
}

absl::Status Transport::close() {
  Call call = begin("close", Tag{});
  HEDDLE_ENTER(call);
  if (closed_)
    return absl::OkStatus();
  absl::Status status = closeGroup(call);
  if (status.ok())
    closed_ = true;
  return status;
}

TransportCounters Transport::counters() const {
  TransportCounters counters;
  for (size_t i = 0; i < sent_.size(); ++i) {
    counters.sent[i].bytes = sent_[i].bytes.load(std::memory_order_relaxed);
    counters.sent[i].blocks = sent_[i].blocks.load(std::memory_order_relaxed);
  }
  return counters;
}

} // namespace heddle::transport
