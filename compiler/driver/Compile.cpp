//===- Compile.cpp - from files to a plan ----------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/driver/Compile.h"

#include "compiler/codegen/CodeGen.h"
#include "compiler/frontend/BuildModel.h"
#include "compiler/plan/PlanWriter.h"
#include "passes/Passes.h"
#include "runtime/base/Suggest.h"
#include "runtime/plan/MachineRates.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <chrono>
#include <sys/stat.h>

using namespace mlir;

namespace heddle::compiler {
namespace {

/// Collects diagnostics as lines "place: message" instead of printing them.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(MLIRContext &context)
      : handler(&context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
            return success();
          if (!text.empty())
            text += "\n";
          text += place(diagnostic.getLocation()) + diagnostic.str();
          return success();
        }) {}
  absl::Status status(const std::string &otherwise) const {
    return invalidArgument(text.empty() ? otherwise : text);
  }

private:
  static std::string place(Location location) {
    auto file = location->findInstanceOf<FileLineColLoc>();
    if (!file)
      return "";
    std::string out = file.getFilename().str();
    if (file.getLine())
      out += ":" + std::to_string(file.getLine()) + ":" + std::to_string(file.getColumn());
    return out + ": ";
  }
  std::string text;
  ScopedDiagnosticHandler handler;
};

std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  return text;
}

struct Loaded {
  graph::GraphSchema schema;
  spec::ResolvedSpec spec;
};
/// The levels to generate code for, each once, in the order given; all of them if none is.
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

absl::Status addPhase(PassManager &manager, const std::string &phase, int64_t maxFused,
                      bool keepGradients) {
  if (phase == "metatree") {
    manager.addPass(passes::createUnrollPass());
  } else if (phase == "training") {
    manager.addPass(passes::createDifferentiatePass());
  } else if (phase == "kernels") {
    passes::FusePassOptions fuse;
    fuse.maxFused = maxFused;
    fuse.keepGradients = keepGradients;
    manager.addPass(passes::createFusePass(fuse));
  }
  passes::VerifyPhasePassOptions verify;
  verify.phase = phase;
  manager.addPass(passes::createVerifyPhasePass(verify));
  return absl::OkStatus();
}

} // namespace

const std::vector<std::string> &phaseNames() {
  static const std::vector<std::string> names = {"model", "metatree", "training", "kernels"};
  return names;
}

void prepareContext(MLIRContext &context) {
  context.loadDialect<hgnn::HgnnDialect>();
  context.disableMultithreading();
}

absl::Status runPhases(ModuleOp module, const std::string &from, const std::string &to,
                       int64_t maxFused, bool keepGradients,
                       const std::function<void(const std::string &)> &reached) {
  DiagnosticCollector diagnostics(*module.getContext());
  bool started = false;
  for (const std::string &phase : phaseNames()) {
    if (phase == from) {
      started = true;
      if (reached)
        reached(phase);
    } else if (started) {
      PassManager manager(module.getContext());
      HEDDLE_RETURN_IF_ERROR(addPhase(manager, phase, maxFused, keepGradients));
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
  HEDDLE_RETURN_IF_ERROR(
      runPhases(*module, "model", phase, options.maxFused, /*keepGradients=*/false, {}));
  return textOf(*module);
}

absl::StatusOr<CompileReport> compileToPlan(const CompileOptions &options) {
  auto start = std::chrono::steady_clock::now();
  if (struct stat existing; !options.force && stat(options.output.c_str(), &existing) == 0)
    return alreadyExists(options.output + ": exists already; choose another name or use --force");
  PlanWriterOptions writer;
  HEDDLE_ASSIGN_OR_RETURN(writer.targets, targetsOf(options));
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
  HEDDLE_RETURN_IF_ERROR(runPhases(*module, "model", "kernels", options.maxFused, false,
                                   [&](const std::string &phase) {
                                     if (options.keepPhases)
                                       writer.phases.emplace_back(phase, textOf(*module));
                                   }));
  writer.schemaFingerprint = loaded.schema.schemaFingerprint;
  writer.statisticsFingerprint = loaded.schema.dataFingerprint;
  writer.remarks = &report.remarks;
  std::unique_ptr<plan::PlanT> plan;
  {
    DiagnosticCollector diagnostics(context);
    auto written = writePlan(*module, writer);
    if (failed(written))
      return diagnostics.status(options.model + ": no plan could be written");
    plan = std::move(*written);
  }
  HEDDLE_RETURN_IF_ERROR(plan::savePlan(*plan, options.output, options.force));
  struct stat written;
  report.planBytes = stat(options.output.c_str(), &written) == 0 ? uint64_t(written.st_size) : 0;
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

} // namespace heddle::compiler
