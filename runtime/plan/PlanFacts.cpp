//===- PlanFacts.cpp - figures that follow from a plan ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/PlanFacts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace heddle::plan {
namespace {

constexpr uint64_t saturated = std::numeric_limits<uint64_t>::max();

uint64_t addSaturated(uint64_t a, uint64_t b) { return a > saturated - b ? saturated : a + b; }
uint64_t mulSaturated(uint64_t a, uint64_t b) {
  return b != 0 && a > saturated / b ? saturated : a * b;
}

/// A symbol's estimate; what is no number of things counts as none, so that sums and orders hold.
double expectedOf(const SymbolT &symbol) {
  return std::isfinite(symbol.expected) && symbol.expected > 0 ? symbol.expected : 0;
}

/// "FetchDense" -> "fetch_dense".
std::string snake(std::string_view camel) {
  std::string out;
  for (char c : camel) {
    if (c >= 'A' && c <= 'Z') {
      if (!out.empty())
        out += '_';
      c = char(c - 'A' + 'a');
    }
    out += c;
  }
  return out;
}

} // namespace

double expectedValue(const Extent &extent, const EntryT &entry) {
  double value = 0;
  if (extent.symbol() >= 0 && size_t(extent.symbol()) < entry.symbols.size())
    value = expectedOf(*entry.symbols[extent.symbol()]);
  if (extent.divisor() > 1)
    value = std::ceil(value / extent.divisor());
  return double(extent.scale()) * value + double(extent.constant());
}

double expectedValue(const std::vector<Extent> &extents, const EntryT &entry) {
  double sum = 0;
  for (const Extent &extent : extents)
    sum += expectedValue(extent, entry);
  return sum;
}

Cost costOf(const OpT &op, const EntryT &entry, const MachineRates &rates,
            const std::vector<bool> *random) {
  Cost cost;
  cost.bytes = expectedValue(op.bytes, entry);
  cost.flops = expectedValue(op.flops, entry);
  cost.seconds = secondsOf(op, entry, cost.bytes, cost.flops, rates, random);
  return cost;
}

EntryFacts factsOf(const EntryT &entry, const MachineRates &rates) {
  EntryFacts facts;
  std::array<int64_t, numQueues> wave;
  wave.fill(-1);
  struct Wave {
    double compute = 0, comm = 0;
  };
  std::map<uint32_t, Wave> waves;
  const std::vector<bool> random = randomPositions(entry);
  for (const auto &op : entry.ops) {
    size_t q = size_t(op->queue);
    if (q >= numQueues)
      continue;
    QueueFacts &queue = facts.queues[q];
    ++facts.ops;
    ++queue.ops;
    if (wave[q] != int64_t(op->wave)) {
      wave[q] = op->wave;
      ++queue.waves;
      if (op->queue == Queue::Compute)
        waves[op->wave].compute += rates.waveSeconds;
    }
    Cost cost = costOf(*op, entry, rates, &random);
    // What stays the same over the steps of a full-graph entry costs nothing in a later step.
    Cost &sum = op->in_loop_static ? queue.once : queue.cost;
    sum.bytes += cost.bytes;
    sum.flops += cost.flops;
    sum.seconds += cost.seconds;
    if (op->in_loop_static)
      continue;
    facts.total.bytes += cost.bytes;
    facts.total.flops += cost.flops;
    if (op->queue == Queue::Compute)
      waves[op->wave].compute += cost.seconds;
    else if (op->queue == Queue::Comm)
      waves[op->wave].comm += cost.seconds;
  }
  QueueFacts &compute = facts.queues[size_t(Queue::Compute)];
  const QueueFacts &comm = facts.queues[size_t(Queue::Comm)];
  if (rates.known()) {
    compute.cost.seconds += double(compute.waves) * rates.waveSeconds;
    for (const auto &[number, both] : waves)
      facts.wavesSeconds += std::max(both.compute, both.comm);
  }
  for (int q = 0; q < numQueues && rates.known(); ++q) {
    if (facts.queues[q].ops == 0 || (q == int(Queue::Comm) && compute.ops > 0))
      continue;
    double seconds = q == int(Queue::Compute) && comm.ops > 0 ? facts.wavesSeconds
                                                              : facts.queues[q].cost.seconds;
    if (facts.slowestQueue < 0 || seconds > facts.total.seconds) {
      facts.total.seconds = seconds;
      facts.slowestQueue = q;
    }
  }
  std::vector<uint64_t> expected, offsets;
  for (const auto &symbol : entry.symbols) {
    double value = expectedOf(*symbol);
    expected.push_back(value >= 0x1p63 ? uint64_t(1) << 63 : uint64_t(std::ceil(value)));
  }
  facts.arenaExpected = layoutArena(entry, expected, offsets);
  return facts;
}

