//===- Worker.cpp - the partitions that one process hosts ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Worker.h"

#include "runtime/base/Checksum.h"
#include "runtime/base/CpuLevel.h"
#include "runtime/base/Failure.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/transport/Connections.h"
#include "runtime/transport/Join.h"

#include <algorithm>
#include <mutex>
#include <thread>

namespace heddle::train {
namespace {

using transport::ConnectionPair;

/// Threads of one process cannot lose each other; a person may stop the process for a night.
constexpr std::chrono::hours untimed{24 * 365};
/// Processes start when their launcher and machine let them.
constexpr std::chrono::milliseconds meeting = std::chrono::minutes(1);

struct Work {
  const plan::PlanT &plan;
  const graph::GraphStore &graph;
  const MakeExecutor &make;
  const TrainSettings &settings;
  const WorkerOptions &options;
  const exec::ExecutorOptions &executor; ///< of the worker, with its trace
  const std::function<bool()> &stop;
};

/// Levels that this CPU runs and the plan has kernels for, best first.
std::vector<std::string> levelsHere(const plan::PlanT &plan, const std::string &forced) {
  std::vector<std::string> levels;
  for (const std::string &level : cpuLevels())
    if ((forced.empty() || level == forced) &&
        (plan.libraries.empty() ||
         std::any_of(plan.libraries.begin(), plan.libraries.end(),
                     [&](const auto &library) { return library->target == level; })))
      levels.push_back(level);
  return levels;
}

/// A worker whose plan is for another number of partitions does not get as far as comparing plans.
absl::Status couldNotMeet(const absl::Status &status) {
  const bool refused = status.code() == absl::StatusCode::kFailedPrecondition;
  std::string message =
      messageOf(status) + (refused ? " (a worker of each partition); give all workers the same plan"
                                   : "; were all workers started, and with the same plan?");
  return absl::Status(refused ? status.code() : absl::StatusCode::kUnavailable,
                      absl::string_view(message.data(), message.size()));
}

/// Connects partition `k` with the others and fills in the common CPU level.
absl::StatusOr<ConnectionPair> meet(const Work &work, int k, exec::ExecutorOptions &executor) {
  auto met = transport::makeGlooConnections(work.options.address, k, int(work.plan.partitions),
                                            std::max(work.options.timeout, meeting));
  if (!met.ok())
    return couldNotMeet(met.status());
  ConnectionPair pair = std::move(*met);
  const graph::GraphSchema &schema = work.graph.schema();
  transport::JoinInfo self;
  self.planHash = work.options.run.planChecksum;
  self.graphFingerprint = schema.schemaFingerprint + "." + schema.dataFingerprint;
  self.partitions = work.plan.partitions;
  self.cpuLevels = levelsHere(work.plan, executor.cpuLevel);
  auto agreed = transport::joinWorkers(*pair.compute, self);
  if (!agreed.ok()) {
    if (agreed.status().code() == absl::StatusCode::kFailedPrecondition)
      (void)pair.close(); // all were told the same: nobody is left waiting
    return agreed.status();
  }
  if (!work.plan.libraries.empty())
    executor.cpuLevel = agreed->cpuLevel;
  pair.setTimeout(work.options.timeout);
  return pair;
}

/// What all partitions must be told alike, or they would not make the same steps.
absl::Status compareSettings(const Work &work, Team &team) {
  const RunOptions &run = work.options.run;
  Checksum sum;
  sum.update(specWithSettings(work.plan, work.settings));
  sum.update("|" + std::to_string(run.runs) + "|" + std::to_string(int(run.predictions)));
  const int64_t own[] = {int64_t(sum.digest())};
  HEDDLE_ASSIGN_OR_RETURN(auto all, team.collect(own));
  HEDDLE_ASSIGN_OR_RETURN(uint64_t differs, team.lead([&] {
    auto other = std::find_if(all.begin(), all.end(),
                              [&](const auto &numbers) { return numbers[0] != own[0]; });
    return other == all.end() ? uint64_t(0) : uint64_t(other - all.begin());
  }));
  if (differs == 0)
    return absl::OkStatus();
  return failedPrecondition("the workers do not fit together: rank " + std::to_string(differs) +
                            " was given other options of training than rank 0; give all workers "
                            "the same command line");
}

/// One partition from connecting to closing.
absl::StatusOr<RunOutcome> runPartition(const Work &work, int k, ConnectionPair pair,
                                        exec::ExecutorOptions executor, bool first) {
  RunOptions run = work.options.run;
  if (!first)
    run.activity = {}; // one voice is enough
  run.workers = work.options.workers;
  if (work.options.workers > 1) {
    if (run.activity)
      run.activity("meeting the other workers");
    HEDDLE_ASSIGN_OR_RETURN(pair, meet(work, k, executor));
  }
  run.transport = work.options.workers > 1 ? "Gloo" : "threads";
  if (work.options.transport) {
    HEDDLE_ASSIGN_OR_RETURN(std::string name, work.options.transport(pair, k));
    run.transport = name.empty() ? run.transport : name;
  }
  executor.partition = uint32_t(k);
  executor.connections = {pair.compute.get(), pair.ahead.get()};
  std::unique_ptr<Team> team = makeTeam(executor.connections);
  absl::Status same = compareSettings(work, *team);
  if (!same.ok()) {
    team->abort(same);
    return same;
  }
  auto factory = [&](uint64_t seed) {
    executor.seed = seed;
    return work.make(executor);
  };
  const std::function<bool()> never = [] { return false; };
  HEDDLE_ASSIGN_OR_RETURN(RunOutcome outcome,
                          runTraining(work.plan, work.graph, factory, work.settings, run,
                                      k == 0 ? work.stop : never, *team));
  team.reset();
  HEDDLE_RETURN_IF_ERROR(pair.close());
  return outcome;
}

/// The same, with exceptions as errors: they must not leave a thread.
absl::StatusOr<RunOutcome> runGuarded(const Work &work, int k, ConnectionPair pair,
                                      const exec::ExecutorOptions &executor, bool first) {
  absl::Status status;
  try {
    auto outcome = runPartition(work, k, std::move(pair), executor, first);
    if (outcome.ok())
      return outcome;
    status = outcome.status();
  } catch (const std::exception &error) {
    status = statusOf(error);
  }
  const bool own = severityOf(status) == 3 && k > 0 && messageOf(status).find("rank ") != 0;
  return own ? withPrefix(status, "partition " + std::to_string(k) + ": ") : status;
}

/// part / parts of `whole`, at least 1.
int shareOf(int whole, int part, int parts) {
  return std::max(1, whole * (part + 1) / parts - whole * part / parts);
}

absl::StatusOr<RunOutcome> runPartitions(const Work &work) {
  const WorkerOptions &options = work.options;
  const int partitions = int(work.plan.partitions);
  const PartitionRange range = partitionsOf(options.rank, options.workers, partitions);
  const int hosted = range.last - range.first;
  std::vector<ConnectionPair> pairs(static_cast<size_t>(partitions));
  if (options.workers == 1) {
    pairs = transport::makeThreadConnections(partitions);
    for (ConnectionPair &pair : pairs)
      pair.setTimeout(untimed);
  }
  const int threads = work.executor.threads > 0 ? work.executor.threads : availableCores();
  std::mutex mutex;
  RunOutcome outcome;
  absl::Status worst;
  auto host = [&](int k) {
    exec::ExecutorOptions executor = work.executor;
    executor.threads = shareOf(threads, k - range.first, hosted);
    executor.memoryLimit /= uint64_t(hosted);
    executor.cache.bytes /= uint64_t(hosted);
    auto own = runGuarded(work, k, std::move(pairs[size_t(k)]), executor, k == range.first);
    std::lock_guard<std::mutex> lock(mutex);
    if (severityOf(own.status()) > severityOf(worst))
      worst = own.status(); // the first of those that say equally much
    if (own.ok() && k == range.first)
      outcome = std::move(*own);
  };
  std::vector<std::thread> others;
  others.reserve(size_t(hosted - 1));
  try {
    for (int k = range.first + 1; k < range.last; ++k)
      others.emplace_back(host, k);
  } catch (const std::exception &error) {
    worst = statusOf(error);
    if (ConnectionPair &own = pairs[size_t(range.first)]; own.compute)
      own.abort(worst); // those that have begun wait for the rest
  }
  if (worst.ok())
    host(range.first);
  for (std::thread &other : others)
    other.join();
  HEDDLE_RETURN_IF_ERROR(worst);
  return outcome;
}

} // namespace

PartitionRange partitionsOf(int rank, int workers, int partitions) {
  auto firstOf = [&](int worker) {
    return int((int64_t(worker) * partitions + workers - 1) / workers);
  };
  return {firstOf(rank), firstOf(rank + 1)};
}

int severityOf(const absl::Status &status) {
  switch (status.code()) {
  case absl::StatusCode::kOk:
    return 0;
  case absl::StatusCode::kAborted:
    return 1;
  case absl::StatusCode::kUnavailable:
  case absl::StatusCode::kDeadlineExceeded:
    return 2;
  default:
    return 3;
  }
}

absl::StatusOr<RunOutcome> runWorker(const plan::PlanT &plan, const graph::GraphStore &graph,
                                     const MakeExecutor &make, const TrainSettings &settings,
                                     const WorkerOptions &options,
                                     const std::function<bool()> &stop) {
  exec::ExecutorOptions executor = options.executor;
  exec::Trace trace;
  if (!options.trace.empty())
    executor.trace = &trace;
  absl::StatusOr<RunOutcome> outcome = RunOutcome();
  if (plan.partitions == 1) {
    auto factory = [&](uint64_t seed) {
      executor.seed = seed;
      return make(executor);
    };
    outcome = runTraining(plan, graph, factory, settings, options.run, stop);
  } else {
    outcome = runPartitions({plan, graph, make, settings, options, executor, stop});
  }
  if (options.trace.empty())
    return outcome;
  // A trace is most wanted when a run went wrong.
  absl::Status written = trace.write(options.trace);
  if (outcome.ok())
    HEDDLE_RETURN_IF_ERROR(written);
  return outcome;
}

} // namespace heddle::train
