//===- ThreadTransport.cpp - workers that are threads ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/transport/ThreadTransport.h"

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>

namespace heddle::transport {
namespace {

/// One block on its way from one rank to another.
struct Mailbox {
  enum class State { Empty, Posted, Copying, Taken };
  State state = State::Empty;
  const void *data = nullptr;
  int64_t bytes = 0;
  Tag tag;
};

struct Member {
  std::condition_variable changed; ///< something happened that this rank may wait for
  bool remaking = false;
  bool closing = false;
  bool gone = false;
};

/// One ordered line of calls: a communicator.
struct Line {
  explicit Line(size_t ranks) : members(ranks), mailboxes(ranks * ranks) {}

  Mailbox &mailbox(int from, int to) {
    return mailboxes[static_cast<size_t>(from) * members.size() + static_cast<size_t>(to)];
  }
  Member &member(int rank) { return members[static_cast<size_t>(rank)]; }
  /// The ranks for which `flag` is not set.
  std::vector<int> without(bool Member::*flag) const {
    std::vector<int> ranks;
    for (size_t rank = 0; rank < members.size(); ++rank)
      if (!(members[rank].*flag))
        ranks.push_back(static_cast<int>(rank));
    return ranks;
  }

  std::vector<Member> members;
  std::vector<Mailbox> mailboxes;
  uint32_t incarnation = 1; ///< the group's, once the line too has been re-made
};

/// Lines that end together.
struct Group {
  Group(int ranks, int count) : size(ranks) {
    for (int line = 0; line < count; ++line)
      lines.emplace_back(static_cast<size_t>(ranks));
  }

  void wakeAll() {
    for (Line &line : lines)
      for (Member &member : line.members)
        member.changed.notify_all();
  }
  void end(const absl::Status &reason) {
    if (!status.ok())
      return;
    status = reason;
    wakeAll();
  }
  /// Why calls on the line cannot go on.
  absl::Status endOf(const Line &line) const {
    if (status.ok() && line.incarnation != incarnation)
      return absl::AbortedError("its pair was re-made and this one was not");
    return status;
  }

  std::mutex mutex; ///< guards everything below; never held while bytes are copied
  const int size;
  std::deque<Line> lines;
  absl::Status status; ///< why the incarnation ended
  uint32_t incarnation = 1;
};

using Lock = std::unique_lock<std::mutex>;

class ThreadTransport final : public Transport {
public:
  ThreadTransport(std::shared_ptr<Group> group, int line, int rank)
      : Transport(rank, group->size), group_(std::move(group)),
        line_(group_->lines[static_cast<size_t>(line)]) {}

  ~ThreadTransport() override {
    Lock lock(group_->mutex);
    Member &self = line_.member(rank());
    self.gone = true;
    self.remaking = false;
    if (!self.closing)
      group_->end(unavailable("rank " + std::to_string(rank()) + " has left without closing"));
    group_->wakeAll();
  }

protected:
  absl::Status exchangeRemote(const Call &call, std::span<const SendBlock> sends,
                              std::span<const ReceiveBlock> receives) override {
    sendState_.assign(sends.size(), Progress::Waiting);
    receiveState_.assign(receives.size(), Progress::Waiting);
    Lock lock(group_->mutex);
    absl::Status status;
    for (bool expired = false;;) {
      if (absl::Status ended = group_->endOf(line_); !ended.ok()) {
        status = interrupted(call, ended);
        break;
      }
      bool allDone = true;
      bool progress = postBlocks(call, sends, allDone);
      status = takeBlocks(lock, call, receives, progress, allDone);
      if (!status.ok() || allDone)
        break;
      if (progress)
        continue;
      if (expired) {
        status = timedOut(call, rankList(missing(sends, receives)));
        break;
      }
      expired =
          line_.member(rank()).changed.wait_until(lock, call.deadline) == std::cv_status::timeout;
    }
    if (!status.ok()) {
      withdraw(lock, sends);
      end(status);
    }
    return status;
  }

  void abortGroup(const absl::Status &reason) override {
    Lock lock(group_->mutex);
    end(reason);
  }

  absl::Status groupStatus() override {
    Lock lock(group_->mutex);
    return group_->endOf(line_);
  }

  absl::StatusOr<uint32_t> remakeGroup(const Call &call) override {
    Lock lock(group_->mutex);
    // The first line to be re-made begins the group's next incarnation, the others follow it.
    if (line_.incarnation == group_->incarnation)
      end(cancelled("it asked for a re-make"));
    const uint32_t old = line_.incarnation;
    Member &self = line_.member(rank());
    self.remaking = true;
    if (line_.without(&Member::remaking).empty()) {
      // All ranks are here, so no mailbox holds anything of theirs.
      for (Member &member : line_.members)
        member.remaking = false;
      if (line_.incarnation == group_->incarnation) {
        group_->status = absl::OkStatus();
        ++group_->incarnation;
      }
      line_.incarnation = group_->incarnation;
      group_->wakeAll();
      return line_.incarnation;
    }
    while (line_.incarnation == old) {
      std::vector<int> missing = line_.without(&Member::remaking), left;
      for (int rank : missing)
        if (line_.member(rank).gone)
          left.push_back(rank);
      if (!left.empty()) {
        self.remaking = false;
        return failed(call, absl::StatusCode::kUnavailable, rankList(left) + " has left");
      }
      if (self.changed.wait_until(lock, call.deadline) == std::cv_status::timeout &&
          line_.incarnation == old) {
        missing = line_.without(&Member::remaking);
        self.remaking = false;
        return timedOut(call, rankList(missing));
      }
    }
    return line_.incarnation;
  }

