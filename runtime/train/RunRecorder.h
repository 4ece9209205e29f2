//===- RunRecorder.h - metrics, progress and saves during a run ---*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_RUNRECORDER_H
#define HEDDLE_RUNTIME_TRAIN_RUNRECORDER_H

#include "runtime/base/Progress.h"
#include "runtime/train/JsonLines.h"
#include "runtime/train/Trainer.h"

#include <chrono>

namespace heddle::train {

/// Hears the trainer and writes one run's folder:
///   metrics.jsonl              a line per epoch and evaluation ("heddle-metrics/1")
///   best/weights.safetensors   the best state so far
///   last/weights.safetensors, last/optimizer.safetensors   the last state, to go on from
/// During a run the two folders are refreshed at most every `saveIntervalSeconds`, so that a crash
/// costs little and a short epoch is not spent on writing.
class RunRecorder : public TrainListener {
public:
  struct Options {
    std::string folder;                          ///< exists, with best/ and last/
    std::map<std::string, std::string> metadata; ///< of the weight files
    std::string progressName = "train";
    ProgressMode progress = ProgressMode::Auto;
    double saveIntervalSeconds = 60;
    int partitions = 1; ///< with several, metrics tell what they sent to each other
  };
  /// Everything must outlive the recorder.
  static absl::StatusOr<std::unique_ptr<RunRecorder>> create(Options options,
                                                             const plan::PlanT &plan,
                                                             const TrainSettings &settings,
                                                             exec::Executor &executor);

  void onStep(const StepRecord &record) override;
  absl::Status onEpoch(const EpochRecord &record) override;
  absl::Status onEvaluation(const EvaluationRecord &record) override;
  bool wantsStates() override { return lastWanted_ || bestWanted_; }
  absl::Status onStates() override;

  /// Optimizer steps and whole epochs heard of so far.
  uint64_t steps() const { return steps_; }
  int64_t epochs() const { return epochs_; }
  /// Ends the bar; later steps draw nothing.
  void closeProgress();
  /// Writes what the executor holds to last/.
  absl::Status saveLast(int64_t epoch, uint64_t step);
  /// Writes `states` to best/.
  absl::Status saveBest(const std::vector<exec::StateView> &states, int64_t epoch, uint64_t step);

private:
  using Clock = std::chrono::steady_clock;
  RunRecorder() = default;
  std::map<std::string, std::string> metadataAt(int64_t epoch, uint64_t step) const;
  void showPostfix();
  bool due(Clock::time_point last) const;

  Options options_;
  const plan::PlanT *plan_ = nullptr;
  const TrainSettings *settings_ = nullptr;
  exec::Executor *executor_ = nullptr;
  std::unique_ptr<JsonLinesWriter> lines_;
  std::unique_ptr<Progress> progress_;
  Clock::time_point lastSaved_, bestSaved_, shown_;
  int64_t epoch_ = 0, epochs_ = 0;
  uint64_t steps_ = 0;
  double loss_ = 0;
  bool lastWanted_ = false, bestWanted_ = false;
  int64_t wantedEpoch_ = 0; ///< of the states that are wanted
  uint64_t wantedStep_ = 0;
  std::string evaluated_; ///< "valid accuracy=0.8912"
};

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_RUNRECORDER_H
