//===- Transport.h - moving bytes between workers ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A transport joins the ranks 0..size-1 of one communicator and moves blocks of bytes between them.
// It adds nothing up: reductions are ours, in rank order, after the bytes have arrived. What every
// implementation guarantees (tests/unit/transport/ConformanceTest.cpp checks it):
//
//  Order       Blocks from one rank to another arrive in the order in which they were given. All
//              ranks make the same calls in the same order; a transport is used by one thread at a
//              time (one communicator = one queue), only abort() may come from any thread.
//  Tags        Every block carries (incarnation, step, op). The receiver compares it with its own
//              call's tag and with the number of bytes it expects; a difference is an error that
//              names both sides. It means that workers are out of step.
//  Progress    The blocks of one exchange travel at the same time, in both directions: a call ends
//              when each peer makes its matching call. A call may end before its peers' calls do.
//  Bytes       counters() is exact: payload bytes of completed calls that went to other ranks, by
//              class. Headers, blocks to oneself and re-makes do not count.
//  Time        Every call ends within timeout() (plus a second where the system must be asked why a
//              connection broke).
//  First error The first error on any rank ends the incarnation on all of them: waiting and later
//              calls return, with the reason and the rank that it came from. What the receive
//              buffers hold then is undefined, but nobody writes into them, or reads the send
//              buffers, after the call has returned. (Only a call that is refused because another
//              thread is inside one leaves everything as it was.)
//  Re-make     When all ranks have called remake(), a new incarnation begins with no old bytes in
//              it. Which worker is at which rank does not change.
//  Allocation  None per call once the largest number of blocks has been seen (Gloo's own
//              objects and queues apart).
//  Memory      Blocks lie in the host's memory, or, where takesDeviceMemory() says so, in that of
//              the transport's device: then whatever writes them there has ended before the call,
//              and what is received is there when it returns.
//
// Status codes: kDeadlineExceeded (somebody did not come in time), kAborted (another rank, or
// abort(), ended it), kUnavailable (a connection or a worker is gone), kInternal (out of step, or a
// wrong call). Messages name the rank, the peer, the call, op and step.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRANSPORT_TRANSPORT_H
#define HEDDLE_RUNTIME_TRANSPORT_TRANSPORT_H

#include "runtime/base/Status.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace heddle::transport {

/// What bytes are for; the classes in which plans count them.
enum class Traffic : uint8_t {
  Activations,
  DenseGradients,
  EmbeddingRows,
  RemoteFeatures,
  Control ///< sizes, ids, handshakes
};
inline constexpr int trafficClasses = 5;
const char *trafficName(Traffic traffic);

/// Which call a block belongs to.
struct Tag {
  uint32_t incarnation = 0;
  uint32_t op = 0;
  int64_t step = 0;
  bool operator==(const Tag &) const = default;
};

struct SendBlock {
  int peer = 0;
  const void *data = nullptr;
  int64_t bytes = 0; ///< 0 is a block too: it is matched and carries its tag
  bool onDevice = false;
};

struct ReceiveBlock {
  int peer = 0;
  void *data = nullptr;
  /// Exactly as many as are sent; with `received`, at most so many, and *received says how many.
  int64_t bytes = 0;
  int64_t *received = nullptr;
  bool onDevice = false;
};

struct TransportCounters {
  struct Class {
    int64_t bytes = 0;  ///< payload sent to other ranks
    int64_t blocks = 0; ///< of at least one byte, sent to other ranks
  };
  std::array<Class, trafficClasses> sent;
  const Class &of(Traffic traffic) const { return sent[static_cast<size_t>(traffic)]; }
  TransportCounters &operator+=(const TransportCounters &other) {
    for (size_t i = 0; i < sent.size(); ++i) {
      sent[i].bytes += other.sent[i].bytes;
      sent[i].blocks += other.sent[i].blocks;
    }
    return *this;
  }
};

class Transport {
public:
  using Clock = std::chrono::steady_clock;
  using Milliseconds = std::chrono::milliseconds;
  static constexpr Milliseconds defaultTimeout{30000};

  virtual ~Transport() = default;
  Transport(const Transport &) = delete;
  Transport &operator=(const Transport &) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Whether blocks of exchange() may lie in device memory.
  virtual bool takesDeviceMemory() const { return false; }
  /// 1 at first; each re-make adds one.
  uint32_t incarnation() const { return incarnation_.load(std::memory_order_acquire); }
  /// A tag of the present incarnation.
  Tag tag(int64_t step, uint32_t op) const { return {incarnation(), op, step}; }

  /// For each call from now on.
  void setTimeout(Milliseconds timeout) { timeout_ = timeout; }
  Milliseconds timeout() const { return timeout_; }
  /// What errors call an op besides its number; called only when there is an error.
  void setOpNames(std::function<std::string(uint32_t)> names) { opNames_ = std::move(names); }

  /// Sends and receives all blocks. Several blocks for one peer are matched in order; blocks from
  /// this rank to itself are copied.
  absl::Status exchange(const Tag &tag, Traffic traffic, std::span<const SendBlock> sends,
                        std::span<const ReceiveBlock> receives);

  /// send() ends when `data` may be overwritten; the peer may have to call receive() first.
  absl::Status send(const Tag &tag, Traffic traffic, int peer, const void *data, int64_t bytes);
  absl::Status receive(const Tag &tag, Traffic traffic, int peer, void *data, int64_t bytes,
                       int64_t *received = nullptr);