  absl::Status closeGroup(const Call &call) override {
    Lock lock(group_->mutex);
    if (absl::Status ended = group_->endOf(line_); !ended.ok())
      return interrupted(call, ended);
    Member &self = line_.member(rank());
    self.closing = true;
    group_->wakeAll();
    while (true) {
      std::vector<int> missing = line_.without(&Member::closing);
      if (missing.empty())
        return absl::OkStatus();
      absl::Status status;
      if (absl::Status ended = group_->endOf(line_); !ended.ok())
        status = interrupted(call, ended);
      else if (self.changed.wait_until(lock, call.deadline) == std::cv_status::timeout &&
               !line_.without(&Member::closing).empty())
        status = timedOut(call, rankList(line_.without(&Member::closing)));
      if (!status.ok()) {
        self.closing = false;
        end(status);
        return status;
      }
    }
  }

private:
  enum class Progress : uint8_t { Waiting, Posted, Done };

  void end(const absl::Status &reason) { group_->end(endedHere(reason)); }

  /// Posts what can be posted and ends what was taken; says whether anything moved.
  bool postBlocks(const Call &call, std::span<const SendBlock> sends, bool &allDone) {
    bool moved = false;
    blocked_.assign(static_cast<size_t>(size()), false);
    for (size_t i = 0; i < sends.size(); ++i) {
      Progress &state = sendState_[i];
      const SendBlock &block = sends[i];
      size_t peer = static_cast<size_t>(block.peer);
      if (state == Progress::Done || blocked_[peer])
        continue;
      Mailbox &box = line_.mailbox(rank(), block.peer);
      if (state == Progress::Posted && box.state == Mailbox::State::Taken) {
        box.state = Mailbox::State::Empty;
        state = Progress::Done;
        moved = true;
        continue;
      }
      if (state == Progress::Waiting && box.state == Mailbox::State::Empty) {
        box = {Mailbox::State::Posted, block.data, block.bytes, call.tag};
        state = Progress::Posted;
        line_.member(block.peer).changed.notify_all();
        moved = true;
      }
      blocked_[peer] = true; // later blocks for this peer wait for this one
      allDone = false;
    }
    return moved;
  }

  absl::Status takeBlocks(Lock &lock, const Call &call, std::span<const ReceiveBlock> receives,
                          bool &moved, bool &allDone) {
    blocked_.assign(static_cast<size_t>(size()), false);
    for (size_t i = 0; i < receives.size(); ++i) {
      const ReceiveBlock &block = receives[i];
      size_t peer = static_cast<size_t>(block.peer);
      if (receiveState_[i] == Progress::Done || blocked_[peer])
        continue;
      Mailbox &box = line_.mailbox(block.peer, rank());
      if (box.state != Mailbox::State::Posted) {
        blocked_[peer] = true;
        allDone = false;
        continue;
      }
      HEDDLE_RETURN_IF_ERROR(checkArrival(call, block.peer, box.tag, box.bytes, block));
      if (box.bytes > 0) {
        box.state = Mailbox::State::Copying; // the sender may not leave before the copy is done
        const void *from = box.data;
        size_t bytes = static_cast<size_t>(box.bytes);
        lock.unlock();
        std::memcpy(block.data, from, bytes);
        lock.lock();
      }
      if (block.received)
        *block.received = box.bytes;
      box.state = Mailbox::State::Taken;
      receiveState_[i] = Progress::Done;
      moved = true;
      line_.member(block.peer).changed.notify_all();
    }
    return absl::OkStatus();
  }

  /// Takes back what nobody has copied, and waits for the copy that is being made.
  void withdraw(Lock &lock, std::span<const SendBlock> sends) {
    for (size_t i = 0; i < sends.size(); ++i) {
      if (sendState_[i] != Progress::Posted)
        continue;
      Mailbox &box = line_.mailbox(rank(), sends[i].peer);
      line_.member(rank()).changed.wait(lock, [&] { return box.state != Mailbox::State::Copying; });
      box.state = Mailbox::State::Empty;
    }
  }

  std::vector<int> missing(std::span<const SendBlock> sends,
                           std::span<const ReceiveBlock> receives) {
    std::vector<bool> waiting(static_cast<size_t>(size()), false);
    for (size_t i = 0; i < sends.size(); ++i)
      if (sendState_[i] != Progress::Done)
        waiting[static_cast<size_t>(sends[i].peer)] = true;
    for (size_t i = 0; i < receives.size(); ++i)
      if (receiveState_[i] != Progress::Done)
        waiting[static_cast<size_t>(receives[i].peer)] = true;
    std::vector<int> ranks;
    for (int peer = 0; peer < size(); ++peer)
      if (waiting[static_cast<size_t>(peer)])
        ranks.push_back(peer);
    return ranks;
  }

  std::shared_ptr<Group> group_;
  Line &line_;
  std::vector<Progress> sendState_, receiveState_;
  std::vector<bool> blocked_;
};

} // namespace

std::vector<std::vector<std::unique_ptr<Transport>>> makeThreadLines(int size, int lines) {
  auto group = std::make_shared<Group>(size, lines);
  std::vector<std::vector<std::unique_ptr<Transport>>> ranks(static_cast<size_t>(size));
  for (int rank = 0; rank < size; ++rank)
    for (int line = 0; line < lines; ++line)
      ranks[static_cast<size_t>(rank)].push_back(
          std::make_unique<ThreadTransport>(group, line, rank));
  return ranks;
}

std::vector<std::unique_ptr<Transport>> makeThreadTransports(int size) {
  std::vector<std::unique_ptr<Transport>> transports;
  for (auto &lines : makeThreadLines(size, 1))
    transports.push_back(std::move(lines[0]));
  return transports;
}

} // namespace heddle::transport
