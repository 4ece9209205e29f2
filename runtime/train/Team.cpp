//===- Team.cpp - partitions that train one model -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Team.h"

#include "runtime/plan/Collective.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace heddle::train {
namespace {

using transport::ReceiveBlock;
using transport::SendBlock;
using transport::Traffic;
using transport::Transport;

// No ops of a plan, nor those of the executor.
constexpr uint32_t wordOp = plan::firstReservedCollective + 64,
                   numbersOp = plan::firstReservedCollective + 65;

constexpr Transport::Milliseconds startTimeout = std::chrono::minutes(10);

class Alone final : public Team {
public:
  int partition() const override { return 0; }
  int size() const override { return 1; }
  absl::StatusOr<uint64_t> lead(const std::function<absl::StatusOr<uint64_t>()> &work) override {
    return work();
  }
  absl::StatusOr<std::vector<std::vector<int64_t>>>
  collect(std::span<const int64_t> numbers) override {
    return std::vector<std::vector<int64_t>>{{numbers.begin(), numbers.end()}};
  }
  absl::Status awaitAll() override { return absl::OkStatus(); }
  transport::TransportCounters sent() const override { return {}; }
  void abort(const absl::Status &) override {}
};

/// What partition 0 says: that it still works, or that it is done, and with what.
struct Word {
  uint64_t done = 0, value = 0;
};

class Joined final : public Team {
public:
  explicit Joined(const exec::Connections &connections)
      : compute_(*connections.compute), ahead_(*connections.ahead),
        aliveInterval_(compute_.timeout() / 8) {
    for (int peer = 1; peer < size(); ++peer) {
      sends_.push_back({peer, &word_, sizeof(Word)});
      receives_.push_back({peer, nullptr, 0});
    }
    if (leads())
      alive_ = std::thread([this] { sayAlive(); });
  }
  ~Joined() override {
    if (!alive_.joinable())
      return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    end_.notify_all();
    alive_.join();
  }

  int partition() const override { return compute_.rank(); }
  int size() const override { return compute_.size(); }

  absl::StatusOr<uint64_t> lead(const std::function<absl::StatusOr<uint64_t>()> &work) override {
    const int64_t turn = turn_++;
    if (!leads())
      return follow(turn);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      working_ = true;
      workingTurn_ = turn;
    }
    absl::StatusOr<uint64_t> value = absl::UnknownError("");
    try {
      value = work();
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      working_ = false;
      throw;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    working_ = false;
    if (!value.ok()) {
      abort(value.status());
      return value;
    }
    HEDDLE_RETURN_IF_ERROR(say(turn, {1, *value}));
    return value;
  }

  absl::StatusOr<std::vector<std::vector<int64_t>>>
  collect(std::span<const int64_t> numbers) override {
    const transport::Tag tag = compute_.tag(turn_++, numbersOp);
    const int64_t bytes = int64_t(numbers.size_bytes());
    std::vector<std::vector<int64_t>> all;
    if (!leads()) {
      HEDDLE_RETURN_IF_ERROR(compute_.send(tag, Traffic::Control, 0, numbers.data(), bytes));
      return all;
    }
    all.resize(size_t(size()), std::vector<int64_t>(numbers.size()));
    all[0].assign(numbers.begin(), numbers.end());
    for (ReceiveBlock &block : receives_)
      block = {block.peer, all[size_t(block.peer)].data(), bytes};
    HEDDLE_RETURN_IF_ERROR(compute_.exchange(tag, Traffic::Control, {}, receives_));
    return all;
  }

  absl::Status awaitAll() override {
    const Transport::Milliseconds timeout = compute_.timeout();
    compute_.setTimeout(std::max(timeout, startTimeout));
    absl::Status status = compute_.barrier(compute_.tag(turn_++, wordOp));
    compute_.setTimeout(timeout);
    return status;
  }

  transport::TransportCounters sent() const override {
    transport::TransportCounters both = compute_.counters();
    both += ahead_.counters();
    return both;
  }

  void abort(const absl::Status &reason) override {
    compute_.abort(reason);
    ahead_.abort(reason);
  }

private:
  absl::StatusOr<uint64_t> follow(int64_t turn) {
    Word word;
    while (!word.done)
      HEDDLE_RETURN_IF_ERROR(
          compute_.receive(compute_.tag(turn, wordOp), Traffic::Control, 0, &word, sizeof(word)));
    return word.value;
  }

  absl::Status say(int64_t turn, Word word) {
    word_ = word;
    return compute_.exchange(compute_.tag(turn, wordOp), Traffic::Control, sends_, {});
  }

  /// Partition 0's second thread. Where work is short it never says anything. It holds the mutex
  /// while it does: a connection is used by one thread at a time.
  void sayAlive() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!end_.wait_for(lock, aliveInterval_, [&] { return ending_; }))
      if (working_)
        (void)say(workingTurn_, {}); // a failure shows when the work is done
  }

  Transport &compute_;
  Transport &ahead_;
  const Transport::Milliseconds aliveInterval_;
  int64_t turn_ = 0;
  std::vector<SendBlock> sends_;
  std::vector<ReceiveBlock> receives_;
  Word word_;
  std::mutex mutex_; ///< guards what follows and, on partition 0, the connection
  std::condition_variable end_;
  bool working_ = false, ending_ = false;
  int64_t workingTurn_ = 0;
  std::thread alive_;
};

} // namespace

absl::Status Team::leadTo(const std::function<absl::Status()> &work) {
  return lead([&]() -> absl::StatusOr<uint64_t> {
           HEDDLE_RETURN_IF_ERROR(work());
           return uint64_t(0);
         })
      .status();
}

Team &Team::alone() {
  static Alone team;
  return team;
}

std::unique_ptr<Team> makeTeam(const exec::Connections &connections) {
  return std::make_unique<Joined>(connections);
}

} // namespace heddle::train
