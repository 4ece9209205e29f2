//===- Driver.h - NVIDIA's libraries, found at run time ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// One binary runs on hosts with and without a GPU: the driver and cuBLAS are looked for when a
// device is opened, and what is missing is an error that says so. The declarations are those of
// cuda.h and cublas_v2.h, as far as they are used; a test compares them with the headers where
// there are any.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_DRIVER_H
#define HEDDLE_RUNTIME_CUDA_DRIVER_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

struct CUctx_st;
struct CUmod_st;
struct CUfunc_st;
struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;
struct cublasContext;

namespace heddle::cuda {

using Result = int; ///< CUresult
using DeviceNumber = int;
using Context = CUctx_st *;
using Module = CUmod_st *;
using Function = CUfunc_st *;
using Stream = CUstream_st *;
using Event = CUevent_st *;
using Graph = CUgraph_st *;
using GraphExec = CUgraphExec_st *;
using DevicePointer = unsigned long long;
using Blas = cublasContext *;
struct DeviceUuid {
  unsigned char bytes[16];
};

// Values of cuda.h and cublas_v2.h.
inline constexpr int attributeMajor = 75, attributeMinor = 76, attributeProcessors = 16;
inline constexpr int jitErrorLog = 5, jitErrorLogBytes = 6;
inline constexpr unsigned streamNonBlocking = 1, eventDefault = 0, eventDisableTiming = 2;
inline constexpr int captureThreadLocal = 1;
inline constexpr Result outOfMemory = 2, notReady = 600;
inline constexpr int blasNoTranspose = 0, blasTranspose = 1;
inline constexpr int blasTf32 = 3;

// NAME in the library, member, arguments.
#define HEDDLE_CUDA_DRIVER(X)                                                                      \
  X(cuInit, (unsigned))                                                                            \
  X(cuGetErrorName, (Result, const char **))                                                       \
  X(cuGetErrorString, (Result, const char **))                                                     \
  X(cuDeviceGetCount, (int *))                                                                     \
  X(cuDeviceGet, (DeviceNumber *, int))                                                            \
  X(cuDeviceGetName, (char *, int, DeviceNumber))                                                  \
  X(cuDeviceGetUuid_v2, (DeviceUuid *, DeviceNumber))                                              \
  X(cuDeviceGetAttribute, (int *, int, DeviceNumber))                                              \
  X(cuDevicePrimaryCtxRetain, (Context *, DeviceNumber))                                           \
  X(cuDevicePrimaryCtxRelease_v2, (DeviceNumber))                                                  \
  X(cuCtxSetCurrent, (Context))                                                                    \
  X(cuModuleLoadDataEx, (Module *, const void *, unsigned, int *, void **))                        \
  X(cuModuleUnload, (Module))                                                                      \
  X(cuModuleGetFunction, (Function *, Module, const char *))                                       \
  X(cuMemGetInfo_v2, (size_t *, size_t *))                                                         \
  X(cuMemAlloc_v2, (DevicePointer *, size_t))                                                      \
  X(cuMemFree_v2, (DevicePointer))                                                                 \
  X(cuMemHostAlloc, (void **, size_t, unsigned))                                                   \
  X(cuMemFreeHost, (void *))                                                                       \
  X(cuMemcpyHtoDAsync_v2, (DevicePointer, const void *, size_t, Stream))                           \
  X(cuMemcpyDtoHAsync_v2, (void *, DevicePointer, size_t, Stream))                                 \
  X(cuMemcpyDtoDAsync_v2, (DevicePointer, DevicePointer, size_t, Stream))                          \
  X(cuMemsetD8Async, (DevicePointer, unsigned char, size_t, Stream))                               \
  X(cuStreamCreate, (Stream *, unsigned))                                                          \
  X(cuStreamCreateWithPriority, (Stream *, unsigned, int))                                         \
  X(cuStreamDestroy_v2, (Stream))                                                                  \
  X(cuStreamSynchronize, (Stream))                                                                 \
  X(cuStreamWaitEvent, (Stream, Event, unsigned))                                                  \
  X(cuEventCreate, (Event *, unsigned))                                                            \
  X(cuEventDestroy_v2, (Event))                                                                    \
  X(cuEventRecord, (Event, Stream))                                                                \
  X(cuEventQuery, (Event))                                                                         \
  X(cuEventSynchronize, (Event))                                                                   \
  X(cuEventElapsedTime, (float *, Event, Event))                                                   \
  X(cuStreamBeginCapture_v2, (Stream, int))                                                        \
  X(cuStreamEndCapture, (Stream, Graph *))                                                         \
  X(cuGraphInstantiateWithFlags, (GraphExec *, Graph, unsigned long long))                         \
  X(cuGraphLaunch, (GraphExec, Stream))                                                            \
  X(cuGraphExecDestroy, (GraphExec))                                                               \
  X(cuGraphDestroy, (Graph))                                                                       \
  X(cuLaunchKernel, (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,         \
                     unsigned, Stream, void **, void **))

#define HEDDLE_CUBLAS(X)                                                                           \
  X(cublasCreate_v2, (Blas *))                                                                     \
  X(cublasDestroy_v2, (Blas))                                                                      \
  X(cublasSetMathMode, (Blas, int))                                                                \
  X(cublasSetStream_v2, (Blas, Stream))                                                            \
  X(cublasSgemmStridedBatched,                                                                     \
    (Blas, int, int, int, int, int, const float *, const float *, int, long long, const float *,   \
     int, long long, const float *, float *, int, long long, int))                                 \
  X(cublasSgemmBatched, (Blas, int, int, int, int, int, const float *, const float *const *, int,  \
                         const float *const *, int, const float *, float *const *, int, int))

/// The driver's functions. All are there in a driver of CUDA 11.4 or later.
struct Driver {
#define HEDDLE_DECLARE(NAME, ARGUMENTS) Result(*NAME) ARGUMENTS = nullptr;
  HEDDLE_CUDA_DRIVER(HEDDLE_DECLARE)
#undef HEDDLE_DECLARE

  /// Loaded once for the process. Errors: no driver, one that is too old, no device.
  static absl::StatusOr<const Driver *> get();
  /// OK, or an error that says what failed ("cuMemAlloc of 3.0 GiB") and how.
  absl::Status check(Result result, const std::string &what) const;
};

/// cuBLAS' functions.
struct BlasLibrary {
#define HEDDLE_DECLARE(NAME, ARGUMENTS) int(*NAME) ARGUMENTS = nullptr;
  HEDDLE_CUBLAS(HEDDLE_DECLARE)
#undef HEDDLE_DECLARE

  /// Loaded once for the process. Errors: no such library.
  static absl::StatusOr<const BlasLibrary *> get();
  absl::Status check(int status, const std::string &what) const;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_DRIVER_H
