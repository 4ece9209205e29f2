//===- Differential.cpp - phases, plans and derivatives on random cases ----===//
//
// Part of Heddle, under the Apache License v2.0.
//
// heddle_differential --count N [--first-seed S] [--verbose]
// heddle_differential --graph DIR --model SPEC
//
// Each seed makes a random schema, graph and spec (tests/unit/compiler/RandomGraph.h) and checks,
// on a batch of training nodes with the same keys:
// Rewrites that the cost model decides are made wherever they can be, by its choice or not at all,
// as the seed says.
//  1. The interpreter (fp64) gives the same loss and logits on every phase, the same gradients and
//     states after the step on training and kernels, fused and with one op a kernel: 1e-12
//     normwise; gradients of the largest of their own norm and 1e-2 of the norm of all.
//  2. The derivative of the model phase along a random direction, by dual numbers, is <gradient,
//     direction> of the training phase: 1e-10. Every fourth seed: central differences agree, 1e-6.
//  3. The compiled plan on this CPU gives the interpreter's logits and loss (eval_step), loss and
//  all
//     states after one train_step: 1e-5 normwise, and losses of five sgd steps within 1e-4.
//     Adam's first update is lr * g / (|g| + eps), a sign: where the gradient is small against the
//     tensor's largest, rounding decides it. So moments are compared as gradients, and parameters
//     only where |g| is over 1e-3 of the largest and over 1e-5 of the norm of all (a bias of keys
//     that a softmax hardly sees has a gradient of terms that cancel), or where both sides have a
//     moment of exactly 0. Gradients are measured against the largest of the tensor's own norm and
//     1e-2 of the norm of all gradients, and 1e-2: some are rounding only (a bias that a layer norm
//     takes out again), and with balanced class weights terms of size 1 cancel in the gradient of
//     the last bias. What is still over 1e-5 may be off by 8 times what rounding the states alone
//     would do to it in fp64, up to 1e-3: layer norms over nearly equal numbers are
//     ill-conditioned. The same of a plan of two, three, as many partitions as there are root links
//     or two more, in a mode that the seed chooses, run by threads; copies of states have the same
//     bits, and the bytes sent, by class, are those that the interpreter counts.
//  4. Every fourth seed: states after five steps have the same bits for 1, 2, 3 and 8 threads, with
//     overlap and without.
// ctest runs 20 seeds; `bin/heddle_differential --count 200` is the full run.
// With a graph directory and a spec of one's own the same is checked on them, but derivatives along
// one direction over all states only: a real graph's steps in the interpreter take seconds.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/differential/Differential.h"
#include "compiler/driver/Compile.h"
#include "compiler/frontend/BuildModel.h"
#include "compiler/interpreter/Interpreter.h"
#include "compiler/plan/PlanWriter.h"
#include "runtime/base/CpuLevel.h"
#include "runtime/graph/GraphStore.h"
#include "tests/e2e/differential/PlanRun.h"
#include "tests/unit/compiler/RandomGraph.h"
#include "tests/unit/support/Combine.h"

#include "mlir/IR/Diagnostics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <unistd.h>

using namespace heddle;
using namespace heddle::test;
using compiler::InterpreterInput;
using compiler::InterpreterResult;
using compiler::NumericArray;
using compiler::NumericArrays;

namespace {

std::string keptCases; ///< see keepCasesIn

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "heddle_diff_XXXXXX").string();
    if (!mkdtemp(pattern.data()))
      std::perror("mkdtemp"), std::exit(2);
    path = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

class Case {
public:
  Case(uint64_t seed, Findings &findings, bool verbose)
      : seed(seed), findings(findings), verbose(verbose), random(seed * 7919 + 5) {}
  /// A case of the user's: no random one is made.
  Case(RandomCase given, Findings &findings, bool verbose)
      : findings(findings), verbose(verbose), isGiven(true), made(std::move(given)) {}

  absl::Status run() {
    HEDDLE_RETURN_IF_ERROR(prepare());
    HEDDLE_RETURN_IF_ERROR(comparePhases());
    HEDDLE_RETURN_IF_ERROR(compareDerivatives());
    HEDDLE_RETURN_IF_ERROR(comparePlan(*planModule));
    return comparePartitions();
  }
  const std::string &name() const { return made.name; }

private:
  using Module = mlir::OwningOpRef<mlir::ModuleOp>;

