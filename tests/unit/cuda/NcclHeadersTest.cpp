//===- NcclHeadersTest.cpp - our declarations against NCCL's ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Built where nccl.h is; all of it is checked by the compiler.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Nccl.h"

#include "tests/unit/cuda/SameFunctions.h"

#include <cstddef>
#include <gtest/gtest.h>
#include <nccl.h>

namespace heddle::cuda {
namespace {

#define HEDDLE_SAME(NAME, ARGUMENTS)                                                               \
  static_assert(Same<NcclResult(*) ARGUMENTS, decltype(&::NAME)>::value, #NAME);
HEDDLE_NCCL(HEDDLE_SAME)
#undef HEDDLE_SAME
#define HEDDLE_SAME(NAME, ARGUMENTS)                                                               \
  static_assert(Same<const char *(*)ARGUMENTS, decltype(&::NAME)>::value, #NAME);
HEDDLE_NCCL_WORDS(HEDDLE_SAME)
#undef HEDDLE_SAME

static_assert(sizeof(NcclUniqueId) == NCCL_UNIQUE_ID_BYTES);
static_assert(ncclOk == ncclSuccess && ncclFailedSystem == ncclSystemError &&
              ncclFailedRemote == ncclRemoteError && ncclBusy == ncclInProgress);
static_assert(ncclBytes == ncclInt8);
// Ours is the beginning of theirs.
#define HEDDLE_SAME(FIELD)                                                                         \
  static_assert(offsetof(NcclConfig, FIELD) == offsetof(ncclConfig_t, FIELD) &&                    \
                sizeof(NcclConfig::FIELD) == sizeof(ncclConfig_t::FIELD));
HEDDLE_SAME(size)
HEDDLE_SAME(magic)
HEDDLE_SAME(version)
HEDDLE_SAME(blocking)
#undef HEDDLE_SAME
static_assert(offsetof(ncclConfig_t, blocking) + sizeof(int) ==
              offsetof(ncclConfig_t, cgaClusterSize));
static_assert(sizeof(NcclConfig) < sizeof(ncclConfig_t));

TEST(NcclHeader, SaysWhatNcclDeclares) {
  const ncclConfig_t theirs = NCCL_CONFIG_INITIALIZER;
  EXPECT_EQ(NcclConfig().magic, theirs.magic);
  EXPECT_EQ(NCCL_VERSION(2, 14, 0), ncclOldest);
  EXPECT_EQ(ncclVersionText(NCCL_VERSION_CODE), std::to_string(NCCL_MAJOR) + "." +
                                                    std::to_string(NCCL_MINOR) + "." +
                                                    std::to_string(NCCL_PATCH));
}

} // namespace
} // namespace heddle::cuda
