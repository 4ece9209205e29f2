//===- Ranks.h - all ranks of a transport, in threads ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_TRANSPORT_RANKS_H
#define HEDDLE_TESTS_UNIT_TRANSPORT_RANKS_H

#include "runtime/cuda/NcclTransport.h"
#include "runtime/transport/Connections.h"
#include "runtime/transport/GlooTransport.h"
#include "runtime/transport/ThreadTransport.h"
#include "tests/unit/support/TestSupport.h"
#include "tests/unit/transport/FakeDriver.h"

#include <atomic>
#include <cstdlib>
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

/// What a kind is without NCCL on top of it. Behind "_nccl" stands "_stream" if the double's work
/// is seen in streams, "_gpu" if it is NCCL itself, with a GPU for each rank.
inline std::string withoutNccl(const std::string &kind) {
  const size_t at = kind.find("_nccl");
  if (at != std::string::npos)
    setenv("HEDDLE_NCCL_STREAM", kind.ends_with("_stream") ? "1" : "0", 1);
  return kind.substr(0, at);
}

/// Why a kind cannot be had for so many ranks here; empty: it can.
inline std::string lacking(const std::string &kind, int size) {
  if (!kind.ends_with("_gpu"))
    return "";
  auto driver = cuda::Driver::get();
  if (!driver.ok())
    return messageOf(driver.status());
  if (auto nccl = cuda::Nccl::get(); !nccl.ok())
    return messageOf(nccl.status());
  int count = 0;
  (*driver)->cuDeviceGetCount(&count);
  return count >= size ? "" : "there are " + std::to_string(count) + " GPUs";
}

/// A transport for each rank becomes NCCL's.
template <class At>
void putNcclOn(const std::string &kind, int size, const At &at, const cuda::Nccl *other = nullptr) {
  const bool real = kind.ends_with("_gpu");
  const cuda::Driver &driver = real ? **cuda::Driver::get() : fakeDriver();
  const cuda::Nccl &nccl = other ? *other : real ? **cuda::Nccl::get() : doubleOfNccl();
  inThreads(size, [&](int rank) {
    std::unique_ptr<transport::Transport> &transport = at(rank);
    auto made = cuda::makeNcclTransport(std::move(transport), driver, nccl, rank);
    ASSERT_TRUE(made.ok()) << messageOf(made.status());
    transport = std::move(made).value();
  });
}

/// Connections of all ranks: "threads" or "gloo", "_nccl" on top of them.
inline std::vector<transport::ConnectionPair> makePairs(const std::string &kind, int size) {
  if (const std::string host = withoutNccl(kind); host != kind) {
    auto pairs = makePairs(host, size);
    putNcclOn(kind, size, [&](int rank) -> auto & { return pairs[size_t(rank)].compute; });
    return pairs;
  }
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

/// One transport for each rank: "threads", "gloo", or one of a pair: "threads_pair", "gloo_pair";
/// "threads_nccl" and so on: NCCL's on top.
class Ranks {
public:
  using Transport = transport::Transport;

  /// `nccl`: put on top of any kind.
  Ranks(const std::string &kind, int size,
        Transport::Milliseconds timeout = Transport::defaultTimeout,
        const cuda::Nccl *nccl = nullptr) {
    const std::string host = withoutNccl(kind);
    make(host, size, timeout);
    if (host == kind && !nccl)
      return;
    for (auto &transport : transports_) // meeting may take longer than the short ones of some tests
      transport->setTimeout(Transport::defaultTimeout);
    putNcclOn(kind, size, [&](int rank) -> auto & { return transports_[size_t(rank)]; }, nccl);
    for (auto &transport : transports_)
      transport->setTimeout(timeout);
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
  void make(const std::string &kind, int size, Transport::Milliseconds timeout) {
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

  std::vector<std::unique_ptr<Transport>> transports_, others_;
};

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_TRANSPORT_RANKS_H