  absl::Status prepare() {
    if (!isGiven) {
      HEDDLE_ASSIGN_OR_RETURN(made, makeRandomCase(seed, folder.path));
    }
    if (verbose)
      std::printf("seed %llu: %s\n%s\n", (unsigned long long)seed, made.name.c_str(),
                  made.spec.c_str());
    HEDDLE_ASSIGN_OR_RETURN(store, graph::GraphStore::open(made.graphDirectory));
    HEDDLE_ASSIGN_OR_RETURN(spec::ModelSpec written, spec::parseModelSpec(made.spec, made.name));
    HEDDLE_ASSIGN_OR_RETURN(spec::ResolvedSpec resolved, spec::resolve(written, store->schema()));
    spec = resolved.spec;

    compiler::prepareContext(context);
    Module module = compiler::buildModel(context, spec, store->schema());
    if (!module)
      return invalidArgument("no model could be built");
    if (!isGiven && spec.model.encoder != "hgt" && spec.model.encoder != "simplehgn" &&
        spec.model.encoder != "han")
      setCombine(*module, *hgnn::symbolizeCombine(made.combine));
    compiler::PhaseOptions keepGradients, oneOpEach, fused;
    keepGradients.optimize = optimize = optimizations();
    keepGradients.keepGradients = oneOpEach.keepGradients = true;
    oneOpEach.maxFused = 1;
    HEDDLE_RETURN_IF_ERROR(compiler::runPhases(
        *module, "model", "kernels", keepGradients,
        [&](const std::string &phase) { phases[phase] = Module(module->clone()); }));
    Module single(phases["training"]->clone());
    HEDDLE_RETURN_IF_ERROR(compiler::runPhases(*single, "training", "kernels", oneOpEach, {}));
    phases["kernels, one op each"] = std::move(single);
    planModule = Module(phases["training"]->clone());
    HEDDLE_RETURN_IF_ERROR(compiler::runPhases(*planModule, "training", "kernels", fused, {}));

    HEDDLE_ASSIGN_OR_RETURN(graph::SplitView split,
                            store->split(store->schema().nodeTypeId(spec.task.targetNtype),
                                         spec.task.label, spec.task.split));
    train.assign(split.train, split.train + split.numTrain);
    nodes = store->schema()
                .nodeTypes[size_t(store->schema().nodeTypeId(spec.task.targetNtype))]
                .numNodes;
    for (int step = 0; step < 5; ++step)
      batches.push_back(pickSome(train, spec.train.batchSize));
    return absl::OkStatus();
  }

  /// Rewrites wherever they can be, by the cost model, and left out: the seed chooses.
  compiler::Optimizations optimizations() const {
    static const char *const choices[] = {"on", "auto", "off", "on"};
    compiler::Optimizations made;
    made.reorderProducts = choices[seed % 4];
    made.compactSources = choices[seed / 4 % 4];
    made.aggregateFirst = choices[(seed + seed / 4) % 4];
    made.stitchRelations = choices[seed / 2 % 4];
    made.groupProducts = choices[seed / 3 % 4];
    made.recompute = choices[(seed / 5 + 1) % 4];
    return made;
  }

  /// A random subset, ascending.
  std::vector<int64_t> pickSome(std::vector<int64_t> from, int64_t size) {
    for (size_t i = from.size(); i > 1; --i)
      std::swap(from[i - 1], from[random() % i]);
    if (size > 0 && size_t(size) < from.size())
      from.resize(size_t(size));
    std::sort(from.begin(), from.end());
    return from;
  }

  InterpreterInput input(uint32_t step) const {
    InterpreterInput in;
    in.graph = store.get();
    in.seeds = batches[step];
    in.seed = seed + 100;
    in.step = step;
    return in;
  }

  absl::StatusOr<InterpreterResult> interpret(const std::string &phase, const std::string &entry,
                                              const InterpreterInput &in) {
    auto result = compiler::interpret(*phases.at(phase), entry, in);
    if (llvm::failed(result))
      return invalidArgument("the interpreter failed on the " + phase + " phase");
    return *result;
  }

