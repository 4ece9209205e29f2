//===- ThreadPool.cpp - a fixed pool for short parallel loops ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/ThreadPool.h"

#include <algorithm>
#include <pthread.h>
#include <sched.h>

namespace heddle {

namespace {
inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}
} // namespace

int availableCores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

ThreadPool::ThreadPool(int threads, const std::string &name, void (*threadStart)()) {
  threads = std::max(1, threads);
  // With more threads than cores a spinning thread keeps a working one from running.
  spins_ = threads <= availableCores() ? 2000 : 0;
  workers_.reserve(static_cast<size_t>(threads - 1));
  try {
    for (int t = 1; t < threads; ++t)
      workers_.emplace_back([this, t, name, threadStart] {
        pthread_setname_np(pthread_self(), (name.substr(0, 11) + std::to_string(t)).c_str());
        if (threadStart)
          threadStart();
        work(t);
      });
  } catch (...) { // no destructor runs, and those that have started would end the process
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stop_.store(true);
  epoch_.fetch_add(1);
  epoch_.notify_all();
  for (std::thread &worker : workers_)
    worker.join();
}

void ThreadPool::drain(int thread) {
  uint64_t state = state_.load(std::memory_order_acquire);
  for (;;) {
    uint32_t task = static_cast<uint32_t>(state);
    if (task == closedTask)
      break;
    // Read before the exchange: it fails if the job has changed since.
    uint32_t count = count_.load(std::memory_order_acquire);
    TaskRef fn;
    fn.object_ = object_.load(std::memory_order_relaxed);
    fn.call_ = call_.load(std::memory_order_relaxed);
    if (task >= count)
      break;
    if (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire))
      continue;
    fn(task, thread);
    // The last finisher wakes the caller.
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == count)
      done_.notify_one();
    state = state_.load(std::memory_order_acquire);
  }
}

void ThreadPool::work(int thread) {
  uint32_t seen = 0;
  for (;;) {
    uint32_t now = epoch_.load(std::memory_order_acquire);
    for (int i = 0; now == seen && i < spins_; ++i) {
      pause();
      now = epoch_.load(std::memory_order_acquire);
    }
    while (now == seen) {
      epoch_.wait(seen, std::memory_order_acquire);
      now = epoch_.load(std::memory_order_acquire);
    }
    seen = now;
    if (stop_.load(std::memory_order_acquire))
      return;
    drain(thread);
  }
}

void ThreadPool::parallelFor(int64_t tasks, TaskRef fn) {
  if (tasks <= 0)
    return;
  if (workers_.empty() || tasks == 1) {
    for (int64_t t = 0; t < tasks; ++t)
      fn(t, 0);
    return;
  }
  uint64_t generation = (state_.load(std::memory_order_relaxed) >> 32) + 1;
  // The job before is closed (all its tasks are done), so nobody reads these but to fail.
  done_.store(0, std::memory_order_relaxed);
  object_.store(fn.object_, std::memory_order_relaxed);
  call_.store(fn.call_, std::memory_order_relaxed);
  count_.store(static_cast<uint32_t>(tasks), std::memory_order_release);
  state_.store(generation << 32, std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  drain(0);
  uint32_t count = static_cast<uint32_t>(tasks);
  uint32_t done = done_.load(std::memory_order_acquire);
  for (int i = 0; done != count && i < spins_; ++i) {
    pause();
    done = done_.load(std::memory_order_acquire);
  }
  while (done != count) {
    done_.wait(done, std::memory_order_acquire);
    done = done_.load(std::memory_order_acquire);
  }
  state_.store((generation << 32) | closedTask, std::memory_order_release);
}

} // namespace heddle
