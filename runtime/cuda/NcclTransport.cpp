//===- NcclTransport.cpp - workers with a GPU each -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The communicator is of the kind whose calls do not block: they say that they are busy, and are
// asked again until the deadline, or until the inner transport's group has ended. Then NCCL is
// aborted, by the one thread that uses it, and the next incarnation makes a new communicator.
//
// NCCL's kernels wait for their peers by spinning, and a thread that frees memory waits for them:
// both sides of a block have to be inside the call before one is launched. A header from the other
// side shows that; a rank that only sends to another one is sent a word of it.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/NcclTransport.h"

#include "runtime/cuda/Lane.h"
#include "runtime/transport/ControlPlane.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

namespace heddle::cuda {
namespace {

using transport::ReceiveBlock;
using transport::SendBlock;
using transport::Tag;
using transport::Transport;

/// Of the host's memory, so many bytes go with their header: the header's message travels anyway,
/// and is one of Gloo's short ones up to here, while NCCL would take two copies and two kernels.
constexpr int64_t inlineBytes = 2040;
/// How long a rank whose NCCL failed waits for the reason of another one, as Gloo's does.
constexpr std::chrono::milliseconds reasonMargin{1000};
/// Kernels of an aborted communicator end by themselves; a device on which they do not is lost.
constexpr std::chrono::seconds abortMargin{10};
/// A wait asks this often without sleeping, which is longer than most exchanges take.
constexpr int eagerAsks = 300;
constexpr std::chrono::microseconds nap{50};
constexpr uint64_t alignment = 256;

uint64_t aligned(int64_t bytes) {
  return (uint64_t(bytes) + alignment - 1) / alignment * alignment;
}

struct Message {
  int64_t bytes = 0;
  std::byte payload[inlineBytes];
};
constexpr int64_t headerBytes = sizeof(int64_t);

class NcclTransport final : public Transport {
public:
  NcclTransport(std::unique_ptr<Transport> inner, const Nccl &nccl, std::unique_ptr<Lane> lane)
      : Transport(inner->rank(), inner->size()), inner_(std::move(inner)), nccl_(nccl),
        lane_(std::move(lane)) {
    setTimeout(inner_->timeout());
    setIncarnation(inner_->incarnation());
    nameOpsOf(*inner_);
  }

  ~NcclTransport() override {
    inner_.reset(); // first, so that the others hear the reason before NCCL breaks
    (void)dropCommunicator();
  }

  absl::Status join() {
    const Call call{"join", Tag{}, Clock::now() + timeout(), timeout()};
    absl::Status status = makeCommunicator(call);
    if (!status.ok())
      inner_->abort(status);
    return status;
  }

  bool takesDeviceMemory() const override { return true; }

protected:
  absl::Status exchangeRemote(const Call &call, std::span<const SendBlock> sends,
                              std::span<const ReceiveBlock> receives) override {
    HEDDLE_RETURN_IF_ERROR(exchangeHeaders(call, sends, receives));
    HEDDLE_RETURN_IF_ERROR(awaitReceivers(call, sends, receives));
    absl::Status status = exchangePayload(call, sends, receives);
    if (!status.ok()) {
      inner_->abort(status); // before NCCL breaks on the others
      if (absl::Status dropped = dropCommunicator(); !dropped.ok())
        return failed(call, dropped.code(), messageOf(status) + "; " + messageOf(dropped));
    }
    return status;
  }

  absl::Status copyOnDevice(const Call &call, const SendBlock &from,
                            const ReceiveBlock &to) override {
    const uint64_t bytes = uint64_t(from.bytes);
    absl::Status status = lane_->enter();
    if (status.ok())
      status = !from.onDevice ? lane_->toDevice(onDevice(to.data), from.data, bytes)
               : !to.onDevice ? lane_->toHost(to.data, onDevice(from.data), bytes)
                              : lane_->onDevice(onDevice(to.data), onDevice(from.data), bytes);
    if (status.ok())
      status = lane_->synchronize();
    return ofDevice(call, status);
  }

  void abortGroup(const absl::Status &reason) override { inner_->abort(reason); }
  absl::Status groupStatus() override { return statusOf(*inner_); }

  absl::StatusOr<uint32_t> remakeGroup(const Call &call) override {
    if (statusOf(*inner_).ok())
      inner_->abort(cancelled("it asked for a re-make")); // before NCCL breaks on the others
    HEDDLE_RETURN_IF_ERROR(dropCommunicator());
    HEDDLE_ASSIGN_OR_RETURN(uint32_t incarnation, remakeOn(*inner_, call));
    if (absl::Status status = makeCommunicator(call); !status.ok()) {
      inner_->abort(status);
      return status;
    }
    return incarnation;
  }