  absl::Status comparePhases() {
    InterpreterInput eval = input(0);
    // Unlabelled rows and rows of other splits too.
    std::vector<int64_t> all;
    for (int64_t node = 0; node < nodes; ++node)
      all.push_back(node);
    eval.seeds = evalSeeds = pickSome(all, spec.eval.batchSize);
    for (const char *entry : {"train_step", "eval_step"}) {
      const InterpreterInput in = *entry == 't' ? input(1) : eval;
      HEDDLE_ASSIGN_OR_RETURN(InterpreterResult model, interpret("model", entry, in));
      HEDDLE_ASSIGN_OR_RETURN(InterpreterResult training, interpret("training", entry, in));
      for (const auto &[phase, module] : phases) {
        std::string where = phase + " phase, " + entry;
        HEDDLE_ASSIGN_OR_RETURN(InterpreterResult result, interpret(phase, entry, in));
        for (const char *output : {"loss", "logits", "ids"})
          compareArrays(findings, where, result.outputs, model.outputs, output, 1e-12, 1e-12);
        if (phase.rfind("kernels", 0) == 0)
          compareUpdates(where, std::move(result), training.outputs, training.states);
      }
    }
    return absl::OkStatus();
  }

  /// Gradients, and the states after the step. The kernels phase may add in another order than the
  /// training phase; where all terms of a gradient cancel (a bias of keys under a softmax of one
  /// relation) what is left is their rounding, and so is the step that is made of it.
  void compareUpdates(const std::string &where, InterpreterResult result,
                      const NumericArrays &gradients, NumericArrays states) {
    double all = 0;
    for (const auto &[name, array] : gradients)
      if (name.rfind("grad:", 0) == 0)
        all = std::hypot(all, normOf(array.data));
    for (const auto &[name, array] : gradients) {
      if (name.rfind("grad:", 0) != 0 || normOf(array.data) > 1e-13 * all)
        continue;
      const std::string own = name.substr(5);
      auto isOf = [&](const auto &state) {
        return state.first == own || state.first.rfind(own + ".moment", 0) == 0;
      };
      std::erase_if(states, isOf);
      std::erase_if(result.states, isOf);
    }
    compareArrays(findings, where, result.outputs, gradients, "grad:", 1e-12,
                  std::max(1e-14, 1e-2 * all));
    compareArrays(findings, where, result.states, states, "", 1e-12);
  }

  NumericArrays randomLike(const NumericArrays &like, double scale) {
    NumericArrays out = like;
    for (auto &[name, array] : out)
      for (double &value : array.data)
        value = scale * (2 * (double(random() >> 11) * 0x1p-53) - 1);
    return out;
  }

  /// Gradients over whole states: rows of tables put where their nodes are.
  static void spreadRows(NumericArrays &gradients, const NumericArrays &outputs,
                         const NumericArrays &states) {
    for (const auto &[output, rows] : outputs) {
      if (output.rfind("rows:", 0) != 0)
        continue;
      std::string name = output.substr(5);
      NumericArray &gradient = gradients[name];
      NumericArray whole = states.at(name);
      std::fill(whole.data.begin(), whole.data.end(), 0);
      size_t width = whole.shape.back();
      for (size_t i = 0; i < rows.data.size(); ++i)
        for (size_t j = 0; j < width; ++j)
          whole.data[size_t(rows.data[i]) * width + j] += gradient.data[i * width + j];
      gradient = whole;
    }
  }

  absl::Status compareDerivatives() {
    InterpreterInput in = input(1);
    // Away from the initial values, which put zeros at the kinks of relu.
    HEDDLE_ASSIGN_OR_RETURN(InterpreterResult start, interpret("model", "train_step", in));
    in.states = start.states;
    NumericArrays noise = randomLike(start.states, 0.1);
    for (auto &[name, array] : in.states)
      for (size_t i = 0; i < array.data.size(); ++i)
        array.data[i] += noise[name].data[i];

    Module module(phases["training"]->clone());
    module->walk([](hgnn::RowOptimizerStepOp op) {
      mlir::OpBuilder builder(op);
      hgnn::OutputOp::create(builder, op.getLoc(),
                             builder.getStringAttr("rows:" + op.getState().str()), op.getIds());
    });
    auto result = compiler::interpret(*module, "train_step", in);
    if (llvm::failed(result))
      return invalidArgument("the interpreter failed on the training phase with gradients");
    NumericArrays gradients;
    for (const auto &[name, array] : result->outputs)
      if (name.rfind("grad:", 0) == 0)
        gradients[name.substr(5)] = array;
    spreadRows(gradients, result->outputs, in.states);

    NumericArrays direction = randomLike(start.states, 1);
    HEDDLE_RETURN_IF_ERROR(compareDirection("all states", in, direction, gradients, seed % 4 == 0));
    if (isGiven)
      return absl::OkStatus();
    for (const auto &[name, array] : start.states) // one tensor at a time shows which one is wrong
      HEDDLE_RETURN_IF_ERROR(
          compareDirection(name, in, {{name, direction[name]}}, gradients, seed % 16 == 0));
    return absl::OkStatus();
  }

