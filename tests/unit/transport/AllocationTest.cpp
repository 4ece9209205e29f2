//===- AllocationTest.cpp - a steady transport allocates nothing -*- C++ -*-===//
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

#include "tests/unit/transport/Ranks.h"

#include <cstdlib>
#include <new>

namespace {
thread_local int64_t allocations = 0;
}

void *operator new(std::size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

using namespace heddle::test;
using namespace heddle::transport;

TEST(Threads, SteadyCallsAllocateNothing) {
  Ranks ranks("threads", 3);
  ranks.each([&](Transport &t) {
    std::vector<int64_t> bytes(3, 1000);
    std::vector<uint8_t> out(3000), in(3000);
    for (int64_t step = 0; step < 50; ++step) {
      int64_t before = allocations;
      bool ok =
          t.allToAll(t.tag(step, 1), Traffic::Activations, out.data(), bytes, in.data(), bytes)
              .ok() &&
          t.allGather(t.tag(step, 2), Traffic::Activations, out.data(), in.data(), bytes).ok() &&
          t.barrier(t.tag(step, 3)).ok();
      int64_t made = allocations - before;
      ASSERT_TRUE(ok);
      if (step > 0)
        ASSERT_EQ(made, 0) << "step " << step;
    }
  });
}

#endif // HEDDLE_SANITIZED
