//===- RunReport.h - how a run ended, for people and programs -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_RUNREPORT_H
#define HEDDLE_RUNTIME_TRAIN_RUNREPORT_H

#include "runtime/train/CacheReport.h"
#include "runtime/train/Trainer.h"

#include <optional>
#include <string>
#include <vector>

namespace heddle::train {

/// One finished or interrupted run.
struct RunReport {
  uint64_t seed = 0;
  TrainResult result;
  std::optional<Scores> valid, test; ///< of the best state; absent where the part is empty
  std::optional<Scores> baseline;    ///< on test, of a predictor that knows class frequencies only
  std::string baselineName;          ///< "most frequent class 'noun.artifact'"
  std::vector<std::string> examples;
  std::vector<CacheReport> caches;
  int threads = 0; ///< of each partition
  int partitions = 1, workers = 1;
  std::string kernelTarget;
  std::string folder;
};

/// The summary of one run: scores beside the baseline, best epoch, time per epoch, examples.
std::string describeRun(const RunReport &report, const TrainSettings &settings);

/// A table of several runs and mean and sample standard deviation over them.
std::string describeRuns(const std::vector<RunReport> &reports, const TrainSettings &settings);

struct MeanStd {
  double mean = 0;
  double std = 0; ///< sample standard deviation (n - 1); 0 for one value
};
/// Over the values that are numbers; NaN if there are none.
MeanStd meanStd(const std::vector<double> &values);

/// The result part of run.json as JSON text (an object).
std::string runJson(const RunReport &report, const TrainSettings &settings);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_RUNREPORT_H
