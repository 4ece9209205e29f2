//===- StepCount.h - a count that threads wait for ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_STEPCOUNT_H
#define HEDDLE_RUNTIME_EXEC_STEPCOUNT_H

#include <atomic>
#include <cstdint>

namespace heddle::exec {

/// A count that one thread raises and others wait for.
class StepCount {
public:
  void reset() { value_.store(0, std::memory_order_relaxed); }
  void raise(uint64_t value) {
    value_.store(value, std::memory_order_release);
    value_.notify_all();
  }
  void wait(uint64_t value) const {
    for (uint64_t now; (now = value_.load(std::memory_order_acquire)) < value;)
      value_.wait(now, std::memory_order_acquire);
  }
  uint64_t value() const { return value_.load(std::memory_order_acquire); }

private:
  alignas(64) std::atomic<uint64_t> value_{0};
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_STEPCOUNT_H
