//===- Describe.h - a plan in words, tables and pictures ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What heddle-dump prints. All functions take a verified plan, execute nothing from it and return
// text that is safe to print: names may hold any bytes. The tables are made for 100 columns.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_DESCRIBE_H
#define HEDDLE_RUNTIME_PLAN_DESCRIBE_H

#include "runtime/plan/PartitionFacts.h"

namespace heddle::plan {

struct DescribeOptions {
  std::string source = {}; ///< the plan file's name, for the first line
  MachineRates rates = {}; ///< unknown: no seconds are estimated
  size_t maxRows = 30;     ///< longer tables end with a line that counts the rest
};

/// The summary: task, relations and hops, sizes, parameters, memory, kernels, cost, remarks; of
/// several partitions also what each does and keeps, what travels between them, alternatives.
std::string describe(const PlanT &plan, const DescribeOptions &options);

/// A table of the ops of one entry (index in plan.entries), in list order.
std::string describeOps(const PlanT &plan, int entry, const DescribeOptions &options);

/// Every kernel with its symbol, arguments and body.
std::string describeKernels(const PlanT &plan);

/// Names and sizes of the stored phases.
std::string describePhases(const PlanT &plan);
/// The text of one stored phase. kInvalidArgument names the phases there are.
absl::StatusOr<std::string> phaseText(const PlanT &plan, const std::string &name);

/// Everything but kernel objects and phase texts, with stable keys; "description_version" grows
/// when one changes its meaning. Numbers that are not finite are null.
std::string describeJson(const PlanT &plan, const DescribeOptions &options);

/// The op DAG of one entry for Graphviz: solid edges are buffers, dashed ones semaphores; ops of a
/// wave of a queue share a rank.
std::string describeDot(const PlanT &plan, int entry);

/// The metatree of `step` (Metatree.h) over all its partitions for Graphviz, the seeds on top. A
/// link has its partition's colour; one that several partitions sample is drawn once for each.
std::string metatreeDot(const PlanT &plan, const StepFacts &step);
/// The same as an SVG picture that needs nothing else: hops from left to right, links of a
/// partition between the same two vertices drawn as one where a hop has many, a legend.
std::string metatreeSvg(const PlanT &plan, const StepFacts &step);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_DESCRIBE_H
