//===- AvailableMemory.h - what the system can still give --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_AVAILABLEMEMORY_H
#define HEDDLE_RUNTIME_BASE_AVAILABLEMEMORY_H

#include <cstdint>
#include <string>

namespace heddle {

/// Bytes of memory that can be taken without another's being written to disk: by the system's
/// estimate, and within the limits of the control group (v2) of this process. 0: not known. Files
/// are looked for under `root`, for tests.
uint64_t availableMemory(const std::string &root = "");

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_AVAILABLEMEMORY_H
