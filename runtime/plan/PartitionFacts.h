//===- PartitionFacts.h - who does and sends what ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Figures over all partitions of a plan: which entries make a step, what each partition keeps, what
// travels between them. Pure functions of a verified plan, as all of PlanFacts.h.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_PARTITIONFACTS_H
#define HEDDLE_RUNTIME_PLAN_PARTITIONFACTS_H

#include "runtime/plan/PlanFacts.h"

#include <map>
#include <set>

namespace heddle::plan {

/// The entries of one kind (and layer), one of each partition that has one.
struct StepFacts {
  EntryKind kind = EntryKind::Init;
  int layer = -1;
  std::string name;              ///< the entries' name, without the partition
  std::vector<uint32_t> entries; ///< indices into plan.entries, by partition
};
/// In the order in which the plan has them first.
std::vector<StepFacts> stepsOf(const PlanT &plan);
/// The step that mainEntry() belongs to; its `entries` are empty if the plan has none.
StepFacts mainStep(const PlanT &plan);
/// The step called `name`; an error that lists the names otherwise.
absl::StatusOr<StepFacts> stepByName(const PlanT &plan, const std::string &name);
/// The entry with exactly this name, or else the one of `partition` (-1: the first that has one) in
/// the step with this name ("": the main step). Errors name the choices.
absl::StatusOr<int> entryOf(const PlanT &plan, const std::string &name, int64_t partition);

/// The partitions that keep a copy of a state, ascending.
std::vector<uint32_t> keepersOf(const PlanT &plan, const StateT &state);
/// "all", "0", "0-2, 4"; `partitions` ascending, `count` = all there are.
std::string partitionList(const std::vector<uint32_t> &partitions, uint32_t count);

struct PartitionFacts {
  uint32_t partition = 0;
  std::vector<std::string> links; ///< root links
  uint64_t load = 0;              ///< by Plan.balance_rule
  struct Kept {
    uint64_t states = 0;
    double bytes = 0;
  };
  /// Parameters and learnable rows, by role and the others that keep them too.
  std::map<std::pair<StateRole, std::vector<uint32_t>>, Kept> learnt;
  /// Tables of learnable rows that are spread over all partitions: the part kept here.
  Kept spread;
  double stateBytes = 0;      ///< all states kept here
  std::set<uint32_t> kernels; ///< indices into plan.kernels, over all its entries
};
/// One for each partition, ascending.
std::vector<PartitionFacts> partitionsOf(const PlanT &plan);
/// The largest load divided by the mean one; 0 where the plan says no loads.
double balanceOf(const std::vector<PartitionFacts> &partitions);

/// A part of what all partitions together send in a step: scale * ceil(symbol / divisor) bytes,
/// or scale bytes where there is no symbol. Parts of collectives of one shape are added:
///   scale = passes * max(1, others) * (idBytes + 4 * numbers) + plain
struct WireTerm {
  Traffic traffic = Traffic::Control;
  bool once = false; ///< in the first step only: the result is kept
  bool hasSymbol = false;
  SymbolKind kind = SymbolKind::Rows;
  uint32_t hop = 0, index = 0, aux = 0, divisor = 1;
  uint64_t passes = 0;  ///< 2: blocks go out and sums come back; 0: all is plain
  uint64_t others = 0;  ///< participants less one; 0: each unit goes to one of them
  uint64_t idBytes = 0; ///< of ids, for each unit and other participant
  uint64_t numbers = 0; ///< of 4 bytes, likewise
  uint64_t plain = 0;   ///< bytes that are no such product
  uint64_t scale = 0;
  double expected = 0; ///< bytes, the symbol at its expected value
};
/// Everything that `step` sends, without control traffic; each collective counts once, though it
/// stands in the entry of each participant. By class, terms of every step first.
std::vector<WireTerm> wireOf(const PlanT &plan, const StepFacts &step);
/// Expected bytes of the terms of every step, or of the first step alone.
double wireBytes(const std::vector<WireTerm> &terms, bool once);
/// "416 * rows(0, paper)", in bytes. Printable, as are the next two.
std::string amountOf(const PlanT &plan, const WireTerm &term);
/// How its scale comes about: "2 * (3 - 1) * 26 * 4"; "" where it is no such product.
std::string factorsOf(const WireTerm &term);
/// Both: "2 * (3 - 1) * 26 * 4 * rows(0, paper) = 416 * rows(0, paper)".
std::string formulaOf(const PlanT &plan, const WireTerm &term);

/// "activations", "dense_gradients", ...
std::string spelled(Traffic traffic);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_PARTITIONFACTS_H
