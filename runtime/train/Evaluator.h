//===- Evaluator.h - scores of a state on some nodes --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_EVALUATOR_H
#define HEDDLE_RUNTIME_TRAIN_EVALUATOR_H

#include "runtime/train/Team.h"
#include "runtime/train/TrainSettings.h"

#include <functional>
#include <span>

namespace heddle::train {

/// What a state scores on a set of nodes.
struct Scores {
  double loss = 0; ///< mean over labelled nodes; the entry's, or computed from the logits
  std::vector<MetricValue> metrics; ///< in the order of TrainSettings::metrics
  int64_t rows = 0;
};

/// Complete on partition 0; the others only know whether it was interrupted.
struct Evaluation {
  std::vector<int64_t> ids;  ///< sorted
  std::vector<float> logits; ///< [ids, classes]
  int64_t classes = 0;
  Scores scores;
  bool interrupted = false; ///< then nothing else is filled in
};

class Evaluator {
public:
  /// Everything must outlive the evaluator. Error: no eval_step entry.
  static absl::StatusOr<Evaluator> create(const plan::PlanT &plan, exec::Executor &executor,
                                          const graph::LabelView &labels,
                                          const TrainSettings &settings,
                                          Team &team = Team::alone());

  /// Runs the evaluation entry over `ids` (sorted) with the states as they are. Every evaluation
  /// samples under the same keys (steps from 0), so that a state has one score whenever it is
  /// evaluated. `keepGoing` is asked after every step; partition 0's answer counts. All partitions
  /// call it.
  absl::StatusOr<Evaluation> evaluate(std::span<const int64_t> ids,
                                      const std::function<bool()> &keepGoing) const;

  /// Scores of logits that do not come from the executor (baselines). `logits` is [ids, classes].
  absl::StatusOr<Scores> score(std::span<const int64_t> ids,
                               const std::vector<float> &logits) const;

  bool multilabel() const { return labels_->multi != nullptr; }
  int64_t classes() const { return labels_->numClasses; }
  /// Class index of a node, -1 if missing. Single-label only.
  int32_t classOf(int64_t id) const { return labels_->classes[id]; }
  /// [classes] of 0/1 (255 = missing). Multi-label only.
  const uint8_t *labelsOf(int64_t id) const { return labels_->multi + id * labels_->numClasses; }

private:
  exec::Executor *executor_ = nullptr;
  const graph::LabelView *labels_ = nullptr;
  const TrainSettings *settings_ = nullptr;
  Team *team_ = nullptr;
  int entry_ = -1;
  uint64_t batchSize_ = 0;
};

/// Softmax of one row (double precision), or the sigmoid of each element with `multilabel`.
std::vector<double> probabilities(const float *logits, int64_t classes, bool multilabel);

/// Logits of a predictor that knows only how frequent the classes are among `train`: the log of
/// each class's share (multi-label: its log-odds), the same for every row. [rows, classes].
std::vector<float> frequencyLogits(const Evaluator &evaluator, std::span<const int64_t> train,
                                   int64_t rows);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_EVALUATOR_H