  absl::Status closeGroup(const Call &call) override {
    absl::Status status = closeCommunicator(call);
    if (status.ok())
      status = closeOn(*inner_, call);
    if (!status.ok()) {
      inner_->abort(status);
      (void)dropCommunicator();
    }
    return status;
  }

private:
  static DevicePointer onDevice(const void *address) {
    return reinterpret_cast<DevicePointer>(address);
  }

  absl::Status ofDevice(const Call &call, const absl::Status &status) const {
    return status.ok() ? status : failed(call, status.code(), messageOf(status));
  }

  //===--- Headers ---------------------------------------------------------===//

  absl::Status exchangeHeaders(const Call &call, std::span<const SendBlock> sends,
                               std::span<const ReceiveBlock> receives) {
    out_.resize(std::max(out_.size(), sends.size()));
    in_.resize(std::max(in_.size(), receives.size()));
    inBytes_.resize(in_.size());
    headersOut_.clear();
    headersIn_.clear();
    for (size_t i = 0; i < sends.size(); ++i) {
      const SendBlock &block = sends[i];
      out_[i].bytes = block.bytes;
      int64_t length = headerBytes;
      if (isInline(block) && block.bytes > 0) {
        std::memcpy(out_[i].payload, block.data, size_t(block.bytes));
        length += block.bytes;
      }
      headersOut_.push_back({block.peer, &out_[i], length});
    }
    for (size_t i = 0; i < receives.size(); ++i)
      headersIn_.push_back({receives[i].peer, &in_[i], int64_t(sizeof(Message)), &inBytes_[i]});
    HEDDLE_RETURN_IF_ERROR(exchangeOn(*inner_, call, headersOut_, headersIn_));
    for (size_t i = 0; i < receives.size(); ++i)
      HEDDLE_RETURN_IF_ERROR(
          checkArrival(call, receives[i].peer, call.tag, in_[i].bytes, receives[i]));
    return absl::OkStatus();
  }

  /// Ends when everyone whom this rank sends something by NCCL is inside the call.
  absl::Status awaitReceivers(const Call &call, std::span<const SendBlock> sends,
                              std::span<const ReceiveBlock> receives) {
    enum : uint8_t { sendsTo = 1, receivesFrom = 2, sendsByNccl = 4, receivesByNccl = 8 };
    relations_.assign(size_t(size()), 0);
    for (const SendBlock &block : sends)
      relations_[size_t(block.peer)] |= sendsTo | (byNccl(block) ? sendsByNccl : 0);
    for (size_t i = 0; i < receives.size(); ++i)
      relations_[size_t(receives[i].peer)] |= receivesFrom | (cameInline(i) ? 0 : receivesByNccl);
    headersOut_.clear();
    headersIn_.clear();
    for (int peer = 0; peer < size(); ++peer) {
      const uint8_t relation = relations_[size_t(peer)];
      if ((relation & receivesByNccl) && !(relation & sendsTo))
        headersOut_.push_back({peer, nullptr, 0});
      if ((relation & sendsByNccl) && !(relation & receivesFrom))
        headersIn_.push_back({peer, nullptr, 0});
    }
    return headersOut_.empty() && headersIn_.empty()
               ? absl::OkStatus()
               : exchangeOn(*inner_, call, headersOut_, headersIn_);
  }

  static bool byNccl(const SendBlock &block) { return block.bytes > 0 && !isInline(block); }
  static bool isInline(const SendBlock &block) {
    return !block.onDevice && block.bytes <= inlineBytes;
  }
  /// Whether block i came with its header, which the sender decides.
  bool cameInline(size_t i) const { return inBytes_[i] > headerBytes || in_[i].bytes == 0; }

  //===--- Payload ---------------------------------------------------------===//

