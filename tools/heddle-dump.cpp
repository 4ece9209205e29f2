//===- heddle-dump.cpp - shows what a plan does --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Reads and verifies a plan and prints it; never executes anything from it.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/AtomicOutput.h"
#include "runtime/plan/Describe.h"
#include "runtime/plan/DescribeGpu.h"
#include "runtime/plan/MachineRates.h"
#include "tools/support/Cli.h"

using namespace heddle;

namespace {

struct Options {
  std::string plan, phase, entry, machineRates, svg, ptx;
  bool json = false, dot = false, ops = false, kernels = false, measure = false, force = false;
  bool resources = false;
  int64_t partition = -1;
};

/// The step that --entry names, or the main one.
absl::StatusOr<plan::StepFacts> stepOf(const plan::PlanT &plan, const Options &options) {
  if (!options.entry.empty())
    return plan::stepByName(plan, options.entry);
  plan::StepFacts step = plan::mainStep(plan);
  if (step.entries.empty())
    return failedPrecondition("the plan has no entries; recompile with heddle-compile");
  return step;
}

/// --dot: the metatree of a step over all partitions, or the ops of one entry.
absl::StatusOr<std::string> dotOf(const plan::PlanT &plan, const Options &options) {
  if (plan.partitions > 1 && options.partition < 0)
    if (auto step = stepOf(plan, options); step.ok())
      return plan::metatreeDot(plan, *step);
  HEDDLE_ASSIGN_OR_RETURN(int entry, plan::entryOf(plan, options.entry, options.partition));
  return plan::describeDot(plan, entry);
}

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
  if (!options.ptx.empty())
    return plan::gpuText(plan, options.ptx);
  if (options.resources)
    return plan::gpuResources(plan);
  if (options.json)
    return plan::describeJson(plan, describe);
  if (options.dot)
    return dotOf(plan, options);
  if (!options.svg.empty()) {
    HEDDLE_ASSIGN_OR_RETURN(plan::StepFacts step, stepOf(plan, options));
    return plan::metatreeSvg(plan, step);
  }
  if (!options.ops)
    return plan::describe(plan, describe);
  HEDDLE_ASSIGN_OR_RETURN(int entry, plan::entryOf(plan, options.entry, options.partition));
  return plan::describeOps(plan, entry, describe);
}

absl::Status writeNew(const std::string &path, const std::string &text, bool force) {
  HEDDLE_ASSIGN_OR_RETURN(auto output, AtomicOutput::create(path, AtomicOutput::Kind::File, force));
  HEDDLE_RETURN_IF_ERROR(writeFile(output.path(), text));
  return output.publish();
}

absl::Status dump(const Options &options) {
  if (!options.machineRates.empty())
    HEDDLE_RETURN_IF_ERROR(plan::parseMachineRates(options.machineRates).status());
  HEDDLE_ASSIGN_OR_RETURN(auto plan, plan::loadPlan(options.plan));
  auto text = textOf(*plan, options);
  if (!text.ok())
    return withPrefix(text.status(), options.plan + ": ");
  if (!options.svg.empty() && options.svg != "-")
    return writeNew(options.svg, *text, options.force);
  cli::print(*text);
  return absl::OkStatus();
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app;
  cli::setUp(
      app, "heddle-dump",
      "Show what a plan does: task, partitions, relations and hops, sizes, parameters, memory,\n"
      "kernels, estimated work, bytes between partitions. Nothing in the plan is executed.",
      "  heddle-dump wn.plan                          the summary\n"
      "  heddle-dump wn.plan --measure                with seconds, from this machine's rates\n"
      "  heddle-dump wn.plan --machine-rates=12,150   with seconds, at 12 GB/s and 150 GFLOP/s\n"
      "  heddle-dump wn.plan --ops --entry=eval_step  every op of an entry\n"
      "  heddle-dump wn.plan --phase=list             the stored phases of the compiler\n"
      "  heddle-dump wn.plan --phase=kernels          the text of one\n"
      "  heddle-dump wn.plan --gpu-resources          registers and spills of each kernel on a "
      "GPU\n"
      "  heddle-dump wn.plan --svg wn.svg             a picture of what is sampled where\n"
      "  heddle-dump wn.plan --dot | dot -Tsvg > wn.svg\n"
      "  heddle-dump wn.plan --json | jq .entries[0].queues\n");
  Options options;
  app.add_option("plan", options.plan, "Plan file written by heddle-compile")->required();
  auto *phase = app.add_option("--phase", options.phase,
                               "Print the stored text of one phase ('list' names them)");
  auto *json = app.add_flag("--json", options.json, "Print everything, for programs");
  auto *dot =
      app.add_flag("--dot", options.dot,
                   "Print a Graphviz graph: of several partitions the metatree, coloured by "
                   "partition; of one partition the ops of an entry");
  auto *svg = app.add_option("--svg", options.svg,
                             "Draw the metatree, coloured by partition, to this file ('-': stdout)")
                  ->type_name("FILE");
  app.add_flag("--force", options.force, "Replace an existing --svg file");
  auto *ops = app.add_flag("--ops", options.ops, "Print a table of the ops of an entry");
  auto *kernels = app.add_flag("--kernels", options.kernels, "Print the generated kernels' bodies");
  auto *ptx = app.add_option("--ptx", options.ptx, "Print the PTX text for a GPU target")
                  ->type_name("TARGET");
  auto *resources =
      app.add_flag("--gpu-resources", options.resources,
                   "Print registers, shared memory and spills of each kernel for each "
                   "GPU target, as NVIDIA's ptxas gives them (no device needed)");
  app.add_option("--entry", options.entry,
                 "Entry for --dot, --ops and --svg (default: train_step)");
  auto *partition =
      app.add_option("--partition", options.partition,
                     "Partition whose entry --ops (default: the first) or --dot shows")
          ->check(CLI::Range(0, 65535));
  partition->excludes(svg);
  auto *rates = app.add_option(
      "--machine-rates", options.machineRates,
      "GBps,GFLOPs of the machine to estimate seconds for: of gathered rows and dense "
      "products; two more: of streamed arrays and generated kernels; two more: GB/s between "
      "workers and us a message");
  auto *measure = app.add_flag("--measure", options.measure,
                               "Measure this machine's rates (one second) and estimate seconds");
  CLI::Option *modes[] = {phase, json, dot, svg, ops, kernels, ptx, resources};
  for (CLI::Option *a : modes)
    for (CLI::Option *b : modes)
      if (a != b)
        a->excludes(b);
  rates->excludes(measure);
  return cli::run(app, argc, argv,
                  {{"--format", "--json"}, {"--graphviz", "--dot"}, {"--emit", "--phase"}},
                  [&] { return dump(options); });
}
