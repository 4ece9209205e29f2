//===- ModelSpec.cpp - reads a model spec --------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/ModelSpec.h"

#include "compiler/spec/SpecKeys.h"
#include "compiler/spec/SpecReaders.h"
#include "runtime/base/Suggest.h"
#include "runtime/train/Metrics.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace heddle::spec {
namespace {

using nlohmann::json;

constexpr int64_t maxFanout = int64_t(1) << 20;
constexpr int64_t maxBatch = (int64_t(1) << 31) - 1;
constexpr int64_t maxSteps = (int64_t(1) << 32) - 1; // the keys' step has 32 bits

/// One number for every hop, or one per layer. Empty if the key is missing.
std::vector<int64_t> readFanout(ObjectReader &reader, const std::string &key, int64_t numLayers) {
  const json *value = reader.raw(key);
  if (!value || value->is_null())
    return {};
  auto valid = [](const json &v) { return isInteger(v, all, maxFanout) && v.get<int64_t>() != 0; };
  if (value->is_number()) {
    if (valid(*value))
      return std::vector<int64_t>(size_t(numLayers), value->get<int64_t>());
    reader.fail(key, "a fan-out is a number from 1 to " + std::to_string(maxFanout) +
                         ", or -1 for all neighbours; found " + shortText(*value));
    return {};
  }
  if (!value->is_array()) {
    reader.fail(key, "expected a number or one number per layer, the hop nearest to the seeds "
                     "first; -1 is all neighbours");
    return {};
  }
  std::vector<int64_t> fanout;
  for (size_t i = 0; i < value->size(); ++i) {
    if (!valid((*value)[i])) {
      reader.failAt(key + "/" + std::to_string(i),
                    "a fan-out is a number from 1 to " + std::to_string(maxFanout) +
                        ", or -1 for all neighbours; found " + shortText((*value)[i]));
      return {};
    }
    fanout.push_back((*value)[i].get<int64_t>());
  }
  if (int64_t(fanout.size()) != numLayers) {
    reader.fail(key, std::to_string(fanout.size()) + " numbers for /model/num_layers " +
                         std::to_string(numLayers) + "; give one per layer, or one for all");
    return {};
  }
  return fanout;
}

int64_t readBatchSize(ObjectReader &reader, int64_t fallback) {
  const json *value = reader.raw("batch_size");
  if (!value || value->is_null())
    return fallback;
  if (value->is_string() && value->get_ref<const std::string &>() == "all")
    return all;
  if (isInteger(*value, 1, maxBatch))
    return value->get<int64_t>();
  reader.fail("batch_size", "expected a number from 1 to " + std::to_string(maxBatch) +
                                " (over all workers together) or \"all\", found " +
                                shortText(*value));
  return fallback;
}

LossSpec readLoss(ObjectReader reader) {
  LossSpec loss;
  loss.name = reader.oneOfOr("name", "", {"cross_entropy", "binary_cross_entropy"},
                             {{"ce", "cross_entropy"},
                              {"softmax", "cross_entropy"},
                              {"nll", "cross_entropy"},
                              {"bce", "binary_cross_entropy"},
                              {"bce_with_logits", "binary_cross_entropy"}});
  const json *weights = reader.raw("class_weights");
  if (weights && !weights->is_null()) {
    const std::string text = weights->is_string() ? weights->get<std::string>() : "";
    if (text == "balanced") {
      loss.classWeights = ClassWeights::Balanced;
    } else if (weights->is_array() && !weights->empty()) {
      loss.classWeights = ClassWeights::Given;
      loss.weights = reader.numbers("class_weights");
      for (size_t i = 0; i < loss.weights.size(); ++i)
        if (!(loss.weights[i] >= 0 && loss.weights[i] <= 1e9))
          reader.failAt("class_weights/" + std::to_string(i), "a weight is a number from 0 to 1e9");
    } else if (text != "none") {
      reader.fail("class_weights", "expected \"none\", \"balanced\" or one number per class");
    }
  }
  finish(reader);
  return loss;
}

TaskSpec readTask(ObjectReader reader) {
  TaskSpec task;
  task.type = reader.oneOfOr("type", task.type, {"node_classification"});
  task.targetNtype = reader.stringOr("target_ntype", "");
  task.label = reader.stringOr("label", "");
  task.split = reader.stringOr("split", "");
  task.positiveClass = reader.stringOr("positive_class", "");
  if (reader.has("loss"))
    task.loss = readLoss(reader.object("loss"));
  task.metrics = reader.stringsOr("metrics");
  std::set<std::string> seen;
  for (size_t i = 0; i < task.metrics.size(); ++i) {
    const std::string place = "metrics/" + std::to_string(i);
    auto metric = train::parseMetric(task.metrics[i]);
    if (!metric.ok())
      reader.failAt(place, messageOf(metric.status()));
    else if (!seen.insert(task.metrics[i]).second)
      reader.failAt(place, "metric '" + task.metrics[i] + "' is named twice; remove one");
  }
  finish(reader);
  return task;
}

InputSpec readInput(ObjectReader reader) {
  InputSpec input;
  const json *features = reader.raw("features");
  if (features && features->is_string() && features->get_ref<const std::string &>() == "all") {
    input.allFeatures = true;
  } else if (features && features->is_object()) {
    ObjectReader chosen = reader.object("features");
    for (const std::string &name : chosen.keys()) {
      if (*chosen.raw(name) != "linear")
        chosen.fail(name, "expected \"linear\", the projection to hidden_size, found " +
                              shortText(*chosen.raw(name)));
      input.features.push_back(name);
    }
    finish(chosen);
  } else if (features && !features->is_null()) {
    reader.fail("features", "expected \"all\" or an object such as {\"title\": \"linear\"}");
  }
  input.learnable = reader.booleanOr("learnable", false);
  input.constant = reader.booleanOr("constant", false);
  finish(reader); // first, as a misspelt key would leave the type without input
  if (!input.allFeatures && input.features.empty() && !input.learnable && !input.constant)
    reader.fail("", "the type would have no input; set features, learnable or constant, or remove "
                    "the entry for the default");
  return input;
}

SamplingSpec readSampling(ObjectReader reader, int64_t numLayers) {
  SamplingSpec sampling;
  sampling.fanout = readFanout(reader, "fanout", numLayers);
  std::set<Triple> seen;
  for (ObjectReader &entry : reader.objectsOr("overrides")) {
    FanoutOverride override;
    if (const json *relation = entry.raw("relation"))
      override.relation = readTriple(entry, "relation", *relation);
    else
      entry.fail("", "missing key 'relation'; add [\"source\", \"relation\", \"destination\"]");
    if (!seen.insert(override.relation).second)
      entry.fail("relation",
                 "relation " + toString(override.relation) + " is overridden twice; remove one");
    if (!entry.has("fanout"))
      entry.fail("", "missing key 'fanout'; add one number per layer, or one for all");
    override.fanout = readFanout(entry, "fanout", numLayers);
    finish(entry);
    sampling.overrides.push_back(std::move(override));
  }
  finish(reader);
  return sampling;
}

OptimizerSpec readOptimizer(ObjectReader reader, OptimizerSpec optimizer, bool sparse) {
  std::vector<std::string> names = {"adam", "adamw", "sgd"};
  if (sparse)
    names = {"adam", "sgd"};
  optimizer.name = reader.oneOfOr("name", optimizer.name, names,
                                  {{"sparse_adam", "adam"}, {"sparseadam", "adam"}});
  const bool sgd = optimizer.name == "sgd";
  // PyTorch's default of each; what a user of AdamW expects.
  if (optimizer.name == "adamw")
    optimizer.weightDecay = 0.01;
  optimizer.lr = reader.numberOr("lr", optimizer.lr, 0, 1e6);
  if (!sparse) // rows that a step does not touch keep every bit: no decay on them
    optimizer.weightDecay = reader.numberOr("weight_decay", optimizer.weightDecay, 0, 1e6);
  if (reader.has("betas")) {
    std::vector<double> betas = reader.numbers("betas");
    if (sgd)
      reader.fail("betas", "is for adam and adamw; remove it");
    else if (betas.size() != 2 || !(betas[0] >= 0 && betas[0] < 1 && betas[1] >= 0 && betas[1] < 1))
      reader.fail("betas", "expected two numbers of at least 0 and below 1, such as [0.9, 0.999]");
    else
      optimizer.betas = {betas[0], betas[1]};
  }
  if (reader.has("eps") && sgd)
    reader.fail("eps", "is for adam and adamw; remove it");
  optimizer.eps = numberBelow(reader, "eps", optimizer.eps, 0, 1, /*open=*/true);
  if (!sparse) {
    if (reader.has("momentum") && !sgd)
      reader.fail("momentum", "is for sgd; remove it (adam's is the first of betas)");
    optimizer.momentum = numberBelow(reader, "momentum", 0, 0, 1);
  }
  finish(reader);
  return optimizer;
}

void readSchedule(ObjectReader reader, TrainSpec &train) {
  train.schedule = reader.oneOfOr("name", train.schedule, {"constant", "step", "cosine"},
                                  {{"none", "constant"},
                                   {"linear", "constant"},
                                   {"step_lr", "step"},
                                   {"cosine_annealing", "cosine"}});
  train.warmupSteps = reader.integerOr("warmup_steps", 0, 0, maxSteps);
  const bool step = train.schedule == "step";
  for (const char *key : {"step_size", "gamma"})
    if (reader.has(key) && !step)
      reader.fail(key, "is for the schedule \"step\"; remove it or set name to \"step\"");
  if (reader.has("min_lr") && train.schedule == "constant")
    reader.fail("min_lr", "is for the schedules \"step\" and \"cosine\"; remove it");
  if (step && !reader.has("step_size"))
    reader.fail("",
                "the schedule \"step\" needs 'step_size', the optimizer steps between two drops");
  train.stepSize = reader.integerOr("step_size", 0, step ? 1 : 0, maxSteps);
  train.gamma = reader.numberOr("gamma", train.gamma, 0, 1);
  train.minLr = reader.numberOr("min_lr", 0, 0, 1e6);
  finish(reader);
}

TrainSpec readTrain(ObjectReader reader) {
  TrainSpec train;
  train.batchSize = readBatchSize(reader, train.batchSize);
  train.numEpochs = reader.integerOr("num_epochs", train.numEpochs, 1, 1000000);
  train.seed = reader.integerOr("seed", train.seed, 0, std::numeric_limits<int64_t>::max());
  if (reader.has("max_grad_norm"))
    train.maxGradNorm = numberBelow(reader, "max_grad_norm", 1, 0, 1e30, /*open=*/true);
  if (reader.has("optimizer"))
    train.optimizer = readOptimizer(reader.object("optimizer"), train.optimizer, false);
  if (reader.has("sparse_optimizer"))
    train.sparseOptimizer =
        readOptimizer(reader.object("sparse_optimizer"), train.sparseOptimizer, true);
  if (reader.has("lr_schedule"))
    readSchedule(reader.object("lr_schedule"), train);
  finish(reader);
  return train;
}

EarlyStoppingSpec readEarlyStopping(ObjectReader reader, const TaskSpec &task) {
  EarlyStoppingSpec stopping;
  stopping.monitor = reader.stringOr("monitor", "");
  if (!stopping.monitor.empty()) {
    std::vector<std::string> known = {"valid/loss"};
    const auto &metrics = task.metrics.empty() ? train::metricNames() : task.metrics;
    for (const std::string &metric : metrics)
      known.push_back("valid/" + metric);
    if (std::find(known.begin(), known.end(), stopping.monitor) == known.end())
      reader.fail("monitor",
                  "nothing is called '" + stopping.monitor + "'" +
                      suggestion(stopping.monitor, known) +
                      (task.metrics.empty() ? "" : " (metrics are those of /task/metrics)"));
  }
  stopping.mode = reader.oneOfOr("mode", "", {"min", "max"});
  if (!stopping.monitor.empty() && stopping.mode.empty())
    stopping.mode = stopping.monitor == "valid/loss" ? "min" : "max";
  stopping.patience = reader.integerOr("patience", stopping.patience, 1, 1000000);
  finish(reader);
  return stopping;
}

EvalSpec readEval(ObjectReader reader, const ModelSpec &spec) {
  EvalSpec eval;
  const json *frequency = reader.raw("frequency");
  if (frequency && frequency->is_string() && *frequency == "epoch")
    eval.frequency = 1;
  else if (frequency && frequency->is_string())
    reader.fail("frequency", "expected a number of epochs, or \"epoch\" for every one, found " +
                                 shortText(*frequency));
  else
    eval.frequency = reader.integerOr("frequency", eval.frequency, 1, 1000000);
  eval.fanout = readFanout(reader, "fanout", spec.model.numLayers);
  eval.batchSize = readBatchSize(reader, spec.train.batchSize);
  if (reader.has("early_stopping"))
    eval.earlyStopping = readEarlyStopping(reader.object("early_stopping"), spec.task);
  finish(reader);
  return eval;
}

/// 15 neighbours next to the seeds and 10 behind them, or everything for the full graph.
std::vector<int64_t> defaultFanout(const ModelSpec &spec) {
  std::vector<int64_t> fanout(size_t(spec.model.numLayers), spec.train.batchSize == all ? all : 10);
  if (spec.train.batchSize != all)
    fanout[0] = 15;
  return fanout;
}

} // namespace