  absl::Status exchangePayload(const Call &call, std::span<const SendBlock> sends,
                               std::span<const ReceiveBlock> receives) {
    uint64_t room = 0;
    bool device = false;
    peers_.clear();
    auto viaNccl = [&](int peer, bool staged, int64_t bytes) {
      room += staged ? aligned(bytes) : 0;
      if (std::find(peers_.begin(), peers_.end(), peer) == peers_.end())
        peers_.push_back(peer);
    };
    for (const SendBlock &block : sends)
      if (byNccl(block))
        viaNccl(block.peer, !block.onDevice, block.bytes);
    for (size_t i = 0; i < receives.size(); ++i) {
      if (!cameInline(i))
        viaNccl(receives[i].peer, !receives[i].onDevice, in_[i].bytes);
      else
        device |= receives[i].onDevice && in_[i].bytes > 0;
    }
    if (!peers_.empty() || device)
      HEDDLE_RETURN_IF_ERROR(ofDevice(call, lane_->enter()));
    if (!peers_.empty()) {
      HEDDLE_RETURN_IF_ERROR(ofDevice(call, lane_->reserve(room)));
      HEDDLE_RETURN_IF_ERROR(launch(call, sends, receives));
      HEDDLE_RETURN_IF_ERROR(await(call));
    }
    DevicePointer staged = stagedReceives_;
    for (size_t i = 0; i < receives.size(); ++i) {
      const ReceiveBlock &block = receives[i];
      const uint64_t bytes = uint64_t(in_[i].bytes);
      if (cameInline(i) && bytes > 0) {
        if (block.onDevice)
          HEDDLE_RETURN_IF_ERROR(
              ofDevice(call, lane_->toDevice(onDevice(block.data), in_[i].payload, bytes)));
        else
          std::memcpy(block.data, in_[i].payload, bytes);
      } else if (!cameInline(i) && !block.onDevice) {
        HEDDLE_RETURN_IF_ERROR(ofDevice(call, lane_->toHost(block.data, staged, bytes)));
        staged += aligned(in_[i].bytes);
        device = true;
      }
      if (block.received)
        *block.received = int64_t(bytes);
    }
    return device ? ofDevice(call, lane_->synchronize()) : absl::OkStatus();
  }

  /// Gives NCCL the blocks of the exchange as one group.
  absl::Status launch(const Call &call, std::span<const SendBlock> sends,
                      std::span<const ReceiveBlock> receives) {
    DevicePointer staged = lane_->room();
    for (const SendBlock &block : sends)
      if (byNccl(block) && !block.onDevice) {
        HEDDLE_RETURN_IF_ERROR(
            ofDevice(call, lane_->toDevice(staged, block.data, uint64_t(block.bytes))));
        staged += aligned(block.bytes);
      }
    stagedReceives_ = staged;
    NcclResult result = nccl_.ncclGroupStart();
    auto note = [&](NcclResult next) {
      if (result == ncclOk && next != ncclBusy)
        result = next;
    };
    staged = lane_->room();
    for (const SendBlock &block : sends)
      if (byNccl(block)) {
        note(nccl_.ncclSend(block.onDevice ? block.data : reinterpret_cast<void *>(staged),
                            size_t(block.bytes), ncclBytes, block.peer, communicator_,
                            lane_->stream()));
        staged += block.onDevice ? 0 : aligned(block.bytes);
      }
    for (size_t i = 0; i < receives.size(); ++i)
      if (!cameInline(i)) {
        const bool direct = receives[i].onDevice;
        note(nccl_.ncclRecv(direct ? receives[i].data : reinterpret_cast<void *>(staged),
                            size_t(in_[i].bytes), ncclBytes, receives[i].peer, communicator_,
                            lane_->stream()));
        staged += direct ? 0 : aligned(in_[i].bytes);
      }
    note(nccl_.ncclGroupEnd());
    return result == ncclOk ? absl::OkStatus() : broken(call, result);
  }

  /// Until everything that was launched has ended.
  absl::Status await(const Call &call) {
    HEDDLE_RETURN_IF_ERROR(awaitNccl(call)); // only then it is all in the stream
    HEDDLE_RETURN_IF_ERROR(ofDevice(call, lane_->mark()));
    return waitUntil(call, [&]() -> absl::StatusOr<bool> {
      HEDDLE_RETURN_IF_ERROR(ncclState(call).status());
      auto reached = lane_->reached();
      if (!reached.ok())
        return ofDevice(call, reached.status());
      return *reached;
    });
  }

  //===--- Waiting ---------------------------------------------------------===//

  /// Until the last of NCCL's calls, which did not block, has done its work.
  absl::Status awaitNccl(const Call &call) {
    return waitUntil(call, [&] { return ncclState(call); });
  }

  /// Whether NCCL's calls have done their work.
  absl::StatusOr<bool> ncclState(const Call &call) {
    NcclResult state = ncclOk;
    if (NcclResult result = nccl_.ncclCommGetAsyncError(communicator_, &state))
      return broken(call, result);
    if (state != ncclOk && state != ncclBusy)
      return broken(call, state);
    return state == ncclOk;
  }

  template <class Done> absl::Status waitUntil(const Call &call, const Done &done) {
    for (int asked = 0;; ++asked) {
      HEDDLE_ASSIGN_OR_RETURN(bool ended, done());
      if (ended)
        return absl::OkStatus();
      if (asked < eagerAsks) {
        std::this_thread::yield();
        continue;
      }
      if (absl::Status status = statusOf(*inner_); !status.ok())
        return interrupted(call, status);
      if (Clock::now() >= call.deadline)
        return timedOut(call, transport::rankList(peers_) + " (NCCL)");
      std::this_thread::sleep_for(nap);
    }
  }

