//===- DescribeText.h - pieces that descriptions share -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_DESCRIBETEXT_H
#define HEDDLE_RUNTIME_PLAN_DESCRIBETEXT_H

#include "runtime/plan/Describe.h"

namespace heddle::plan {

/// An empty line and the title of a section.
std::string heading(const std::string &text);
/// The line that stands for the rows of a table that were not printed.
std::string more(size_t total, size_t shown, const std::string &what);
std::string percent(double part, double whole);
/// "15", or "all" for -1.
std::string fanoutText(int32_t fanout);
/// Not made printable.
std::string typeName(const PlanT &plan, uint32_t type);
/// As short as printf's %g.
std::string number(double value);
/// "1 relation", "2 relations".
std::string count(size_t n, const char *what);
/// `text` broken at spaces into lines of at most `columns`, continued with an indent.
std::string wrapped(const std::string &text, size_t columns, const std::string &first,
                    const std::string &next);
/// A DOT string. Backslashes are doubled after the name was made printable, so that no name can
/// end the string or smuggle in an escape such as \N.
std::string quoted(const std::string &text);
/// Several lines in one label.
std::string quotedLines(const std::vector<std::string> &lines);

/// Sections of describe() for plans of several partitions; each starts with heading().
std::string partitionsSection(const PlanT &plan, const DescribeOptions &options);
std::string partitionRelationsSection(const PlanT &plan, const StepFacts &step,
                                      const DescribeOptions &options);
std::string partitionSizesSection(const PlanT &plan, const StepFacts &step,
                                  const DescribeOptions &options);
std::string wireSection(const PlanT &plan, const StepFacts &step);
/// "" if the plan has none.
std::string alternativesSection(const PlanT &plan);
std::string cachesSection(const PlanT &plan);
std::string partitionMemorySection(const PlanT &plan, const DescribeOptions &options);
std::string partitionCostSection(const PlanT &plan, const StepFacts &step,
                                 const DescribeOptions &options);
/// The entry of `step` that takes longest; the first while the rates are unknown. `step` has one.
uint32_t slowestEntry(const PlanT &plan, const StepFacts &step, const MachineRates &rates);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_DESCRIBETEXT_H
