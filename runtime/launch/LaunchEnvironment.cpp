//===- LaunchEnvironment.cpp - which worker am I? ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/launch/LaunchEnvironment.h"

#include "runtime/launch/WorkerLink.h"

#include <charconv>
#include <cstdlib>
#include <unistd.h>

namespace heddle::launch {
namespace {

using Launcher = LaunchEnvironment::Launcher;

struct Known {
  Launcher launcher;
  const char *name;
  const char *rank;
  const char *workers;
  /// How many of the workers are on this machine; "" if the launcher does not say.
  const char *local;
};

// A batch script that Slurm runs has SLURM_PROCID too, and mpirun inside it hands that down: the
// more specific launchers come first.
constexpr Known launchers[] = {
    {Launcher::Heddle, "heddle", rankVariable, workersVariable, ""},
    {Launcher::Torchrun, "torchrun", "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"},
    {Launcher::OpenMpi, "mpirun (Open MPI)", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {Launcher::Pmi, "mpirun (PMI)", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"},
    {Launcher::Slurm, "srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE"},
};

absl::StatusOr<int> numberOf(const std::string &name, const std::string &text, int least,
                             int most) {
  int value = 0;
  auto end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || value < least || value > most)
    return invalidArgument("environment: " + name + "='" + text + "' is not a number from " +
                           std::to_string(least) + " to " + std::to_string(most));
  return value;
}

/// A name that the workers of one job on one machine share, and no other job of this user's.
std::string jobName(Launcher launcher, const Variables &variables) {
  auto get = [&](const char *name) { return variables(name).value_or(""); };
  std::string job;
  if (launcher == Launcher::OpenMpi)
    job = get("PMIX_NAMESPACE");
  if (launcher == Launcher::Slurm)
    job = get("SLURM_JOB_ID") + "." + get("SLURM_STEP_ID");
  if (job.empty() || job == ".") // local workers are children of one process of the launcher's
    job = "of-" + std::to_string(getppid());
  for (char &c : job)
    if (!isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-')
      c = '_';
  return "heddle-" + std::to_string(geteuid()) + "-" + job.substr(0, 60);
}

absl::StatusOr<std::string> meetingPlace(const Known &known, int workers,
                                         const Variables &variables) {
  if (auto address = variables(addressVariable))
    return *address;
  auto host = variables("MASTER_ADDR"), port = variables("MASTER_PORT");
  if (host && port) {
    HEDDLE_ASSIGN_OR_RETURN(int number, numberOf("MASTER_PORT", *port, 1, 65534));
    // torchrun's own store listens at the port itself then.
    auto agent = variables("TORCHELASTIC_USE_AGENT_STORE");
    if (known.launcher == Launcher::Torchrun && agent && *agent == "True")
      ++number;
    bool v6 = host->find(':') != std::string::npos;
    return "tcp:" + (v6 ? "[" + *host + "]" : *host) + ":" + std::to_string(number);
  }
  auto local = *known.local ? variables(known.local) : std::nullopt;
  auto nodes = variables("SLURM_STEP_NUM_NODES");
  bool oneMachine = (local && *local == std::to_string(workers)) ||
                    (known.launcher == Launcher::Slurm && nodes && *nodes == "1");
  bool places = known.launcher != Launcher::Heddle && known.launcher != Launcher::Torchrun;
  if (oneMachine && places)
    return "unix:@" + jobName(known.launcher, variables);
  std::string remedy =
      known.launcher == Launcher::Heddle
          ? std::string("set ") + addressVariable + " to tcp:HOST:PORT of rank 0"
          : "set MASTER_ADDR to rank 0's host and MASTER_PORT to a free port there";
  return invalidArgument("environment: " + std::string(known.name) + " started " +
                         std::to_string(workers) +
                         " workers, and they have no address to meet at; " + remedy);
}

} // namespace

Variables processEnvironment() {
  return [](const std::string &name) -> std::optional<std::string> {
    const char *value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
}

absl::StatusOr<LaunchEnvironment> readLaunchEnvironment(const Variables &variables) {
  LaunchEnvironment found;
  for (const Known &known : launchers) {
    auto rank = variables(known.rank), workers = variables(known.workers);
    if (!rank || !workers)
      continue;
    // Only srun sets a step; a batch script alone is not one of several workers.
    if (known.launcher == Launcher::Slurm && !variables("SLURM_STEP_ID") &&
        !variables("SLURM_STEPID"))
      continue;
    HEDDLE_ASSIGN_OR_RETURN(found.workers, numberOf(known.workers, *workers, 1, 1 << 20));
    HEDDLE_ASSIGN_OR_RETURN(found.rank, numberOf(known.rank, *rank, 0, found.workers - 1));
    found.launcher = known.launcher;
    found.description = std::string(known.name) + " (" + known.rank + "=" + *rank + ", " +
                        known.workers + "=" + *workers + ")";
    auto local = *known.local ? variables(known.local) : std::nullopt;
    if (known.launcher == Launcher::Torchrun && local) {
      HEDDLE_ASSIGN_OR_RETURN(found.coreSharers, numberOf(known.local, *local, 1, 1 << 20));
    }
    if (known.launcher == Launcher::Heddle && variables(linkVariable))
      found.coreSharers = found.workers; // our own supervisor starts them all on one machine
    if (found.workers > 1) {
      HEDDLE_ASSIGN_OR_RETURN(found.address, meetingPlace(known, found.workers, variables));
    }
    return found;
  }
  return found;
}

} // namespace heddle::launch
