//===- ChildProcess.h - fork and exec, safely --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_LAUNCH_CHILDPROCESS_H
#define HEDDLE_RUNTIME_LAUNCH_CHILDPROCESS_H

#include "runtime/base/FileDescriptor.h"
#include "runtime/base/Status.h"

#include <csignal>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace heddle::launch {

struct ChildOptions {
  std::string program;
  std::vector<std::string> arguments;
  std::vector<std::string> environment; ///< "NAME=value"
  int keep = -1;                        ///< a descriptor that the program inherits
  /// stdout and stderr go into ChildProcess::output, stdin is empty; else all three are inherited.
  bool captureOutput = false;
  sigset_t mask{}; ///< the program's signal mask
};

struct ChildProcess {
  pid_t pid = -1;
  FileDescriptor output; ///< non-blocking
};

/// The child gets SIGKILL when the calling thread ends. Errors name the program.
absl::StatusOr<ChildProcess> startChild(const ChildOptions &options);

/// This process's environment with these variables set.
std::vector<std::string>
environmentWith(const std::vector<std::pair<std::string, std::string>> &variables);

} // namespace heddle::launch

#endif // HEDDLE_RUNTIME_LAUNCH_CHILDPROCESS_H
