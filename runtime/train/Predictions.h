//===- Predictions.h - what a trained model says of each node -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_PREDICTIONS_H
#define HEDDLE_RUNTIME_TRAIN_PREDICTIONS_H

#include "runtime/base/AtomicOutput.h"
#include "runtime/train/Evaluator.h"

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heddle::train {

/// One node's truth and prediction, ready to print.
struct Prediction {
  std::vector<int64_t> truth;     ///< class indices; empty = no label (or none of several)
  std::vector<int64_t> predicted; ///< single-label: one; multi-label: those over 0.5
  std::vector<double> probability; ///< of each predicted class
};
/// Row `row` of `evaluation`. Ties go to the lowest class.
Prediction predictionOf(const Evaluator &evaluator, const Evaluation &evaluation, int64_t row);

/// `text` as a CSV field of RFC 4180: quoted where it holds a comma, a quote, a line break or a
/// space at an end, quotes doubled.
std::string csvField(const std::string &text);

/// A CSV with the header "id,name,split,label,prediction,probability", a row per node. id is the
/// user's, name the display name or empty. Several labels of one node are joined by '|', with '|' and
/// '\' inside a name escaped by '\'. The file appears at finish(); a writer destroyed before leaves
/// nothing.
class PredictionWriter {
public:
  /// Everything must outlive the writer.
  static absl::StatusOr<PredictionWriter> create(const std::string &path, const plan::PlanT &plan,
                                                 const graph::GraphStore &graph,
                                                 const Evaluator &evaluator);
  PredictionWriter(PredictionWriter &&other) noexcept;
  PredictionWriter &operator=(PredictionWriter &&other) = delete;
  ~PredictionWriter();
  /// A row for each node of `evaluation`; `splitOf(row)` is the part that it is in.
  absl::Status append(const Evaluation &evaluation,
                      const std::function<std::string_view(int64_t row)> &splitOf);
  absl::Status finish();

private:
  PredictionWriter() = default;
  absl::Status flush(size_t above);

  const plan::PlanT *plan_ = nullptr;
  const graph::GraphStore *graph_ = nullptr;
  const Evaluator *evaluator_ = nullptr;
  std::string path_, text_;
  AtomicOutput output_;
  std::FILE *file_ = nullptr;
};

/// Writes one with the nodes of each named evaluation.
absl::Status writePredictions(const std::string &path, const plan::PlanT &plan,
                              const graph::GraphStore &graph, const Evaluator &evaluator,
                              const std::vector<std::pair<std::string, const Evaluation *>> &parts);

/// Up to `count` nodes of `evaluation` picked by key (the same for the same seed), one line each:
/// "dog: a domestic animal -> noun.animal (0.99), true noun.animal".
std::vector<std::string> examplePredictions(const plan::PlanT &plan, const graph::GraphStore &graph,
                                            const Evaluator &evaluator,
                                            const Evaluation &evaluation, size_t count,
                                            uint64_t seed);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_PREDICTIONS_H
