//===- PlanFacts.h - figures that follow from a plan -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What the descriptions of a plan are made of: sizes per hop, bytes of states, estimated traffic
// and arithmetic of an entry. All are pure functions of a verified plan; nothing is executed.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_PLANFACTS_H
#define HEDDLE_RUNTIME_PLAN_PLANFACTS_H

#include "runtime/plan/Collective.h"
#include "runtime/plan/CostModel.h"
#include "runtime/plan/PlanFile.h"

#include <array>

namespace heddle::plan {

/// The value of `extents`' sum with every symbol at its expected value. Not rounded, except that a
/// divisor rounds up as it does at run time.
double expectedValue(const std::vector<Extent> &extents, const EntryT &entry);
double expectedValue(const Extent &extent, const EntryT &entry);

/// Estimates for one op or a sum of ops, per step.
struct Cost {
  double bytes = 0;
  double flops = 0;
  double seconds = 0; ///< the slower of memory and arithmetic; 0 while the rates are unknown
};
Cost costOf(const OpT &op, const EntryT &entry, const MachineRates &rates,
            const std::vector<bool> *random = nullptr);

inline constexpr int numQueues = 5;
struct QueueFacts {
  uint64_t ops = 0, waves = 0;
  Cost cost; ///< of every step; compute: with the start of each wave
  Cost once; ///< of the first step alone: ops whose result stays the same
};
struct EntryFacts {
  std::array<QueueFacts, numQueues> queues;
  uint64_t ops = 0;
  Cost total;                 ///< seconds: of the slowest queue, as the others overlap with it
  int slowestQueue = -1;      ///< -1 while the rates are unknown; compute: with comm beside it
  double wavesSeconds = 0;    ///< compute and comm: the sum over their waves of the slower one
  uint64_t arenaExpected = 0; ///< bytes, symbols at their expected values
};
EntryFacts factsOf(const EntryT &entry, const MachineRates &rates);

/// Rows of one node type at one hop and the edges that enter them.
struct HopFacts {
  uint32_t hop = 0, nodeType = 0;
  bool hasRows = false;
  double rowsExpected = 0, edgesExpected = 0;
  uint64_t rowsBound = 0, edgesBound = 0; ///< saturated
  uint32_t relations = 0;                 ///< relations sampled into these rows
};
/// By (hop, node type); only what the entry has symbols for.
std::vector<HopFacts> hopsOf(const PlanT &plan, const EntryT &entry);

/// One relation at one hop.
struct SampleFacts {
  uint32_t relation = 0, hop = 0;
  int32_t fanout = -1; ///< -1: all in-edges
  bool hasEdges = false;
  double edgesExpected = 0;
  uint64_t edgesBound = 0;
};
std::vector<SampleFacts> samplesOf(const EntryT &entry);

/// Elements and bytes of a state on the graph whose statistics the plan was compiled for.
uint64_t elementsOf(const PlanT &plan, const StateT &state);
uint64_t bytesOf(const PlanT &plan, const StateT &state);
/// "[64, 32]", with the rows first where the state has one row per node.
std::string shapeText(const PlanT &plan, const StateT &state);

/// The entry that people mean by "the step": train_step, else eval_step, else the first; -1 if the
/// plan has none.
int mainEntry(const PlanT &plan);

/// "source:name:destination".
std::string relationTriple(const PlanT &plan, uint32_t relation);
/// Names as users write them: "train_step", "sample", "embedding_rows", ...
std::string spelled(EntryKind kind);
std::string spelled(Queue queue);
std::string spelled(StateRole role);
std::string spelled(OptimizerKind kind);
std::string spelled(SymbolKind kind);
std::string spelled(DType dtype);
std::string spelled(InitKind kind);
std::string spelled(Space space);
std::string spelled(Placement placement);
std::string spelled(MergeKind merge);
/// "sample", "fetch_dense", ...: the op's kind.
std::string spelled(OpAttrs kind);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_PLANFACTS_H