  absl::Status compareDirection(const std::string &what, const InterpreterInput &in,
                                const NumericArrays &direction, const NumericArrays &gradients,
                                bool differences) {
    auto exact = compiler::directionalDerivative(*phases["model"], "train_step", in, direction);
    if (llvm::failed(exact))
      return invalidArgument("the interpreter failed on dual numbers");
    double got = dot(direction, gradients), scale = std::abs(*exact);
    for (const auto &[name, array] : direction)
      if (auto found = gradients.find(name); found != gradients.end())
        scale = std::max(scale, 0.1 * normOf(array.data) * normOf(found->second.data));
    scale = std::max(scale, 1e-6);
    findings.within("training phase", "gradient along " + what, std::abs(got - *exact) / scale,
                    1e-10);
    if (!differences)
      return absl::OkStatus();
    // A kink within the step spoils a difference, not the next smaller one. A real graph's millions
    // of relu units have some within any step of a random case's, each with an error of order h.
    double best = std::numeric_limits<double>::infinity();
    for (double h : {1e-5, 1e-6, 1e-7, 1e-8, 1e-9}) {
      double losses[2];
      for (int side = 0; side < 2; ++side) {
        InterpreterInput moved = in;
        for (const auto &[name, array] : direction)
          for (size_t i = 0; i < array.data.size(); ++i)
            moved.states[name].data[i] += (side ? h : -h) * array.data[i];
        HEDDLE_ASSIGN_OR_RETURN(InterpreterResult result,
                                interpret("training", "train_step", moved));
        losses[side] = result.outputs["loss"].data[0];
      }
      double off = std::abs((losses[1] - losses[0]) / (2 * h) - got) / std::max(scale, 1e-3);
      if (verbose)
        std::printf("central difference along %s, h = %.0e: off by %.1e\n", what.c_str(), h, off);
      best = std::min(best, off);
      if (best <= 1e-6)
        break;
    }
    findings.within("training phase", "central difference along " + what, best, 1e-6);
    return absl::OkStatus();
  }

  std::string ofPlan(const std::string &what) const {
    return "plan" + (variant.empty() ? "" : " (" + variant + ")") + ", " + what;
  }

  /// The same with the step cut: one way that the seed chooses, or of a given case several.
  absl::Status comparePartitions() {
    Module links(phases["metatree"]->clone());
    HEDDLE_RETURN_IF_ERROR(compiler::runPhases(*links, "metatree", "raf", {}, {}));
    std::set<std::string> names;
    links->walk([&](hgnn::PartialOp partial) { names.insert(partial.getLink()->str()); });
    const int64_t most = int64_t(names.size());
    const bool onlySelf = most == 1 && names.count("self");
    const bool couples = spec.model.encoder == "han";
    compiler::PhaseOptions cut;
    cut.weights = seed % 3 == 2 ? "heta" : "sampled";
    cut.split = seed % 4 == 1 ? "balance" : "needed";
    cut.optimize = optimize;
    auto compare = [&](const char *order, const char *exchange, int64_t partitions) {
      cut.order = order;
      cut.exchange = exchange;
      cut.partitions = partitions;
      if (partitions < 2 || (cut.order == "raf" && partitions > most && onlySelf)) // nothing to cut
        return absl::OkStatus();
      // A mean over the batch is taken of whole links at the seeds.
      if (couples && (cut.order != "raf" || partitions > most || spec.model.numLayers > 1))
        return absl::OkStatus();
      return compareCut(cut, cut.order == "raf" ? cut.exchange : cut.order);
    };
    if (!isGiven) {
      HEDDLE_RETURN_IF_ERROR(
          compare("raf", seed % 2 ? "leader" : "replicated",
                  seed % 3 ? 1 + int64_t(seed % 3) : most + int64_t(seed % 2) * 2));
      return compare("vanilla", "replicated", 2 + int64_t(seed % 3));
    }
    for (int64_t partitions : {2, 4}) {
      HEDDLE_RETURN_IF_ERROR(compare("raf", "replicated", partitions));
      HEDDLE_RETURN_IF_ERROR(compare("raf", "leader", partitions));
      HEDDLE_RETURN_IF_ERROR(compare("vanilla", "replicated", partitions));
    }
    return absl::OkStatus();
  }

