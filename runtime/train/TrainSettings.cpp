//===- TrainSettings.cpp - how long and how fast to train ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/TrainSettings.h"

#include "runtime/base/Json.h"
#include "runtime/base/Suggest.h"

#include "nlohmann/json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace heddle::train {
namespace {

const std::vector<std::string> scheduleNames = {"constant", "step", "cosine"};

absl::StatusOr<ScheduleKind> parseSchedule(const std::string &name, const std::string &place) {
  for (size_t i = 0; i < scheduleNames.size(); ++i)
    if (scheduleNames[i] == name)
      return ScheduleKind(i);
  return invalidArgument(place + ": unknown schedule '" + name + "'" +
                         suggestion(name, scheduleNames));
}

/// The monitored number among the metrics, which gains it where the user did not ask for it.
absl::Status setMonitor(TrainSettings &settings, const std::string &monitor,
                        const std::string &place) {
  constexpr std::string_view prefix = "valid/";
  if (monitor.compare(0, prefix.size(), prefix) != 0)
    return invalidArgument(place + ": '" + monitor +
                           "' cannot be monitored; give valid/loss or valid/METRIC");
  std::string name = monitor.substr(prefix.size());
  if (name == "loss") {
    settings.monitor = -1;
    return absl::OkStatus();
  }
  auto metric = parseMetric(name);
  if (!metric.ok())
    return withPrefix(metric.status(), place + ": ");
  auto found = std::find(settings.metrics.begin(), settings.metrics.end(), *metric);
  settings.monitor = int(found - settings.metrics.begin());
  if (found == settings.metrics.end())
    settings.metrics.push_back(*metric);
  return absl::OkStatus();
}

absl::Status readJson(TrainSettings &settings, const plan::TaskT &task, const std::string &place) {
  HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, parseJson(task.train_settings, place));
  ObjectReader root(document);
  settings.numEpochs = root.integer("num_epochs", 0, std::numeric_limits<int32_t>::max());
  settings.seed = uint64_t(root.integerOr("seed", 0, 0));
  if (root.has("lr_schedule")) {
    ObjectReader schedule = root.object("lr_schedule");
    settings.scheduleName = schedule.oneOfOr("name", "constant", scheduleNames);
    settings.schedule.warmupSteps = schedule.integerOr("warmup_steps", 0, 0);
    settings.schedule.stepSize = schedule.integerOr("step_size", 0, 0);
    settings.schedule.gamma = schedule.numberOr("gamma", 0.1, 0);
    settings.schedule.minLr = schedule.numberOr("min_lr", 0, 0);
  }
  for (const std::string &name : root.has("metrics") ? root.strings("metrics") : task.metrics) {
    auto metric = parseMetric(name);
    if (!metric.ok())
      return withPrefix(metric.status(), place + ": /metrics: ");
    if (std::find(settings.metrics.begin(), settings.metrics.end(), *metric) ==
        settings.metrics.end())
      settings.metrics.push_back(*metric);
  }
  if (settings.metrics.empty())
    settings.metrics.push_back(Metric::Accuracy);
  if (root.has("eval")) {
    ObjectReader eval = root.object("eval");
    settings.evalFrequency = eval.integerOr("frequency", 1, 1);
    if (eval.has("early_stopping")) {
      ObjectReader stopping = eval.object("early_stopping");
      std::string monitor = stopping.string("monitor");
      std::string mode = stopping.oneOfOr("mode", "max", {"min", "max"});
      settings.patience = stopping.integer("patience", 0);
      HEDDLE_RETURN_IF_ERROR(root.status());
      settings.maximize = mode == "max";
      HEDDLE_RETURN_IF_ERROR(
          setMonitor(settings, monitor, place + ": /eval/early_stopping/monitor"));
    }
  }
  return root.status();
}

