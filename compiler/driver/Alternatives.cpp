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

/// In relation-aggregation-first order with root links cut as `split` says ("": vanilla order).
Alternative make(const PhaseOptions &options, const char *exchange, const std::string &split) {
  Alternative made;
  made.options = options;
  if (split.empty()) {
    made.name = "vanilla";
    made.options.order = "vanilla";
    made.options.exchange = "";
    return made;
  }
  made.options.order = "raf";
  made.options.exchange = exchange;
  made.options.split = split;
  made.name = *exchange == 'r' ? "raf, replicated head" : "raf, leader";
  if (split == "balance")
    made.name += ", loads evened out";
  return made;
}

/// `balance`, if wanted, is the largest load of a partition over the mean.
absl::Status weigh(ModuleOp module, Alternative &alternative, const MachineRates &rates,
                   double *balance = nullptr) {
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
  if (balance)
    *balance = plan::balanceOf(plan::partitionsOf(**plan));
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
                                                           const ForcedChoice &forced,
                                                           const MachineRates &rates) {
  std::vector<Alternative> all;
  absl::Status problem; // of the first allowed one
  auto allowed = [&](const PhaseOptions &its) {
    bool vanilla = its.order == "vanilla";
    return (forced.order == "auto" || forced.order == its.order) &&
           (vanilla || forced.exchange == "auto" || forced.exchange == its.exchange);
  };
  auto add = [&](Alternative alternative, double *balance) {
    absl::Status status = weigh(module, alternative, rates, balance);
    if (!status.ok()) {
      alternative.problem = messageOf(status);
      if (problem.ok() && allowed(alternative.options))
        problem = status;
    }
    all.push_back(std::move(alternative));
    return status.ok();
  };
  for (const char *exchange : {"replicated", "leader"}) {
    double balance = 0;
    if (add(make(options, exchange, forced.split == "balance" ? "balance" : "needed"), &balance) &&
        forced.split == "auto" && balance > 1.1)
      add(make(options, exchange, "balance"), nullptr);
    // Nothing was cut: no other way.
    if (all.size() > 1 && all.back().options.split == "balance" && forced.split == "auto" &&
        all.back().seconds == all[all.size() - 2].seconds &&
        all.back().wireBytes == all[all.size() - 2].wireBytes)
      all.pop_back();
  }
  add(make(options, "", ""), nullptr);
  Alternative *best = nullptr;
  for (Alternative &alternative : all)
    if (alternative.problem.empty() && allowed(alternative.options) &&
        (!best || alternative.seconds < best->seconds))
      best = &alternative;
  if (!best)
    return problem;
  best->chosen = true;
  bool free = forced.order == "auto" && forced.exchange == "auto";
  best->forced = !free || (forced.split != "auto" && best->options.order == "raf");
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
