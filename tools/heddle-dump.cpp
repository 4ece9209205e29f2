//===- heddle-dump.cpp - shows what a plan does --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Reads and verifies a plan and prints it; never executes anything from it.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Describe.h"
#include "runtime/plan/MachineRates.h"
#include "tools/support/Cli.h"

using namespace heddle;

namespace {

struct Options {
  std::string plan, phase, entry, machineRates;
  bool json = false, dot = false, ops = false, kernels = false, measure = false;
};

absl::StatusOr<std::string> textOf(const plan::PlanT &plan, const Options &options) {
  plan::DescribeOptions describe;
  describe.source = options.plan;
  if (!options.machineRates.empty()) {
    HEDDLE_ASSIGN_OR_RETURN(describe.rates, plan::parseMachineRates(options.machineRates));
  } else if (options.measure) {
    describe.rates = plan::measureMachineRates();
  }
  if (options.phase == "list")
    return plan::describePhases(plan);
  if (!options.phase.empty())
    return plan::phaseText(plan, options.phase);
  if (options.kernels)
    return plan::describeKernels(plan);
  if (options.json)
    return plan::describeJson(plan, describe);
  if (!options.dot && !options.ops)
    return plan::describe(plan, describe);
  int entry = plan::mainEntry(plan);
  if (!options.entry.empty()) {
    HEDDLE_ASSIGN_OR_RETURN(entry, plan::entryByName(plan, options.entry));
  }
  if (entry < 0)
    return failedPrecondition("the plan has no entries; recompile with heddle-compile");
  return options.dot ? plan::describeDot(plan, entry)
                     : plan::describeOps(plan, entry, describe);
}

absl::Status dump(const Options &options) {
  if (!options.machineRates.empty())
    HEDDLE_RETURN_IF_ERROR(plan::parseMachineRates(options.machineRates).status());
  HEDDLE_ASSIGN_OR_RETURN(auto plan, plan::loadPlan(options.plan));
  auto text = textOf(*plan, options);
  if (!text.ok())
    return withPrefix(text.status(), options.plan + ": ");
  cli::print(*text);
  return absl::OkStatus();
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app;
  cli::setUp(app, "heddle-dump",
             "Show what a plan does: task, relations and hops, sizes, parameters, memory, kernels,\n"
             "estimated work. Nothing in the plan is executed.",
             "  heddle-dump wn.plan                          the summary\n"
             "  heddle-dump wn.plan --measure                with seconds, from this machine's rates\n"
             "  heddle-dump wn.plan --machine-rates=12,150   with seconds, at 12 GB/s and 150 GFLOP/s\n"
             "  heddle-dump wn.plan --ops --entry=eval_step  every op of an entry\n"
             "  heddle-dump wn.plan --phase=list             the stored phases of the compiler\n"
             "  heddle-dump wn.plan --phase=kernels          the text of one\n"
             "  heddle-dump wn.plan --dot | dot -Tsvg > wn.svg\n"
             "  heddle-dump wn.plan --json | jq .entries[0].queues\n");
  Options options;
  app.add_option("plan", options.plan, "Plan file written by heddle-compile")->required();
  auto *phase = app.add_option("--phase", options.phase,
                               "Print the stored text of one phase ('list' names them)");
  auto *json = app.add_flag("--json", options.json, "Print everything, for programs");
  auto *dot = app.add_flag("--dot", options.dot, "Print the ops of an entry as a Graphviz graph");
  auto *ops = app.add_flag("--ops", options.ops, "Print a table of the ops of an entry");
  auto *kernels = app.add_flag("--kernels", options.kernels, "Print the generated kernels' bodies");
  app.add_option("--entry", options.entry, "Entry for --dot and --ops (default: train_step)");
  auto *rates = app.add_option(
      "--machine-rates", options.machineRates,
      "GBps,GFLOPs of the machine to estimate seconds for: of gathered rows and dense "
      "products; two more: of streamed arrays and generated kernels");
  auto *measure = app.add_flag("--measure", options.measure,
                               "Measure this machine's rates (one second) and estimate seconds");
  CLI::Option *modes[] = {phase, json, dot, ops, kernels};
  for (CLI::Option *a : modes)
    for (CLI::Option *b : modes)
      if (a != b)
        a->excludes(b);
  rates->excludes(measure);
  return cli::run(app, argc, argv,
                  {{"--format", "--json"}, {"--graphviz", "--dot"}, {"--emit", "--phase"}},
                  [&] { return dump(options); });
}
