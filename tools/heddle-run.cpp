//===- heddle-run.cpp - trains the model of a plan -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Checksum.h"
#include "runtime/base/Format.h"
#include "runtime/base/Json.h"
#include "runtime/base/Suggest.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/cuda/NcclChoice.h"
#include "runtime/exec/KernelLibrary.h"
#include "runtime/launch/LaunchEnvironment.h"
#include "runtime/launch/WorkerLink.h"
#include "runtime/train/CacheReport.h"
#include "runtime/train/Inference.h"
#include "runtime/train/RunFolder.h"
#include "runtime/train/Worker.h"
#include "tools/support/CacheArguments.h"
#include "tools/support/Choose.h"
#include "tools/support/Cli.h"
#include "tools/support/Interrupt.h"
#include "tools/support/Launch.h"

#include "nlohmann/json.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

using namespace heddle;

namespace {

struct Options {
  CacheArguments cache;
  std::string plan, graph, memory, device = "cpu", mode = "train", predictions = "all", progress = "auto";
  std::string transport = "auto";
  train::TrainOverrides overrides;
  train::InferenceOptions inference;
  train::WorkerOptions worker;
  cuda::DeviceChoice deviceChoice;
  cuda::TransportChoice transportChoice = cuda::TransportChoice::Auto;
  std::optional<int> workers;
  double timeout = 30;
  bool noOverlap = false, printConfig = false;
  std::vector<std::string> arguments; ///< argv, for the copies of this program
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
    {"--num-heads", "model.num_heads"},
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

absl::Status printConfig(const plan::PlanT &plan, const train::TrainSettings &settings,
                         const Options &options) {
  nlohmann::ordered_json out = {
      {"spec", nlohmann::ordered_json::parse(train::specWithSettings(plan, settings))},
      {"run",
       {{"plan", options.plan},
        {"graph", options.graph},
        {"mode", options.mode},
        {"output", options.worker.run.output},
        {"runs", options.worker.run.runs},
        {"partitions", plan.partitions},
        {"workers", options.worker.workers},
        {"timeout", options.timeout},
        {"device", options.device},
        {"transport", options.transport},
        {"threads", options.worker.executor.threads},
        {"overlap", !options.noOverlap},
        {"memory", options.worker.executor.memoryLimit},
        {"cache", options.cache.policy},
        {"cache_memory", options.worker.executor.cache.bytes},
        {"cache_hotness", options.cache.hotness},
        {"cache_learnable", options.worker.executor.cache.learnable},
        {"cache_folder", options.worker.executor.cache.folder},
        {"cpu_level", options.worker.executor.cpuLevel},
        {"trace", options.worker.trace},
        {"predictions", options.predictions},
        {"samples", options.worker.run.samples}}}};
  cli::print(printJson(out));
  return absl::OkStatus();
}

/// Options whose values are words or units.
absl::Status readChoices(Options &options) {
  std::string mode;
  HEDDLE_RETURN_IF_ERROR(choose<std::string>(
      "--mode", options.mode, {{"train", "train"}, {"infer", "infer"}}, mode));
  using Parts = train::PredictionParts;
  train::WorkerOptions &worker = options.worker;
  HEDDLE_RETURN_IF_ERROR(choose<Parts>(
      "--predictions", options.predictions,
      {{"none", Parts::None}, {"test", Parts::Test}, {"all", Parts::All}}, worker.run.predictions));
  HEDDLE_RETURN_IF_ERROR(choose<ProgressMode>("--progress", options.progress,
                                              {{"auto", ProgressMode::Auto},
                                               {"never", ProgressMode::Never},
                                               {"always", ProgressMode::Always}},
                                              worker.run.progress));
  HEDDLE_ASSIGN_OR_RETURN(options.deviceChoice, cuda::parseDevice(options.device));
  HEDDLE_RETURN_IF_ERROR(cuda::checkDevice(options.deviceChoice));
  using Way = cuda::TransportChoice;
  HEDDLE_RETURN_IF_ERROR(choose<Way>(
      "--transport", options.transport,
      {{"auto", Way::Auto}, {"host", Way::Host}, {"nccl", Way::Nccl}}, options.transportChoice));
  if (options.transportChoice == Way::Nccl && !options.deviceChoice.cuda)
    return invalidArgument("--transport nccl: is for GPUs; add --device=cuda, or leave it out");
  if (!options.memory.empty()) {
    auto bytes = parseBytes(options.memory);
    if (!bytes.ok())
      return withPrefix(bytes.status(), "--memory: ");
    worker.executor.memoryLimit = *bytes;
  }
  HEDDLE_RETURN_IF_ERROR(readCache(options.cache,
                                   {options.mode == "infer", options.deviceChoice.cuda,
                                    worker.run.output},
                                   worker.executor.cache));
  worker.executor.overlap = !options.noOverlap;
  worker.timeout = std::chrono::milliseconds(std::llround(options.timeout * 1000));
  return absl::OkStatus();
}

/// Options of the other mode say nothing here: better told than ignored.
absl::Status checkMode(const CLI::App &app, const std::string &mode,
                       const std::vector<CLI::Option *> &onlyInference) {
  auto given = [&](const CLI::Option *option) { return option->count() > 0; };
  if (mode == "infer") {
    for (const char *name : {"--epochs", "--lr", "--sparse-lr", "--lr-schedule", "--warmup-steps",
                             "--step-size", "--gamma", "--min-lr", "--runs", "--workers",
                             "--transport", "--predictions", "--samples"})
      if (app.count(name) > 0)
        return invalidArgument(std::string(name) + ": is for training; leave it out with --mode infer" +
                               (std::string(name) == "--predictions" ? ", or use --predict" : ""));
    return absl::OkStatus();
  }
  for (const CLI::Option *option : onlyInference)
    if (given(option))
      return invalidArgument("--" + option->get_lnames().front() + ": is for --mode infer");
  return absl::OkStatus();
}

/// How many workers there are: as many as another launcher started, or as --workers says.
absl::Status countWorkers(Options &options, const launch::LaunchEnvironment &environment,
                          const plan::PlanT &plan) {
  train::WorkerOptions &worker = options.worker;
  const bool joins = environment.workers > 1;
  if (joins && options.workers && *options.workers != environment.workers)
    return invalidArgument("--workers " + std::to_string(*options.workers) + ": " +
                           environment.description + " started " +
                           std::to_string(environment.workers) +
                           "; leave --workers out there, or give the same number");
  worker.workers = joins ? environment.workers : options.workers.value_or(1);
  worker.rank = environment.rank;
  worker.address = environment.address;
  if (worker.workers <= int64_t(plan.partitions))
    return absl::OkStatus();
  std::string count = std::to_string(plan.partitions);
  return invalidArgument(
      (joins ? environment.description : "--workers") + ": " + std::to_string(worker.workers) +
      " workers, but " + options.plan + " has only " + count +
      (plan.partitions == 1 ? " partition" : " partitions") + " to share among them; start " +
      (plan.partitions == 1 ? "one worker" : "at most " + count) +
      ", or recompile with heddle-compile --partitions " + std::to_string(worker.workers));
}

/// "trace.json" -> "trace.rank1.json".
std::string ownName(const std::string &path, int rank) {
  std::filesystem::path whole(path);
  std::string extension = whole.extension();
  return path.substr(0, path.size() - extension.size()) + ".rank" + std::to_string(rank) +
         extension;
}

/// What can be refused without reading data.
absl::Status checkOutputs(const Options &options, bool mayLead, int firstRank, int lastRank) {
  const train::RunOptions &run = options.worker.run;
  if (options.graph.empty())
    return invalidArgument(
        "--graph is required; give the graph directory written by heddle-import");
  if (run.output.empty())
    return invalidArgument("-o is required; name the folder for the results");
  if (mayLead) // another worker may be writing there already
    HEDDLE_RETURN_IF_ERROR(train::RunFolder::check(run.output, run.force));
  const std::string &trace = options.worker.trace;
  for (int rank = firstRank; rank <= lastRank && !trace.empty() && !run.force; ++rank) {
    std::string path = options.worker.workers > 1 ? ownName(trace, rank) : trace;
    std::error_code error;
    if (std::filesystem::exists(path, error))
      return alreadyExists(path + ": already exists; choose another name or pass --force");
  }
  return absl::OkStatus();
}

/// Starts the workers, which do the same again, and says what became of them.
absl::StatusOr<int> launchAll(const Options &options, int partitions) {
  // Transports count partitions as ranks, so a worker is a rank only where it hosts one.
  std::vector<std::string> names;
  for (int worker = 0; worker < options.worker.workers; ++worker) {
    auto [first, last] = train::partitionsOf(worker, options.worker.workers, partitions);
    std::string ranks = "rank " + std::to_string(first);
    if (last - first > 1)
      ranks = "ranks " + std::to_string(first) + " to " + std::to_string(last - 1);
    bool one = options.worker.workers == partitions;
    names.push_back(one ? ranks : "worker " + std::to_string(worker) + " (" + ranks + ")");
  }
  auto code = cli::launchWorkers(names, options.arguments, options.worker.timeout);
  const std::string partial = train::RunFolder::partialOf(options.worker.run.output);
  std::error_code error;
  if (code.ok() || messageOf(code.status()).find(partial) != std::string::npos ||
      !std::filesystem::exists(partial, error))
    return code;
  std::string message = messageOf(code.status()) + "; what was saved until then is in " + partial;
  return absl::Status(code.status().code(), absl::string_view(message.data(), message.size()));
}

/// What all work on a graph begins with.
absl::StatusOr<std::shared_ptr<graph::GraphStore>> openGraph(Options &options) {
  train::WorkerOptions &worker = options.worker;
  HEDDLE_ASSIGN_OR_RETURN(worker.run.planChecksum, checksumOfFile(options.plan));
  HEDDLE_ASSIGN_OR_RETURN(std::unique_ptr<graph::GraphStore> opened,
                          graph::GraphStore::open(options.graph));
  worker.run.planFile = options.plan;
  worker.run.graphDirectory = options.graph;
  worker.run.version = cli::version();
  return std::shared_ptr<graph::GraphStore>(std::move(opened));
}

/// Infers with the weights of an earlier run. Returns the exit code.
absl::StatusOr<int> infer(Options &options, std::shared_ptr<const plan::PlanT> plan,
                          const train::TrainSettings &settings) {
  train::WorkerOptions &worker = options.worker;
  HEDDLE_ASSIGN_OR_RETURN(auto graph, openGraph(options));
  exec::ExecutorOptions executor = worker.executor;
  executor.seed = settings.seed;
  options.inference.memoryLimit = executor.memoryLimit;
  exec::Trace trace;
  if (!worker.trace.empty())
    executor.trace = &trace;
  executor.device = cuda::deviceFactory(options.deviceChoice, executor.partition);
  HEDDLE_ASSIGN_OR_RETURN(auto made, exec::Executor::create(plan, graph, executor));
  cli::catchInterrupts("\nheddle-run: stopping after this step; again to abort\n");
  HEDDLE_ASSIGN_OR_RETURN(auto outcome,
                          train::runInference(*plan, *graph, *made, settings, worker.run,
                                              options.inference, cli::interrupted));
  made.reset();
  if (!worker.trace.empty())
    HEDDLE_RETURN_IF_ERROR(trace.write(worker.trace));
  cli::print(outcome.summary);
  return outcome.interrupted ? cli::interruptedExitCode : 0;
}

/// Trains on this worker. Returns the exit code.
absl::StatusOr<int> work(Options &options, std::shared_ptr<const plan::PlanT> plan,
                         const train::TrainSettings &settings,
                         const launch::LaunchEnvironment &environment, launch::WorkerLink *link) {
  train::WorkerOptions &worker = options.worker;
  if (worker.workers > 1 && !worker.trace.empty())
    worker.trace = ownName(worker.trace, worker.rank);
  if (worker.executor.threads == 0)
    worker.executor.threads = std::max(1, availableCores() / environment.coreSharers);
  HEDDLE_ASSIGN_OR_RETURN(auto graph, openGraph(options));
  if (link)
    worker.run.activity = [link](std::string_view activity) { link->setActivity(activity); };
  auto make = [&](exec::ExecutorOptions executor)
      -> absl::StatusOr<std::unique_ptr<exec::Executor>> {
    if (options.cache.hotness == "presampled") {
      HEDDLE_ASSIGN_OR_RETURN(executor.cache.presample,
                              train::presampleBatches(*plan, *graph, executor.seed));
    }
    executor.device = cuda::deviceFactory(options.deviceChoice, executor.partition);
    return exec::Executor::create(plan, graph, executor);
  };
  if (options.deviceChoice.cuda)
    worker.transport = [&](transport::ConnectionPair &pair,
                           int partition) -> absl::StatusOr<std::string> {
      HEDDLE_ASSIGN_OR_RETURN(auto chosen,
                              cuda::putNcclOn(pair, options.deviceChoice, options.transportChoice,
                                              uint32_t(partition)));
      if (partition == 0 && !chosen.remark.empty())
        std::cerr << "remark: " << chosen.remark << "\n";
      return chosen.name;
    };
  cli::catchInterrupts(
      worker.rank > 0 ? ""
                      : "\nheddle-run: stopping after this step, then saving; again to abort\n");
  auto outcome = train::runWorker(*plan, *graph, make, settings, worker, cli::interrupted);
  if (outcome.status().code() == absl::StatusCode::kDeadlineExceeded) {
    std::string message =
        messageOf(outcome.status()) + "; if that worker is only slow, raise --timeout";
    return absl::DeadlineExceededError(absl::string_view(message.data(), message.size()));
  }
  HEDDLE_RETURN_IF_ERROR(outcome.status());
  if (worker.rank > 0) // rank 0 speaks for all
    return 0;
  cli::print(outcome->summary);
  return outcome->interrupted ? cli::interruptedExitCode : 0;
}

absl::StatusOr<int> trainPlan(Options &options, const launch::LaunchEnvironment &environment,
                              launch::WorkerLink *link) {
  HEDDLE_RETURN_IF_ERROR(readChoices(options));
  HEDDLE_ASSIGN_OR_RETURN(std::unique_ptr<plan::PlanT> loaded, plan::loadPlan(options.plan));
  std::shared_ptr<const plan::PlanT> plan(std::move(loaded));
  HEDDLE_ASSIGN_OR_RETURN(train::TrainSettings settings,
                          train::readTrainSettings(*plan, options.plan, options.overrides));
  HEDDLE_RETURN_IF_ERROR(checkCache(options.worker.executor.cache, *plan, options.plan));
  HEDDLE_RETURN_IF_ERROR(countWorkers(options, environment, *plan));
  if (options.printConfig) {
    HEDDLE_RETURN_IF_ERROR(printConfig(*plan, settings, options));
    return 0;
  }
  const bool launches = environment.workers == 1 && options.worker.workers > 1;
  HEDDLE_RETURN_IF_ERROR(checkOutputs(options, options.worker.rank == 0, options.worker.rank,
                                      launches ? options.worker.workers - 1 : options.worker.rank));
  if (options.mode == "infer") {
    HEDDLE_RETURN_IF_ERROR(train::checkInference(*plan, options.inference));
    return infer(options, plan, settings);
  }
  if (!launches)
    return work(options, plan, settings, environment, link);
  // What is wrong with the graph and the kernels is better said once. Nothing of it is kept: the
  // workers have their own.
  HEDDLE_RETURN_IF_ERROR(graph::GraphStore::open(options.graph).status());
  if (!options.deviceChoice.cuda)
    HEDDLE_RETURN_IF_ERROR(
        exec::KernelLibrary::load(*plan, options.worker.executor.cpuLevel).status());
  const int partitions = int(plan->partitions);
  plan.reset();
  return launchAll(options, partitions);
}

/// A worker of our own launcher tells it why it failed, so that the user is told once.
absl::StatusOr<int> trainOrTell(Options &options) {
  HEDDLE_ASSIGN_OR_RETURN(launch::LaunchEnvironment environment,
                          launch::readLaunchEnvironment(launch::processEnvironment()));
  HEDDLE_ASSIGN_OR_RETURN(std::unique_ptr<launch::WorkerLink> link,
                          launch::WorkerLink::fromEnvironment());
  if (link)
    link->setActivity("starting");
  auto code = trainPlan(options, environment, link.get());
  if (code.ok() || !link)
    return code;
  link->setFailure(train::severityOf(code.status()), messageOf(code.status()));
  return exitCodeOf(code.status());
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app;
  cli::setUp(
      app, "heddle-run",
      "Train the model of a plan on a graph; evaluate; write weights, predictions, metrics.\n"
      "Or infer, with weights of an earlier run, on any graph of the same schema.\n"
      "A plan is a program: run only plans you trust.",
      "  heddle-run wn.plan --graph wn/ -o runs/wn\n"
      "  heddle-run wn.plan --graph wn/ -o runs/wn5 --runs 5 --epochs 30 --lr 0.005\n"
      "  heddle-run wn.plan --graph wn/ -o runs/wn --threads 8 --memory 4GiB\n"
      "  heddle-run mag.plan --graph mag/ -o runs/mag --cache greedy --cache-memory 2GiB\n"
      "  heddle-run wn4.plan --graph wn/ -o runs/wn4 --workers 4 --timeout 60\n"
      "  mpirun -n 4 heddle-run wn4.plan --graph wn/ -o runs/wn4\n"
      "  torchrun --no-python --nproc-per-node 4 heddle-run wn4.plan --graph wn/ -o runs/wn4\n"
      "  heddle-run wn.plan --graph wn/ -o runs/wn --trace wn-trace.json\n"
      "  heddle-run wn.plan --print-config --epochs 3\n"
      "  heddle-run wn.plan --graph wn/ --mode infer --restore runs/wn -o predicted/wn\n"
      "  heddle-run wn.plan --graph wn/ --mode infer --restore runs/wn --predict none --embed noun -o rows/wn\n"
      "Ctrl-C once ends after the current step and saves (exit code 130), twice aborts.\n");
  Options options;
  app.add_option("plan", options.plan, "Plan file written by heddle-compile")->required();
  app.add_option("--graph", options.graph, "Graph directory written by heddle-import");
  app.add_option("-o,--output", options.worker.run.output, "Folder for the results");
  app.add_flag("--force", options.worker.run.force, "Replace an existing results folder");
  app.add_flag("--print-config", options.printConfig,
               "Print the configuration with every default and override, and exit");
  app.add_option("--mode", options.mode, "train (the default) or infer");
  const char *inference = "Inference (--mode infer): layer by layer over all nodes, all neighbours";
  std::vector<CLI::Option *> onlyInference;
  auto infers = [&](CLI::Option *option) {
    onlyInference.push_back(option);
    return option->group(inference);
  };
  infers(app.add_option("--restore", options.inference.restore,
                        "Weights: a run folder (its best state), its best/ or last/, or a file"));
  infers(app.add_option("--restore-graph", options.inference.restoreGraph,
                        "Graph directory that the weights were trained on, where it is another one than "
                        "--graph and no longer where it was (learnable rows go by the ids of nodes)"));
  infers(app.add_option("--predict", options.inference.predict,
                        "Nodes of the target type: all (the default), train, valid, test, none, or a file "
                        "with an id a line"))
      ->type_name("NODES");
  infers(app.add_option("--embed", options.inference.embed,
                        "Also write the rows that the last layer takes of this node type; repeatable"))
      ->type_name("TYPE");
  infers(app.add_option("--infer-batch-size", options.inference.batchSize,
                        "Rows of a layer in one step (8192)"))
      ->check(CLI::Range(int64_t(1), int64_t(1) << 31))
      ->type_name("ROWS");
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
  app.add_option("--runs", options.worker.run.runs,
                 "Train under this many seeds, seed, seed + 1, ...")
      ->check(CLI::Range(1, 1000))
      ->group(training);
  const char *machine = "Machine";
  app.add_option("--workers", options.workers,
                 "Processes to start here for the plan's partitions (1; at most one each)")
      ->type_name("N")
      ->check(CLI::Range(1, 4096))
      ->group(machine);
  app.add_option("--timeout", options.timeout,
                 "Seconds that workers wait for each other before all end (30)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 1e6))
      ->group(machine);
  app.add_option("--device", options.device,
                 "Where to compute: cpu, cuda (worker k on GPU k modulo how many there are) or cuda:N; "
                 "for a GPU the plan has to be compiled with --gpu")
      ->group(machine);
  app.add_option(
         "--transport", options.transport,
         "How GPUs exchange arrays of a step: nccl (from device to device), host (through the "
         "host's memory) or auto, the default: nccl where each partition has a process and a GPU "
         "of its own and NCCL is installed")
      ->type_name("WAY")
      ->group(machine);
  app.add_option("--threads", options.worker.executor.threads,
                 "Compute threads of each worker (0: one per core, shared by the workers)")
      ->check(CLI::Range(0, 4096))
      ->group(machine);
  app.add_flag("--no-overlap", options.noOverlap, "Sample and compute one after the other")
      ->group(machine);
  app.add_option("--memory", options.memory,
                 "Most memory for batches of each worker, for example 4GiB")
      ->group(machine);
  addCacheOptions(app, options.cache, options.worker.executor.cache, machine);
  app.add_option("--cpu-level", options.worker.executor.cpuLevel,
                 "Force the code for a CPU level, for example x86-64-v2")
      ->group(machine);
  const char *reporting = "Output";
  app.add_option("--trace", options.worker.trace,
                 "Write a Chrome/Perfetto trace of every op to this file (several workers: one "
                 "file each, NAME.rankK.json)")
      ->group(reporting);
  app.add_option("--predictions", options.predictions,
                 "Nodes in predictions.csv: none, test or all (valid and test; the default)")
      ->type_name("PARTS")
      ->group(reporting);
  app.add_option("--samples", options.worker.run.samples, "Example predictions in the summary")
      ->check(CLI::Range(0, 1000))
      ->group(reporting);
  app.add_option("--progress", options.progress, "auto, never or always")
      ->type_name("WHEN")
      ->group(reporting);
  std::map<std::string, std::string> ignored;
  std::vector<std::pair<CLI::Option *, const char *>> refused;
  for (const auto &[option, key] : compiledIn)
    refused.emplace_back(app.add_option(option, ignored[option], "")->expected(0, 1)->group(""),
                         key);
  options.arguments.assign(argv, argv + argc);
  int ownCode = 0;
  int code = cli::run(app, argc, argv,
                      {{"--num-epochs", "--epochs"},
                       {"--learning-rate", "--lr"},
                       {"--sparse-optimizer-lr", "--sparse-lr"},
                       {"--num-threads", "--threads"},
                       {"--output-dir", "--output"},
                       {"--save-model-path", "--output"},
                       {"--num-runs", "--runs"},
                       {"--num-workers", "--workers"},
                       {"--num-trainers", "--workers"},
                       {"--nproc-per-node", "--workers"},
                       {"--profile", "--trace"}},
                      [&]() -> absl::Status {
                        for (const auto &[option, key] : refused)
                          if (option->count() > 0)
                            return refuse("--" + option->get_lnames().front(), key);
                        HEDDLE_RETURN_IF_ERROR(checkMode(app, options.mode, onlyInference));
                        HEDDLE_ASSIGN_OR_RETURN(ownCode, trainOrTell(options));
                        return absl::OkStatus();
                      });
  return code == 0 ? ownCode : code;
}
