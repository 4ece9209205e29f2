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
#include "runtime/train/Team.h"
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
  int workers = 1; ///< that host the plan's partitions; only to be written down
  std::string transport = {}; ///< of the collectives; only to be written down
  /// Told what this partition does ("epoch 3, step 12 of 20"), on its thread; may be empty.
  std::function<void(std::string_view)> activity = {};
};

/// Makes an executor whose keys and initial states are those of `seed`.
using ExecutorFactory =
    std::function<absl::StatusOr<std::unique_ptr<exec::Executor>>(uint64_t seed)>;

struct RunOutcome {
  bool interrupted = false; ///< in all partitions
  std::string summary;      ///< for people, several lines; on partition 0
};

/// Trains, evaluates and writes the run folder. `stop` becoming true ends training after the
/// current step; what was learnt is saved and the outcome says so. On an error the partial folder
/// stays, and the message names it. All partitions of a team call it with equal settings and
/// options; `factory` makes the executor of this one. Only partition 0 writes, and its `stop`
/// counts. An error of one ends all: theirs is then kAborted.
absl::StatusOr<RunOutcome> runTraining(const plan::PlanT &plan, const graph::GraphStore &graph,
                                       const ExecutorFactory &factory,
                                       const TrainSettings &settings, const RunOptions &options,
                                       const std::function<bool()> &stop,
                                       Team &team = Team::alone());

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_RUN_H
