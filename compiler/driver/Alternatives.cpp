//===- Alternatives.cpp - ways to cut a step, weighed ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/driver/Alternatives.h"

#include "compiler/plan/PlanWriter.h"
#include "runtime/base/Format.h"
#include "runtime/plan/PartitionFacts.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdio>

using namespace mlir;

namespace heddle::compiler {

namespace {

std::vector<Alternative> allOf(const PhaseOptions &options) {
  std::vector<Alternative> out;
  auto add = [&](const char *name, const char *itsOrder, const char *itsExchange) {
    Alternative alternative;
    alternative.name = name;
    alternative.options = options;
    alternative.options.order = itsOrder;
    alternative.options.exchange = itsExchange;
    out.push_back(std::move(alternative));
  };
  add("raf, replicated head", "raf", "replicated");
  add("raf, leader", "raf", "leader");
  add("vanilla", "vanilla", "");
  return out;
}

absl::Status weigh(ModuleOp module, Alternative &alternative, const MachineRates &rates) {
  OwningOpRef<ModuleOp> copy(module.clone());
  HEDDLE_RETURN_IF_ERROR(runPhases(*copy, "metatree", "kernels", alternative.options, {}));
  PlanWriterOptions writer;
  writer.rates = rates;
  std::string problem;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    if (problem.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error)
      problem = diagnostic.str();
    return success();
  });
  auto plan = writePlan(*copy, writer);
  if (failed(plan))
    return invalidArgument(problem);
  alternative.seconds = plan::stepSeconds(**plan, plan::EntryKind::TrainStep, rates);
  alternative.wireBytes =
      plan::wireBytes(plan::wireOf(**plan, plan::mainStep(**plan)), /*once=*/false);
  return absl::OkStatus();
}

std::string figures(const Alternative &alternative) {
  char text[96];
  std::snprintf(text, sizeof(text), "%.3g ms and %s a step", alternative.seconds * 1e3,
                formatBytes(uint64_t(alternative.wireBytes)).c_str());
  return text;
}

} // namespace

absl::StatusOr<std::vector<Alternative>> weighAlternatives(ModuleOp module,
                                                           const PhaseOptions &options,
                                                           const std::string &order,
                                                           const std::string &exchange,
                                                           const MachineRates &rates) {
  std::vector<Alternative> all = allOf(options);
  Alternative *best = nullptr;
  absl::Status problem;
  for (Alternative &alternative : all) {
    bool allowed = (order == "auto" || order == alternative.options.order) &&
                   (exchange == "auto" || alternative.options.exchange.empty() ||
                    exchange == alternative.options.exchange);
    absl::Status status = weigh(module, alternative, rates);
    if (!status.ok()) {
      alternative.problem = messageOf(status);
      if (allowed && problem.ok())
        problem = status;
      continue;
    }
    alternative.forced = allowed && (order != "auto" || exchange != "auto");
    if (allowed && (!best || alternative.seconds < best->seconds))
      best = &alternative;
  }
  if (!best)
    return problem;
  for (Alternative &alternative : all)
    alternative.forced &= &alternative == best;
  best->chosen = true;
  return all;
}

std::string describeChoice(const std::vector<Alternative> &alternatives) {
  std::string chosen, others;
  for (const Alternative &alternative : alternatives) {
    if (alternative.chosen) {
      chosen = (alternative.forced ? "forced " : "chose ") + alternative.name + ": " +
               figures(alternative);
      continue;
    }
    others += (others.empty() ? " " : "; ") + alternative.name + ": " +
              (alternative.problem.empty() ? figures(alternative)
                                           : "not possible, " + alternative.problem);
  }
  return "order: " + chosen + (others.empty() ? "" : "; against" + others);
}

void addAlternatives(plan::PlanT &plan, const std::vector<Alternative> &alternatives) {
  for (const Alternative &alternative : alternatives) {
    auto added = std::make_unique<plan::AlternativeT>();
    added->name = alternative.name;
    added->chosen = alternative.chosen;
    added->forced = alternative.forced;
    added->seconds = alternative.seconds;
    added->wire_bytes = alternative.wireBytes;
    added->note = alternative.problem;
    plan.alternatives.push_back(std::move(added));
  }
}

} // namespace heddle::compiler
