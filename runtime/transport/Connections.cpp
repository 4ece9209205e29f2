//===- Connections.cpp - two transports that belong together -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/transport/Connections.h"

#include "runtime/transport/GlooTransport.h"
#include "runtime/transport/ThreadTransport.h"

namespace heddle::transport {

void ConnectionPair::setTimeout(Transport::Milliseconds timeout) {
  compute->setTimeout(timeout);
  ahead->setTimeout(timeout);
}

void ConnectionPair::abort(const absl::Status &reason) { compute->abort(reason); }

absl::Status ConnectionPair::remake() {
  HEDDLE_RETURN_IF_ERROR(compute->remake());
  return ahead->remake();
}

absl::Status ConnectionPair::close() {
  HEDDLE_RETURN_IF_ERROR(compute->close());
  return ahead->close();
}

TransportCounters ConnectionPair::counters() const {
  TransportCounters both = compute->counters();
  both += ahead->counters();
  return both;
}

std::vector<ConnectionPair> makeThreadConnections(int size) {
  std::vector<ConnectionPair> pairs;
  for (auto &lines : makeThreadLines(size, 2))
    pairs.push_back({std::move(lines[0]), std::move(lines[1])});
  return pairs;
}

absl::StatusOr<ConnectionPair> makeGlooConnections(const std::string &address, int rank, int size,
                                                   Transport::Milliseconds timeout) {
  HEDDLE_ASSIGN_OR_RETURN(auto lines, makeGlooLines(address, rank, size, 2, timeout));
  return ConnectionPair{std::move(lines[0]), std::move(lines[1])};
}

} // namespace heddle::transport
