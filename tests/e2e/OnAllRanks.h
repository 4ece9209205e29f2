//===- OnAllRanks.h - ranks as threads ----------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_ONALLRANKS_H
#define HEDDLE_TESTS_E2E_ONALLRANKS_H

#include "runtime/base/Status.h"

#include <functional>
#include <thread>
#include <vector>

namespace heddle::test {

/// Runs `work` for each of `ranks`, the first on this thread. Returns the lowest rank's error.
inline absl::Status onAllRanks(size_t ranks, const std::function<absl::Status(uint32_t)> &work) {
  std::vector<absl::Status> statuses(ranks);
  std::vector<std::thread> threads;
  for (uint32_t rank = 1; rank < ranks; ++rank)
    threads.emplace_back([&, rank] { statuses[rank] = work(rank); });
  statuses[0] = work(0);
  for (std::thread &thread : threads)
    thread.join();
  for (const absl::Status &status : statuses)
    HEDDLE_RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

} // namespace heddle::test

#endif // HEDDLE_TESTS_E2E_ONALLRANKS_H
