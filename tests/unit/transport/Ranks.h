//===- Ranks.h - all ranks of a transport, in threads ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_TRANSPORT_RANKS_H
#define HEDDLE_TESTS_UNIT_TRANSPORT_RANKS_H

#include "runtime/transport/Connections.h"
#include "runtime/transport/GlooTransport.h"
#include "runtime/transport/ThreadTransport.h"
#include "tests/unit/support/TestSupport.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace heddle::test {

/// An address that no other test uses.
inline std::string freshAddress() {
  static std::atomic<int> next{0};
  return "unix:@heddle-test-" + std::to_string(getpid()) + "-" + std::to_string(next++);
}

/// Runs fn(rank) for each rank in a thread of its own.
inline void inThreads(int size, const std::function<void(int)> &fn) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&fn, rank] { fn(rank); });
  for (std::thread &thread : threads)
    thread.join();
}

/// Connections of all ranks: "threads" or "gloo".
inline std::vector<transport::ConnectionPair> makePairs(const std::string &kind, int size) {
  if (kind == "threads")
    return transport::makeThreadConnections(size);
  std::vector<transport::ConnectionPair> pairs(static_cast<size_t>(size));
  std::string address = freshAddress();
  inThreads(size, [&](int rank) {
    auto made = transport::makeGlooConnections(address, rank, size);
    ASSERT_TRUE(made.ok()) << messageOf(made.status());
    pairs[static_cast<size_t>(rank)] = std::move(made).value();
  });
  return pairs;
}

/// One transport for each rank: "threads", "gloo", or one of a pair: "threads_pair", "gloo_pair".
class Ranks {
public:
  using Transport = transport::Transport;

  Ranks(const std::string &kind, int size,
        Transport::Milliseconds timeout = Transport::defaultTimeout) {
    if (kind == "threads") {
      transports_ = transport::makeThreadTransports(size);
      for (auto &transport : transports_)
        transport->setTimeout(timeout);
      return;
    }
    if (kind == "threads_pair" || kind == "gloo_pair") {
      for (auto &pair : makePairs(kind.substr(0, kind.find('_')), size)) {
        pair.setTimeout(timeout);
        transports_.push_back(std::move(pair.ahead));
        others_.push_back(std::move(pair.compute));
      }
      return;
    }
    transports_.resize(static_cast<size_t>(size));
    std::string address = freshAddress();
    inThreads(size, [&](int rank) {
      // Joining may take longer than the short timeouts of some tests.
      auto made = transport::makeGlooTransport(address, rank, size);
      ASSERT_TRUE(made.ok()) << messageOf(made.status());
      transports_[static_cast<size_t>(rank)] = std::move(made).value();
      transports_[static_cast<size_t>(rank)]->setTimeout(timeout);
    });
  }

  Transport &operator[](int rank) { return *transports_[static_cast<size_t>(rank)]; }
  int size() const { return static_cast<int>(transports_.size()); }
  void destroy(int rank) {
    transports_[static_cast<size_t>(rank)].reset();
    if (!others_.empty())
      others_[static_cast<size_t>(rank)].reset();
  }

  void each(const std::function<void(Transport &)> &fn) {
    inThreads(size(), [&](int rank) { fn((*this)[rank]); });
  }
  /// fn's status on each rank.
  std::vector<absl::Status> statuses(const std::function<absl::Status(Transport &)> &fn) {
    std::vector<absl::Status> all(transports_.size());
    each([&](Transport &t) {
      absl::Status &status = all[static_cast<size_t>(t.rank())]; // fn may destroy t
      status = fn(t);
    });
    return all;
  }

private:
  std::vector<std::unique_ptr<Transport>> transports_, others_;
};

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_TRANSPORT_RANKS_H
