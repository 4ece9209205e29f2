//===- heddle-run.cpp - trains the model of a plan -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Checksum.h"
#include "runtime/base/Format.h"
#include "runtime/base/Json.h"
#include "runtime/base/Suggest.h"
#include "runtime/train/Run.h"
#include "runtime/train/RunFolder.h"
#include "tools/support/Cli.h"
#include "tools/support/Interrupt.h"

#include "nlohmann/json.hpp"

#include <filesystem>

using namespace heddle;

namespace {

struct Options {
  std::string plan, graph, trace, memory, predictions = "all", progress = "auto";
  train::TrainOverrides overrides;
  train::RunOptions run;
  exec::ExecutorOptions executor;
  bool noOverlap = false, printConfig = false;
};

/// Options that people of other tools will try, with the key of the model spec that decides them.
const std::pair<const char *, const char *> compiledIn[] = {
    {"--batch-size", "train.batch_size"},
    {"--fanout", "sampling.fanout"},
    {"--num-neighbors", "sampling.fanout"},
    {"--hidden-size", "model.hidden_size"},
    {"--hidden-channels", "model.hidden_size"},
    {"--num-layers", "model.num_layers"},
    {"--num-bases", "model.num_bases"},
    {"--dropout", "model.dropout"},
    {"--activation", "model.activation"},
    {"--norm", "model.norm"},
    {"--optimizer", "train.optimizer"},
    {"--weight-decay", "train.optimizer.weight_decay"},
    {"--max-grad-norm", "train.max_grad_norm"},
    {"--class-weights", "task.loss.class_weights"},
    {"--label", "task.label"},
    {"--split", "task.split"},
    {"--metrics", "task.metrics"},
    {"--patience", "eval.early_stopping.patience"},
    {"--eval-frequency", "eval.frequency"}};

absl::Status refuse(const std::string &option, const std::string &key) {
  return invalidArgument(option + ": is compiled into the plan; set " + key +
                         " in the model spec and recompile with heddle-compile");
}

/// The value that `name` stands for.
template <typename T>
absl::Status choose(const std::string &option, const std::string &name,
                    const std::vector<std::pair<std::string, T>> &choices, T &value) {
  std::vector<std::string> names;
  for (const auto &[known, meaning] : choices) {
    if (known == name) {
      value = meaning;
      return absl::OkStatus();
    }
    names.push_back(known);
  }
  return invalidArgument(option + ": unknown value '" + name + "'" + suggestion(name, names));
}

absl::Status printConfig(const plan::PlanT &plan, const train::TrainSettings &settings,
                         const Options &options) {
  nlohmann::ordered_json out = {
      {"spec", nlohmann::ordered_json::parse(train::specWithSettings(plan, settings))},
      {"run",
       {{"plan", options.plan},
        {"graph", options.graph},
        {"output", options.run.output},
        {"runs", options.run.runs},
        {"threads", options.executor.threads},
        {"overlap", !options.noOverlap},
        {"memory", options.executor.memoryLimit},
        {"cpu_level", options.executor.cpuLevel},
        {"trace", options.trace},
        {"predictions", options.predictions},
        {"samples", options.run.samples}}}};
  cli::print(printJson(out));
  return absl::OkStatus();
}

absl::Status trainPlan(Options &options, bool &wasInterrupted) {
  using Parts = train::PredictionParts;
  HEDDLE_RETURN_IF_ERROR(choose<Parts>(
      "--predictions", options.predictions,
      {{"none", Parts::None}, {"test", Parts::Test}, {"all", Parts::All}},
      options.run.predictions));
  HEDDLE_RETURN_IF_ERROR(choose<ProgressMode>("--progress", options.progress,
                                              {{"auto", ProgressMode::Auto},
                                               {"never", ProgressMode::Never},
                                               {"always", ProgressMode::Always}},
                                              options.run.progress));
  if (!options.memory.empty()) {
    auto bytes = parseBytes(options.memory);
    if (!bytes.ok())
      return withPrefix(bytes.status(), "--memory: ");
    options.executor.memoryLimit = *bytes;
  }
  HEDDLE_ASSIGN_OR_RETURN(std::unique_ptr<plan::PlanT> loaded, plan::loadPlan(options.plan));
  std::shared_ptr<const plan::PlanT> plan(std::move(loaded));
  HEDDLE_ASSIGN_OR_RETURN(
      train::TrainSettings settings,
      train::readTrainSettings(*plan, options.plan, options.overrides));
  if (options.printConfig)
    return printConfig(*plan, settings, options);
  if (options.graph.empty())
    return invalidArgument("--graph is required; give the graph directory written by heddle-import");
  if (options.run.output.empty())
    return invalidArgument("-o is required; name the folder for the results");
  HEDDLE_RETURN_IF_ERROR(train::RunFolder::check(options.run.output, options.run.force));
  std::error_code error;
  if (!options.trace.empty() && !options.run.force && std::filesystem::exists(options.trace, error))
    return alreadyExists(options.trace + ": already exists; choose another name or pass --force");
  HEDDLE_ASSIGN_OR_RETURN(options.run.planChecksum, checksumOfFile(options.plan));
  HEDDLE_ASSIGN_OR_RETURN(std::unique_ptr<graph::GraphStore> opened,
                          graph::GraphStore::open(options.graph));
  std::shared_ptr<graph::GraphStore> graph(std::move(opened));
  options.run.planFile = options.plan;
  options.run.graphDirectory = options.graph;
  options.run.version = cli::version();
  options.executor.overlap = !options.noOverlap;
  exec::Trace trace;
  if (!options.trace.empty())
    options.executor.trace = &trace;
  auto factory = [&](uint64_t seed) {
    options.executor.seed = seed;
    return exec::Executor::create(plan, graph, options.executor);
  };
  cli::catchInterrupts("\nheddle-run: stopping after this step, then saving; again to abort\n");
  auto outcome =
      train::runTraining(*plan, *graph, factory, settings, options.run, cli::interrupted);
  // A trace is most wanted when a run went wrong.
  if (!options.trace.empty())
    HEDDLE_RETURN_IF_ERROR(trace.write(options.trace));
  HEDDLE_RETURN_IF_ERROR(outcome.status());
  wasInterrupted = outcome->interrupted;
  cli::print(outcome->summary);
  return absl::OkStatus();
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app;
  cli::setUp(app, "heddle-run",
             "Train the model of a plan on a graph; evaluate; write weights, predictions, metrics.\n"
             "A plan is a program: run only plans you trust.",
             "  heddle-run wn.plan --graph wn/ -o runs/wn\n"
             "  heddle-run wn.plan --graph wn/ -o runs/wn5 --runs 5 --epochs 30 --lr 0.005\n"
             "  heddle-run wn.plan --graph wn/ -o runs/wn --threads 8 --memory 4GiB\n"
             "  heddle-run wn.plan --graph wn/ -o runs/wn --trace wn-trace.json\n"
             "  heddle-run wn.plan --print-config --epochs 3\n"
             "Ctrl-C once ends after the current step and saves (exit code 130), twice aborts.\n");
  Options options;
  app.add_option("plan", options.plan, "Plan file written by heddle-compile")->required();
  app.add_option("--graph", options.graph, "Graph directory written by heddle-import");
  app.add_option("-o,--output", options.run.output, "Folder for the results");
  app.add_flag("--force", options.run.force, "Replace an existing results folder");
  app.add_flag("--print-config", options.printConfig,
               "Print the configuration with every default and override, and exit");
  const char *training = "Training (the plan's values unless given)";
  app.add_option("--epochs", options.overrides.epochs, "Passes over the training nodes")
      ->group(training);
  app.add_option("--lr", options.overrides.lr, "Learning rate of dense parameters")
      ->group(training);
  app.add_option("--sparse-lr", options.overrides.sparseLr, "Learning rate of learnable rows")
      ->group(training);
  app.add_option("--lr-schedule", options.overrides.schedule, "constant, step or cosine")
      ->group(training);
  app.add_option("--warmup-steps", options.overrides.warmupSteps,
                 "Steps of linear warm-up of the learning rate")
      ->group(training);
  app.add_option("--step-size", options.overrides.stepSize,
                 "Schedule 'step': steps between reductions")
      ->group(training);
  app.add_option("--gamma", options.overrides.gamma, "Schedule 'step': factor of a reduction")
      ->group(training);
  app.add_option("--min-lr", options.overrides.minLr, "Schedules 'step' and 'cosine': lowest rate")
      ->group(training);
  app.add_option("--seed", options.overrides.seed, "Seed of every random decision")
      ->group(training);
  app.add_option("--runs", options.run.runs, "Train under this many seeds, seed, seed + 1, ...")
      ->check(CLI::Range(1, 1000))
      ->group(training);
  const char *machine = "Machine";
  app.add_option("--threads", options.executor.threads, "Compute threads (0: one per core)")
      ->check(CLI::Range(0, 4096))
      ->group(machine);
  app.add_flag("--no-overlap", options.noOverlap, "Sample and compute one after the other")
      ->group(machine);
  app.add_option("--memory", options.memory, "Most memory for batches, for example 4GiB")
      ->group(machine);
  app.add_option("--cpu-level", options.executor.cpuLevel,
                 "Force the code for a CPU level, for example x86-64-v2")
      ->group(machine);
  const char *reporting = "Output";
  app.add_option("--trace", options.trace, "Write a Chrome/Perfetto trace of every op to this file")
      ->group(reporting);
  app.add_option("--predictions", options.predictions,
                 "Nodes in predictions.csv: none, test or all (valid and test; the default)")
      ->type_name("PARTS")
      ->group(reporting);
  app.add_option("--samples", options.run.samples, "Example predictions in the summary")
      ->check(CLI::Range(0, 1000))
      ->group(reporting);
  app.add_option("--progress", options.progress, "auto, never or always")
      ->type_name("WHEN")
      ->group(reporting);
  std::map<std::string, std::string> ignored;
  std::vector<std::pair<CLI::Option *, const char *>> refused;
  for (const auto &[option, key] : compiledIn)
    refused.emplace_back(app.add_option(option, ignored[option], "")
                             ->expected(0, 1)
                             ->group(""),
                         key);
  bool wasInterrupted = false;
  int code = cli::run(app, argc, argv,
                      {{"--num-epochs", "--epochs"},
                       {"--learning-rate", "--lr"},
                       {"--sparse-optimizer-lr", "--sparse-lr"},
                       {"--num-threads", "--threads"},
                       {"--output-dir", "--output"},
                       {"--save-model-path", "--output"},
                       {"--num-runs", "--runs"},
                       {"--profile", "--trace"}},
                      [&] {
                        for (const auto &[option, key] : refused)
                          if (option->count() > 0)
                            return refuse("--" + option->get_lnames().front(), key);
                        return trainPlan(options, wasInterrupted);
                      });
  return code == 0 && wasInterrupted ? cli::interruptedExitCode : code;
}
