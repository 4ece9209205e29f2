//===- Streams.cpp - what an emulated device is told to do -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/emulator/Streams.h"

#include <algorithm>
#include <cstdlib>

namespace heddle::emulator {

Device &Device::get() {
  static Device *device = new Device; // outlives whoever frees at exit
  return *device;
}

int Device::give(Stream *stream, Command command) {
  if (failed)
    return failed;
  if (stream->recording) {
    stream->recording->commands.push_back(std::move(command));
    return 0;
  }
  stream->queue.push_back(std::move(command));
  static const bool eager = [] {
    const char *order = std::getenv("HEDDLE_EMULATOR_ORDER");
    return order && std::string(order) == "eager";
  }();
  return eager ? finish(stream) : 0;
}

int Device::runFirst(Stream *stream) {
  Command command = std::move(stream->queue.front());
  stream->queue.pop_front();
  if (command.awaits)
    if (int error = finish(command.awaits))
      return error;
  if (command.work && !failed)
    failed = command.work();
  if (command.reaches) {
    command.reaches->reached = true;
    command.reaches->time = std::chrono::steady_clock::now();
  }
  return failed;
}

int Device::finish(Stream *stream) {
  while (!stream->queue.empty() && !failed)
    runFirst(stream);
  return failed;
}

int Device::finish(const MarkerPtr &marker) {
  while (!marker->reached && !marker->stream->queue.empty() && !failed)
    runFirst(marker->stream);
  return failed;
}

int Device::finishAll() {
  for (Stream *stream : streams)
    finish(stream);
  return failed;
}

bool Device::recordsHere() const {
  return std::any_of(recordings.begin(), recordings.end(),
                     [](const Recording *r) { return r->thread == std::this_thread::get_id(); });
}

} // namespace heddle::emulator