  absl::Status compareCut(const compiler::PhaseOptions &cut, const std::string &way) {
    variant = std::to_string(cut.partitions) + " partitions, " + way;
    Module module(phases["metatree"]->clone());
    HEDDLE_RETURN_IF_ERROR(
        compiler::runPhases(*module, "metatree", "kernels", cut, [&](const std::string &phase) {
          if (phase == "training")
            cutTraining = Module(module->clone());
        }));
    return comparePlan(*module);
  }

  /// Bytes that a training step of the cut plan sends, by the interpreter's count.
  absl::Status compareBytes(const PlanRun &run, const std::map<std::string, int64_t> &before) {
    if (!cutTraining)
      return absl::OkStatus();
    auto counted = compiler::interpret(*cutTraining, "train_step", input(0));
    if (llvm::failed(counted))
      return invalidArgument("the interpreter failed on the partitions");
    std::map<std::string, int64_t> sent = run.sentBytes();
    for (const char *name :
         {"activations", "dense_gradients", "embedding_rows", "remote_features"}) {
      int64_t wanted = counted->bytes[name];
      auto was = before.find(name);
      int64_t got = sent[name] - (was == before.end() ? 0 : was->second);
      if (got != wanted)
        findings.add(ofPlan("train_step"), std::string(name) + ": " + std::to_string(got) +
                                               " bytes were sent, the interpreter counts " +
                                               std::to_string(wanted));
    }
    return absl::OkStatus();
  }

  absl::Status comparePlan(mlir::ModuleOp planModule) {
    compiler::PlanWriterOptions writer;
    writer.schemaFingerprint = store->schema().schemaFingerprint;
    writer.statisticsFingerprint = store->schema().dataFingerprint;
    for (const std::string &level : cpuLevels())
      if (writer.targets.empty() || seed % 8 == 1) // all of them now and then
        writer.targets.push_back(level);
    if (!keptCases.empty())
      writer.targets.push_back(compiler::gpuTargets().front());
    auto written = compiler::writePlan(planModule, writer);
    if (llvm::failed(written))
      return invalidArgument("no plan could be written");
    std::string path = folder.path + "/model.plan";
    HEDDLE_RETURN_IF_ERROR(plan::savePlan(**written, path, true));
    HEDDLE_ASSIGN_OR_RETURN(std::unique_ptr<plan::PlanT> loaded, plan::loadPlan(path));
    plan = std::move(loaded);
    if (!keptCases.empty()) {
      const std::filesystem::path kept =
          keptCases + "/" + std::to_string(seed) + "-" + std::to_string(plansKept++);
      std::filesystem::create_directories(kept);
      std::filesystem::copy(path, kept / "model.plan",
                            std::filesystem::copy_options::overwrite_existing);
      std::filesystem::copy(made.graphDirectory, kept / "graph",
                            std::filesystem::copy_options::recursive |
                                std::filesystem::copy_options::overwrite_existing);
    }

    HEDDLE_ASSIGN_OR_RETURN(PlanRun run, PlanRun::create(plan, store, seed + 100, 2, true));
    InterpreterInput eval = input(0);
    eval.seeds = evalSeeds;
    HEDDLE_ASSIGN_OR_RETURN(InterpreterResult wanted, interpret("metatree", "eval_step", eval));
    HEDDLE_ASSIGN_OR_RETURN(PlanSteps got, run.run(plan::EntryKind::EvalStep, {evalSeeds}, 0));
    compareStep(ofPlan("eval_step"), got, wanted);

    NumericArrays before = run.states();
    std::map<std::string, int64_t> sent = run.sentBytes();
    HEDDLE_ASSIGN_OR_RETURN(wanted, interpret("training", "train_step", input(0)));
    HEDDLE_ASSIGN_OR_RETURN(got, run.run(plan::EntryKind::TrainStep, {batches[0]}, 0));
    compareStep(ofPlan("train_step"), got, wanted);
    compareStates(run, before, wanted);
    HEDDLE_RETURN_IF_ERROR(compareBytes(run, sent));
    if (std::string name = run.differingCopy(); !name.empty())
      findings.add(ofPlan("train_step"), name + " has copies of different bits");
    HEDDLE_RETURN_IF_ERROR(compareLosses(run, wanted));
    HEDDLE_RETURN_IF_ERROR(compareCaches());
    return seed % 4 == 0 ? compareThreads() : absl::OkStatus();
  }

