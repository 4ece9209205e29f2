//===- Metrics.h - classification metrics ------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The definitions are scikit-learn's (1.2), so that a user who recomputes a number from the
// predictions file finds the same one. Where scikit-learn refuses (one class only, non-finite
// scores) the value is NaN or an average over what is defined, and a remark says so.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_METRICS_H
#define HEDDLE_RUNTIME_TRAIN_METRICS_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace heddle::train {

enum class Metric { Accuracy, F1Micro, F1Macro, RocAuc, AveragePrecision };

/// "accuracy", "f1_micro", "f1_macro", "roc_auc", "average_precision", in the enum's order.
const std::vector<std::string> &metricNames();
const std::string &nameOf(Metric metric);
/// Error: unknown name, with a suggestion.
absl::StatusOr<Metric> parseMetric(const std::string &name);

enum class ScoreKind {
  Logits,       ///< single-label: softmax over the row; multi-label: sigmoid of each element
  Probabilities ///< as they are
};

/// What a metric is computed from. Exactly one of `labels` and `multiLabels` is set. A row takes
/// part if `mask` is null or mask[row] != 0, and if it has a label.
struct MetricInput {
  const float *scores = nullptr; ///< row-major [rows, classes]
  ScoreKind kind = ScoreKind::Logits;
  int64_t rows = 0, classes = 0;
  const int32_t *labels = nullptr;      ///< [rows], class index, -1 = no label
  const uint8_t *multiLabels = nullptr; ///< [rows, classes] of 0/1; a row of 255 has no label
  const uint8_t *mask = nullptr;        ///< [rows]
  int positiveClass =
      1; ///< two single-label classes: the one that roc_auc and average_precision rank
};

struct MetricValue {
  double value = 0;   ///< in [0, 1], or NaN where undefined
  std::string remark; ///< why it is NaN, or what was left out; empty otherwise
  int64_t rows = 0;   ///< rows that took part
};

/// Predicted class: the largest score, the lowest index on ties. Predicted set of a multi-label
/// row: logit > 0, probability > 0.5.
///   accuracy           multi-label: the whole row must agree (subset accuracy)
///   f1_macro           single-label: over the classes present among labels or predictions;
///                      multi-label: over all classes. A class with no positives anywhere counts 0
///   roc_auc            two classes: binary. Otherwise one-vs-rest / per label, macro average over
///                      the classes that have both positives and negatives
///   average_precision  the same without interpolation; a class without positives counts 0
/// Errors (InvalidArgument): a label outside [-1, classes), a multi-label byte that is not 0, 1 or
/// 255 or a row that mixes 255 with others, both or neither kind of labels.
absl::StatusOr<MetricValue> computeMetric(Metric metric, const MetricInput &input);

/// Area under the ROC curve of `scores` (descending rank, ties averaged), NaN with one class only.
double binaryRocAuc(const std::vector<double> &scores, const std::vector<uint8_t> &positives);
/// Sum over thresholds of (recall gained) * precision; 0 without positives.
double binaryAveragePrecision(const std::vector<double> &scores,
                              const std::vector<uint8_t> &positives);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_METRICS_H
