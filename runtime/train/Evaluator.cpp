//===- Evaluator.cpp - scores of a state on some nodes ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Evaluator.h"

#include "runtime/train/Batches.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace heddle::train {
namespace {

constexpr uint8_t missing = 255;

/// log(1 + e^x) without overflow.
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

double crossEntropy(const float *logits, int64_t classes, int32_t label) {
  double top = logits[0];
  for (int64_t c = 1; c < classes; ++c)
    top = std::max(top, double(logits[c]));
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c)
    sum += std::exp(logits[c] - top);
  return std::log(sum) + top - logits[label];
}

} // namespace

absl::StatusOr<Evaluator> Evaluator::create(const plan::PlanT &plan, exec::Executor &executor,
                                            const graph::LabelView &labels,
                                            const TrainSettings &settings, Team &team) {
  Evaluator out;
  out.executor_ = &executor;
  out.labels_ = &labels;
  out.settings_ = &settings;
  out.team_ = &team;
  out.entry_ = exec::findEntry(plan, plan::EntryKind::EvalStep, uint32_t(team.partition()));
  if (out.entry_ < 0)
    return failedPrecondition("the plan has no eval_step entry; recompile with heddle-compile");
  out.batchSize_ = plan.entries[size_t(out.entry_)]->batch_size;
  return out;
}

absl::StatusOr<Evaluation> Evaluator::evaluate(std::span<const int64_t> ids,
                                               const std::function<bool()> &keepGoing) const {
  Evaluation out;
  out.classes = classes();
  const bool leads = team_->leads();
  if (leads) {
    out.ids.assign(ids.begin(), ids.end());
    out.logits.resize(ids.size() * size_t(classes()));
  }
  double lossSum = 0;
  uint64_t labelled = 0;
  size_t at = 0;
  absl::Status failure;
  auto done = [&](const exec::StepResult &step) {
    if (!leads) {
      at += step.seeds.size();
      return true;
    }
    if (!step.logits || step.classes != classes() || at + step.seeds.size() > ids.size()) {
      failure = internalError("the eval_step entry does not hand back the logits of its seeds; "
                              "recompile with heddle-compile");
      return false;
    }
    std::copy_n(step.logits, step.seeds.size() * size_t(classes()),
                out.logits.data() + at * size_t(classes()));
    at += step.seeds.size();
    if (step.hasLoss) {
      lossSum += double(step.loss) * double(step.labelled);
      labelled += step.labelled;
    }
    return !keepGoing || keepGoing();
  };
  auto batches = cutBatches(ids, batchSize_);
  absl::Status status =
      batches.empty() ? absl::OkStatus() : executor_->run(entry_, batches, 0, {}, done);
  HEDDLE_RETURN_IF_ERROR(failure);
  HEDDLE_RETURN_IF_ERROR(status);
  // An interrupt during the last step still leaves a whole evaluation.
  out.interrupted = at < ids.size();
  if (out.interrupted)
    return out;
  HEDDLE_RETURN_IF_ERROR(team_->leadTo([&]() -> absl::Status {
    HEDDLE_ASSIGN_OR_RETURN(out.scores, score(ids, out.logits));
    if (labelled > 0)
      out.scores.loss = lossSum / double(labelled);
    return absl::OkStatus();
  }));
  return out;
}

absl::StatusOr<Scores> Evaluator::score(std::span<const int64_t> ids,
                                        const std::vector<float> &logits) const {
  Scores out;
  out.rows = int64_t(ids.size());
  int64_t n = classes();
  MetricInput input;
  input.scores = logits.data();
  input.rows = out.rows;
  input.classes = n;
  input.positiveClass = settings_->positiveClass;
  std::vector<int32_t> labels;
  std::vector<uint8_t> multi;
  double lossSum = 0, counted = 0;
  if (multilabel()) {
    multi.reserve(ids.size() * size_t(n));
    for (size_t i = 0; i < ids.size(); ++i) {
      const uint8_t *row = labelsOf(ids[i]);
      multi.insert(multi.end(), row, row + n);
      if (n == 0 || row[0] == missing)
        continue;
      double sum = 0;
      for (int64_t c = 0; c < n; ++c) {
        double x = logits[i * size_t(n) + size_t(c)];
        sum += softplus(x) - (row[c] ? x : 0);
      }
      lossSum += sum / double(n);
      ++counted;
    }
    input.multiLabels = multi.data();
  } else {
    labels.reserve(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      labels.push_back(classOf(ids[i]));
      if (labels.back() < 0 || labels.back() >= n)
        continue;
      lossSum += crossEntropy(logits.data() + i * size_t(n), n, labels.back());
      ++counted;
    }
    input.labels = labels.data();
  }
  out.loss = counted > 0 ? lossSum / counted : std::numeric_limits<double>::quiet_NaN();
  for (Metric metric : settings_->metrics) {
    HEDDLE_ASSIGN_OR_RETURN(MetricValue value, computeMetric(metric, input));
    out.metrics.push_back(std::move(value));
  }
  return out;
}

std::vector<double> probabilities(const float *logits, int64_t classes, bool multilabel) {
  std::vector<double> out(static_cast<size_t>(classes));
  if (multilabel) {
    for (int64_t c = 0; c < classes; ++c)
      out[size_t(c)] = 1 / (1 + std::exp(-double(logits[c])));
    return out;
  }
  double top = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t c = 0; c < classes; ++c)
    top = std::max(top, double(logits[c]));
  for (int64_t c = 0; c < classes; ++c)
    sum += out[size_t(c)] = std::exp(logits[c] - top);
  for (double &p : out)
    p /= sum;
  return out;
}

std::vector<float> frequencyLogits(const Evaluator &evaluator, std::span<const int64_t> train,
                                   int64_t rows) {
  size_t n = size_t(evaluator.classes());
  std::vector<double> counts(n, 0);
  double total = 0;
  for (int64_t id : train) {
    if (evaluator.multilabel()) {
      const uint8_t *row = evaluator.labelsOf(id);
      if (n == 0 || row[0] == missing)
        continue;
      for (size_t c = 0; c < n; ++c)
        counts[c] += row[c];
      ++total;
    } else if (int32_t label = evaluator.classOf(id); label >= 0 && size_t(label) < n) {
      ++counts[size_t(label)];
      ++total;
    }
  }
  std::vector<float> row(n), out;
  for (size_t c = 0; c < n; ++c) {
    // A finite stand-in for log(0), so that losses stay numbers.
    double share = std::clamp(total > 0 ? counts[c] / total : 0, 1e-9, 1 - 1e-9);
    row[c] = float(evaluator.multilabel() ? std::log(share / (1 - share)) : std::log(share));
  }
  out.reserve(n * size_t(rows));
  for (int64_t i = 0; i < rows; ++i)
    out.insert(out.end(), row.begin(), row.end());
  return out;
}

} // namespace heddle::train
