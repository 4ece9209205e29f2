//===- GlooTransport.h - workers that are processes --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Gloo's send and receive of unbound buffers over TCP carry the blocks; everything else (which
// calls there are, their order, tags, sizes, reasons of failures) is ours.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRANSPORT_GLOOTRANSPORT_H
#define HEDDLE_RUNTIME_TRANSPORT_GLOOTRANSPORT_H

#include "runtime/transport/Transport.h"

#include <memory>

namespace heddle::transport {

/// Joins rank `rank` of `size` workers that meet at `address` (parseAddress); rank 0 serves there.
/// Ends when all have joined, or after `timeout` with the missing ranks. The timeout is also the
/// transport's first setTimeout(). One worker alone needs no address and opens no socket.
absl::StatusOr<std::unique_ptr<Transport>>
makeGlooTransport(const std::string &address, int rank, int size,
                  Transport::Milliseconds timeout = Transport::defaultTimeout);

} // namespace heddle::transport

#endif // HEDDLE_RUNTIME_TRANSPORT_GLOOTRANSPORT_H
