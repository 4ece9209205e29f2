//===- ModelSpec.cpp - reads a model spec --------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/ModelSpec.h"

#include "compiler/spec/SpecKeys.h"
#include "runtime/base/Json.h"
#include "runtime/base/Suggest.h"
#include "runtime/train/Metrics.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

namespace heddle::spec {
namespace {

using nlohmann::json;

constexpr int64_t maxLayers = 15;
constexpr int64_t maxWidth = 65536;
constexpr int64_t maxFanout = int64_t(1) << 20;
constexpr int64_t maxBatch = (int64_t(1) << 31) - 1;
constexpr int64_t maxSteps = (int64_t(1) << 32) - 1; // the keys' step has 32 bits

void finish(ObjectReader &reader) { (void)reader.finish(keyAliases(reader.pointer())); }

bool isInteger(const json &value, int64_t min, int64_t max) {
  if (value.is_number_unsigned())
    return value.get<uint64_t>() <= uint64_t(max) && int64_t(value.get<uint64_t>()) >= min;
  return value.is_number_integer() && value.get<int64_t>() >= min && value.get<int64_t>() <= max;
}

/// `value` for a message: whole numbers without a fraction, long ones cut.
std::string shortText(const json &value) {
  if (value.is_object())
    return "an object";
  if (value.is_number_float() && std::abs(value.get<double>()) < 1e15 &&
      value.get<double>() == std::floor(value.get<double>()))
    return std::to_string(int64_t(value.get<double>()));
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= 40)
    return text;
  size_t cut = 40;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80)
    --cut; // not within a character
  return text.substr(0, cut) + "...";
}

/// A number in [low, high), or (low, high) if `open`.
double numberBelow(ObjectReader &reader, const std::string &key, double fallback, double low,
                   double high, bool open = false) {
  double value = reader.numberOr(key, fallback);
  if (value < low || value >= high || (open && value <= low)) {
    reader.fail(key, std::string("expected a number ") + (open ? "above " : "of at least ") +
                         shortText(low) + " and below " + shortText(high) + ", found " +
                         shortText(value));
  }
  return value;
}

/// `place` is relative to the reader's object.
Triple readTriple(ObjectReader &reader, const std::string &place, const json &value) {
  if (value.is_array() && value.size() == 3 && value[0].is_string() && value[1].is_string() &&
      value[2].is_string())
    return {value[0].get<std::string>(), value[1].get<std::string>(), value[2].get<std::string>()};
  reader.failAt(place, "expected a relation [\"source\", \"relation\", \"destination\"]");
  return {};
}

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

std::map<std::string, ArgValue> readArgs(ObjectReader reader) {
  std::map<std::string, ArgValue> args;
  for (const std::string &name : reader.keys()) {
    const json &value = *reader.raw(name);
    if (value.is_boolean())
      args[name] = value.get<bool>();
    else if (value.is_string())
      args[name] = value.get<std::string>();
    else if (isInteger(value, std::numeric_limits<int64_t>::min(),
                       std::numeric_limits<int64_t>::max()))
      args[name] = value.get<int64_t>();
    else if (value.is_number_float())
      args[name] = value.get<double>();
    else
      reader.fail(name, "an argument is a number, a string, true or false");
  }
  finish(reader);
  return args;
}

EdgeFeaturesSpec readEdgeFeatures(ObjectReader reader, const std::string &encoder, bool program) {
  EdgeFeaturesSpec features;
  features.weight = reader.stringOr("edge_weight", "");
  features.attr = reader.stringOr("edge_attr", "");
  finish(reader);
  auto check = [&](const char *key, const std::string &name, bool isHome, const char *homes) {
    if (name.empty() || isHome)
      return;
    if (program)
      reader.fail(key, "is for built-in encoders; in an .mlir program write hgnn.edge_feature in "
                       "`message`, and remove it here");
    else
      reader.fail(key, std::string("is for ") + homes + "; " + encoder +
                           (encoder == "rgat"
                                ? " has them in its scores, so name the feature as edge_attr"
                            : encoder == "rgcn" || encoder == "rsage"
                                ? " has weights of edges, so name the feature as edge_weight"
                                : " as published has no place for features of edges") +
                           "; or remove it");
  };
  check("edge_weight", features.weight, encoder == "rgcn" || encoder == "rsage", "rgcn and rsage");
  check("edge_attr", features.attr, encoder == "rgat", "rgat");
  return features;
}

