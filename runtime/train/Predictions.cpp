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

absl::Status
writePredictions(const std::string &path, const plan::PlanT &plan, const graph::GraphStore &graph,
                 const Evaluator &evaluator,
                 const std::vector<std::pair<std::string, const Evaluation *>> &parts) {
  HEDDLE_ASSIGN_OR_RETURN(AtomicOutput output,
                          AtomicOutput::create(path, AtomicOutput::Kind::File, /*force=*/true));
  std::FILE *file = std::fopen(output.path().c_str(), "wbe");
  if (!file)
    return internalError(path + ": cannot create: " + std::strerror(errno));
  std::string text = "id,name,split,label,prediction,probability\n";
  const int type = int(plan.task->node_type);
  bool good = true;
  auto flush = [&](size_t above) {
    if (text.size() <= above)
      return;
    good = good && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    text.clear();
  };
  for (const auto &[split, evaluation] : parts)
    for (size_t row = 0; row < evaluation->ids.size(); ++row) {
      Prediction prediction = predictionOf(evaluator, *evaluation, int64_t(row));
      std::string probability;
      for (size_t i = 0; i < prediction.probability.size(); ++i)
        probability += (i ? "|" : "") + probabilityText(prediction.probability[i], "%.6g");
      int64_t id = evaluation->ids[row];
      text += csvField(graph.originalId(type, id)) + "," + csvField(graph.displayName(type, id)) +
              "," + split + "," + csvField(joined(plan, prediction.truth)) + "," +
              csvField(joined(plan, prediction.predicted)) + "," + probability + "\n";
      flush(1 << 20);
    }
  flush(0);
  int error = errno;
  if (std::fclose(file) != 0 || !good)
    return internalError(path + ": cannot write: " + std::strerror(good ? errno : error));
  return output.publish();
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