  /// Features from disk, with no row, one, some and all of them kept, by any policy: the same bits.
  absl::Status compareCaches() {
    if (plan->caches.empty())
      return absl::OkStatus();
    struct Choice {
      const char *what;
      exec::CacheOptions cache;
    };
    using cache::Policy;
    const uint64_t all = UINT64_MAX / 2;
    const Choice choices[] = {{"no tiers", {}},
                              {"no row kept", {true, Policy::None, 0}},
                              {"about one row kept", {true, Policy::Greedy, 64}},
                              {"some rows kept by Heta's formula", {true, Policy::Heta, 600}},
                              {"some rows kept, presampled", {true, Policy::Uniform, 900, batches}},
                              {"all rows kept", {true, Policy::Greedy, all}}};
    std::string bytes;
    PlanSteps steps;
    for (const Choice &choice : choices) {
      HEDDLE_ASSIGN_OR_RETURN(PlanRun run,
                              PlanRun::create(plan, store, seed + 100, 2, true, choice.cache));
      HEDDLE_ASSIGN_OR_RETURN(PlanSteps got, run.run(plan::EntryKind::TrainStep, batches, 0));
      HEDDLE_ASSIGN_OR_RETURN(PlanSteps eval, run.run(plan::EntryKind::EvalStep, {evalSeeds}, 0));
      got.logits = eval.logits;
      if (!choice.cache.use) {
        bytes = run.stateBytes();
        steps = std::move(got);
      } else if (run.stateBytes() != bytes || got.losses != steps.losses ||
                 got.logits.data != steps.logits.data) {
        findings.add(ofPlan("five train_steps"), std::string("other bits with ") + choice.what);
      }
    }
    return absl::OkStatus();
  }

  void compareStep(const std::string &where, const PlanSteps &got,
                   const InterpreterResult &wanted) {
    auto loss = wanted.outputs.find("loss");
    if (loss != wanted.outputs.end())
      findings.within(where, "loss", normwise(got.losses, loss->second.data, 1e-2), 1e-5);
    auto logits = wanted.outputs.find("logits");
    if (logits != wanted.outputs.end() && !got.logits.data.empty())
      findings.within(where, "logits", normwise(got.logits.data, logits->second.data, 1e-6), 1e-5);
  }

  bool isAdam(const plan::StateT &state) const {
    return state.group >= 0 &&
           plan->optimizer_groups[size_t(state.group)]->kind != plan::OptimizerKind::Sgd;
  }

