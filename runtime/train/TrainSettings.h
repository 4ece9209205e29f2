//===- TrainSettings.h - how long and how fast to train ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What the compiler wrote into Task.train_settings, with what the command line may change on top.
// All else is compiled into the plan.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_TRAINSETTINGS_H
#define HEDDLE_RUNTIME_TRAIN_TRAINSETTINGS_H

#include "runtime/base/Status.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/train/Metrics.h"
#include "runtime/train/Schedule.h"

#include <optional>
#include <string>
#include <vector>

namespace heddle::train {

/// What can be changed without recompiling; empty = as compiled.
struct TrainOverrides {
  std::optional<int64_t> epochs = {};
  std::optional<int64_t> seed = {};
  std::optional<double> lr = {};       ///< of the dense groups
  std::optional<double> sparseLr = {}; ///< of the row-sparse groups
  std::optional<std::string> schedule = {};
  std::optional<int64_t> warmupSteps = {}, stepSize = {};
  std::optional<double> gamma = {}, minLr = {};
};

struct TrainSettings {
  int64_t numEpochs = 1;
  uint64_t seed = 0;
  std::string scheduleName = "constant";
  LrSchedule schedule;
  std::vector<double> learningRates; ///< base rate of each optimizer group of the plan
  int64_t evalFrequency = 1;         ///< epochs between evaluations; the last epoch always is one
  std::vector<Metric> metrics;       ///< reported, in this order; at least one
  /// What the best state is chosen by, among `metrics`; -1: the validation loss.
  int monitor = 0;
  bool maximize = true;
  int64_t patience = -1; ///< evaluations without improvement before the stop; -1 = never stops
  int positiveClass = 1; ///< two single-label classes: the one that ranks

  /// "valid/accuracy" or "valid/loss".
  std::string monitorName() const;
};

/// Reads the plan's settings and applies `overrides`. Errors (InvalidArgument) name `planName` and
/// the JSON pointer, or the option ("--lr: ...").
absl::StatusOr<TrainSettings> readTrainSettings(const plan::PlanT &plan,
                                                const std::string &planName,
                                                const TrainOverrides &overrides);

/// The plan's resolved model spec as JSON text with `settings` written over what they override.
std::string specWithSettings(const plan::PlanT &plan, const TrainSettings &settings);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_TRAINSETTINGS_H
