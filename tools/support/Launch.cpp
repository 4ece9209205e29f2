//===- Launch.cpp - a tool that starts copies of itself -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tools/support/Launch.h"

#include "runtime/launch/Supervisor.h"
#include "tools/support/Interrupt.h"

#include <algorithm>

namespace heddle::cli {

absl::StatusOr<int> launchWorkers(const std::vector<std::string> &names,
                                  const std::vector<std::string> &arguments,
                                  std::chrono::milliseconds timeout) {
  using std::chrono::milliseconds;
  launch::LaunchOptions options;
  options.workers = static_cast<int>(names.size());
  options.names = names;
  options.arguments = arguments;
  // A little earlier than the workers' own time-outs, so that all have ended by then.
  options.timeout = timeout * 9 / 10;
  options.grace = std::clamp(timeout / 8, milliseconds(500), milliseconds(5000));
  // A step, and saving, take the time that they take: who does not want to wait sends it again.
  options.signalGrace = std::chrono::hours(24 * 365);
  HEDDLE_ASSIGN_OR_RETURN(launch::LaunchResult result, launch::superviseWorkers(options));
  auto endedWell = [&](const launch::WorkerEnd &end) {
    return end.exitCode == 0 || (end.rank == 0 && end.exitCode == interruptedExitCode);
  };
  if (std::all_of(result.ends.begin(), result.ends.end(), endedWell))
    return result.ends[0].exitCode;
  if (result.failure.empty()) // the user insisted
    return std::max(result.exitCode, 1);
  absl::string_view message(result.failure.data(), result.failure.size());
  const launch::WorkerEnd &failed = result.ends[static_cast<size_t>(result.failedRank)];
  return absl::Status(failed.exitCode == 2 ? absl::StatusCode::kInvalidArgument
                                           : absl::StatusCode::kInternal,
                      message);
}

} // namespace heddle::cli