  /// One step after the initial states.
  void compareStates(const PlanRun &run, const NumericArrays &before,
                     const InterpreterResult &wanted) {
    const std::string where = ofPlan("after one train_step");
    NumericArrays got = run.states();
    for (const auto &[name, array] : got)
      if (!wanted.states.count(name))
        findings.add(where, "the interpreter has no state " + name);
    double norm1 = 0, norm2 = 0, change = 0; // of all first and second moments, of the whole step
    for (const auto &[name, array] : wanted.states)
      if (const plan::StateT *state = run.describe(name)) {
        auto start = before.find(name);
        if (state->role == plan::StateRole::Parameter && start != before.end())
          for (size_t i = 0; i < array.data.size(); ++i)
            change = std::hypot(change, array.data[i] - start->second.data[i]);
        if (state->role == plan::StateRole::Moment1)
          norm1 = std::hypot(norm1, normOf(array.data));
        if (state->role == plan::StateRole::Moment2)
          norm2 = std::hypot(norm2, normOf(array.data));
      }
    for (const auto &[name, array] : wanted.states) {
      const plan::StateT *state = run.describe(name);
      if (!state) {
        findings.add(where, "the plan has no state " + name);
        continue;
      }
      std::vector<double> mine = got[name].data, theirs = array.data;
      double floor = 1e-12;
      if (state->role == plan::StateRole::Moment1)
        floor = std::max(1e-3, 1e-2 * norm1);
      if (state->role == plan::StateRole::Moment2)
        floor = std::max(1e-8, 1e-2 * norm2);
      bool learnt = state->role == plan::StateRole::Parameter ||
                    state->role == plan::StateRole::EmbeddingRows;
      // What starts at 0 may have a gradient of 0 that cancels: a bias of keys that a softmax does
      // not see.
      if (learnt)
        floor = std::max(floor, 1e-2 * change);
      if (learnt && isAdam(*state))
        maskSmallGradients(run, got, wanted.states, name, norm1, mine, theirs);
      double off = normwise(mine, theirs, floor), limit = 1e-5;
      if (off > limit && off < 1e-3 && mine.size() == array.data.size()) {
        double scale = std::max(normOf(theirs), floor);
        limit = std::max(limit, 8 * movedByRounding(name, before, wanted.states) / scale);
        if (verbose)
          std::printf("  %s is ill-conditioned: off by %.3g, allowed %.3g\n", name.c_str(), off,
                      limit);
      }
      findings.within(where, name, off, limit);
    }
    if (verbose)
      for (const auto &[name, array] : wanted.states)
        std::printf("  %s: norm %.3g, off by %.3g of it\n", name.c_str(), normOf(array.data),
                    normwise(got[name].data, array.data));
    compareUntouchedRows(run, before, got, wanted.states);
  }

  /// How far (2-norm) the step's change of state `name` moves in the interpreter when the states
  /// before it are moved as much as rounding to float moves numbers of their size: the largest of
  /// three tries. A layer norm over nearly equal numbers, or a sum that cancels, makes it large.
  double movedByRounding(const std::string &name, const NumericArrays &before,
                         const NumericArrays &after) {
    double largest = 0;
    for (int attempt = 0; attempt < 3; ++attempt) {
      InterpreterInput in = input(0);
      for (const auto &[other, array] : before) {
        const plan::StateT *state = nullptr;
        for (const auto &each : plan->states)
          if (each->name == other)
            state = each.get();
        in.states[other] = array;
        if (!state || (state->role != plan::StateRole::Parameter &&
                       state->role != plan::StateRole::EmbeddingRows))
          continue;
        for (double &value : in.states[other].data)
          value += 0x1p-24 * (2 * (double(random() >> 11) * 0x1p-53) - 1) * (std::abs(value) + 0.1);
      }
      auto moved = compiler::interpret(*phases["training"], "train_step", in);
      if (llvm::failed(moved))
        return 0;
      double sum = 0;
      const std::vector<double> &a = moved->states.at(name).data, &b = after.at(name).data;
      const std::vector<double> &startA = in.states.at(name).data, &startB = before.at(name).data;
      for (size_t i = 0; i < a.size(); ++i) {
        double change = (a[i] - startA[i]) - (b[i] - startB[i]);
        sum += change * change;
      }
      largest = std::max(largest, std::sqrt(sum));
    }
    return largest;
  }

