//===- Trace.h - every op is traceable ---------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Chrome JSON (opened by Perfetto and chrome://tracing): one track per thread, strictly nested
// events with op id, step, rows and bytes. Recording is a write into a preallocated per-thread ring:
// no lock, no allocation; when the ring is full the oldest events are lost and counted.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_TRACE_H
#define HEDDLE_RUNTIME_EXEC_TRACE_H

#include "runtime/base/Status.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace heddle::exec {

class Trace {
public:
  struct Event {
    const char *name; ///< must outlive the trace (names in the plan do)
    uint32_t op;
    uint64_t step, startNs, endNs, rows, bytes;
  };
  class Track {
  public:
    void record(const Event &event) {
      events_[next_ % events_.size()] = event;
      ++next_;
    }

  private:
    friend class Trace;
    std::string name_;
    std::vector<Event> events_;
    uint64_t next_ = 0;
  };

  explicit Trace(size_t eventsPerTrack = size_t(1) << 16) : capacity_(eventsPerTrack) {}
  /// A new track; call while setting up, not in a step; from any thread (the partitions of a process
  /// share a trace). Lives as long as the trace.
  Track *addTrack(const std::string &name);
  /// Writes the Chrome JSON; call when no track is being written.
  absl::Status write(const std::string &path) const;
  static uint64_t nowNs();

private:
  size_t capacity_;
  std::mutex mutex_; ///< guards the list
  std::vector<std::unique_ptr<Track>> tracks_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_TRACE_H
