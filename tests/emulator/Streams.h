//===- Streams.h - what an emulated device is told to do ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A stream does nothing until somebody waits for it, and then no more than it must: whatever reads
// what another stream makes without waiting for it finds nothing there. HEDDLE_EMULATOR_ORDER=eager
// does everything at once, when it is asked for.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_EMULATOR_STREAMS_H
#define HEDDLE_TESTS_EMULATOR_STREAMS_H

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace heddle::emulator {

struct Stream;

/// A place in a stream, to be waited for.
struct Marker {
  Stream *stream = nullptr;
  bool reached = false;
  std::chrono::steady_clock::time_point time;
};
using MarkerPtr = std::shared_ptr<Marker>;

/// Work gives 0 or CUresult.
struct Command {
  std::function<int()> work;
  MarkerPtr reaches, awaits;
};

struct Recording {
  Stream *origin = nullptr;
  std::thread::id thread;
  std::vector<Command> commands; ///< in the order of the calls, which is one that their waits allow
};

struct Stream {
  std::deque<Command> queue;
  Recording *recording = nullptr;
};

struct Event {
  MarkerPtr marker;
  Recording *recording = nullptr; ///< of the marker
};

/// All state of the device but its memory. Callers hold the lock.
class Device {
public:
  static Device &get();
  std::recursive_mutex mutex;

  /// Appends to the stream, or to what it records.
  int give(Stream *stream, Command command);
  int finish(Stream *stream);
  int finish(const MarkerPtr &marker);
  int finishAll();
  /// Whether the calling thread records: it may not wait then, nor allocate.
  bool recordsHere() const;

  std::vector<Stream *> streams;
  std::vector<Recording *> recordings;
  int failed = 0;      ///< the first error of any work, which stays
  std::string failure; ///< what it was

private:
  int runFirst(Stream *stream);
};

} // namespace heddle::emulator

#endif // HEDDLE_TESTS_EMULATOR_STREAMS_H
