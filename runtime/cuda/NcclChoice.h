//===- NcclChoice.h - which way collectives of GPUs go -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_NCCLCHOICE_H
#define HEDDLE_RUNTIME_CUDA_NCCLCHOICE_H

#include "runtime/cuda/CudaDevice.h"
#include "runtime/transport/Connections.h"

#include <span>
#include <string>

namespace heddle::cuda {

/// What the user wants: NCCL where it can be had, the host's memory, or NCCL and nothing else.
enum class TransportChoice : int32_t { Auto, Host, Nccl };

/// What a rank tells the others before they choose; bytes that travel.
struct RankFacts {
  TransportChoice choice = TransportChoice::Auto;
  int32_t nccl = 0;              ///< version, 0: none that can be used
  uint64_t process = 0;          ///< the same in all threads of a process, and in no other
  unsigned char device[16] = {}; ///< UUID
  char problem[512] = {};        ///< why there is no NCCL
};

struct TransportVerdict {
  bool nccl = false;
  /// Ranks on one GPU must be hosts of their own for NCCL.
  bool apart = false;
  std::string remark; ///< for the user; may be empty
};

/// The same on all ranks, from everyone's facts by rank. Errors: ranks were told differently; NCCL
/// is insisted on and cannot be had.
absl::StatusOr<TransportVerdict> chooseTransport(std::span<const RankFacts> ranks);

struct ChosenTransport {
  std::string name;   ///< "NCCL 2.28.9", or empty: as it was
  std::string remark; ///< for the user; may be empty
};

/// All ranks of `pair`, each with the device that partition `partition` has: they choose, and where
/// it is NCCL pair.compute becomes NCCL's. An error of one ends the pair on all.
absl::StatusOr<ChosenTransport> putNcclOn(transport::ConnectionPair &pair,
                                          const DeviceChoice &device, TransportChoice choice,
                                          uint32_t partition);

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_NCCLCHOICE_H
