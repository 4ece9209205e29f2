//===- CheckLayer.cpp - what a model's layers come to, checked -------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/check/CheckLayer.h"

#include "compiler/check/Gradients.h"
#include "compiler/check/LayerShapes.h"
#include "compiler/check/SmallGraph.h"
#include "compiler/driver/Compile.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/frontend/BuildModel.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Format.h"

#include <filesystem>
#include <random>
#include <unistd.h>

using namespace mlir;

namespace heddle::compiler {
namespace {

using Module = OwningOpRef<ModuleOp>;
constexpr uint64_t graphSeed = 11;

/// A folder that is gone with this.
class ScratchFolder {
public:
  ScratchFolder()
      : path((std::filesystem::temp_directory_path() / ("heddle-check-" + std::to_string(getpid())))
                 .string()) {}
  ScratchFolder(const ScratchFolder &) = delete;
  ScratchFolder &operator=(const ScratchFolder &) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  const std::string path;
};

absl::StatusOr<Module> build(MLIRContext &context, const spec::ModelSpec &spec,
                             const graph::GraphSchema &schema) {
  DiagnosticCollector diagnostics(context);
  Module module = buildModel(context, spec, schema);
  if (!module)
    return diagnostics.status(spec.file + ": no model could be built");
  return module;
}

/// SGD of learning rate 1: what a step takes off a state is its gradient. The whole split in a
/// step.
void makeGradientsVisible(spec::TrainSpec &train) {
  spec::OptimizerSpec plain;
  plain.name = "sgd";
  plain.lr = 1;
  train.optimizer = train.sparseOptimizer = plain;
  train.maxGradNorm.reset();
  train.batchSize = spec::all;
}

/// Initial values moved a little: zeros have corners and products that hide gradients.
NumericArrays movedStates(NumericArrays states) {
  std::mt19937_64 random(5);
  for (auto &[name, array] : states)
    for (double &x : array.data)
      x += 0.4 * double(random() >> 11) * 0x1p-53 - 0.2;
  return states;
}

absl::StatusOr<std::vector<GradientCheck>>
gradientsOn(MLIRContext &context, const graph::GraphStore &store, const spec::ModelSpec &spec) {
  HEDDLE_ASSIGN_OR_RETURN(Module forward, build(context, spec, store.schema()));
  HEDDLE_RETURN_IF_ERROR(runPhases(*forward, "model", "metatree", {}, {}));
  Module step(forward->clone());
  HEDDLE_RETURN_IF_ERROR(runPhases(*step, "metatree", "training", {}, {}));
  int target = store.schema().nodeTypeId(spec.task.targetNtype);
  HEDDLE_ASSIGN_OR_RETURN(graph::SplitView split,
                          store.split(target, spec.task.label, spec.task.split));
  InterpreterInput input;
  input.graph = &store;
  input.seeds.assign(split.train, split.train + split.numTrain);
  input.seed = 3;
  DiagnosticCollector diagnostics(context);
  auto started = interpret(*forward, "train_step", input);
  if (succeeded(started)) {
    input.states = movedStates(std::move(started->states));
    if (auto checks = checkGradients(*forward, *step, input); succeeded(checks))
      return std::move(*checks);
  }
  return diagnostics.status(spec.file + ": the interpreter refuses the model");
}

/// The check's lines; the worst entry of those that fail goes to `problem`.
std::string describeChecks(const std::vector<GradientCheck> &checks, std::string &problem) {
  std::string text;
  llvm::raw_string_ostream os(text);
  double worst = -1;
  size_t wrong = 0;
  for (const GradientCheck &check : checks) {
    double off = std::abs(check.finite - check.computed);
    os << llvm::format("  %-5s %-60s %-14.7g %-14.7g %.1e\n", check.ok ? "ok" : "WRONG",
                       check.parameter.c_str(), check.finite, check.computed, off);
    if (check.ok)
      continue;
    ++wrong;
    off = std::abs(check.entryFinite - check.entryComputed);
    if (!problem.empty() && !(off > worst))
      continue;
    worst = off;
    problem.clear();
    llvm::raw_string_ostream name(problem);
    name << check.parameter << "[";
    llvm::interleaveComma(check.entry, name);
    name << llvm::format("]: finite differences give %.7g, the gradient is %.7g", check.entryFinite,
                         check.entryComputed);
  }
  if (wrong)
    problem = std::to_string(wrong) + " of " + std::to_string(checks.size()) +
              " gradients are wrong, the worst at " + problem;
  else
    os << "all " << checks.size() << " gradients agree\n";
  return text;
}

} // namespace

absl::StatusOr<LayerReport> checkLayers(const std::string &graph, const std::string &model) {
  HEDDLE_ASSIGN_OR_RETURN(spec::ModelSpec written, spec::readModelSpec(model));
  HEDDLE_ASSIGN_OR_RETURN(graph::GraphSchema schema, graph::readGraphSchema(graph));
  HEDDLE_ASSIGN_OR_RETURN(spec::ResolvedSpec resolved, spec::resolve(written, schema));
  MLIRContext context;
  prepareContext(context);
  LayerReport report;
  {
    HEDDLE_ASSIGN_OR_RETURN(Module module, build(context, resolved.spec, schema));
    Module unrolled(module->clone());
    HEDDLE_RETURN_IF_ERROR(runPhases(*unrolled, "model", "metatree", {}, {}));
    DiagnosticCollector diagnostics(context);
    auto layers = describeLayers(*module, *unrolled);
    if (failed(layers))
      return diagnostics.status(model + ": a layer has no shapes");
    report.text = *layers + describeParameters(*unrolled);
  }
  ScratchFolder folder;
  HEDDLE_ASSIGN_OR_RETURN(auto store, makeSmallGraph(schema, folder.path, graphSeed));
  makeGradientsVisible(written.train);
  HEDDLE_ASSIGN_OR_RETURN(spec::ResolvedSpec small, spec::resolve(written, store->schema()));
  HEDDLE_ASSIGN_OR_RETURN(std::vector<GradientCheck> checks,
                          gradientsOn(context, *store, small.spec));
  report.text +=
      "gradients along a random direction of each parameter, on a few random nodes of each "
      "type: by finite differences, by the training step, apart\n";
  report.text += describeChecks(checks, report.problem);
  return report;
}

} // namespace heddle::compiler
