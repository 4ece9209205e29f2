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

namespace {
/// The double's functions, which allocate, as NCCL's may.
template <auto Member, class... A> int uncounted(A... arguments) {
  const int64_t before = allocations;
  const int result = (doubleOfNccl().*Member)(arguments...);
  allocations = before;
  return result;
}

void expectNoAllocation(Ranks &ranks) {
  ranks.each([&](Transport &t) {
    std::vector<int64_t> bytes(3, 1000), got(3, t.rank() == 0 ? 4000 : 1000);
    bytes[0] = 4000;
    std::vector<uint8_t> out(12000), in(12000);
    for (int64_t step = 0; step < 50; ++step) {
      int64_t before = allocations;
      bool ok =
          t.allToAll(t.tag(step, 1), Traffic::Activations, out.data(), bytes, in.data(), got)
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
} // namespace

TEST(Threads, SteadyCallsAllocateNothing) {
  Ranks ranks("threads", 3);
  expectNoAllocation(ranks);
}

TEST(NcclTransport, SteadyCallsAllocateNothing) {
  using heddle::cuda::Nccl;
  static Nccl nccl = doubleOfNccl();
  nccl.ncclSend = [](auto... a) { return uncounted<&Nccl::ncclSend>(a...); };
  nccl.ncclRecv = [](auto... a) { return uncounted<&Nccl::ncclRecv>(a...); };
  nccl.ncclGroupEnd = [] { return uncounted<&Nccl::ncclGroupEnd>(); };
  Ranks ranks("threads", 3, Transport::defaultTimeout, &nccl);
  expectNoAllocation(ranks);
}

#endif // HEDDLE_SANITIZED
