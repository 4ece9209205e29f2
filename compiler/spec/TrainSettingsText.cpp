//===- TrainSettingsText.cpp - the part of a spec that the runtime needs ---===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/spec/ModelSpec.h"

#include "nlohmann/json.hpp"

namespace heddle::spec {

std::string printTrainSettings(const ModelSpec &spec) {
  using nlohmann::ordered_json;
  auto size = [](int64_t n) { return n == all ? ordered_json("all") : ordered_json(n); };
  ordered_json out;
  out["num_epochs"] = spec.train.numEpochs;
  out["seed"] = spec.train.seed;
  out["batch_size"] = size(spec.train.batchSize);
  out["lr_schedule"] = {{"name", spec.train.schedule},
                        {"warmup_steps", spec.train.warmupSteps},
                        {"step_size", spec.train.stepSize},
                        {"gamma", spec.train.gamma},
                        {"min_lr", spec.train.minLr}};
  ordered_json stopping = nullptr;
  if (spec.eval.earlyStopping)
    stopping = {{"monitor", spec.eval.earlyStopping->monitor},
                {"mode", spec.eval.earlyStopping->mode},
                {"patience", spec.eval.earlyStopping->patience}};
  out["eval"] = {{"frequency", spec.eval.frequency},
                 {"batch_size", size(spec.eval.batchSize)},
                 {"early_stopping", stopping}};
  out["metrics"] = spec.task.metrics;
  if (!spec.task.positiveClass.empty())
    out["positive_class"] = spec.task.positiveClass;
  return out.dump();
}

} // namespace heddle::spec