  /// Why NCCL failed. Where another rank's failure may be the cause, its reason may still be on the
  /// way.
  absl::Status broken(const Call &call, NcclResult result) {
    const std::string words = nccl_.words(result, communicator_);
    const Clock::time_point end = Clock::now() + reasonMargin;
    do {
      if (absl::Status status = statusOf(*inner_); !status.ok())
        return interrupted(call, status);
      if (result != ncclFailedRemote && result != ncclFailedSystem)
        break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    } while (Clock::now() < end);
    return failed(call, absl::StatusCode::kUnavailable,
                  "NCCL with " + transport::rankList(peers_) + ": " + words);
  }

  //===--- The communicator ------------------------------------------------===//

  absl::Status makeCommunicator(const Call &call) {
    if (size() == 1)
      return absl::OkStatus();
    HEDDLE_RETURN_IF_ERROR(ofDevice(call, lane_->enter()));
    peers_.clear();
    for (int peer = 0; peer < size(); ++peer)
      if (peer != rank())
        peers_.push_back(peer);
    NcclUniqueId id{};
    headersOut_.clear();
    headersIn_.clear();
    if (rank() == 0) {
      if (NcclResult result = nccl_.ncclGetUniqueId(&id))
        return broken(call, result);
      for (int peer : peers_)
        headersOut_.push_back({peer, &id, int64_t(sizeof(id))});
    } else {
      headersIn_.push_back({0, &id, int64_t(sizeof(id))});
    }
    HEDDLE_RETURN_IF_ERROR(exchangeOn(*inner_, call, headersOut_, headersIn_));
    NcclConfig config;
    NcclResult result;
    {
      transport::SignalsBlocked blocked; // for NCCL's threads
      result = nccl_.ncclCommInitRankConfig(&communicator_, size(), id, rank(), &config);
    }
    absl::Status status;
    if (result != ncclOk && result != ncclBusy) {
      status = broken(call, result);
      communicator_ = nullptr; // there is none
    } else {
      status = awaitNccl(call);
    }
    if (!status.ok()) {
      inner_->abort(status);
      (void)dropCommunicator();
    }
    return status;
  }

  /// With all ranks: the communicator's last call.
  absl::Status closeCommunicator(const Call &call) {
    if (!communicator_)
      return absl::OkStatus();
    HEDDLE_RETURN_IF_ERROR(ofDevice(call, lane_->enter()));
    const NcclResult result = nccl_.ncclCommFinalize(communicator_);
    if (result != ncclOk && result != ncclBusy)
      return broken(call, result);
    HEDDLE_RETURN_IF_ERROR(awaitNccl(call));
    nccl_.ncclCommDestroy(std::exchange(communicator_, nullptr));
    return absl::OkStatus();
  }

  /// After this nothing of NCCL's touches anybody's memory.
  absl::Status dropCommunicator() {
    if (!communicator_)
      return absl::OkStatus();
    HEDDLE_RETURN_IF_ERROR(lane_->enter());
    nccl_.ncclCommAbort(std::exchange(communicator_, nullptr));
    HEDDLE_RETURN_IF_ERROR(lane_->mark());
    const Clock::time_point end = Clock::now() + abortMargin;
    for (;;) {
      HEDDLE_ASSIGN_OR_RETURN(bool reached, lane_->reached());
      if (reached)
        break;
      if (Clock::now() >= end)
        return unavailable("the device goes on with an exchange that was aborted; start again");
      std::this_thread::sleep_for(nap);
    }
    return absl::OkStatus();
  }

  std::unique_ptr<Transport> inner_;
  const Nccl &nccl_;
  std::unique_ptr<Lane> lane_;
  NcclComm communicator_ = nullptr;
  DevicePointer stagedReceives_ = 0; ///< of the exchange: behind what is sent
  std::vector<int> peers_;           ///< with whom NCCL is at work
  // Grown once, then reused.
  std::vector<Message> out_, in_;
  std::vector<int64_t> inBytes_;
  std::vector<uint8_t> relations_; ///< to each rank, in an exchange
  std::vector<SendBlock> headersOut_;
  std::vector<ReceiveBlock> headersIn_;
};

} // namespace

absl::StatusOr<std::unique_ptr<Transport>> makeNcclTransport(std::unique_ptr<Transport> inner,
                                                             const Driver &driver, const Nccl &nccl,
                                                             int ordinal) {
  auto lane = Lane::open(driver, ordinal);
  if (!lane.ok()) {
    inner->abort(lane.status());
    return lane.status();
  }
  auto made = std::make_unique<NcclTransport>(std::move(inner), nccl, std::move(*lane));
  HEDDLE_RETURN_IF_ERROR(made->join());
  return std::unique_ptr<Transport>(std::move(made));
}

} // namespace heddle::cuda
