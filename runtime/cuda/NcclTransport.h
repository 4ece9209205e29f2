//===- NcclTransport.h - workers with a GPU each -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// NCCL moves bytes between devices and matches nothing but their order; everything else of the
// contract is another transport's, which this one is built on (over it go tags, sizes, reasons of
// failures, re-makes, the meeting of NCCL's ranks). An exchange is one of a header for each block,
// which also carries what is small and in the host's memory, then one group of NCCL's sends and
// receives. A send of more than that ends when its receiver has called.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_NCCLTRANSPORT_H
#define HEDDLE_RUNTIME_CUDA_NCCLTRANSPORT_H

#include "runtime/cuda/Nccl.h"
#include "runtime/transport/Transport.h"

#include <memory>

namespace heddle::cuda {

/// All ranks of `inner` call it, each for device `ordinal` of its machine; NCCL wants no two of
/// them on one device of one machine (NcclChoice.h). Takes blocks in host and in device memory.
/// Ends within `inner`'s timeout; an error of one rank is that of all. Driver and library must
/// outlive the transport.
absl::StatusOr<std::unique_ptr<transport::Transport>>
makeNcclTransport(std::unique_ptr<transport::Transport> inner, const Driver &driver,
                  const Nccl &nccl, int ordinal);

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_NCCLTRANSPORT_H
