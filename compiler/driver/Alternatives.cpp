//===- Alternatives.cpp - ways to cut a step, weighed ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/driver/Alternatives.h"

#include "compiler/codegen/CodeGen.h"
#include "compiler/plan/PlanWriter.h"
#include "dialects/hgnn/Hgnn.h"
#include "runtime/base/Format.h"
#include "runtime/plan/PartitionFacts.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdio>
#include <future>
#include <thread>

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

/// What weighing gives: the error, and the largest load of a partition over the mean.
struct Weighed {
  absl::Status status;
  double balance = 0;
};

/// Lays out the training step of `module` as `alternative` says, and notes what it costs there. Another
/// thread may weigh another alternative of the same module.
Weighed weigh(ModuleOp module, Alternative &alternative, const MachineRates &rates) {
  OwningOpRef<ModuleOp> copy(module.clone());
  for (auto entry : llvm::make_early_inc_range(copy->getOps<hgnn::EntryOp>()))
    if (entry.getKind() != hgnn::EntryKind::Train)
      entry.erase();
  PhaseOptions options = alternative.options;
  options.verifyOps = false; // the chosen one is verified when it is made
  if (absl::Status status = runPhases(*copy, "metatree", "kernels", options, {}); !status.ok())
    return {status, 0};
  PlanWriterOptions writer;
  writer.rates = rates;
  writer.draft = true;
  writer.verify = false;
  std::string problem;
  ScopedDiagnosticHandler handler(
      module.getContext(), [&, own = std::this_thread::get_id()](Diagnostic &diagnostic) {
        if (std::this_thread::get_id() != own)
          return failure();
        if (problem.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error)
          problem = diagnostic.str();
        return success();
      });
  auto plan = writePlan(*copy, writer);
  if (failed(plan))
    return {invalidArgument(problem), 0};
  alternative.seconds = plan::stepSeconds(**plan, plan::EntryKind::TrainStep, rates);
  alternative.wireBytes =
      plan::wireBytes(plan::wireOf(**plan, plan::mainStep(**plan)), /*once=*/false);
  return {absl::OkStatus(), plan::balanceOf(plan::partitionsOf(**plan))};
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
  // Which of them there are does not depend on what others cost, but for the cuts that even out loads.
  const std::string first = forced.split == "balance" ? "balance" : "needed";
  std::vector<std::vector<Alternative>> orders = {{make(options, "replicated", first)},
                                                  {make(options, "leader", first)},
                                                  {make(options, "", "")}};
  std::vector<std::vector<Weighed>> weighed(orders.size());
  auto run = [&](size_t order) {
    std::vector<Alternative> &ways = orders[order];
    weighed[order].push_back(weigh(module, ways[0], rates));
    if (ways[0].options.order != "raf" || forced.split != "auto" ||
        !weighed[order][0].status.ok() || weighed[order][0].balance <= 1.1)
      return;
    Alternative even = make(options, order == 0 ? "replicated" : "leader", "balance");
    Weighed result = weigh(module, even, rates);
    // Nothing was cut: no other way.
    if (result.status.ok() && even.seconds == ways[0].seconds &&
        even.wireBytes == ways[0].wireBytes)
      return;
    ways.push_back(even);
    weighed[order].push_back(result);
  };
  std::vector<std::future<void>> running;
  for (size_t order = 0; order + 1 < orders.size(); ++order)
    running.push_back(std::async(std::launch::async, run, order));
  run(orders.size() - 1);
  for (std::future<void> &each : running)
    each.get();

  auto allowed = [&](const PhaseOptions &its) {
    bool vanilla = its.order == "vanilla";
    return (forced.order == "auto" || forced.order == its.order) &&
           (vanilla || forced.exchange == "auto" || forced.exchange == its.exchange);
  };
  std::vector<Alternative> all;
  absl::Status problem; // of the first allowed one
  for (size_t order = 0; order < orders.size(); ++order)
    for (auto [way, result] : llvm::zip(orders[order], weighed[order])) {
      if (!result.status.ok()) {
        way.problem = messageOf(result.status);
        if (problem.ok() && allowed(way.options))
          problem = result.status;
      }
      all.push_back(std::move(way));
    }
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
