//===- ThreadTransport.h - workers that are threads --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// All ranks live in one process and share a table of mailboxes, one per ordered pair of ranks. A
// sender posts where its bytes lie; the receiver copies them once, straight to their place.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRANSPORT_THREADTRANSPORT_H
#define HEDDLE_RUNTIME_TRANSPORT_THREADTRANSPORT_H

#include "runtime/transport/Transport.h"

#include <memory>
#include <vector>

namespace heddle::transport {

/// The transports of ranks 0..size-1, one for each thread. They may be destroyed in any order; one
/// destroyed before close() ends the incarnation of the others.
std::vector<std::unique_ptr<Transport>> makeThreadTransports(int size);

/// Several transports for each rank, by rank and line, that share their incarnation: an error or
/// abort() of one ends all of them. All ranks re-make all lines, in the same order, while nobody is
/// inside a call of any.
std::vector<std::vector<std::unique_ptr<Transport>>> makeThreadLines(int size, int lines);

} // namespace heddle::transport

#endif // HEDDLE_RUNTIME_TRANSPORT_THREADTRANSPORT_H