  /// Drops the entries whose update rounding decides. `norm`: of all first moments.
  void maskSmallGradients(const PlanRun &run, const NumericArrays &got, const NumericArrays &wanted,
                          const std::string &name, double norm, std::vector<double> &mine,
                          std::vector<double> &theirs) {
    for (const auto &state : plan->states) {
      if (state->role != plan::StateRole::Moment1 || state->parameter < 0 ||
          plan->states[size_t(state->parameter)]->name != name)
        continue;
      const std::vector<double> &a = wanted.at(state->name).data, &b = got.at(state->name).data;
      double largest = 0;
      for (double g : a)
        largest = std::max(largest, std::abs(g));
      size_t kept = 0;
      for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
        bool clear = std::abs(a[i]) > std::max({1e-3 * largest, 1e-5 * norm, 1e-7});
        if (!clear && (a[i] != 0 || b[i] != 0))
          continue;
        mine[kept] = mine[i];
        theirs[kept++] = theirs[i];
      }
      mine.resize(kept);
      theirs.resize(kept);
    }
  }

  /// Rows that the batch does not touch keep every bit.
  void compareUntouchedRows(const PlanRun &run, const NumericArrays &before,
                            const NumericArrays &got, const NumericArrays &wanted) {
    for (const auto &state : plan->states) {
      if (state->role != plan::StateRole::RowSteps || state->parameter < 0)
        continue;
      const std::string &name = plan->states[size_t(state->parameter)]->name;
      const std::vector<double> &steps = wanted.at(state->name).data;
      const std::vector<double> &a = before.at(name).data, &b = got.at(name).data;
      size_t width = steps.empty() ? 0 : a.size() / steps.size();
      for (size_t row = 0; row < steps.size(); ++row)
        for (size_t j = 0; j < width && steps[row] == 0; ++j)
          if (a[row * width + j] != b[row * width + j])
            return findings.add(ofPlan("after one train_step"),
                                name + ": row " + std::to_string(row) +
                                    " changed without being touched");
    }
  }

  /// Losses of steps 1 to 4 after step 0, for rules that are smooth in the gradient.
  absl::Status compareLosses(PlanRun &run, const InterpreterResult &first) {
    for (const auto &state : plan->states)
      if (state->role == plan::StateRole::Moment2)
        return absl::OkStatus();
    NumericArrays states = first.states;
    for (uint32_t step = 1; step < batches.size(); ++step) {
      InterpreterInput in = input(step);
      in.states = states;
      HEDDLE_ASSIGN_OR_RETURN(InterpreterResult wanted, interpret("training", "train_step", in));
      states = wanted.states;
      HEDDLE_ASSIGN_OR_RETURN(PlanSteps got,
                              run.run(plan::EntryKind::TrainStep, {batches[step]}, step));
      findings.within(ofPlan("train_step ") + std::to_string(step), "loss",
                      normwise(got.losses, wanted.outputs.at("loss").data, 1e-2), 1e-4);
    }
    return absl::OkStatus();
  }

  absl::Status compareThreads() {
    std::string reference;
    for (int threads : {1, 2, 3, 8})
      for (bool overlap : {false, true}) {
        HEDDLE_ASSIGN_OR_RETURN(PlanRun run,
                                PlanRun::create(plan, store, seed + 100, threads, overlap));
        HEDDLE_RETURN_IF_ERROR(run.run(plan::EntryKind::TrainStep, batches, 0).status());
        std::string bytes = run.stateBytes();
        if (reference.empty())
          reference = bytes;
        else if (bytes != reference)
          findings.add(ofPlan("five train_steps"),
                       "other bits with " + std::to_string(threads) + " threads, overlap " +
                           (overlap ? "on" : "off") + " than with 1 thread, overlap off");
      }
    return absl::OkStatus();
  }

  uint64_t seed = 0;
  Findings &findings;
  bool verbose;
  bool isGiven = false;
  std::mt19937_64 random;
  TemporaryFolder folder;
  RandomCase made;
  std::shared_ptr<graph::GraphStore> store;
  spec::ModelSpec spec;
  compiler::Optimizations optimize;
  mlir::MLIRContext context;
  std::map<std::string, Module> phases;
  Module planModule, cutTraining;
  std::string variant; ///< how the step is cut; empty: it is whole
  std::shared_ptr<const plan::PlanT> plan;
  std::vector<int64_t> train, evalSeeds;
  int64_t nodes = 0;
  std::vector<std::vector<int64_t>> batches;
  int plansKept = 0;
};

} // namespace

void heddle::test::keepCasesIn(const std::string &folder) { keptCases = folder; }

static std::string runOne(Case &one, Findings &findings) {
  if (absl::Status status = one.run(); !status.ok())
    findings.add("error", messageOf(status));
  return one.name();
}

std::string heddle::test::runCase(uint64_t seed, Findings &findings, bool verbose) {
  Case one(seed, findings, verbose);
  return runOne(one, findings);
}

void heddle::test::runGivenCase(const std::string &graphDirectory, const std::string &specFile,
                                Findings &findings, bool verbose) {
  RandomCase given;
  given.graphDirectory = graphDirectory;
  given.name = specFile;
  std::ifstream file(specFile);
  given.spec.assign(std::istreambuf_iterator<char>(file), {});
  if (!file)
    return findings.add("error", specFile + ": cannot be read");
  Case one(std::move(given), findings, verbose);
  runOne(one, findings);
}
