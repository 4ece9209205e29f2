//===- LinkWeights.cpp - what the sub-DAG of a root link costs -------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/LinkWeights.h"

#include "compiler/cost/MachineRates.h"
#include "passes/ExpectedRows.h"

#include <cmath>
#include <map>
#include <set>

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::compiler;

namespace heddle::passes {

std::optional<WeightRule> parseWeightRule(StringRef text) {
  if (text == "sampled")
    return WeightRule::Sampled;
  if (text == "heta")
    return WeightRule::Heta;
  if (text == "heta-code")
    return WeightRule::HetaCode;
  return std::nullopt;
}

namespace {

/// Expected sizes of one sub-DAG by itself.
class SubDagSizes {
public:
  SubDagSizes(const ModuleTables &tables, const Closure &closure, uint32_t blocks)
      : tables(tables), closure(closure), blocks(blocks) {}

  LogicalResult estimate(EntryOp entry);
  /// Expected rows of a domain; 1 for a parameter.
  double rows(DomainAttr domain) const {
    if (domain.isParam())
      return 1;
    auto found = sizes.find(domain);
    return found == sizes.end() ? 0 : found->second.expected;
  }

private:
  FailureOr<const ModuleTables::Relation *> relationOf(Operation *op, AdjType adj) const {
    auto found = tables.relationIds.find(adj.getRelation().getValue().str());
    if (found == tables.relationIds.end())
      return op->emitOpError("is of ") << adj.getRelation() << ", which the module does not have",
             failure();
    return &tables.relations[found->second];
  }
  FailureOr<uint64_t> nodesOf(Operation *op, DomainAttr domain) const {
    auto found = tables.typeIds.find(domain.getSymbol().getValue().str());
    if (found == tables.typeIds.end())
      return op->emitOpError("is of ") << domain.getSymbol() << ", which the module does not have",
             failure();
    return tables.types[found->second].numNodes;
  }

