//===- Trainer.cpp - epochs, evaluations, the best state ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Trainer.h"

#include "runtime/train/Batches.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace heddle::train {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What partition 0 decides after an epoch or an evaluation, as the bits of its word to the others.
constexpr uint64_t stopNow = 1, isBest = 2, stopEarly = 4, wantStates = 8;

} // namespace

absl::StatusOr<std::unique_ptr<Trainer>>
Trainer::create(const plan::PlanT &plan, const graph::GraphStore &graph, exec::Executor &executor,
                const TrainSettings &settings, TrainListener &listener, std::function<bool()> stop,
                Team &team) {
  std::unique_ptr<Trainer> out(new Trainer());
  const plan::TaskT &task = *plan.task;
  out->plan_ = &plan;
  out->executor_ = &executor;
  out->settings_ = &settings;
  out->listener_ = &listener;
  out->stop_ = std::move(stop);
  out->team_ = &team;
  HEDDLE_ASSIGN_OR_RETURN(out->labels_, graph.label(int(task.node_type), task.label));
  HEDDLE_ASSIGN_OR_RETURN(out->split_, graph.split(int(task.node_type), task.label, task.split));
  const std::string place =
      graph.schema().directory + ": split '" + task.split + "' of label '" + task.label + "'";
  if (task.multilabel != (out->labels_.multi != nullptr) ||
      out->labels_.numClasses != int64_t(task.classes.size()))
    return failedPrecondition(place + ": the label is not of the plan's kind; recompile with "
                                      "heddle-compile for this graph");
  if (out->split_.numTrain == 0)
    return failedPrecondition(place + ": has no training nodes; choose another split");
  HEDDLE_ASSIGN_OR_RETURN(auto evaluator,
                          Evaluator::create(plan, executor, out->labels_, settings, team));
  out->evaluator_.emplace(std::move(evaluator));
  out->trainEntry_ = exec::findEntry(plan, plan::EntryKind::TrainStep, uint32_t(team.partition()));
  if (out->trainEntry_ < 0)
    return failedPrecondition("the plan has no train_step entry; recompile with heddle-compile");
  out->batchSize_ = plan.entries[size_t(out->trainEntry_)]->batch_size;
  out->stepsPerEpoch_ = numBatches(uint64_t(out->split_.numTrain), out->batchSize_);
  if (settings.numEpochs > 0 &&
      out->stepsPerEpoch_ > (uint64_t(1) << 32) / uint64_t(settings.numEpochs))
    return invalidArgument("--epochs: " + std::to_string(settings.numEpochs) + " epochs of " +
                           std::to_string(out->stepsPerEpoch_) +
                           " steps are more than 2^32 steps; train fewer epochs");
  return out;
}

absl::StatusOr<EpochRecord> Trainer::runEpoch(int64_t epoch, TrainResult &result) {
  auto batches =
      cutBatches(epochOrder(trainIds(), settings_->seed, uint32_t(epoch - 1)), batchSize_);
  const int64_t totalSteps = settings_->numEpochs * int64_t(stepsPerEpoch_);
  auto rate = [&](uint64_t step, int group) {
    return learningRate(settings_->schedule, settings_->learningRates[size_t(group)], int64_t(step),
                        totalSteps);
  };
  EpochRecord record;
  record.epoch = epoch;
  double lossSum = 0;
  uint64_t labelled = 0;
  const exec::ExecutorStats before = executor_->stats();
  const transport::TransportCounters sentBefore = team_->sent();
  Clock::time_point start = Clock::now();
  auto done = [&](const exec::StepResult &step) {
    ++record.steps;
    record.seeds += step.seeds.size();
    lossSum += double(step.loss) * double(step.labelled);
    labelled += step.labelled;
    listener_->onStep({epoch, record.steps, stepsPerEpoch_, double(step.loss)});
    return !team_->leads() || !stop_();
  };
  absl::Status status = executor_->run(trainEntry_, batches, steps_, rate, done);
  steps_ += record.steps;
  result.steps = steps_;
  HEDDLE_RETURN_IF_ERROR(status);
  record.seconds = secondsSince(start);
  HEDDLE_RETURN_IF_ERROR(addUp(record, before, sentBefore));
  record.step = steps_;
  record.whole = record.steps == stepsPerEpoch_;
  record.loss = labelled > 0 ? lossSum / double(labelled) : 0;
  for (size_t g = 0; g < settings_->learningRates.size() && steps_ > 0; ++g)
    record.learningRates.push_back(rate(steps_ - 1, int(g)));
  result.trainSeconds += record.seconds;
  return record;
}

/// What the partitions count each for itself.
absl::Status Trainer::addUp(EpochRecord &record, const exec::ExecutorStats &before,
                            const transport::TransportCounters &sentBefore) {
  const exec::ExecutorStats &now = executor_->stats();
  const transport::TransportCounters sent = team_->sent();
  auto nanoseconds = [](double seconds) { return int64_t(seconds * 1e9); };
  std::vector<int64_t> own = {int64_t(now.sampledEdges - before.sampledEdges),
                              nanoseconds(now.computeStallSeconds - before.computeStallSeconds),
                              nanoseconds(now.commSeconds - before.commSeconds),
                              nanoseconds(now.commStallSeconds - before.commStallSeconds)};
  for (size_t i = 0; i < sent.sent.size(); ++i)
    own.push_back(sent.sent[i].bytes - sentBefore.sent[i].bytes);
  HEDDLE_ASSIGN_OR_RETURN(auto all, team_->collect(own));
  for (const std::vector<int64_t> &numbers : all) {
    record.edges += uint64_t(numbers[0]);
    record.stallSeconds = std::max(record.stallSeconds, double(numbers[1]) * 1e-9);
    record.commSeconds = std::max(record.commSeconds, double(numbers[2]) * 1e-9);
    record.commStallSeconds = std::max(record.commStallSeconds, double(numbers[3]) * 1e-9);
    for (size_t i = 0; i < record.sentBytes.size(); ++i)
      record.sentBytes[i] += numbers[4 + i];
  }
  return absl::OkStatus();
}

