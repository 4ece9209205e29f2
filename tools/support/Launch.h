//===- Launch.h - a tool that starts copies of itself ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TOOLS_SUPPORT_LAUNCH_H
#define HEDDLE_TOOLS_SUPPORT_LAUNCH_H

#include "runtime/base/Status.h"

#include <chrono>
#include <string>
#include <vector>

namespace heddle::cli {

/// Starts a copy of this program on this machine for each of `names` (what messages call them),
/// with the same arguments, and waits for them. Returns the exit code to end with: 0, or 130 after
/// a signal, when all workers ended as they should. The error is the first failing worker's, with
/// its exit code. Call it from the main thread, before there are others.
absl::StatusOr<int> launchWorkers(const std::vector<std::string> &names,
                                  const std::vector<std::string> &arguments,
                                  std::chrono::milliseconds timeout);

} // namespace heddle::cli

#endif // HEDDLE_TOOLS_SUPPORT_LAUNCH_H
