//===- Predictions.cpp - what a trained model says of each node ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Predictions.h"

#include "runtime/base/AtomicOutput.h"
#include "runtime/base/Format.h"
#include "runtime/base/Keys.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace heddle::train {
namespace {

std::string className(const plan::PlanT &plan, int64_t index) {
  const auto &classes = plan.task->classes;
  return index >= 0 && size_t(index) < classes.size() ? classes[size_t(index)]
                                                      : std::to_string(index);
}

/// Names joined by '|'; a single-label cell is the name itself, whatever it holds.
std::string joined(const plan::PlanT &plan, const std::vector<int64_t> &classes) {
  if (!plan.task->multilabel)
    return classes.empty() ? "" : className(plan, classes.front());
  std::string out;
  for (size_t i = 0; i < classes.size(); ++i) {
    out += i ? "|" : "";
    for (char c : className(plan, classes[i])) {
      if (c == '|' || c == '\\')
        out += '\\';
      out += c;
    }
  }
  return out;
}

std::string probabilityText(double p, const char *format) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, format, p);
  return buffer;
}

} // namespace

Prediction predictionOf(const Evaluator &evaluator, const Evaluation &evaluation, int64_t row) {
  Prediction out;
  int64_t n = evaluation.classes, id = evaluation.ids[size_t(row)];
  const float *logits = evaluation.logits.data() + row * n;
  std::vector<double> p = probabilities(logits, n, evaluator.multilabel());
  if (evaluator.multilabel()) {
    const uint8_t *labels = evaluator.labelsOf(id);
    for (int64_t c = 0; c < n; ++c) {
      if (labels[c] == 1)
        out.truth.push_back(c);
      if (logits[c] > 0) {
        out.predicted.push_back(c);
        out.probability.push_back(p[size_t(c)]);
      }
    }
    return out;
  }
  if (int32_t label = evaluator.classOf(id); label >= 0)
    out.truth.push_back(label);
  if (n > 0) {
    int64_t best = std::max_element(logits, logits + n) - logits;
    out.predicted.push_back(best);
    out.probability.push_back(p[size_t(best)]);
  }
  return out;
}

std::string csvField(const std::string &text) {
  bool plain = text.find_first_of(",\"\r\n") == std::string::npos &&
               (text.empty() || (text.front() != ' ' && text.back() != ' '));
  if (plain)
    return text;
  std::string out = "\"";
  for (char c : text) {
    if (c == '"')
      out += '"';
    out += c;
  }
  return out + "\"";
}

absl::StatusOr<PredictionWriter> PredictionWriter::create(const std::string &path,
                                                          const plan::PlanT &plan,
                                                          const graph::GraphStore &graph,
                                                          const Evaluator &evaluator) {
  PredictionWriter out;
  out.plan_ = &plan;
  out.graph_ = &graph;
  out.evaluator_ = &evaluator;
  out.path_ = path;
  HEDDLE_ASSIGN_OR_RETURN(out.output_,
                          AtomicOutput::create(path, AtomicOutput::Kind::File, /*force=*/true));
  out.file_ = std::fopen(out.output_.path().c_str(), "wbe");
  if (!out.file_)
    return internalError(path + ": cannot create: " + std::strerror(errno));
  out.text_ = "id,name,split,label,prediction,probability\n";
  return out;
}

PredictionWriter::PredictionWriter(PredictionWriter &&other) noexcept
    : plan_(other.plan_), graph_(other.graph_), evaluator_(other.evaluator_),
      path_(std::move(other.path_)), text_(std::move(other.text_)),
      output_(std::move(other.output_)), file_(std::exchange(other.file_, nullptr)) {}

PredictionWriter::~PredictionWriter() {
  if (file_)
    std::fclose(file_);
}

absl::Status PredictionWriter::flush(size_t above) {
  if (text_.size() <= above)
    return absl::OkStatus();
  if (std::fwrite(text_.data(), 1, text_.size(), file_) != text_.size())
    return internalError(path_ + ": cannot write: " + std::strerror(errno));
  text_.clear();
  return absl::OkStatus();
}

absl::Status
PredictionWriter::append(const Evaluation &evaluation,
                         const std::function<std::string_view(int64_t row)> &splitOf) {
  const int type = int(plan_->task->node_type);
  for (size_t row = 0; row < evaluation.ids.size(); ++row) {
    Prediction prediction = predictionOf(*evaluator_, evaluation, int64_t(row));
    std::string probability;
    for (size_t i = 0; i < prediction.probability.size(); ++i)
      probability += (i ? "|" : "") + probabilityText(prediction.probability[i], "%.6g");
    int64_t id = evaluation.ids[row];
    text_ += csvField(graph_->originalId(type, id)) + "," +
             csvField(graph_->displayName(type, id)) + ",";
    text_ += splitOf(int64_t(row));
    text_ += "," + csvField(joined(*plan_, prediction.truth)) + "," +
             csvField(joined(*plan_, prediction.predicted)) + "," + probability + "\n";
    HEDDLE_RETURN_IF_ERROR(flush(1 << 20));
  }
  return absl::OkStatus();
}

absl::Status PredictionWriter::finish() {
  HEDDLE_RETURN_IF_ERROR(flush(0));
  if (std::fclose(std::exchange(file_, nullptr)) != 0)
    return internalError(path_ + ": cannot write: " + std::strerror(errno));
  return output_.publish();
}

absl::Status
writePredictions(const std::string &path, const plan::PlanT &plan, const graph::GraphStore &graph,
                 const Evaluator &evaluator,
                 const std::vector<std::pair<std::string, const Evaluation *>> &parts) {
  HEDDLE_ASSIGN_OR_RETURN(auto writer, PredictionWriter::create(path, plan, graph, evaluator));
  for (const auto &[split, evaluation] : parts)
    HEDDLE_RETURN_IF_ERROR(writer.append(*evaluation, [&](int64_t) { return std::string_view(split); }));
  return writer.finish();
}

std::vector<std::string> examplePredictions(const plan::PlanT &plan, const graph::GraphStore &graph,
                                            const Evaluator &evaluator,
                                            const Evaluation &evaluation, size_t count,
                                            uint64_t seed) {
  std::vector<std::pair<uint64_t, size_t>> order;
  order.reserve(evaluation.ids.size());
  for (size_t row = 0; row < evaluation.ids.size(); ++row)
    order.emplace_back(keys::shuffleKey(seed, 0, uint64_t(evaluation.ids[row])), row);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + ptrdiff_t(count), order.end());
  std::vector<std::string> out;
  const int type = int(plan.task->node_type);
  for (size_t i = 0; i < count; ++i) {
    size_t row = order[i].second;
    int64_t id = evaluation.ids[row];
    Prediction prediction = predictionOf(evaluator, evaluation, int64_t(row));
    std::string name = graph.displayName(type, id);
    if (name.empty())
      name = graph.originalId(type, id);
    std::string predicted;
    for (size_t k = 0; k < prediction.predicted.size(); ++k)
      predicted += (k ? ", " : "") + className(plan, prediction.predicted[k]) + " (" +
                   probabilityText(prediction.probability[k], "%.2f") + ")";
    std::string truth;
    for (size_t k = 0; k < prediction.truth.size(); ++k)
      truth += (k ? ", " : "") + className(plan, prediction.truth[k]);
    out.push_back(ellipsize(printable(name), 60) + " -> " +
                  printable(predicted.empty() ? "none" : predicted) + ", true " +
                  printable(truth.empty() ? "none" : truth));
  }
  return out;
}

} // namespace heddle::train