absl::Status applyOverrides(TrainSettings &settings, const plan::PlanT &plan,
                            const TrainOverrides &overrides) {
  auto rate = [&](const std::optional<double> &value, bool sparse, const char *option) {
    if (!value)
      return absl::OkStatus();
    if (!std::isfinite(*value) || *value < 0)
      return invalidArgument(std::string(option) + ": the rate must be finite and not negative");
    bool any = false;
    for (size_t g = 0; g < plan.optimizer_groups.size(); ++g)
      if (plan.optimizer_groups[g]->row_sparse == sparse) {
        settings.learningRates[g] = *value;
        any = true;
      }
    if (!any)
      return failedPrecondition(std::string(option) + ": the plan has no " +
                                (sparse ? "learnable rows" : "dense parameters") +
                                "; leave the option out");
    return absl::OkStatus();
  };
  HEDDLE_RETURN_IF_ERROR(rate(overrides.lr, false, "--lr"));
  HEDDLE_RETURN_IF_ERROR(rate(overrides.sparseLr, true, "--sparse-lr"));
  if (overrides.epochs) {
    if (*overrides.epochs < 0 || *overrides.epochs > std::numeric_limits<int32_t>::max())
      return invalidArgument("--epochs: must be in [0, 2147483647]");
    settings.numEpochs = *overrides.epochs;
  }
  if (overrides.seed) {
    if (*overrides.seed < 0)
      return invalidArgument("--seed: must not be negative");
    settings.seed = uint64_t(*overrides.seed);
  }
  if (overrides.schedule)
    settings.scheduleName = *overrides.schedule;
  auto count = [](const std::optional<int64_t> &value, const char *option, int64_t &into) {
    if (value && *value < 0)
      return invalidArgument(std::string(option) + ": must not be negative");
    into = value.value_or(into);
    return absl::OkStatus();
  };
  auto real = [](const std::optional<double> &value, const char *option, double &into) {
    if (value && (!std::isfinite(*value) || *value < 0))
      return invalidArgument(std::string(option) + ": must be finite and not negative");
    into = value.value_or(into);
    return absl::OkStatus();
  };
  HEDDLE_RETURN_IF_ERROR(
      count(overrides.warmupSteps, "--warmup-steps", settings.schedule.warmupSteps));
  HEDDLE_RETURN_IF_ERROR(count(overrides.stepSize, "--step-size", settings.schedule.stepSize));
  HEDDLE_RETURN_IF_ERROR(real(overrides.gamma, "--gamma", settings.schedule.gamma));
  HEDDLE_RETURN_IF_ERROR(real(overrides.minLr, "--min-lr", settings.schedule.minLr));
  HEDDLE_ASSIGN_OR_RETURN(settings.schedule.kind,
                          parseSchedule(settings.scheduleName, "--lr-schedule"));
  if (settings.schedule.kind == ScheduleKind::Step && settings.schedule.stepSize < 1)
    return invalidArgument("--lr-schedule: 'step' needs a step size; give --step-size=N");
  return absl::OkStatus();
}

} // namespace

std::string TrainSettings::monitorName() const {
  return "valid/" + (monitor < 0 ? std::string("loss") : nameOf(metrics[size_t(monitor)]));
}

absl::StatusOr<TrainSettings> readTrainSettings(const plan::PlanT &plan,
                                                const std::string &planName,
                                                const TrainOverrides &overrides) {
  if (!plan.task)
    return failedPrecondition(planName + ": the plan has no task to train; recompile with "
                                         "heddle-compile");
  TrainSettings settings;
  for (const auto &group : plan.optimizer_groups)
    settings.learningRates.push_back(group->lr);
  HEDDLE_RETURN_IF_ERROR(readJson(settings, *plan.task, planName + ": task.train_settings"));
  nlohmann::json spec = nlohmann::json::parse(plan.spec, nullptr, /*allow_exceptions=*/false);
  if (auto task = spec.find("task"); spec.is_object() && task != spec.end() && task->is_object())
    if (auto positive = task->find("positive_class");
        positive != task->end() && positive->is_string()) {
      const auto &classes = plan.task->classes;
      auto found = std::find(classes.begin(), classes.end(), positive->get<std::string>());
      if (found != classes.end())
        settings.positiveClass = int(found - classes.begin());
    }
  HEDDLE_RETURN_IF_ERROR(applyOverrides(settings, plan, overrides));
  return settings;
}

std::string specWithSettings(const plan::PlanT &plan, const TrainSettings &settings) {
  using Json = nlohmann::ordered_json;
  Json spec = Json::parse(plan.spec, nullptr, /*allow_exceptions=*/false);
  if (!spec.is_object())
    spec = Json::object();
  // A value of another kind under these keys is replaced: what ran is what the file must say.
  auto object = [](Json &parent, const char *key) -> Json & {
    Json &child = parent[key];
    if (!child.is_object())
      child = Json::object();
    return child;
  };
  Json &train = object(spec, "train");
  train["num_epochs"] = settings.numEpochs;
  train["seed"] = settings.seed;
  for (size_t g = 0; g < plan.optimizer_groups.size(); ++g)
    object(train, plan.optimizer_groups[g]->row_sparse ? "sparse_optimizer" : "optimizer")["lr"] =
        settings.learningRates[g];
  train["lr_schedule"] = {{"name", settings.scheduleName},
                          {"warmup_steps", settings.schedule.warmupSteps},
                          {"step_size", settings.schedule.stepSize},
                          {"gamma", settings.schedule.gamma},
                          {"min_lr", settings.schedule.minLr}};
  return printJson(spec);
}

} // namespace heddle::train
