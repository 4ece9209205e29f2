//===- AllocationTest.cpp - steps of several partitions allocate nothing ------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
// Sanitizers have an operator new of their own.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEDDLE_SANITIZED
#endif
#endif
#ifndef HEDDLE_SANITIZED

#include "TestExecutors.h"
#include "TestPartitions.h"

#include <cstdlib>
#include <new>

namespace {
std::atomic<int64_t> allocations{0};
}

void *operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

namespace heddle::exec {
namespace {

using testing::Executors;
using testing::TestPartitions;

TEST(Partitions, SteadyStepsAllocateNothing) {
  for (bool leader : {false, true})
    for (bool overlap : {false, true}) {
      TestPartitions model({.partitions = 3, .fanout = -1, .leader = leader});
      ExecutorOptions options;
      options.threads = 2;
      options.overlap = overlap;
      Executors all(model.plan, model.graph, options);
      // The same sizes again and again, but other batches.
      auto batches = model.batches(4, 100);
      while (batches.size() < 40)
        batches.push_back(batches[batches.size() - 4]);
      int64_t first = 0, last = 0;
      auto statuses =
          all.run(plan::EntryKind::TrainStep, batches, 0, [&](uint32_t p, const StepResult &r) {
            if (p == 0 && r.step == 20)
              first = allocations;
            if (p == 0 && r.step == 34)
              last = allocations;
            return true;
          });
      for (const auto &status : statuses)
        EXPECT_TRUE(status.ok()) << status;
      EXPECT_EQ(last - first, 0) << leader << overlap;
    }
}

} // namespace
} // namespace heddle::exec

#endif // HEDDLE_SANITIZED