absl::Status Trainer::validate(int64_t epoch, TrainResult &result, EarlyStopping &stopping) {
  Clock::time_point start = Clock::now();
  HEDDLE_ASSIGN_OR_RETURN(Evaluation evaluation,
                          evaluator_->evaluate(validIds(), [&] { return !stop_(); }));
  if (evaluation.interrupted) {
    result.interrupted = true;
    return absl::OkStatus();
  }
  HEDDLE_ASSIGN_OR_RETURN(uint64_t word, team_->lead([&]() -> absl::StatusOr<uint64_t> {
    const Scores &scores = evaluation.scores;
    double value =
        settings_->monitor < 0 ? scores.loss : scores.metrics[size_t(settings_->monitor)].value;
    bool best = stopping.observe(epoch, value);
    if (best) {
      result.bestValue = value;
      result.bestScores = scores;
    }
    HEDDLE_RETURN_IF_ERROR(
        listener_->onEvaluation({"valid", epoch, steps_, &scores, secondsSince(start), best}));
    const bool last = epoch == settings_->numEpochs;
    return (best ? isBest : 0) | (!last && stopping.shouldStop() ? stopEarly : 0) |
           (!last && stop_() ? stopNow : 0) | (listener_->wantsStates() ? wantStates : 0);
  }));
  if (word & isBest) {
    // Behind the last epoch nothing changes the state any more: the executor keeps it.
    if (epoch == settings_->numEpochs)
      best_.drop();
    else
      HEDDLE_RETURN_IF_ERROR(best_.take(*executor_));
    result.bestEpoch = epoch;
  }
  if (word & wantStates)
    HEDDLE_RETURN_IF_ERROR(handStates());
  result.stoppedEarly = word & stopEarly;
  result.interrupted = (word & stopNow) && !result.stoppedEarly;
  return absl::OkStatus();
}

absl::Status Trainer::handStates() {
  HEDDLE_RETURN_IF_ERROR(executor_->gatherStates(0));
  return team_->leadTo([&] { return listener_->onStates(); });
}

absl::StatusOr<TrainResult> Trainer::train() {
  TrainResult result;
  EarlyStopping stopping;
  stopping.monitor = settings_->monitorName();
  stopping.maximize = settings_->maximize;
  stopping.patience = settings_->patience;
  const bool selects = split_.numValid > 0;
  if (!selects)
    result.remarks.push_back("the split has no validation nodes: no state is selected, the last "
                             "one counts");
  if (settings_->numEpochs > 0) {
    HEDDLE_ASSIGN_OR_RETURN(uint64_t stopped,
                            team_->lead([&] { return stop_() ? stopNow : uint64_t(0); }));
    result.interrupted = stopped;
  }
  for (int64_t epoch = 1;
       epoch <= settings_->numEpochs && !result.interrupted && !result.stoppedEarly; ++epoch) {
    const bool last = epoch == settings_->numEpochs;
    HEDDLE_ASSIGN_OR_RETURN(EpochRecord record, runEpoch(epoch, result));
    if (record.whole)
      result.epochs = epoch;
    HEDDLE_ASSIGN_OR_RETURN(uint64_t word, team_->lead([&]() -> absl::StatusOr<uint64_t> {
      HEDDLE_RETURN_IF_ERROR(listener_->onEpoch(record));
      return (!last && stop_() ? stopNow : 0) | (listener_->wantsStates() ? wantStates : 0);
    }));
    if (word & wantStates)
      HEDDLE_RETURN_IF_ERROR(handStates());
    result.interrupted = !record.whole || (word & stopNow);
    if (!result.interrupted && selects && (epoch % settings_->evalFrequency == 0 || last))
      HEDDLE_RETURN_IF_ERROR(validate(epoch, result, stopping));
  }
  if (selects && result.bestEpoch < 0 && result.epochs > 0 && !result.interrupted)
    result.remarks.push_back(settings_->monitorName() +
                             " was never a number: no state is selected, the last one counts");
  return result;
}

absl::Status Trainer::restoreBest() {
  return best_.empty() ? absl::OkStatus() : best_.restore(*executor_);
}

absl::StatusOr<Evaluation> Trainer::evaluate(const std::string &split, int64_t epoch) {
  Clock::time_point start = Clock::now();
  HEDDLE_ASSIGN_OR_RETURN(
      Evaluation evaluation,
      evaluator_->evaluate(split == "valid" ? validIds() : testIds(), [&] { return !stop_(); }));
  if (!evaluation.interrupted)
    HEDDLE_RETURN_IF_ERROR(team_->leadTo([&] {
      return listener_->onEvaluation(
          {split, epoch, steps_, &evaluation.scores, secondsSince(start), false});
    }));
  return evaluation;
}

} // namespace heddle::train
