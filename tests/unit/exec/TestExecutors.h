//===- TestExecutors.h - all partitions of a plan, in threads ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_EXEC_TESTEXECUTORS_H
#define HEDDLE_TESTS_UNIT_EXEC_TESTEXECUTORS_H

#include "TestGraph.h"
#include "runtime/exec/Executor.h"
#include "runtime/transport/Connections.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <unistd.h>

namespace heddle::testing {

/// The executors of all partitions, each driven by a thread of its own.
class Executors {
public:
  Executors(std::shared_ptr<plan::PlanT> plan, std::shared_ptr<TestGraph> graph,
            exec::ExecutorOptions options = {}, bool gloo = false)
      : plan_(plan), pairs_(gloo ? glooPairs(plan->partitions)
                                 : transport::makeThreadConnections(int(plan->partitions))) {
    for (auto &pair : pairs_)
      pair.setTimeout(std::chrono::seconds(20));
    all_.resize(pairs_.size());
    each([&](uint32_t p) {
      exec::ExecutorOptions mine = options;
      mine.partition = p;
      mine.connections = {pairs_[p].compute.get(), pairs_[p].ahead.get()};
      auto made = exec::Executor::create(plan, graph, mine);
      EXPECT_TRUE(made.ok()) << made.status();
      if (made.ok())
        all_[p] = std::move(made).value();
    });
  }

  uint32_t size() const { return uint32_t(all_.size()); }
  exec::Executor &operator[](uint32_t p) { return *all_[p]; }
  transport::ConnectionPair &connections(uint32_t p) { return pairs_[p]; }

  void each(const std::function<void(uint32_t)> &fn) {
    std::vector<std::thread> threads;
    for (uint32_t p = 0; p < size(); ++p)
      threads.emplace_back([&fn, p] { fn(p); });
    for (std::thread &thread : threads)
      thread.join();
  }

  /// run() in all partitions; done(p, result).
  std::vector<absl::Status>
  run(plan::EntryKind kind, const std::vector<std::vector<int64_t>> &batches, uint64_t firstStep,
      const std::function<bool(uint32_t, const exec::StepResult &)> &done = {}) {
    std::vector<absl::Status> statuses(size());
    each([&](uint32_t p) {
      statuses[p] = all_[p]->run(exec::findEntry(*plan_, kind, p), batches, firstStep, {},
                                 [&](const exec::StepResult &r) { return !done || done(p, r); });
    });
    return statuses;
  }

  /// All of a state's numbers in one partition.
  std::vector<float> state(uint32_t p, const std::string &name) {
    for (const exec::StateView &view : all_[p]->states())
      if (view.description->name == name) {
        const float *data = static_cast<const float *>(view.data);
        return std::vector<float>(data, data + view.elements);
      }
    ADD_FAILURE() << name;
    return {};
  }

private:
  static std::vector<transport::ConnectionPair> glooPairs(uint32_t size) {
    static std::atomic<int> next{0};
    std::string address =
        "unix:@heddle-exec-" + std::to_string(getpid()) + "-" + std::to_string(next++);
    std::vector<transport::ConnectionPair> pairs(size);
    std::vector<std::thread> threads;
    for (uint32_t p = 0; p < size; ++p)
      threads.emplace_back([&, p] {
        auto made = transport::makeGlooConnections(address, int(p), int(size));
        EXPECT_TRUE(made.ok()) << made.status();
        if (made.ok())
          pairs[p] = std::move(made).value();
      });
    for (std::thread &thread : threads)
      thread.join();
    return pairs;
  }

  std::shared_ptr<plan::PlanT> plan_;
  std::vector<transport::ConnectionPair> pairs_;
  std::vector<std::unique_ptr<exec::Executor>> all_;
};

} // namespace heddle::testing

#endif // HEDDLE_TESTS_UNIT_EXEC_TESTEXECUTORS_H