  /// The blocks for ranks 0, 1, ... lie one behind the other in `sendData`, those from ranks 0, 1,
  /// ... in `receiveData`; both spans have size() entries, in bytes. The arrays must not overlap.
  absl::Status allToAll(const Tag &tag, Traffic traffic, const void *sendData,
                        std::span<const int64_t> sendBytes, void *receiveData,
                        std::span<const int64_t> receiveBytes);

  /// Everyone's block, in rank order, into `receiveData`; `bytes` has size() entries and each rank
  /// gives bytes[rank] of them. sendData may be this rank's place in receiveData.
  absl::Status allGather(const Tag &tag, Traffic traffic, const void *sendData, void *receiveData,
                         std::span<const int64_t> bytes);

  /// Ends when all ranks have called it.
  absl::Status barrier(const Tag &tag);

  /// Ends the incarnation: wakes all waiting calls of all ranks. From any thread, at any time; only
  /// the first of an incarnation counts.
  void abort(const absl::Status &reason);

  /// All ranks: leaves the incarnation (aborting it if it was alive) and begins the next one. May
  /// be called again after an error.
  absl::Status remake();

  /// All ranks, at the end: waits until everybody has received everything. A transport destroyed
  /// without it is an error on the other ranks. No call may follow.
  absl::Status close();

  /// From any thread.
  TransportCounters counters() const;

protected:
  struct Call {
    const char *name = "";
    Tag tag;
    Clock::time_point deadline;
    Milliseconds timeout{0};
  };

  Transport(int rank, int size) : rank_(rank), size_(size) {}

  /// No block is this rank's own and all peers exist. On an error nothing may touch the blocks'
  /// memory any more; the base class then calls abortGroup().
  virtual absl::Status exchangeRemote(const Call &call, std::span<const SendBlock> sends,
                                      std::span<const ReceiveBlock> receives) = 0;
  virtual void abortGroup(const absl::Status &reason) = 0;
  /// kAborted with rank and reason when this incarnation has ended.
  virtual absl::Status groupStatus() = 0;
  /// Returns the new incarnation.
  virtual absl::StatusOr<uint32_t> remakeGroup(const Call &call) = 0;
  virtual absl::Status closeGroup(const Call &call) = 0;
  /// A block of this rank's own, at least one byte of which is in device memory.
  virtual absl::Status copyOnDevice(const Call &call, const SendBlock &from,
                                    const ReceiveBlock &to);

  /// A transport that is built on another one asks this of it, in a call of its own.
  static absl::Status exchangeOn(Transport &inner, const Call &call,
                                 std::span<const SendBlock> sends,
                                 std::span<const ReceiveBlock> receives) {
    return inner.exchangeRemote(call, sends, receives);
  }
  static absl::Status statusOf(Transport &inner) { return inner.groupStatus(); }
  static absl::StatusOr<uint32_t> remakeOn(Transport &inner, const Call &call) {
    HEDDLE_ASSIGN_OR_RETURN(uint32_t incarnation, inner.remakeGroup(call));
    inner.setIncarnation(incarnation);
    return incarnation;
  }
  static absl::Status closeOn(Transport &inner, const Call &call) { return inner.closeGroup(call); }
  /// Calls of `inner` are named as this one's are.
  void nameOpsOf(Transport &inner) {
    inner.opNames_ = [this](uint32_t op) { return opNames_ ? opNames_(op) : std::string(); };
  }

  /// "rank 1: allToAll of op 17 (merge_paper), step 5"
  std::string describe(const Call &call) const;
  /// An error of this call: describe() + ": " + text.
  absl::Status failed(const Call &call, absl::StatusCode code, const std::string &text) const;
  /// The reason why others ended it, seen from this call.
  absl::Status interrupted(const Call &call, const absl::Status &groupStatus) const;
  absl::Status timedOut(const Call &call, const std::string &missing) const;
  /// Ok, or what is wrong with a block that came from `peer`.
  absl::Status checkArrival(const Call &call, int peer, const Tag &theirs, int64_t bytes,
                            const ReceiveBlock &block) const;
  /// What the other ranks are told of an error of this one.
  absl::Status endedHere(const absl::Status &reason) const;
  void setIncarnation(uint32_t incarnation) {
    incarnation_.store(incarnation, std::memory_order_release);
  }

private:
  absl::Status run(const Call &call, Traffic traffic, std::span<const SendBlock> sends,
                   std::span<const ReceiveBlock> receives);
  absl::Status check(const Call &call, std::span<const SendBlock> sends,
                     std::span<const ReceiveBlock> receives) const;
  absl::Status copyOwn(const Call &call, std::span<const SendBlock> sends,
                       std::span<const ReceiveBlock> receives);
  Call begin(const char *name, const Tag &tag) const;

  const int rank_;
  const int size_;
  std::atomic<uint32_t> incarnation_{1};
  Milliseconds timeout_ = defaultTimeout;
  std::function<std::string(uint32_t)> opNames_;
  std::atomic<bool> busy_{false};
  bool closed_ = false;
  struct Counter {
    std::atomic<int64_t> bytes{0}, blocks{0};
  };
  std::array<Counter, trafficClasses> sent_;
  // Grown once, then reused.
  std::vector<SendBlock> sends_, remoteSends_;
  std::vector<ReceiveBlock> receives_, remoteReceives_;
};

/// "rank 2" or "ranks 1, 3"
std::string rankList(const std::vector<int> &ranks);

} // namespace heddle::transport

#endif // HEDDLE_RUNTIME_TRANSPORT_TRANSPORT_H
