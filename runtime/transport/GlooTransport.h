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
#include <vector>

namespace heddle::transport {

/// Joins rank `rank` of `size` workers that meet at `address` (parseAddress); rank 0 serves there.
/// Ends when all have joined, or after `timeout` with the missing ranks. The timeout is also the
/// transport's first setTimeout(). One worker alone needs no address and opens no socket.
absl::StatusOr<std::unique_ptr<Transport>>
makeGlooTransport(const std::string &address, int rank, int size,
                  Transport::Milliseconds timeout = Transport::defaultTimeout);

/// Several transports of one rank, which meet at one address and share their incarnation: an error
/// or abort() of one ends all of them on all ranks. All ranks re-make and close all lines, in the
/// same order, while no thread is inside a call of any.
absl::StatusOr<std::vector<std::unique_ptr<Transport>>>
makeGlooLines(const std::string &address, int rank, int size, int lines,
              Transport::Milliseconds timeout = Transport::defaultTimeout);

} // namespace heddle::transport

#endif // HEDDLE_RUNTIME_TRANSPORT_GLOOTRANSPORT_H
