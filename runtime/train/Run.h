//===- Run.h - a whole training run, or several -------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What heddle-run does after it has read its command line. A run folder holds
//   run.json            what ran, how it ended, the scores ("heddle-run/1")
//   spec.json           the resolved model spec with every default and override
//   fingerprints.json   hashes of plan and graph, versions, kernel target
//   metrics.jsonl, best/, last/   see RunRecorder.h
//   predictions.csv     see Predictions.h
// With several runs each has such a folder, "seed-N", inside the run folder.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_RUN_H
#define HEDDLE_RUNTIME_TRAIN_RUN_H

#include "runtime/base/Progress.h"
#include "runtime/exec/Executor.h"
#include "runtime/train/TrainSettings.h"

#include <functional>
#include <memory>
#include <string>

namespace heddle::train {

enum class PredictionParts { None, Test, All };

struct RunOptions {
  std::string planFile, graphDirectory; ///< only to be named in outputs and errors
  std::string planChecksum;             ///< 16 hex digits
  std::string version;                  ///< of heddle-run
  std::string output;
  bool force = false;
  int runs = 1; ///< under seed, seed + 1, ...
  PredictionParts predictions = PredictionParts::All;
  size_t samples = 5; ///< example predictions in the summary
  ProgressMode progress = ProgressMode::Auto;
  double saveIntervalSeconds = 60;
};

/// Makes an executor whose keys and initial states are those of `seed`.
using ExecutorFactory = std::function<absl::StatusOr<std::unique_ptr<exec::Executor>>(uint64_t seed)>;

struct RunOutcome {
  bool interrupted = false;
  std::string summary; ///< for people, several lines
};

/// Trains, evaluates and writes the run folder. `stop` becoming true ends training after the current
/// step; what was learnt is saved and the outcome says so. On an error the partial folder stays, and
/// the message names it.
absl::StatusOr<RunOutcome> runTraining(const plan::PlanT &plan, const graph::GraphStore &graph,
                                       const ExecutorFactory &factory,
                                       const TrainSettings &settings, const RunOptions &options,
                                       const std::function<bool()> &stop);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_RUN_H
