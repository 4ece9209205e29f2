//===- LaunchEnvironment.h - which worker am I? ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Workers are started by our own launcher, torchrun, mpirun (Open MPI, MPICH and its relatives) or
// srun, or by hand with HEDDLE_RANK, HEDDLE_WORKERS and HEDDLE_ADDRESS. Each leaves its variables.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_LAUNCH_LAUNCHENVIRONMENT_H
#define HEDDLE_RUNTIME_LAUNCH_LAUNCHENVIRONMENT_H

#include "runtime/base/Status.h"

#include <functional>
#include <optional>
#include <string>

namespace heddle::launch {

inline constexpr const char *rankVariable = "HEDDLE_RANK";
inline constexpr const char *workersVariable = "HEDDLE_WORKERS";
inline constexpr const char *addressVariable = "HEDDLE_ADDRESS";

struct LaunchEnvironment {
  enum class Launcher { None, Heddle, Torchrun, OpenMpi, Pmi, Slurm };
  Launcher launcher = Launcher::None;
  int rank = 0;
  int workers = 1;
  /// Workers that share the cores this process may use; 1 where the launcher does not say or binds
  /// each to cores of its own, as mpirun and srun do.
  int coreSharers = 1;
  /// Where the workers meet, as parseAddress reads it; empty for one worker.
  std::string address;
  /// "torchrun (RANK=1, WORLD_SIZE=4)", for messages; "none".
  std::string description = "none";
};

/// The value of a variable; nothing if it is not set.
using Variables = std::function<std::optional<std::string>(const std::string &)>;
Variables processEnvironment();

/// The most specific launcher whose variables are set: ours, torchrun, Open MPI, PMI, Slurm. A pair
/// of which one is missing is not that launcher's. Malformed numbers, a rank outside of the
/// workers, and workers that have no address to meet at are errors that name the variable. Several
/// workers on one machine need no address with mpirun and srun.
absl::StatusOr<LaunchEnvironment> readLaunchEnvironment(const Variables &variables);

} // namespace heddle::launch

#endif // HEDDLE_RUNTIME_LAUNCH_LAUNCHENVIRONMENT_H
