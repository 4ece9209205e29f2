//===- Nccl.h - NVIDIA's library of collectives, found at run time -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// As with the driver (Driver.h), one binary runs on hosts with and without it. The declarations are
// those of nccl.h, as far as they are used; a test compares them with the header where there is
// one.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_NCCL_H
#define HEDDLE_RUNTIME_CUDA_NCCL_H

#include "runtime/cuda/Driver.h"

struct ncclComm;

namespace heddle::cuda {

using NcclResult = int; ///< ncclResult_t
using NcclComm = ncclComm *;
struct NcclUniqueId {
  char internal[128];
};

/// ncclConfig_t as version 2.14 has it, which says so by `size` and `version`: a newer library
/// fills in what came later.
struct NcclConfig {
  size_t size = sizeof(NcclConfig);
  unsigned magic = 0xcafebeef;
  unsigned version = 21400;
  int blocking = 0;
};

// Values of nccl.h.
inline constexpr NcclResult ncclOk = 0, ncclFailedSystem = 2, ncclFailedRemote = 6, ncclBusy = 7;
inline constexpr int ncclBytes = 0; ///< ncclInt8
/// The first that has communicators whose calls do not block.
inline constexpr int ncclOldest = 21400;

#define HEDDLE_NCCL(X)                                                                             \
  X(ncclGetVersion, (int *))                                                                       \
  X(ncclGetUniqueId, (NcclUniqueId *))                                                             \
  X(ncclCommInitRankConfig, (NcclComm *, int, NcclUniqueId, int, NcclConfig *))                    \
  X(ncclCommFinalize, (NcclComm))                                                                  \
  X(ncclCommDestroy, (NcclComm))                                                                   \
  X(ncclCommAbort, (NcclComm))                                                                     \
  X(ncclCommGetAsyncError, (NcclComm, NcclResult *))                                               \
  X(ncclGroupStart, ())                                                                            \
  X(ncclGroupEnd, ())                                                                              \
  X(ncclSend, (const void *, size_t, int, int, NcclComm, Stream))                                  \
  X(ncclRecv, (void *, size_t, int, int, NcclComm, Stream))

#define HEDDLE_NCCL_WORDS(X)                                                                       \
  X(ncclGetErrorString, (NcclResult))                                                              \
  X(ncclGetLastError, (NcclComm))

/// NCCL's functions. All are there in version 2.14 or later.
struct Nccl {
#define HEDDLE_DECLARE(NAME, ARGUMENTS) NcclResult(*NAME) ARGUMENTS = nullptr;
  HEDDLE_NCCL(HEDDLE_DECLARE)
#undef HEDDLE_DECLARE
#define HEDDLE_DECLARE(NAME, ARGUMENTS) const char *(*NAME)ARGUMENTS = nullptr;
  HEDDLE_NCCL_WORDS(HEDDLE_DECLARE)
#undef HEDDLE_DECLARE
  int version = 0; ///< 22809: 2.28.9

  /// Loaded once for the process. Errors: no such library, one that is too old.
  static absl::StatusOr<const Nccl *> get();
  /// The library in a file, or under a name that the system finds.
  static absl::StatusOr<Nccl> load(const std::string &file);
  /// "unhandled system error (2): socket closed"; `comm` may be null.
  std::string words(NcclResult result, NcclComm comm) const;
};

/// 22809 -> "2.28.9"
std::string ncclVersionText(int version);

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_NCCL_H
