//===- PrintSpec.cpp - a model spec as JSON ------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/ModelSpec.h"

#include "runtime/base/Json.h"

#include <nlohmann/json.hpp>

namespace heddle::spec {
namespace {

using Json = nlohmann::ordered_json;

/// What the graph decides is null until it has.
Json orNull(const std::string &text) { return text.empty() ? Json(nullptr) : Json(text); }

Json batchSize(int64_t value) { return value == all ? Json("all") : Json(value); }

Json task(const TaskSpec &spec) {
  Json weights = "none";
  if (spec.loss.classWeights == ClassWeights::Balanced)
    weights = "balanced";
  else if (spec.loss.classWeights == ClassWeights::Given)
    weights = spec.loss.weights;
  Json out;
  out["type"] = spec.type;
  out["target_ntype"] = orNull(spec.targetNtype);
  out["label"] = orNull(spec.label);
  out["split"] = orNull(spec.split);
  out["positive_class"] = orNull(spec.positiveClass);
  out["loss"] = {{"name", orNull(spec.loss.name)}, {"class_weights", weights}};
  out["metrics"] = spec.metrics.empty() ? Json(nullptr) : Json(spec.metrics);
  return out;
}

Json input(const InputSpec &spec) {
  Json out;
  if (spec.allFeatures) {
    out["features"] = "all";
  } else {
    out["features"] = Json::object();
    for (const std::string &name : spec.features)
      out["features"][name] = "linear";
  }
  out["learnable"] = spec.learnable;
  out["constant"] = spec.constant;
  return out;
}

Json model(const EncoderSpec &spec) {
  Json out;
  out["encoder"] = spec.encoder;
  out["num_layers"] = spec.numLayers;
  out["hidden_size"] = spec.hiddenSize;
  out["num_bases"] = spec.numBases ? Json(*spec.numBases) : Json(nullptr);
  out["num_heads"] = spec.numHeads ? Json(*spec.numHeads) : Json(nullptr);
  out["attention_dropout"] = spec.attentionDropout;
  out["negative_slope"] = spec.negativeSlope ? Json(*spec.negativeSlope) : Json(nullptr);
  out["edge_dim"] = spec.edgeDim;
  out["hgt_softmax"] = spec.hgtSoftmax;
  out["edge_features"] = {{"edge_weight", orNull(spec.edgeFeatures.weight)},
                          {"edge_attr", orNull(spec.edgeFeatures.attr)}};
  out["use_self_loop"] = spec.useSelfLoop;
  out["featureless"] = spec.featureless;
  out["relations"] = spec.allRelations ? Json("all") : Json(spec.relations);
  out["activation"] = spec.activation;
  out["norm"] = spec.norm;
  out["dropout"] = spec.dropout;
  out["args"] = Json::object();
  for (const auto &[name, value] : spec.args)
    std::visit([&, key = name](const auto &v) { out["args"][key] = v; }, value);
  return out;
}

Json optimizer(const OptimizerSpec &spec, bool sparse) {
  Json out;
  out["name"] = spec.name;
  out["lr"] = spec.lr;
  if (!sparse)
    out["weight_decay"] = spec.weightDecay;
  if (spec.name != "sgd") {
    out["betas"] = spec.betas;
    out["eps"] = spec.eps;
  } else if (!sparse) {
    out["momentum"] = spec.momentum;
  }
  return out;
}

Json train(const TrainSpec &spec) {
  Json schedule;
  schedule["name"] = spec.schedule;
  schedule["warmup_steps"] = spec.warmupSteps;
  if (spec.schedule == "step") {
    schedule["step_size"] = spec.stepSize;
    schedule["gamma"] = spec.gamma;
  }
  if (spec.schedule != "constant")
    schedule["min_lr"] = spec.minLr;
  Json out;
  out["batch_size"] = batchSize(spec.batchSize);
  out["num_epochs"] = spec.numEpochs;
  out["seed"] = spec.seed;
  out["max_grad_norm"] = spec.maxGradNorm ? Json(*spec.maxGradNorm) : Json(nullptr);
  out["optimizer"] = optimizer(spec.optimizer, false);
  out["sparse_optimizer"] = optimizer(spec.sparseOptimizer, true);
  out["lr_schedule"] = std::move(schedule);
  return out;
}

Json eval(const EvalSpec &spec) {
  Json out;
  out["frequency"] = spec.frequency;
  out["fanout"] = spec.fanout.empty() ? Json(nullptr) : Json(spec.fanout);
  out["batch_size"] = batchSize(spec.batchSize);
  out["early_stopping"] = nullptr;
  if (spec.earlyStopping)
    out["early_stopping"] = {{"monitor", orNull(spec.earlyStopping->monitor)},
                             {"mode", orNull(spec.earlyStopping->mode)},
                             {"patience", spec.earlyStopping->patience}};
  return out;
}

} // namespace

std::string printModelSpec(const ModelSpec &spec) {
  Json out;
  out["version"] = spec.version;
  out["task"] = task(spec.task);
  out["inputs"] = Json::object();
  for (const auto &[type, chosen] : spec.inputs)
    out["inputs"][type] = input(chosen);
  out["model"] = model(spec.model);
  out["sampling"]["fanout"] = spec.sampling.fanout;
  out["sampling"]["overrides"] = Json::array();
  for (const FanoutOverride &entry : spec.sampling.overrides)
    out["sampling"]["overrides"].push_back(
        {{"relation", entry.relation}, {"fanout", entry.fanout}});
  out["train"] = train(spec.train);
  out["eval"] = eval(spec.eval);
  return printJson(out);
}

} // namespace heddle::spec
