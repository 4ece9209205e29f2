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
#include <cstdio>

namespace heddle::train {
namespace {

using Json = nlohmann::ordered_json;

struct Context {
  const plan::PlanT &plan;
  const graph::GraphStore &graph;
  const ExecutorFactory &factory;
  const RunOptions &options;
  const std::function<bool()> &stop;
  Team &team;

  void note(std::string_view activity) const {
    if (options.activity)
      options.activity(activity);
  }
  /// Partition 0's stop(), in all.
  absl::StatusOr<uint64_t> stopped() const {
    return team.lead([&] { return uint64_t(stop()); });
  }
};

/// Says where training is; hands everything on to partition 0's recorder.
class Narrator : public TrainListener {
public:
  Narrator(const Context &context, std::string name, RunRecorder *recorder)
      : context_(context), name_(std::move(name)), recorder_(recorder) {}
  void onStep(const StepRecord &record) override {
    if (context_.options.activity) { // of the step that ran; the next one has begun by now
      char text[160];
      int size = std::snprintf(text, sizeof text, "%.80s: epoch %lld, after step %llu of %llu",
                               name_.c_str(), static_cast<long long>(record.epoch),
                               static_cast<unsigned long long>(record.stepInEpoch),
                               static_cast<unsigned long long>(record.stepsPerEpoch));
      context_.options.activity({text, size_t(std::clamp(size, 0, int(sizeof text) - 1))});
    }
    if (recorder_)
      recorder_->onStep(record);
  }
  absl::Status onEpoch(const EpochRecord &record) override {
    return recorder_ ? recorder_->onEpoch(record) : absl::OkStatus();
  }
  absl::Status onEvaluation(const EvaluationRecord &record) override {
    return recorder_ ? recorder_->onEvaluation(record) : absl::OkStatus();
  }
  bool wantsStates() override { return recorder_ && recorder_->wantsStates(); }
  absl::Status onStates() override { return recorder_ ? recorder_->onStates() : absl::OkStatus(); }

private:
  const Context &context_;
  std::string name_;
  RunRecorder *recorder_;
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
                       {"threads", executor.threads()},
                       {"partitions", context.team.size()},
                       {"workers", context.options.workers}};
  return writeFileAtomically(folder + "/fingerprints.json", printJson(fingerprints));
}

/// run.json: the marker of a run folder, and its state at any time.
absl::Status writeState(const Context &context, const std::string &folder,
                        const std::string &status, const Json &result) {
  Json out = {{"format", "heddle-run"},
              {"version", "1.0"},
              {"status", status},
              {"plan", context.options.planFile},
              {"graph", context.options.graphDirectory},
              {"runs", context.options.runs},
              {"partitions", context.team.size()},
              {"workers", context.options.workers},
              {"transport", context.options.transport},
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
  HEDDLE_ASSIGN_OR_RETURN(uint64_t stopped, context.stopped());
  if (!trainer.testIds().empty() && !stopped) {
    HEDDLE_ASSIGN_OR_RETURN(test, trainer.evaluate("test", epoch));
    if (!test->interrupted)
      HEDDLE_RETURN_IF_ERROR(context.team.leadTo([&]() -> absl::Status {
        report.test = test->scores;
        report.examples = examplePredictions(context.plan, context.graph, trainer.evaluator(),
                                             *test, options.samples, settings.seed);
        return addBaseline(context, trainer, report);
      }));
    HEDDLE_ASSIGN_OR_RETURN(stopped, context.stopped());
  }
  if ((valid && valid->interrupted) || (test && test->interrupted) || stopped) {
    report.result.interrupted = true;
    return absl::OkStatus();
  }
  if (options.predictions == PredictionParts::None)
    return absl::OkStatus();
  return context.team.leadTo([&] {
    std::vector<std::pair<std::string, const Evaluation *>> parts;
    if (valid)
      parts.emplace_back("valid", &*valid);
    if (test)
      parts.emplace_back("test", &*test);
    return writePredictions(folder + "/predictions.csv", context.plan, context.graph,
                            trainer.evaluator(), parts);
  });
}

absl::StatusOr<std::unique_ptr<RunRecorder>>
makeRecorder(const Context &context, const TrainSettings &settings, exec::Executor &executor,
             const std::string &folder, const std::string &name) {
  RunRecorder::Options recording;
  recording.folder = folder;
  recording.progressName = name;
  recording.progress = context.options.progress;
  recording.saveIntervalSeconds = context.options.saveIntervalSeconds;
  recording.partitions = context.team.size();
  recording.metadata = {{"heddle_version", context.options.version},
                        {"plan", context.options.planChecksum},
                        {"graph_schema", context.graph.schema().schemaFingerprint},
                        {"graph_data", context.graph.schema().dataFingerprint}};
  return RunRecorder::create(recording, context.plan, settings, executor);
}

/// The executor keeps the states of the step before a failure: worth as much as any last state.
/// What other partitions keep cannot be had any more; then the saves during the run have to do.
void saveAfterFailure(exec::Executor &executor, const Trainer &trainer, RunRecorder &recorder) {
  if (!keepsAll(executor))
    return;
  (void)recorder.saveLast(recorder.epochs(), recorder.steps());
  if (!trainer.best().empty())
    (void)recorder.saveBest(trainer.best().views(executor), recorder.epochs(), recorder.steps());
}

absl::StatusOr<RunReport> runOne(const Context &context, const TrainSettings &settings,
                                 exec::Executor &executor, const std::string &folder,
                                 const std::string &name) {
  Team &team = context.team;
  RunReport report;
  report.seed = settings.seed;
  report.threads = executor.threads();
  report.partitions = team.size();
  report.workers = context.options.workers;
  report.kernelTarget = executor.kernelTarget();
  report.folder = folder;
  std::unique_ptr<RunRecorder> recorder; // on partition 0
  HEDDLE_RETURN_IF_ERROR(team.leadTo([&]() -> absl::Status {
    HEDDLE_RETURN_IF_ERROR(writeIdentity(context, settings, executor, folder));
    HEDDLE_ASSIGN_OR_RETURN(recorder, makeRecorder(context, settings, executor, folder, name));
    return absl::OkStatus();
  }));
  Narrator narrator(context, name, recorder.get());
  HEDDLE_ASSIGN_OR_RETURN(auto trainer, Trainer::create(context.plan, context.graph, executor,
                                                        settings, narrator, context.stop, team));
  auto result = trainer->train();
  if (recorder)
    recorder->closeProgress();
  if (!result.ok()) {
    team.abort(result.status()); // before the writing: nobody shall wait for it
    if (recorder)
      saveAfterFailure(executor, *trainer, *recorder);
    return result.status();
  }
  report.result = *result;
  context.note("saving");
  HEDDLE_RETURN_IF_ERROR(executor.gatherStates(0));
  HEDDLE_RETURN_IF_ERROR(
      team.leadTo([&] { return recorder->saveLast(result->epochs, result->steps); }));
  HEDDLE_RETURN_IF_ERROR(trainer->restoreBest());
  HEDDLE_RETURN_IF_ERROR(executor.gatherStates(0));
  HEDDLE_RETURN_IF_ERROR(team.leadTo([&] {
    const bool chosen = result->bestEpoch >= 0;
    return recorder->saveBest(executor.states(), chosen ? result->bestEpoch : result->epochs,
                              chosen ? uint64_t(result->bestEpoch) * trainer->stepsPerEpoch()
                                     : result->steps);
  }));
  context.note("evaluating");
  if (!report.result.interrupted)
    HEDDLE_RETURN_IF_ERROR(reportBest(context, settings, *trainer, folder, report));
  HEDDLE_ASSIGN_OR_RETURN(report.caches, collectCaches(context.plan, executor, team));
  return report;
}

absl::Status makeFolders(const RunFolder &folder, const std::string &inside) {
  HEDDLE_RETURN_IF_ERROR(folder.makeFolder(inside + "best"));
  return folder.makeFolder(inside + "last");
}

/// The runs under all seeds, one report each; `executor` is the first one's.
absl::Status runAll(const Context &context, const TrainSettings &settings,
                    std::unique_ptr<exec::Executor> executor, const RunFolder *folder,
                    std::vector<RunReport> &reports) {
  const RunOptions &options = context.options;
  bool interrupted = false;
  for (int run = 0; run < options.runs && !interrupted; ++run) {
    TrainSettings own = settings;
    own.seed = settings.seed + uint64_t(run);
    std::string name = "train", path = folder ? folder->path() : "", inside;
    if (options.runs > 1) {
      name = "seed " + std::to_string(own.seed);
      inside = "seed-" + std::to_string(own.seed);
      path += "/" + inside;
      inside += "/";
    }
    HEDDLE_RETURN_IF_ERROR(context.team.leadTo([&] { return makeFolders(*folder, inside); }));
    if (run > 0) {
      executor.reset();
      HEDDLE_ASSIGN_OR_RETURN(executor, context.factory(own.seed));
      HEDDLE_RETURN_IF_ERROR(context.team.awaitAll());
    }
    HEDDLE_ASSIGN_OR_RETURN(RunReport report, runOne(context, own, *executor, path, name));
    interrupted = report.result.interrupted;
    reports.push_back(std::move(report));
  }
  return absl::OkStatus();
}

/// Writes what the runs gave, and gives the folder its final name.
absl::Status finishFolder(const Context &context, const TrainSettings &settings,
                          const std::vector<RunReport> &reports, RunFolder &folder,
                          RunOutcome &outcome) {
  Json results = Json::array();
  for (const RunReport &report : reports)
    results.push_back(Json::parse(runJson(report, settings)));
  const char *status = outcome.interrupted ? "interrupted" : "finished";
  HEDDLE_RETURN_IF_ERROR(
      writeState(context, folder.path(), status, context.options.runs > 1 ? results : results[0]));
  HEDDLE_RETURN_IF_ERROR(folder.finish());
  if (outcome.interrupted)
    outcome.summary = "Interrupted; what was learnt until then is saved\n";
  outcome.summary +=
      reports.size() > 1 ? describeRuns(reports, settings) : describeRun(reports.front(), settings);
  outcome.summary += "Results are in " + folder.path() + "\n";
  return absl::OkStatus();
}

absl::StatusOr<RunOutcome> trainAndWrite(const Context &context, const TrainSettings &settings) {
  const RunOptions &options = context.options;
  Team &team = context.team;
  HEDDLE_RETURN_IF_ERROR(
      team.leadTo([&] { return RunFolder::check(options.output, options.force); }));
  // What a plan and a graph disagree on is found here, before anything is written.
  HEDDLE_ASSIGN_OR_RETURN(auto executor, context.factory(settings.seed));
  {
    TrainListener silent;
    HEDDLE_RETURN_IF_ERROR(Trainer::create(context.plan, context.graph, *executor, settings, silent,
                                           context.stop, team)
                               .status());
  }
  HEDDLE_RETURN_IF_ERROR(team.awaitAll());
  std::unique_ptr<RunFolder> folder; // on partition 0
  HEDDLE_RETURN_IF_ERROR(team.leadTo([&]() -> absl::Status {
    HEDDLE_ASSIGN_OR_RETURN(folder, RunFolder::create(options.output, options.force));
    return writeState(context, folder->path(), "running", nullptr);
  }));
  std::vector<RunReport> reports;
  absl::Status status = runAll(context, settings, std::move(executor), folder.get(), reports);
  if (!status.ok()) {
    if (!folder)
      return status;
    (void)writeState(context, folder->path(), "failed", Json{{"error", messageOf(status)}});
    const char *kept = team.size() == 1 ? "learnt" : "saved";
    std::string message =
        messageOf(status) + "; what was " + kept + " until then is in " + folder->path();
    return absl::Status(status.code(), absl::string_view(message.data(), message.size()));
  }
  RunOutcome outcome;
  outcome.interrupted = reports.back().result.interrupted;
  HEDDLE_RETURN_IF_ERROR(
      team.leadTo([&] { return finishFolder(context, settings, reports, *folder, outcome); }));
  return outcome;
}

} // namespace

absl::StatusOr<RunOutcome> runTraining(const plan::PlanT &plan, const graph::GraphStore &graph,
                                       const ExecutorFactory &factory,
                                       const TrainSettings &settings, const RunOptions &options,
                                       const std::function<bool()> &stop, Team &team) {
  Context context{plan, graph, factory, options, stop, team};
  auto outcome = trainAndWrite(context, settings);
  if (!outcome.ok())
    team.abort(outcome.status());
  return outcome;
}

} // namespace heddle::train
