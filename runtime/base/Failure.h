//===- Failure.h - exceptions as errors --------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Nothing of ours throws; the standard library does, where memory or threads run out.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_FAILURE_H
#define HEDDLE_RUNTIME_BASE_FAILURE_H

#include "runtime/base/Status.h"

#include <exception>

namespace heddle {

/// What went wrong, and what to do about it.
absl::Status statusOf(const std::exception &error);

/// From now on what would end the process by a signal for want of memory or threads, because an
/// exception leaves a thread or a function that must not throw, ends it with a message of `tool` on
/// stderr and exit code 1. Allocates nothing. `tool` stays where it is.
void endWithMessage(const char *tool);

/// Such an end. `message` null: for want of memory.
[[noreturn]] void endNow(const char *message = nullptr);

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_FAILURE_H
