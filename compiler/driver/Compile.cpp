//===- Compile.cpp - from files to a plan ----------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/driver/Compile.h"

#include "compiler/codegen/CodeGen.h"
#include "compiler/driver/Alternatives.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/driver/PhaseTexts.h"
#include "compiler/frontend/BuildModel.h"
#include "compiler/plan/PlanWriter.h"
#include "passes/Passes.h"
#include "runtime/base/Suggest.h"
#include "runtime/plan/MachineRates.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <chrono>
#include <sys/stat.h>

using namespace mlir;

namespace heddle::compiler {
namespace {

struct Loaded {
  graph::GraphSchema schema;
  spec::ResolvedSpec spec;
};
/// The CPU levels to generate code for, each once, in the order given, all of them if none is; then
/// the GPUs.
absl::StatusOr<std::vector<std::string>> targetsOf(const CompileOptions &options) {
  std::vector<std::string> targets;
  for (const std::string &level : options.targets) {
    const std::vector<std::string> known = kernelTargets();
    if (std::find(known.begin(), known.end(), level) == known.end())
      return invalidArgument("--cpu: unknown CPU level '" + level + "'" + suggestion(level, known));
    if (std::find(targets.begin(), targets.end(), level) == targets.end())
      targets.push_back(level);
  }
  if (targets.empty())
    targets = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
  std::vector<std::string> known = gpuTargets();
  for (const std::string &gpu : options.gpus) {
    if (gpu != "all" && std::find(known.begin(), known.end(), gpu) == known.end()) {
      known.push_back("all");
      return invalidArgument("--gpu: unknown target '" + gpu + "'" + suggestion(gpu, known));
    }
    for (const std::string &target : known)
      if ((gpu == "all" || gpu == target) &&
          std::find(targets.begin(), targets.end(), target) == targets.end())
        targets.push_back(target);
  }
  if (options.gpuProducts != "fp32" && options.gpuProducts != "tf32")
    return invalidArgument("--gpu-products: unknown value '" + options.gpuProducts + "'" +
                           suggestion(options.gpuProducts, {"fp32", "tf32"}));
  if (options.gpuProducts == "tf32" && options.gpus.empty())
    return invalidArgument("--gpu-products tf32: the plan is for no GPU; add --gpu");
  return targets;
}

absl::StatusOr<Loaded> load(const CompileOptions &options) {
  Loaded loaded;
  // What needs no graph is checked before the graph is looked at.
  HEDDLE_ASSIGN_OR_RETURN(spec::ModelSpec written, spec::readModelSpec(options.model));
  HEDDLE_ASSIGN_OR_RETURN(loaded.schema, graph::readGraphSchema(options.graph));
  HEDDLE_ASSIGN_OR_RETURN(loaded.spec, spec::resolve(written, loaded.schema));
  return loaded;
}

void addPhase(PassManager &manager, const std::string &phase, const PhaseOptions &options) {
  if (phase == "metatree") {
    passes::UnrollPassOptions unroll;
    unroll.infer = options.infer;
    manager.addPass(passes::createUnrollPass(unroll));
    passes::OrderAggregationPassOptions order;
    order.decide = options.optimize.aggregateFirst;
    order.compact = options.optimize.compactSources != "off";
    order.reorder = options.optimize.reorderProducts != "off";
    manager.addPass(passes::createOrderAggregationPass(order));
    passes::ReorderProductsPassOptions reorder;
    reorder.decide = options.optimize.reorderProducts;
    reorder.compact = options.optimize.compactSources != "off";
    manager.addPass(passes::createReorderProductsPass(reorder));
  } else if (phase == "raf") {
    manager.addPass(passes::createRelationAggregationFirstPass());
  } else if (phase == "partitioned" && options.order == "vanilla") {
    passes::DataParallelPassOptions split;
    split.partitions = options.partitions;
    manager.addPass(passes::createDataParallelPass(split));
  } else if (phase == "partitioned") {
    passes::AssignPartitionsPassOptions assign;
    assign.partitions = options.partitions;
    assign.weights = options.weights;
    assign.split = options.split;
    manager.addPass(passes::createAssignPartitionsPass(assign));
    passes::InsertCommunicationPassOptions insert;
    insert.mode = options.exchange;
    manager.addPass(passes::createInsertCommunicationPass(insert));
  } else if (phase == "training") {
    passes::CompactSourcesPassOptions compact;
    compact.decide = options.optimize.compactSources;
    manager.addPass(passes::createCompactSourcesPass(compact));
    manager.addPass(passes::createDifferentiatePass());
  } else if (phase == "cached") {
    manager.addPass(passes::createInsertCachePass());
  } else if (phase == "kernels") {
    passes::GroupProductsPassOptions group;
    group.decide = options.optimize.groupProducts;
    manager.addPass(passes::createGroupProductsPass(group));
    passes::StitchRelationsPassOptions stitch;
    stitch.decide = options.optimize.stitchRelations;
    manager.addPass(passes::createStitchRelationsPass(stitch));
    passes::FusePassOptions fuse;
    fuse.maxFused = options.maxFused;
    fuse.recompute = options.optimize.recompute;
    fuse.keepGradients = options.keepGradients;
    manager.addPass(passes::createFusePass(fuse));
  }
  passes::VerifyPhasePassOptions verify;
  verify.phase = phase;
  manager.addPass(passes::createVerifyPhasePass(verify));
}

/// A step of one partition is not cut, unless somebody wants to see how it would be.
bool isSkipped(const std::string &phase, const std::string &to, const PhaseOptions &options) {
  bool cuts = options.partitions > 1 || to == "raf" || to == "partitioned";
  return (phase == "raf" || phase == "partitioned") &&
         (!cuts || (phase == "raf" && options.order == "vanilla" && to != "raf"));
}

absl::Status known(const std::string &option, const std::string &value,
                   const std::vector<std::string> &values) {
  if (std::find(values.begin(), values.end(), value) != values.end())
    return absl::OkStatus();
  return invalidArgument(option + ": unknown value '" + value + "'" + suggestion(value, values));
}

/// Where the choice of an optimization stands, by its place in optimizationNames().
std::string *choiceOf(Optimizations &choices, size_t name) {
  std::string *const places[] = {&choices.aggregateFirst, &choices.reorderProducts,
                                 &choices.compactSources, &choices.stitchRelations,
                                 &choices.groupProducts, &choices.recompute};
  return places[name];
}

absl::StatusOr<Optimizations> optimizationsOf(const CompileOptions &options) {
  Optimizations choices;
  const std::vector<std::string> &names = optimizationNames();
  for (const std::string &text : options.optimize) {
    size_t equals = text.find('=');
    std::string name = text.substr(0, equals);
    auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      return invalidArgument("--optimize: unknown optimization '" + name + "'" +
                             suggestion(name, names));
    if (equals == std::string::npos)
      return invalidArgument("--optimize: " + name + " needs a choice: " + name +
                             "=auto, =on or =off");
    std::string choice = text.substr(equals + 1);
    HEDDLE_RETURN_IF_ERROR(known("--optimize " + name, choice, {"auto", "on", "off"}));
    *choiceOf(choices, size_t(found - names.begin())) = choice;
  }
  return choices;
}

absl::Status checkOptions(const CompileOptions &options) {
  HEDDLE_RETURN_IF_ERROR(optimizationsOf(options).status());
  HEDDLE_RETURN_IF_ERROR(known("--weights", options.weights, {"sampled", "heta", "heta-code"}));
  HEDDLE_RETURN_IF_ERROR(known("--order", options.order, {"auto", "raf", "vanilla"}));
  HEDDLE_RETURN_IF_ERROR(known("--exchange", options.exchange, {"auto", "replicated", "leader"}));
  HEDDLE_RETURN_IF_ERROR(known("--split", options.split, {"auto", "needed", "balance"}));
  if (options.partitions < 1 || options.partitions > 1024)
    return invalidArgument("--partitions: must be in 1..1024, got " +
                           std::to_string(options.partitions));
  return absl::OkStatus();
}

PhaseOptions phaseOptions(const CompileOptions &options) {
  PhaseOptions out;
  out.maxFused = options.maxFused;
  out.partitions = options.partitions;
  out.weights = options.weights;
  if (options.order != "auto")
    out.order = options.order;
  if (options.exchange != "auto")
    out.exchange = options.exchange;
  if (options.split != "auto")
    out.split = options.split;
  out.optimize = optimizationsOf(options).value(); // which checkOptions has seen
  return out;
}

} // namespace

const std::vector<std::string> &phaseNames() {
  static const std::vector<std::string> names = {"model",    "metatree", "raf",    "partitioned",
                                                 "training", "cached",   "kernels"};
  return names;
}

const std::vector<std::string> &optimizationNames() {
  static const std::vector<std::string> names = {"aggregate-first", "reorder-products",
                                                 "compact-sources", "stitch-relations",
                                                 "group-products", "recompute"};
  return names;
}

void prepareContext(MLIRContext &context) {
  context.loadDialect<hgnn::HgnnDialect>();
  context.disableMultithreading();
}

absl::Status runPhases(ModuleOp module, const std::string &from, const std::string &to,
                       const PhaseOptions &options,
                       const std::function<void(const std::string &)> &reached,
                       std::vector<std::string> *remarks) {
  // Alternatives are weighed by several threads, each with its collector.
  DiagnosticCollector diagnostics(*module.getContext(), remarks,
                                  DiagnosticCollector::From::ThisThread);
  bool started = false;
  for (const std::string &phase : phaseNames()) {
    if (phase == from) {
      started = true;
      if (phase == "model") { // what a user may have written
        PassManager manager(module.getContext());
        passes::VerifyPhasePassOptions verify;
        verify.phase = phase;
        manager.addPass(passes::createVerifyPhasePass(verify));
        if (failed(manager.run(module)))
          return diagnostics.status("the model phase failed");
      }
      if (reached)
        reached(phase);
    } else if (started && !isSkipped(phase, to, options)) {
      PassManager manager(module.getContext());
      manager.enableVerifier(options.verifyOps);
      addPhase(manager, phase, options);
      if (failed(manager.run(module)))
        return diagnostics.status("the " + phase + " phase failed");
      if (reached)
        reached(phase);
    }
    if (phase == to)
      break;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> emitPhase(const CompileOptions &options, const std::string &phase) {
  HEDDLE_RETURN_IF_ERROR(targetsOf(options).status());
  HEDDLE_RETURN_IF_ERROR(checkOptions(options));
  HEDDLE_ASSIGN_OR_RETURN(Loaded loaded, load(options));
  MLIRContext context;
  prepareContext(context);
  OwningOpRef<ModuleOp> module;
  {
    DiagnosticCollector diagnostics(context);
    module = buildModel(context, loaded.spec.spec, loaded.schema);
    if (!module)
      return diagnostics.status(options.model + ": no model could be built");
  }
  if (phase == "layer") { // the programs alone, as an encoder's file has them
    for (Operation &op : llvm::make_early_inc_range(*module->getBody()))
      if (!isa<hgnn::LayerOp>(op))
        op.erase();
    return textOf(*module);
  }
  HEDDLE_RETURN_IF_ERROR(runPhases(*module, "model", phase, phaseOptions(options), {}));
  return textOf(*module);
}

absl::StatusOr<CompileReport> compileToPlan(const CompileOptions &options) {
  auto start = std::chrono::steady_clock::now();
  if (struct stat existing; !options.force && stat(options.output.c_str(), &existing) == 0)
    return alreadyExists(options.output + ": exists already; choose another name or use --force");
  PlanWriterOptions writer;
  HEDDLE_ASSIGN_OR_RETURN(writer.targets, targetsOf(options));
  HEDDLE_RETURN_IF_ERROR(checkOptions(options));
  if (!options.machineRates.empty()) {
    HEDDLE_ASSIGN_OR_RETURN(writer.rates, plan::parseMachineRates(options.machineRates));
  }
  HEDDLE_ASSIGN_OR_RETURN(Loaded loaded, load(options));
  MLIRContext context;
  prepareContext(context);
  CompileReport report;
  report.remarks = loaded.spec.remarks;
  OwningOpRef<ModuleOp> module;
  {
    DiagnosticCollector diagnostics(context);
    module = buildModel(context, loaded.spec.spec, loaded.schema);
    if (!module)
      return diagnostics.status(options.model + ": no model could be built");
  }
  // Texts are printed, alternatives weighed and kernels compiled side by side.
  prepareCodeGen(context); // loading dialects is no work for several threads
  context.enableMultithreading();
  PhaseTexts texts;
  auto keep = [&](const std::string &phase) {
    if (options.keepPhases)
      texts.add(phase, *module);
  };
  PhaseOptions chosen = phaseOptions(options);
  // Inference goes through the whole graph on one worker.
  chosen.infer = options.partitions == 1;
  HEDDLE_RETURN_IF_ERROR(runPhases(*module, "model", "metatree", chosen, keep, &report.remarks));
  std::vector<Alternative> alternatives;
  if (options.partitions > 1) {
    HEDDLE_ASSIGN_OR_RETURN(alternatives,
                            weighAlternatives(*module, chosen,
                                              {options.order, options.exchange, options.split},
                                              writer.rates));
    for (const Alternative &alternative : alternatives)
      if (alternative.chosen)
        chosen = alternative.options;
    report.remarks.push_back(describeChoice(alternatives));
  }
  bool first = true; // the metatree phase is kept already
  HEDDLE_RETURN_IF_ERROR(runPhases(
      *module, "metatree", "kernels", chosen,
      [&](const std::string &phase) {
        if (!first)
          keep(phase);
        first = false;
      },
      &report.remarks));
  writer.schemaFingerprint = loaded.schema.schemaFingerprint;
  writer.statisticsFingerprint = loaded.schema.dataFingerprint;
  writer.remarks = &report.remarks;
  writer.verify = false; // savePlan does
  std::unique_ptr<plan::PlanT> plan;
  {
    DiagnosticCollector diagnostics(context);
    auto written = writePlan(*module, writer);
    if (failed(written))
      return diagnostics.status(options.model + ": no plan could be written");
    plan = std::move(*written);
    if (options.gpuProducts == "tf32")
      plan->gpu_products = plan::GpuProducts::Tf32;
  }
  addAlternatives(*plan, alternatives);
  plan->phases = texts.take();
  HEDDLE_RETURN_IF_ERROR(plan::savePlan(*plan, options.output, options.force));
  struct stat written;
  report.planBytes = stat(options.output.c_str(), &written) == 0 ? uint64_t(written.st_size) : 0;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

} // namespace heddle::compiler
