//===- Run.cpp - a whole training run, or several -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Run.h"

#include "runtime/base/AtomicOutput.h"
#include "runtime/base/Json.h"
#include "runtime/train/Predictions.h"
#include "runtime/train/RunFolder.h"
#include "runtime/train/RunRecorder.h"
#include "runtime/train/RunReport.h"

#include "nlohmann/json.hpp"

#include <algorithm>

namespace heddle::train {
namespace {

using Json = nlohmann::ordered_json;

struct Context {
  const plan::PlanT &plan;
  const graph::GraphStore &graph;
  const ExecutorFactory &factory;
  const RunOptions &options;
  const std::function<bool()> &stop;
};

absl::Status writeIdentity(const Context &context, const TrainSettings &settings,
                           const exec::Executor &executor, const std::string &folder) {
  HEDDLE_RETURN_IF_ERROR(
      writeFileAtomically(folder + "/spec.json", specWithSettings(context.plan, settings)));
  Json fingerprints = {{"plan", context.options.planChecksum},
                       {"plan_schema", context.plan.schema_fingerprint},
                       {"plan_statistics", context.plan.statistics_fingerprint},
                       {"graph_schema", context.graph.schema().schemaFingerprint},
                       {"graph_data", context.graph.schema().dataFingerprint},
                       {"plan_format", std::to_string(context.plan.major) + "." +
                                           std::to_string(context.plan.minor)},
                       {"compiled_by", context.plan.producer},
                       {"run_by", "heddle-run " + context.options.version},
                       {"kernel_target", executor.kernelTarget()},
                       {"threads", executor.threads()}};
  return writeFileAtomically(folder + "/fingerprints.json", printJson(fingerprints));
}

/// run.json: the marker of a run folder, and its state at any time.
absl::Status writeState(const Context &context, const std::string &folder, const std::string &status,
                        const Json &result) {
  Json out = {{"format", "heddle-run"},
              {"version", "1.0"},
              {"status", status},
              {"plan", context.options.planFile},
              {"graph", context.options.graphDirectory},
              {"runs", context.options.runs},
              {"result", result}};
  return writeFileAtomically(folder + "/" + RunFolder::marker, printJson(out));
}

/// The class that `train` has most of; the lowest of several.
int64_t mostFrequentClass(const Evaluator &evaluator, std::span<const int64_t> train) {
  std::vector<int64_t> counts(size_t(evaluator.classes()), 0);
  for (int64_t id : train)
    if (int32_t label = evaluator.classOf(id); label >= 0 && size_t(label) < counts.size())
      ++counts[size_t(label)];
  return std::max_element(counts.begin(), counts.end()) - counts.begin();
}

absl::Status addBaseline(const Context &context, const Trainer &trainer, RunReport &report) {
  const Evaluator &evaluator = trainer.evaluator();
  auto ids = trainer.testIds();
  auto logits = frequencyLogits(evaluator, trainer.trainIds(), int64_t(ids.size()));
  HEDDLE_ASSIGN_OR_RETURN(report.baseline, evaluator.score(ids, logits));
  report.baselineName = "label frequencies";
  if (!evaluator.multilabel() && !context.plan.task->classes.empty())
    report.baselineName =
        "always '" +
        context.plan.task->classes[size_t(mostFrequentClass(evaluator, trainer.trainIds()))] + "'";
  return absl::OkStatus();
}

/// Scores, predictions and examples of the best state, which the executor holds.
absl::Status reportBest(const Context &context, const TrainSettings &settings, Trainer &trainer,
                        const std::string &folder, RunReport &report) {
  const RunOptions &options = context.options;
  int64_t epoch = report.result.bestEpoch >= 0 ? report.result.bestEpoch : report.result.epochs;
  std::optional<Evaluation> valid, test;
  report.valid = report.result.bestScores;
  if (!trainer.validIds().empty() && options.predictions == PredictionParts::All) {
    // Not told to the listener: these scores were heard when the state was chosen.
    HEDDLE_ASSIGN_OR_RETURN(
        valid, trainer.evaluator().evaluate(trainer.validIds(), [&] { return !context.stop(); }));
  }
  if (!trainer.testIds().empty() && !context.stop()) {
    HEDDLE_ASSIGN_OR_RETURN(test, trainer.evaluate("test", epoch));
    if (!test->interrupted) {
      report.test = test->scores;
      HEDDLE_RETURN_IF_ERROR(addBaseline(context, trainer, report));
      report.examples = examplePredictions(context.plan, context.graph, trainer.evaluator(), *test,
                                           options.samples, settings.seed);
    }
  }
  if ((valid && valid->interrupted) || (test && test->interrupted) || context.stop()) {
    report.result.interrupted = true;
    return absl::OkStatus();
  }
  if (options.predictions == PredictionParts::None)
    return absl::OkStatus();
  std::vector<std::pair<std::string, const Evaluation *>> parts;
  if (valid)
    parts.emplace_back("valid", &*valid);
  if (test)
    parts.emplace_back("test", &*test);
  return writePredictions(folder + "/predictions.csv", context.plan, context.graph,
                          trainer.evaluator(), parts);
}

absl::StatusOr<RunReport> runOne(const Context &context, const TrainSettings &settings,
                                 exec::Executor &executor, const std::string &folder,
                                 const std::string &name) {
  RunReport report;
  report.seed = settings.seed;
  report.threads = executor.threads();
  report.kernelTarget = executor.kernelTarget();
  report.folder = folder;
  HEDDLE_RETURN_IF_ERROR(writeIdentity(context, settings, executor, folder));
  RunRecorder::Options recording;
  recording.folder = folder;
  recording.progressName = name;
  recording.progress = context.options.progress;
  recording.saveIntervalSeconds = context.options.saveIntervalSeconds;
  recording.metadata = {{"heddle_version", context.options.version},
                        {"plan", context.options.planChecksum},
                        {"graph_schema", context.graph.schema().schemaFingerprint},
                        {"graph_data", context.graph.schema().dataFingerprint}};
  HEDDLE_ASSIGN_OR_RETURN(auto recorder,
                          RunRecorder::create(recording, context.plan, settings, executor));
  HEDDLE_ASSIGN_OR_RETURN(auto trainer, Trainer::create(context.plan, context.graph, executor,
                                                        settings, *recorder, context.stop));
  auto result = trainer->train();
  recorder->closeProgress();
  if (!result.ok()) {
    // The executor keeps the states of the step before a failure: worth as much as any last state.
    (void)recorder->saveLast(recorder->epochs(), recorder->steps());
    if (!trainer->best().empty())
      (void)recorder->saveBest(trainer->best().views(executor), recorder->epochs(),
                               recorder->steps());
    return result.status();
  }
  report.result = *result;
  HEDDLE_RETURN_IF_ERROR(recorder->saveLast(result->epochs, result->steps));
  trainer->restoreBest();
  HEDDLE_RETURN_IF_ERROR(recorder->saveBest(
      executor.states(), result->bestEpoch >= 0 ? result->bestEpoch : result->epochs,
      result->bestEpoch >= 0 ? uint64_t(result->bestEpoch) * trainer->stepsPerEpoch()
                             : result->steps));
  if (!report.result.interrupted)
    HEDDLE_RETURN_IF_ERROR(reportBest(context, settings, *trainer, folder, report));
  return report;
}

absl::Status makeFolders(const RunFolder &folder, const std::string &inside) {
  HEDDLE_RETURN_IF_ERROR(folder.makeFolder(inside + "best"));
  return folder.makeFolder(inside + "last");
}

} // namespace

absl::StatusOr<RunOutcome> runTraining(const plan::PlanT &plan, const graph::GraphStore &graph,
                                       const ExecutorFactory &factory,
                                       const TrainSettings &settings, const RunOptions &options,
                                       const std::function<bool()> &stop) {
  Context context{plan, graph, factory, options, stop};
  HEDDLE_RETURN_IF_ERROR(RunFolder::check(options.output, options.force));
  // What a plan and a graph disagree on is found here, before anything is written.
  HEDDLE_ASSIGN_OR_RETURN(auto executor, factory(settings.seed));
  {
    TrainListener silent;
    HEDDLE_RETURN_IF_ERROR(
        Trainer::create(plan, graph, *executor, settings, silent, stop).status());
  }
  HEDDLE_ASSIGN_OR_RETURN(auto folder, RunFolder::create(options.output, options.force));
  HEDDLE_RETURN_IF_ERROR(writeState(context, folder->path(), "running", nullptr));
  std::vector<RunReport> reports;
  RunOutcome outcome;
  for (int run = 0; run < options.runs && !outcome.interrupted; ++run) {
    TrainSettings own = settings;
    own.seed = settings.seed + uint64_t(run);
    std::string inside = options.runs > 1 ? "seed-" + std::to_string(own.seed) + "/" : "";
    std::string name = options.runs > 1 ? "seed " + std::to_string(own.seed) : "train";
    absl::Status status = makeFolders(*folder, inside);
    if (status.ok() && run > 0) {
      executor.reset();
      auto next = factory(own.seed);
      status = next.status();
      if (next.ok())
        executor = std::move(*next);
    }
    absl::StatusOr<RunReport> report = internalError("not run");
    if (!status.ok())
      report = status;
    else
      report = runOne(context, own, *executor,
                      folder->path() + (inside.empty() ? "" : "/" + inside.substr(0, inside.size() - 1)),
                      name);
    if (!report.ok()) {
      (void)writeState(context, folder->path(), "failed",
                       Json{{"error", messageOf(report.status())}});
      std::string message =
          messageOf(report.status()) + "; what was learnt until then is in " + folder->path();
      return absl::Status(report.status().code(),
                          absl::string_view(message.data(), message.size()));
    }
    outcome.interrupted = report->result.interrupted;
    reports.push_back(std::move(*report));
  }
  Json results = Json::array();
  for (const RunReport &report : reports)
    results.push_back(Json::parse(runJson(report, settings)));
  const char *status = outcome.interrupted ? "interrupted" : "finished";
  HEDDLE_RETURN_IF_ERROR(
      writeState(context, folder->path(), status, options.runs > 1 ? results : results[0]));
  HEDDLE_RETURN_IF_ERROR(folder->finish());
  if (outcome.interrupted)
    outcome.summary = "Interrupted; what was learnt until then is saved\n";
  outcome.summary += reports.size() > 1 ? describeRuns(reports, settings)
                                       : describeRun(reports.front(), settings);
  outcome.summary += "Results are in " + folder->path() + "\n";
  return outcome;
}

} // namespace heddle::train
