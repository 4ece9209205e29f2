//===- Supervisor.h - starts workers, ends them together ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Starts N copies of a program on this machine, each with its rank in the environment
// (readLaunchEnvironment), and lives until the last has ended. It knows nothing of what they do.
//
//  - One worker dies (exit code, signal) or hangs (no beat for the timeout: stopped, or swapped to
//    death): the others get a moment to say what they saw, then SIGTERM, then SIGKILL.
//  - SIGINT, SIGTERM and SIGHUP are passed on; the second one kills. Workers may take the time that
//    they need to end after the first, as long as they answer.
//  - The supervisor is killed: the kernel kills the workers (parent-death signal).
//  - There is no file, port or named shared memory to leave behind: the workers meet at a name in
//    the abstract socket namespace and beat in an unnamed file.
//  - Rank 0 has the supervisor's stdin, stdout and stderr. The lines of the others, of both
//  streams,
//    go to stderr with "[rank N] " (their name) before them. Why they fail they may tell the
//    supervisor (WorkerLink::setFailure), which names the first cause once.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_LAUNCH_SUPERVISOR_H
#define HEDDLE_RUNTIME_LAUNCH_SUPERVISOR_H

#include "runtime/base/Status.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace heddle::launch {

struct LaunchOptions {
  int workers = 1;
  /// What messages call each worker; empty: "rank 0", "rank 1", ...
  std::vector<std::string> names;
  /// argv of each worker, the name first.
  std::vector<std::string> arguments;
  std::string program = "/proc/self/exe";
  /// Besides the supervisor's own environment.
  std::vector<std::pair<std::string, std::string>> environment;
  /// A worker that has not beaten for so long hangs. Workers must make their WorkerLink within it.
  std::chrono::milliseconds timeout{30000};
  /// How long the workers may go on after a passed-on signal; 0: as long as the timeout.
  std::chrono::milliseconds signalGrace{0};
  /// How long the others may go on after one has failed, and again after SIGTERM.
  std::chrono::milliseconds grace{2000};
};

struct WorkerEnd {
  int rank = 0;
  std::string name;     ///< "rank 2"
  int exitCode = -1;    ///< -1: ended by a signal
  int signal = 0;       ///< that ended it
  bool hung = false;    ///< it had stopped answering and was killed
  bool stopped = false; ///< it hung because a signal (SIGSTOP) had stopped it
  bool killed = false;  ///< the supervisor ended it because of another one or a signal
  std::string activity; ///< its last WorkerLink::setActivity
  int severity = 0;     ///< of its WorkerLink::setFailure, 0 if it did not call it
  std::string message;  ///< of that call
  std::string
  describe() const; ///< "rank 2 was ended by signal 9 (Killed), last in 'op 17, step 5'"
};

struct LaunchResult {
  /// 0: all workers ended with 0. Else the failed worker's exit code (1 for a signal or a hang), or
  /// 128 + the signal that was passed on.
  int exitCode = 0;
  /// One line: which worker failed first, how, and where; empty if none did. What it said itself
  /// or, if it could not, what the others saw.
  std::string failure;
  int failedRank = -1;
  std::vector<WorkerEnd> ends; ///< by rank
};

/// Call it from the main thread (the workers die with the thread that started them), before other
/// threads exist. Errors: the workers could not be started; none runs then.
absl::StatusOr<LaunchResult> superviseWorkers(const LaunchOptions &options);

} // namespace heddle::launch

#endif // HEDDLE_RUNTIME_LAUNCH_SUPERVISOR_H