  const ModuleTables &tables;
  const Closure &closure;
  uint32_t blocks; ///< of the seeds, one of which has edges
  DenseMap<Attribute, SizeEstimate> sizes; ///< by domain
};

LogicalResult SubDagSizes::estimate(EntryOp entry) {
  auto count = [](auto value) { return uint64_t(std::max<int64_t>(0, int64_t(value))); };
  TaskOp task = tables.task;
  SamplingOp sampling = tables.sampling;
  bool train = entry.getKind() == EntryKind::Train;
  for (Operation &op : entry.getBody().front()) {
    if (auto seeds = dyn_cast<SeedsOp>(op)) {
      DomainAttr domain = cast<IdsType>(seeds.getIds().getType()).getDomain();
      auto nodes = nodesOf(&op, domain);
      if (failed(nodes))
        return failure();
      sizes[domain] =
          estimateSeeds(count(train ? sampling.getBatchSize() : sampling.getEvalBatchSize()),
                        train ? count(task.getNumTrain())
                              : std::max(count(task.getNumValid()), count(task.getNumTest())),
                        *nodes);
    } else if (closure.samples.contains(&op)) {
      auto sample = cast<SampleOp>(op);
      auto adj = cast<AdjType>(sample.getAdj().getType());
      auto relation = relationOf(&op, adj);
      if (failed(relation))
        return failure();
      SizeEstimate destinations = sizes[cast<IdsType>(sample.getIds().getType()).getDomain()];
      if (adj.getHop() == 0)
        destinations = blockOf(destinations, blocks);
      LinkEstimate link =
          estimateLink((*relation)->statistics, destinations, int64_t(sample.getFanout()));
      sizes[DomainAttr::edges(adj.getHop(), adj.getRelation())] = link.edges;
      sizes[DomainAttr::active(adj.getHop(), adj.getRelation())] = link.active;
      sizes[DomainAttr::unique(adj.getHop(), adj.getRelation())] =
          estimateSources((*relation)->statistics, link.edges);
    } else if (closure.frontiers.contains(&op)) {
      auto frontier = cast<FrontierOp>(op);
      DomainAttr domain = cast<IdsType>(frontier.getIds().getType()).getDomain();
      auto nodes = nodesOf(&op, domain);
      if (failed(nodes))
        return failure();
      std::vector<FrontierSource> sources;
      for (Value value : frontier.getSamples()) {
        if (!closure.samples.contains(value.getDefiningOp()))
          continue;
        auto adj = cast<AdjType>(value.getType());
        auto relation = relationOf(&op, adj);
        if (failed(relation))
          return failure();
        FrontierSource &source = sources.emplace_back();
        source.relation = &(*relation)->statistics;
        source.edges = sizes[DomainAttr::edges(adj.getHop(), adj.getRelation())];
        auto sample = value.getDefiningOp<SampleOp>();
        SampleOp before = sampledBefore(frontier, sample);
        if (before && closure.selfLinks.contains(&op) && closure.samples.contains(before) &&
            closure.selfLinks.contains(sample.getIds().getDefiningOp()))
          source.repeated =
              sizes[DomainAttr::edges(adj.getHop() - 1, adj.getRelation())].expected;
      }
      SizeEstimate previous;
      if (closure.selfLinks.contains(&op))
        previous = sizes[cast<IdsType>(frontier.getPrevious().getType()).getDomain()];
      sizes[domain] = estimateFrontier(*nodes, sources, previous);
    }
  }
  return success();
}

/// Rows that a value is made for: of a relation's own, its distinct sources (hgnn-compact-sources).
double rowsOf(Value value, const SubDagSizes &sizes) {
  DomainAttr domain = cast<FeatType>(value.getType()).getDomain();
  double rows = sizes.rows(domain);
  if (domain.isRows() && isa_and_nonnull<LinearOp, HeadLinearOp, AddBiasOp, RowDotOp, UnaryOp>(
                             value.getDefiningOp()))
    if (Value edges = edgesThatRead(value)) {
      auto adj = cast<AdjType>(edges.getType());
      rows = std::min(rows, sizes.rows(DomainAttr::unique(adj.getHop(), adj.getRelation())));
    }
  return rows;
}

/// Numbers that an op reads and writes, and its floating-point operations, at the expected sizes.
double secondsOf(Operation *op, const SubDagSizes &sizes, const ModuleTables &tables) {
  // What one relation reads is made of its own sources' rows alone, whoever else reads those.
  Value made = op->getNumResults() == 1 && isa<FeatType>(op->getResult(0).getType())
                   ? op->getResult(0)
                   : Value();
  auto numbers = [&](Value value) {
    auto type = dyn_cast<FeatType>(value.getType());
    if (!type)
      return 0.0;
    bool same = made && cast<FeatType>(made.getType()).getDomain() == type.getDomain();
    return rowsOf(same ? made : value, sizes) * double(type.getWidth());
  };
  double moved = 0, flops = 0;
  for (Value operand : op->getOperands())
    moved += numbers(operand);
  for (Value result : op->getResults()) {
    moved += numbers(result);
    flops += numbers(result);
    if (auto sparse = dyn_cast<SparseType>(result.getType())) {
      // A fetch of sparse rows: index and value of each entry.
      auto type = tables.typeIds.find(sparse.getDomain().getSymbol().getValue().str());
      if (type != tables.typeIds.end()) {
        const ModuleTables::Type &node = tables.types[type->second];
        auto feature = node.features.find(cast<FetchSparseOp>(op).getFeature().str());
        if (feature != node.features.end() && node.numNodes)
          moved += 2 * sizes.rows(sparse.getDomain()) * double(feature->second.nnz) /
                   double(node.numNodes);
      }
    }
  }
  if (auto linear = dyn_cast<LinearOp>(op))
    flops += 2 * numbers(linear.getInput()) *
             double(cast<FeatType>(linear.getResult().getType()).getShape().back());
  if (auto linear = dyn_cast<HeadLinearOp>(op))
    flops += 2 * numbers(linear.getInput()) *
             double(cast<FeatType>(linear.getResult().getType()).getWidth()) /
             double(cast<FeatType>(linear.getWeight().getType()).getShape()[0]);
  if (isa<FetchDenseOp, FetchEdgeOp, FetchRowsOp>(op))
    moved *= 2; // read where it is kept, written where it is used
  return assumedRates().seconds(4 * moved, flops, /*gathered=*/true,
                                isa<LinearOp, HeadLinearOp>(op));
}

FailureOr<uint64_t> sampledWork(EntryOp entry, const llvm::SetVector<Operation *> &ops,
                                const Closure &closure, const ModuleTables &tables,
                                uint32_t blocks) {
  SubDagSizes sizes(tables, closure, blocks);
  if (failed(sizes.estimate(entry)))
    return failure();
  double seconds = 0;
  // In program order, so that the sum has the same bits for any order of the walk.
  for (Operation &op : entry.getBody().front()) {
    if (closure.samples.contains(&op)) {
      auto adj = cast<AdjType>(cast<SampleOp>(op).getAdj().getType());
      // Source id, source row and edge id of each edge.
      seconds += assumedRates().seconds(
          24 * sizes.rows(DomainAttr::edges(adj.getHop(), adj.getRelation())), 0, /*gathered=*/true,
          /*product=*/false);
    } else if (ops.contains(&op)) {
      seconds += secondsOf(&op, sizes, tables);
    }
  }
  return uint64_t(std::llround(seconds * 1e12));
}

uint64_t nodesOfType(const ModuleTables &tables, StringRef symbol) {
  auto found = tables.typeIds.find(symbol.str());
  return found == tables.typeIds.end() ? 0 : tables.types[found->second].numNodes;
}
uint64_t edgesOf(const ModuleTables &tables, StringRef symbol) {
  auto found = tables.relationIds.find(symbol.str());
  return found == tables.relationIds.end() ? 0
                                           : tables.relations[found->second].statistics.numEdges;
}

/// Algorithm 2, line 8: a link counts at every hop where it is.
uint64_t hetaWeight(EntryOp entry, const Closure &closure, const ModuleTables &tables,
                    uint32_t blocks) {
  uint64_t weight = 0;
  DenseSet<Value> inner; // vertices that a link leaves for the next hop
  for (Operation *op : closure.samples) {
    auto sample = cast<SampleOp>(op);
    inner.insert(sample.getIds());
    auto adj = cast<AdjType>(sample.getAdj().getType());
    uint64_t edges = edgesOf(tables, adj.getRelation().getValue());
    weight = addSaturated(weight, adj.getHop() == 0 ? edges / blocks : edges);
  }
  for (Operation *op : closure.selfLinks)
    inner.insert(cast<FrontierOp>(op).getPrevious());
  for (Operation *op : closure.frontiers) {
    auto frontier = cast<FrontierOp>(op);
    if (!inner.contains(frontier.getIds()))
      weight = addSaturated(
          weight,
          nodesOfType(
              tables,
              cast<IdsType>(frontier.getIds().getType()).getDomain().getSymbol().getValue()));
  }
  return weight;
}

uint64_t hetaCodeWeight(const Closure &closure, const ModuleTables &tables, uint32_t blocks) {
  std::map<std::string, uint64_t> relations; // into how many blocks each is cut
  std::set<std::string> types{ModuleTables(tables).task.getTarget().str()};
  for (Operation *op : closure.samples) {
    auto adj = cast<AdjType>(cast<SampleOp>(op).getAdj().getType());
    uint64_t &parts = relations.try_emplace(adj.getRelation().getValue().str(), blocks).first->second;
    if (adj.getHop() > 0)
      parts = 1;
  }
  for (Operation *op : closure.frontiers)
    types.insert(cast<IdsType>(cast<FrontierOp>(op).getIds().getType())
                     .getDomain()
                     .getSymbol()
                     .getValue()
                     .str());
  uint64_t weight = 0;
  for (const auto &[relation, parts] : relations)
    weight = addSaturated(weight, edgesOf(tables, relation) / parts);
  for (const std::string &type : types)
    weight = addSaturated(weight, nodesOfType(tables, type));
  return weight;
}

} // namespace

FailureOr<uint64_t> linkWeight(WeightRule rule, EntryOp entry,
                               const llvm::SetVector<Operation *> &ops, const Closure &closure,
                               const ModuleTables &tables, uint32_t blocks) {
  switch (rule) {
  case WeightRule::Sampled:
    return sampledWork(entry, ops, closure, tables, blocks);
  case WeightRule::Heta:
    return hetaWeight(entry, closure, tables, blocks);
  case WeightRule::HetaCode:
    return hetaCodeWeight(closure, tables, blocks);
  }
  return uint64_t(0);
}

} // namespace heddle::passes
