//===- Trainer.h - epochs, evaluations, the best state -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Drives an executor: order of seeds, learning rates, when to evaluate, when to stop, which state
// to keep. It writes no file and prints nothing; a TrainListener does. Each partition has a trainer
// of its own; partition 0 decides, and all do the same.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_TRAINER_H
#define HEDDLE_RUNTIME_TRAIN_TRAINER_H

#include "runtime/train/Evaluator.h"
#include "runtime/train/StateFiles.h"

namespace heddle::train {

/// Epochs count from 1 everywhere here: epoch n is what stands after n passes over the seeds.
struct StepRecord {
  int64_t epoch = 0;
  uint64_t stepInEpoch = 0, stepsPerEpoch = 0;
  double loss = 0;
};
struct EpochRecord {
  int64_t epoch = 0;
  bool whole = true;             ///< false: cut off by an interrupt
  uint64_t step = 0;             ///< optimizer steps so far
  uint64_t steps = 0, seeds = 0; ///< of this epoch
  uint64_t edges = 0;            ///< sampled in this epoch, by all partitions together
  double loss = 0; ///< mean over the epoch's labelled seeds, each as it was trained on
  double seconds = 0;
  /// Each of the partition that took longest: the computation waiting for sampling and fetching;
  /// collectives; the computation waiting for collectives and the other partitions.
  double stallSeconds = 0, commSeconds = 0, commStallSeconds = 0;
  std::vector<double> learningRates; ///< of the last step, per optimizer group
  /// Bytes that all partitions together sent in the epoch's steps, by transport::Traffic.
  std::array<int64_t, transport::trafficClasses> sentBytes{};
};
struct EvaluationRecord {
  std::string split; ///< "valid" or "test"
  int64_t epoch = 0; ///< of the state that was evaluated
  uint64_t step = 0;
  const Scores *scores = nullptr;
  double seconds = 0;
  bool best = false;
};

/// Hears of what happens, on the calling thread. An error ends the training with it. Only partition
/// 0's listener hears of more than steps.
class TrainListener {
public:
  virtual ~TrainListener() = default;
  virtual void onStep(const StepRecord &) {}
  virtual absl::Status onEpoch(const EpochRecord &) { return absl::OkStatus(); }
  /// The executor holds the evaluated state.
  virtual absl::Status onEvaluation(const EvaluationRecord &) { return absl::OkStatus(); }
  /// Asked after onEpoch and after onEvaluation: with true, onStates follows once the executor
  /// holds all states, those that other partitions keep among them.
  virtual bool wantsStates() { return false; }
  virtual absl::Status onStates() { return absl::OkStatus(); }
};

struct TrainResult {
  int64_t epochs = 0;               ///< passes that were finished
  uint64_t steps = 0;               ///< optimizer steps, those of a cut-off epoch included
  int64_t bestEpoch = -1;           ///< -1: nothing was evaluated, so the last state counts
  double bestValue = 0;             ///< of the monitored number
  std::optional<Scores> bestScores; ///< on the validation nodes
  bool interrupted = false, stoppedEarly = false; ///< this, epochs, steps: in all partitions
  double trainSeconds = 0;                        ///< without evaluations
  std::vector<std::string> remarks;               ///< what a user should know, one line each
};

class Trainer {
public:
  /// Everything must outlive the trainer. `stop` is asked after every step, on partition 0; true
  /// ends the training there. Errors: entries, label or split that are missing, no training nodes,
  /// more than 2^32 steps (keys count them in 32 bits).
  static absl::StatusOr<std::unique_ptr<Trainer>>
  create(const plan::PlanT &plan, const graph::GraphStore &graph, exec::Executor &executor,
         const TrainSettings &settings, TrainListener &listener, std::function<bool()> stop,
         Team &team = Team::alone());

  /// Trains; the executor then holds the last state. All partitions call it, as restoreBest() and
  /// evaluate().
  absl::StatusOr<TrainResult> train();

  /// Puts the best state into the executor (the last one stays where nothing was evaluated).
  absl::Status restoreBest();
  /// The best state's weights; empty where nothing was evaluated.
  const StateSnapshot &best() const { return best_; }

  /// Scores of the state that the executor holds; heard by the listener. `epoch` is its epoch.
  absl::StatusOr<Evaluation> evaluate(const std::string &split, int64_t epoch);

  std::span<const int64_t> trainIds() const { return {split_.train, size_t(split_.numTrain)}; }
  std::span<const int64_t> validIds() const { return {split_.valid, size_t(split_.numValid)}; }
  std::span<const int64_t> testIds() const { return {split_.test, size_t(split_.numTest)}; }
  const Evaluator &evaluator() const { return *evaluator_; }
  uint64_t stepsPerEpoch() const { return stepsPerEpoch_; }

private:
  Trainer() = default;
  absl::StatusOr<EpochRecord> runEpoch(int64_t epoch, TrainResult &result);
  absl::Status addUp(EpochRecord &record, const exec::ExecutorStats &before,
                     const transport::TransportCounters &sentBefore);
  absl::Status validate(int64_t epoch, TrainResult &result, EarlyStopping &stopping);
  absl::Status handStates();

  exec::Executor *executor_ = nullptr;
  const plan::PlanT *plan_ = nullptr;
  const TrainSettings *settings_ = nullptr;
  TrainListener *listener_ = nullptr;
  std::function<bool()> stop_;
  Team *team_ = nullptr;
  graph::LabelView labels_;
  graph::SplitView split_;
  std::optional<Evaluator> evaluator_;
  int trainEntry_ = -1;
  uint64_t batchSize_ = 0, stepsPerEpoch_ = 0, steps_ = 0;
  StateSnapshot best_;
};

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_TRAINER_H
