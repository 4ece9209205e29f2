//===- HeadersTest.cpp - our declarations against NVIDIA's -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Built where the toolkit's headers are; all of it is checked by the compiler.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Driver.h"

#include "tests/unit/cuda/SameFunctions.h"

#include <cublas_v2.h>
#include <cuda.h>
#include <gtest/gtest.h>

// The headers give some functions newer names; ours are those in the library, whose first form has
// the same arguments.
#undef cuEventElapsedTime
extern "C" CUresult cuEventElapsedTime(float *, CUevent, CUevent);

namespace heddle::cuda {
namespace {

#define HEDDLE_SAME(NAME, ARGUMENTS)                                                               \
  static_assert(Same<Result(*) ARGUMENTS, decltype(&::NAME)>::value, #NAME);
HEDDLE_CUDA_DRIVER(HEDDLE_SAME)
HEDDLE_CUBLAS(HEDDLE_SAME)
#undef HEDDLE_SAME

static_assert(sizeof(DevicePointer) == sizeof(CUdeviceptr));
static_assert(attributeMajor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(attributeMinor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(attributeProcessors == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(jitErrorLog == CU_JIT_ERROR_LOG_BUFFER);
static_assert(jitErrorLogBytes == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
static_assert(streamNonBlocking == CU_STREAM_NON_BLOCKING);
static_assert(eventDisableTiming == CU_EVENT_DISABLE_TIMING);
static_assert(captureThreadLocal == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
static_assert(outOfMemory == CUDA_ERROR_OUT_OF_MEMORY);
static_assert(notReady == CUDA_ERROR_NOT_READY && sizeof(DeviceUuid) == sizeof(CUuuid));
static_assert(blasTf32 == CUBLAS_TF32_TENSOR_OP_MATH);
static_assert(blasNoTranspose == CUBLAS_OP_N && blasTranspose == CUBLAS_OP_T);

TEST(CudaHeaders, SayWhatDriverDeclares) { SUCCEED() << "compared while compiling"; }

} // namespace
} // namespace heddle::cuda
