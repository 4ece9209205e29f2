//===- Failure.cpp - exceptions as errors ----------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Failure.h"

#include <cstring>
#include <new>
#include <system_error>
#include <unistd.h>

namespace heddle {

namespace {

constexpr const char *outOfMemory =
    "out of memory; use a machine, or a limit (ulimit -a), with more of it";
constexpr const char *outOfThreads =
    "the system starts no further thread: there is no memory for its stack, or too many of them; "
    "use fewer threads, or raise the limit (ulimit -a)";

const char *toolName = "heddle";

bool isOutOfThreads(const std::exception &error) {
  const auto *system = dynamic_cast<const std::system_error *>(&error);
  return system && system->code() == std::errc::resource_unavailable_try_again;
}

void say(const char *text) {
  // What cannot be written has nowhere else to go.
  [[maybe_unused]] ssize_t wrote = ::write(STDERR_FILENO, text, std::strlen(text));
}

[[noreturn]] void onTerminate() {
  const char *message = "the process cannot go on";
  try {
    if (std::exception_ptr error = std::current_exception())
      std::rethrow_exception(error);
  } catch (const std::bad_alloc &) {
    message = outOfMemory;
  } catch (const std::exception &error) {
    message = isOutOfThreads(error) ? outOfThreads : error.what();
  } catch (...) {
  }
  endNow(message);
}

} // namespace

void endNow(const char *message) {
  say(toolName), say(": error: "), say(message ? message : outOfMemory), say("\n");
  ::_exit(1);
}

absl::Status statusOf(const std::exception &error) {
  if (dynamic_cast<const std::bad_alloc *>(&error))
    return absl::ResourceExhaustedError(outOfMemory);
  if (isOutOfThreads(error))
    return absl::ResourceExhaustedError(outOfThreads);
  return internalError(error.what());
}

void endWithMessage(const char *tool) {
  toolName = tool;
  std::set_terminate(onTerminate);
}

} // namespace heddle
