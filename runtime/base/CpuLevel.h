//===- CpuLevel.h - which kernels this CPU can run ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_CPULEVEL_H
#define HEDDLE_RUNTIME_BASE_CPULEVEL_H

#include <string>
#include <string_view>
#include <vector>

namespace heddle {

/// The feature levels that this CPU runs, best first: "x86-64-v4", "x86-64-v3", "x86-64-v2" as far
/// as they go, or "aarch64".
std::vector<std::string> cpuLevels();

/// Whether code for `level` runs here.
bool cpuRuns(std::string_view level);

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_CPULEVEL_H