std::vector<HopFacts> hopsOf(const PlanT &plan, const EntryT &entry) {
  std::map<std::pair<uint32_t, uint32_t>, HopFacts> hops;
  auto at = [&](uint32_t hop, uint32_t type) -> HopFacts & {
    HopFacts &facts = hops[{hop, type}];
    facts.hop = hop;
    facts.nodeType = type;
    return facts;
  };
  for (const auto &symbol : entry.symbols) {
    if (symbol->kind == SymbolKind::Rows && symbol->index < plan.node_types.size()) {
      HopFacts &facts = at(symbol->hop, symbol->index);
      facts.hasRows = true;
      facts.rowsExpected = expectedOf(*symbol);
      facts.rowsBound = symbol->bound;
    }
    if (symbol->kind == SymbolKind::Edges && symbol->index < plan.relations.size()) {
      HopFacts &facts = at(symbol->hop, plan.relations[symbol->index]->destination);
      facts.edgesExpected += expectedOf(*symbol);
      facts.edgesBound = addSaturated(facts.edgesBound, symbol->bound);
      ++facts.relations;
    }
  }
  std::vector<HopFacts> out;
  for (const auto &entryOf : hops)
    out.push_back(entryOf.second);
  return out;
}

std::vector<SampleFacts> samplesOf(const EntryT &entry) {
  std::vector<SampleFacts> out;
  for (const auto &op : entry.ops) {
    const SampleAttrsT *attrs = op->attrs.AsSampleAttrs();
    if (!attrs)
      continue;
    SampleFacts facts;
    facts.relation = attrs->relation;
    facts.hop = attrs->hop;
    facts.fanout = attrs->mode == SampleMode::All ? -1 : attrs->fanout;
    for (const auto &symbol : entry.symbols)
      if (symbol->kind == SymbolKind::Edges && symbol->index == facts.relation &&
          symbol->hop == facts.hop) {
        facts.hasEdges = true;
        facts.edgesExpected = expectedOf(*symbol);
        facts.edgesBound = symbol->bound;
      }
    out.push_back(facts);
  }
  return out;
}

uint64_t elementsOf(const PlanT &plan, const StateT &state) {
  uint64_t elements = 1;
  if (state.rows_type >= 0 && size_t(state.rows_type) < plan.node_types.size())
    elements = plan.node_types[state.rows_type]->num_nodes;
  for (uint64_t extent : state.shape)
    elements = mulSaturated(elements, extent);
  return elements;
}

uint64_t bytesOf(const PlanT &plan, const StateT &state) {
  return mulSaturated(elementsOf(plan, state), uint64_t(sizeOf(state.dtype)));
}

std::string shapeText(const PlanT &plan, const StateT &state) {
  std::string out;
  if (state.rows_type >= 0 && size_t(state.rows_type) < plan.node_types.size())
    out = std::to_string(plan.node_types[state.rows_type]->num_nodes);
  for (uint64_t extent : state.shape)
    out += (out.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + out + "]";
}

int mainEntry(const PlanT &plan) {
  for (EntryKind kind : {EntryKind::TrainStep, EntryKind::EvalStep})
    for (size_t i = 0; i < plan.entries.size(); ++i)
      if (plan.entries[i]->kind == kind)
        return int(i);
  return plan.entries.empty() ? -1 : 0;
}

std::string relationTriple(const PlanT &plan, uint32_t relation) {
  if (relation >= plan.relations.size())
    return "relation " + std::to_string(relation);
  const RelationT &r = *plan.relations[relation];
  auto type = [&](uint32_t t) {
    return t < plan.node_types.size() ? plan.node_types[t]->name : std::to_string(t);
  };
  return type(r.source) + ":" + r.name + ":" + type(r.destination);
}

std::string spelled(EntryKind kind) { return snake(EnumNameEntryKind(kind)); }
std::string spelled(Queue queue) { return snake(EnumNameQueue(queue)); }
std::string spelled(StateRole role) { return snake(EnumNameStateRole(role)); }
std::string spelled(OptimizerKind kind) {
  return kind == OptimizerKind::AdamW ? "adamw" : snake(EnumNameOptimizerKind(kind));
}
std::string spelled(SymbolKind kind) { return snake(EnumNameSymbolKind(kind)); }
std::string spelled(DType dtype) {
  std::string name = EnumNameDType(dtype);
  for (char &c : name)
    c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return name;
}
std::string spelled(InitKind kind) { return snake(EnumNameInitKind(kind)); }
std::string spelled(Space space) { return snake(EnumNameSpace(space)); }
std::string spelled(Placement placement) { return snake(EnumNamePlacement(placement)); }
std::string spelled(MergeKind merge) { return snake(EnumNameMergeKind(merge)); }
std::string spelled(OpAttrs kind) {
  std::string name = snake(EnumNameOpAttrs(kind));
  size_t suffix = name.rfind("_attrs");
  return suffix == std::string::npos ? name : name.substr(0, suffix);
}

} // namespace heddle::plan
