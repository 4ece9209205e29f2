//===- Connections.h - two transports that belong together -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A transport is one ordered line of calls, and a partition has two queues that communicate: one
// beside the computation, one that works steps ahead of it. Each has a line of its own between the
// same ranks. The lines share their incarnation: an error of one ends both, on all ranks and with
// the same reason.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRANSPORT_CONNECTIONS_H
#define HEDDLE_RUNTIME_TRANSPORT_CONNECTIONS_H

#include "runtime/transport/Transport.h"

#include <memory>
#include <string>
#include <vector>

namespace heddle::transport {

struct ConnectionPair {
  std::unique_ptr<Transport> compute, ahead;

  /// For each call of either from now on.
  void setTimeout(Transport::Milliseconds timeout);
  /// Ends the incarnation of both; from any thread. Only the first reason counts.
  void abort(const absl::Status &reason);
  /// All ranks, with no thread inside a call of either: both begin their next incarnation. May be
  /// called again after an error.
  absl::Status remake();
  /// All ranks, at the end.
  absl::Status close();
  /// Of both together.
  TransportCounters counters() const;
};

/// Of ranks 0..size-1, which are threads of this process.
std::vector<ConnectionPair> makeThreadConnections(int size);

/// Of one rank, which meets the others at `address` (see makeGlooTransport). Several ranks may be
/// threads of one process.
absl::StatusOr<ConnectionPair>
makeGlooConnections(const std::string &address, int rank, int size,
                    Transport::Milliseconds timeout = Transport::defaultTimeout);

} // namespace heddle::transport

#endif // HEDDLE_RUNTIME_TRANSPORT_CONNECTIONS_H
