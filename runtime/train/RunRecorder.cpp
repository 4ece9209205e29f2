//===- RunRecorder.cpp - metrics, progress and saves during a run -------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/RunRecorder.h"

#include "nlohmann/json.hpp"

#include <cstdio>

namespace heddle::train {
namespace {

using Json = nlohmann::ordered_json;

std::string fixed(double value, const char *format) {
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

double perSecond(uint64_t count, double seconds) {
  return seconds > 0 ? double(count) / seconds : 0;
}

} // namespace

absl::StatusOr<std::unique_ptr<RunRecorder>> RunRecorder::create(Options options,
                                                                 const plan::PlanT &plan,
                                                                 const TrainSettings &settings,
                                                                 exec::Executor &executor) {
  std::unique_ptr<RunRecorder> out(new RunRecorder());
  out->options_ = std::move(options);
  out->plan_ = &plan;
  out->settings_ = &settings;
  out->executor_ = &executor;
  HEDDLE_ASSIGN_OR_RETURN(out->lines_,
                          JsonLinesWriter::open(out->options_.folder + "/metrics.jsonl",
                                                "heddle-metrics/1", /*append=*/false));
  out->lastSaved_ = out->bestSaved_ = Clock::now();
  return out;
}

void RunRecorder::showPostfix() {
  std::string text = "epoch=" + std::to_string(epoch_) + "/" +
                     std::to_string(settings_->numEpochs) + ", loss=" + fixed(loss_, "%.4g");
  if (!evaluated_.empty())
    text += ", " + evaluated_;
  progress_->setPostfix(std::move(text));
}

void RunRecorder::onStep(const StepRecord &record) {
  if (!progress_)
    progress_ = std::make_unique<Progress>(options_.progressName,
                                           int64_t(record.stepsPerEpoch) * settings_->numEpochs,
                                           options_.progress);
  epoch_ = record.epoch;
  ++steps_;
  loss_ = record.loss;
  // Steps may take microseconds; a person cannot read that fast.
  Clock::time_point now = Clock::now();
  if (std::chrono::duration<double>(now - shown_).count() > 0.1) {
    shown_ = now;
    showPostfix();
  }
  progress_->advance();
}

absl::Status RunRecorder::onEpoch(const EpochRecord &record) {
  loss_ = record.loss;
  if (record.whole)
    epochs_ = record.epoch;
  if (progress_)
    showPostfix();
  Json rates = Json::object();
  for (size_t g = 0; g < record.learningRates.size() && g < plan_->optimizer_groups.size(); ++g)
    rates[plan_->optimizer_groups[g]->name] = record.learningRates[g];
  Json line = {{"event", "train"},
               {"epoch", record.epoch},
               {"step", record.step},
               {"whole", record.whole},
               {"loss", record.loss},
               {"lr", rates},
               {"seconds", record.seconds},
               {"stall_seconds", record.stallSeconds},
               {"edges", record.edges},
               {"steps_per_second", perSecond(record.steps, record.seconds)},
               {"seeds_per_second", perSecond(record.seeds, record.seconds)},
               {"edges_per_second", perSecond(record.edges, record.seconds)}};
  if (options_.partitions > 1) {
    line["comm_seconds"] = record.commSeconds;
    line["comm_stall_seconds"] = record.commStallSeconds;
    for (size_t i = 0; i < record.sentBytes.size(); ++i)
      line["sent_bytes"][transport::trafficName(transport::Traffic(i))] = record.sentBytes[i];
  }
  HEDDLE_RETURN_IF_ERROR(lines_->write(line));
  lastWanted_ = due(lastSaved_);
  wantedEpoch_ = record.epoch;
  wantedStep_ = record.step;
  return absl::OkStatus();
}

absl::Status RunRecorder::onStates() {
  if (lastWanted_) {
    HEDDLE_RETURN_IF_ERROR(saveLast(wantedEpoch_, wantedStep_));
    lastSaved_ = Clock::now();
  }
  if (bestWanted_) {
    HEDDLE_RETURN_IF_ERROR(saveBest(executor_->states(), wantedEpoch_, wantedStep_));
    bestSaved_ = Clock::now();
  }
  lastWanted_ = bestWanted_ = false;
  return absl::OkStatus();
}

absl::Status RunRecorder::onEvaluation(const EvaluationRecord &record) {
  Json metrics = Json::object();
  for (size_t i = 0; i < settings_->metrics.size(); ++i)
    metrics[nameOf(settings_->metrics[i])] = record.scores->metrics[i].value;
  if (record.split == "valid") {
    bool loss = settings_->monitor < 0;
    evaluated_ =
        "valid " +
        (loss ? std::string("loss") : nameOf(settings_->metrics[size_t(settings_->monitor)])) +
        "=" +
        fixed(loss ? record.scores->loss : record.scores->metrics[size_t(settings_->monitor)].value,
              "%.4f");
    if (progress_)
      showPostfix();
  }
  Json line = {{"event", record.split},    {"epoch", record.epoch},
               {"step", record.step},      {"loss", record.scores->loss},
               {"metrics", metrics},       {"rows", record.scores->rows},
               {"seconds", record.seconds}};
  if (record.split == "valid")
    line["best"] = record.best;
  HEDDLE_RETURN_IF_ERROR(lines_->write(line));
  bestWanted_ = record.best && due(bestSaved_);
  wantedEpoch_ = record.epoch;
  wantedStep_ = record.step;
  return absl::OkStatus();
}

bool RunRecorder::due(Clock::time_point last) const {
  return std::chrono::duration<double>(Clock::now() - last).count() >= options_.saveIntervalSeconds;
}

void RunRecorder::closeProgress() {
  if (!progress_)
    return;
  showPostfix();
  progress_->close();
}

std::map<std::string, std::string> RunRecorder::metadataAt(int64_t epoch, uint64_t step) const {
  std::map<std::string, std::string> metadata = options_.metadata;
  metadata["epoch"] = std::to_string(epoch);
  metadata["step"] = std::to_string(step);
  metadata["seed"] = std::to_string(settings_->seed);
  return metadata;
}

absl::Status RunRecorder::saveLast(int64_t epoch, uint64_t step) {
  auto states = executor_->states();
  HEDDLE_RETURN_IF_ERROR(writeStates(options_.folder + "/last/weights.safetensors", states,
                                     StatePart::Weights, metadataAt(epoch, step)));
  return writeStates(options_.folder + "/last/optimizer.safetensors", states, StatePart::Optimizer,
                     metadataAt(epoch, step));
}

absl::Status RunRecorder::saveBest(const std::vector<exec::StateView> &states, int64_t epoch,
                                   uint64_t step) {
  return writeStates(options_.folder + "/best/weights.safetensors", states, StatePart::Weights,
                     metadataAt(epoch, step));
}

} // namespace heddle::train