std::string toString(const Triple &triple) { return triple[0] + ":" + triple[1] + ":" + triple[2]; }

train::LrSchedule TrainSpec::lrSchedule() const {
  train::LrSchedule out;
  out.kind = schedule == "step"     ? train::ScheduleKind::Step
             : schedule == "cosine" ? train::ScheduleKind::Cosine
                                    : train::ScheduleKind::Constant;
  out.warmupSteps = warmupSteps;
  out.stepSize = stepSize;
  out.gamma = gamma;
  out.minLr = minLr;
  return out;
}

std::string ModelSpec::encoderPath() const {
  if (!isProgram(model.encoder))
    return "";
  size_t cut = file.rfind('/');
  if (model.encoder[0] == '/' || cut == std::string::npos)
    return model.encoder;
  return file.substr(0, cut + 1) + model.encoder;
}

static absl::StatusOr<ModelSpec> readDocument(const JsonDocument &document) {
  ModelSpec spec;
  spec.file = document.file;
  ObjectReader root(document);
  if (root.ok() && !root.has("version"))
    root.fail("", "missing key 'version'; add \"version\": \"1.0\"");
  spec.version = root.stringOr("version", "1.0");
  root.allow({"$schema"}); // editors want it, nobody reads it
  if (spec.version != "1.0")
    root.fail("version",
              "version " + shortText(spec.version) + " is not known; this heddle reads \"1.0\"");
  if (root.has("task"))
    spec.task = readTask(root.object("task"));
  if (root.has("inputs")) {
    ObjectReader inputs = root.object("inputs");
    for (const std::string &type : inputs.keys())
      spec.inputs[type] = readInput(inputs.object(type));
  }
  if (root.has("model"))
    spec.model = readEncoder(root.object("model"));
  if (spec.model.featureless && !spec.inputs.empty())
    root.fail("inputs", "a featureless model has none; remove inputs or /model/featureless");
  if (root.has("train"))
    spec.train = readTrain(root.object("train"));
  if (root.has("sampling"))
    spec.sampling = readSampling(root.object("sampling"), spec.model.numLayers);
  if (spec.sampling.fanout.empty())
    spec.sampling.fanout = defaultFanout(spec);
  spec.eval.batchSize = spec.train.batchSize;
  if (root.has("eval"))
    spec.eval = readEval(root.object("eval"), spec);
  HEDDLE_RETURN_IF_ERROR(root.finish(keyAliases("")));
  return spec;
}

absl::StatusOr<ModelSpec> parseModelSpec(std::string_view text, const std::string &file) {
  HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, parseJson(text, file));
  return readDocument(document);
}

absl::StatusOr<ModelSpec> readModelSpec(const std::string &path) {
  HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, readJsonFile(path));
  return readDocument(document);
}

ModelSpec defaultModelSpec() {
  ModelSpec spec;
  spec.sampling.fanout = defaultFanout(spec);
  spec.eval.batchSize = spec.train.batchSize;
  return spec;
}

std::vector<double> classWeights(const LossSpec &loss, const std::vector<int64_t> &classCounts,
                                 int64_t numTrain) {
  if (loss.classWeights == ClassWeights::None)
    return {};
  if (loss.classWeights == ClassWeights::Given)
    return loss.weights;
  std::vector<double> weights;
  for (int64_t count : classCounts) {
    if (loss.name == "binary_cross_entropy")
      weights.push_back(count ? double(numTrain - count) / double(count) : 1.0);
    else
      weights.push_back(count ? double(numTrain) / (double(classCounts.size()) * double(count))
                              : 0.0);
  }
  return weights;
}

} // namespace heddle::spec