bool isProgram(const std::string &encoder) {
  return encoder.size() > 5 && encoder.compare(encoder.size() - 5, 5, ".mlir") == 0;
}

EncoderSpec readModel(ObjectReader reader) {
  EncoderSpec model;
  model.encoder = reader.stringOr("encoder", model.encoder);
  const bool rgcn = model.encoder == "rgcn", rgat = model.encoder == "rgat";
  const bool hgt = model.encoder == "hgt", simpleHgn = model.encoder == "simplehgn";
  const bool han = model.encoder == "han";
  const std::vector<std::string> builtIn = {"rgcn", "rsage", "rgat", "hgt", "simplehgn", "han"};
  if (!isProgram(model.encoder) &&
      std::find(builtIn.begin(), builtIn.end(), model.encoder) == builtIn.end()) {
    reader.fail("encoder", "unknown encoder '" + model.encoder + "'" +
                               suggestion(model.encoder, builtIn,
                                          {{"gat", "rgat"},
                                           {"rgatconv", "rgat"},
                                           {"gcn", "rgcn"},
                                           {"hgtconv", "hgt"},
                                            {"sage", "rsage"},
                                            {"graphsage", "rsage"},
                                            {"sageconv", "rsage"},
                                            {"hgn", "simplehgn"},
                                            {"simple_hgn", "simplehgn"},
                                            {"simplehgnconv", "simplehgn"},
                                            {"hanconv", "han"}}) +
                               " (or the path of a program such as \"sage.mlir\")");
  }
  model.numLayers = reader.integerOr("num_layers", model.numLayers, 1, maxLayers);
  model.hiddenSize = reader.integerOr("hidden_size", model.hiddenSize, 1, maxWidth);
  if (reader.has("num_bases"))
    model.numBases = reader.integer("num_bases", 1, maxWidth);
  if (model.numBases && !rgcn)
    reader.fail("num_bases", "is for rgcn; remove it");
  const bool attends = rgat || hgt || simpleHgn || han;
  if (attends)
    model.numHeads = han ? 8 : 4;
  if (reader.has("num_heads"))
    model.numHeads = reader.integer("num_heads", 1, 64);
  if (model.numHeads && !attends)
    reader.fail("num_heads",
                isProgram(model.encoder)
                    ? "is for rgat, hgt, simplehgn and han; a program gets its heads by /model/args"
                    : "is for rgat, hgt, simplehgn and han; remove it");
  else if (model.numHeads && *model.numHeads > 0 && model.hiddenSize % *model.numHeads != 0)
    reader.fail("num_heads", std::to_string(*model.numHeads) + " does not divide hidden_size " +
                                 std::to_string(model.hiddenSize) +
                                 ", of which each head has a part; change one of them");
  model.attentionDropout = numberBelow(reader, "attention_dropout", model.attentionDropout, 0, 1);
  if (model.attentionDropout > 0 && !rgat && !simpleHgn && !han)
    reader.fail("attention_dropout", "is for rgat, simplehgn and han; remove it");
  if (rgat || simpleHgn)
    model.negativeSlope = numberBelow(reader, "negative_slope", rgat ? 0.2 : 0.05, 0, 1);
  else if (reader.has("negative_slope"))
    reader.fail("negative_slope", "is for rgat and simplehgn; remove it");
  const int64_t edgeDim = model.edgeDim;
  model.edgeDim = reader.integerOr("edge_dim", model.edgeDim, 1, maxWidth);
  if (model.edgeDim != edgeDim && !simpleHgn)
    reader.fail("edge_dim", rgat ? "is for simplehgn; rgat takes features of edges by "
                                   "edge_features.edge_attr"
                                 : "is for simplehgn; remove it");
  model.hgtSoftmax = reader.oneOfOr("hgt_softmax", model.hgtSoftmax, {"all", "relation"}, {});
  if (model.hgtSoftmax != "all" && !hgt)
    reader.fail("hgt_softmax", "is for hgt; remove it");
  if (reader.has("edge_features"))
    model.edgeFeatures =
        readEdgeFeatures(reader.object("edge_features"), model.encoder, isProgram(model.encoder));
  model.useSelfLoop = reader.booleanOr("use_self_loop", model.useSelfLoop);
  model.featureless = reader.booleanOr("featureless", model.featureless);
  if (model.featureless && model.numBases)
    reader.fail("num_bases", "a featureless model has a table for each relation, without bases; "
                             "remove num_bases or featureless");
  if (hgt && !model.useSelfLoop)
    reader.fail("use_self_loop", "hgt keeps own rows by its gated skip connection; remove it");
  if (han && !model.useSelfLoop)
    reader.fail("use_self_loop",
                "han has no self-loop: a metapath joins a node with itself; remove it");
  if (model.featureless && !rgcn && !isProgram(model.encoder))
    reader.fail("featureless", "is for rgcn; give the types learnable rows in /inputs instead");
  if (model.featureless && isProgram(model.encoder))
    reader.fail("featureless", "is for the built-in encoder; in an .mlir program write "
                               "hgnn.learnable with a scope in the first layer");
  const json *relations = reader.raw("relations");
  if (relations && relations->is_array()) {
    model.allRelations = false;
    std::set<Triple> seen;
    for (size_t i = 0; i < relations->size(); ++i) {
      const std::string place = "relations/" + std::to_string(i);
      model.relations.push_back(readTriple(reader, place, (*relations)[i]));
      if (!seen.insert(model.relations.back()).second)
        reader.failAt(place, "relation " + toString(model.relations.back()) +
                                 " is named twice; remove one");
    }
    if (relations->empty())
      reader.fail("relations", "the list is empty; name at least one relation, or \"all\"");
  } else if (relations && !relations->is_null() && *relations != "all") {
    reader.fail("relations", "expected \"all\" or a list of [\"source\", \"relation\", "
                             "\"destination\"]");
  }
  if (han && model.allRelations)
    reader.fail("relations", "han attends to metapaths; list their relations, which heddle-import "
                             "--derive makes");
  model.activation =
      reader.oneOfOr("activation",
                     hgt                ? std::string("gelu")
                     : simpleHgn || han ? std::string("elu")
                                        : model.activation,
                     {"relu", "elu", "tanh", "sigmoid", "gelu", "leaky_relu", "none"},
                     {{"identity", "none"}, {"lrelu", "leaky_relu"}});
  if (hgt && model.activation != "gelu")
    reader.fail("activation", "hgt has gelu before its products; remove it");
  model.norm = reader.oneOfOr("norm", model.norm, {"none", "layer"},
                              {{"layer_norm", "layer"}, {"layernorm", "layer"}});
  model.dropout = numberBelow(reader, "dropout", model.dropout, 0, 1);
  if (isProgram(model.encoder)) {
    const EncoderSpec defaults;
    const std::string own = "a program says that itself; remove it, or make it an argument of the "
                            "program (/model/args)";
    if (model.dropout != defaults.dropout)
      reader.fail("dropout", own);
    if (model.norm != defaults.norm)
      reader.fail("norm", own);
    if (model.activation != defaults.activation)
      reader.fail("activation", own);
    if (model.useSelfLoop != defaults.useSelfLoop)
      reader.fail("use_self_loop", own);
  }
  if (reader.has("args")) {
    model.args = readArgs(reader.object("args"));
    if (!model.args.empty() && !isProgram(model.encoder))
      reader.fail("args", "arguments are for an .mlir encoder; remove them or name one in "
                          "/model/encoder");
  }
  finish(reader);
  return model;
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
    spec.model = readModel(root.object("model"));
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
