//===- EntrySymbols.cpp - size symbols of an entry ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/EntrySymbols.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

using plan::Extent;
using plan::SymbolKind;

LogicalResult EntrySymbols::estimate(EntryOp entry) {
  TaskOp task = tables_.task;
  SamplingOp sampling = tables_.sampling;
  auto count = [](auto value) { return uint64_t(std::max<int64_t>(0, int64_t(value))); };
  bool train = entry.getKind() == hgnn::EntryKind::Train;
  uint64_t available =
      train ? count(task.getNumTrain()) : std::max(count(task.getNumValid()), count(task.getNumTest()));
  for (Operation &op : entry.getBody().front()) {
    if (auto seeds = dyn_cast<SeedsOp>(op)) {
      DomainAttr domain = cast<IdsType>(seeds.getIds().getType()).getDomain();
      auto type = tables_.typeIds.find(domain.getSymbol() ? domain.getSymbol().getValue().str() : "");
      if (!domain.isRows() || type == tables_.typeIds.end())
        return seeds.emitOpError("gives rows of a node type, got ") << domain;
      estimates_[{SymbolKind::Rows, domain.getHop(), type->second, 0}] =
          estimateSeeds(count(train ? sampling.getBatchSize() : sampling.getEvalBatchSize()),
                        available, tables_.types[type->second].numNodes);
    } else if (auto sample = dyn_cast<SampleOp>(op)) {
      auto adj = cast<AdjType>(sample.getAdj().getType());
      auto relation = tables_.relationIds.find(adj.getRelation().getValue().str());
      if (relation == tables_.relationIds.end())
        return sample.emitOpError("samples ") << adj.getRelation() << ", which the module does not have";
      const ModuleTables::Relation &r = tables_.relations[relation->second];
      auto rows = estimates_.find({SymbolKind::Rows, adj.getHop(), r.destination, 0});
      if (rows == estimates_.end())
        return sample.emitOpError("has destinations that no op before it numbers");
      LinkEstimate link =
          estimateLink(r.statistics, rows->second, int64_t(sample.getFanout()));
      estimates_[{SymbolKind::Edges, adj.getHop(), relation->second, 0}] = link.edges;
      estimates_[{SymbolKind::Active, adj.getHop(), relation->second, 0}] = link.active;
    } else if (auto frontier = dyn_cast<FrontierOp>(op)) {
      DomainAttr domain = cast<IdsType>(frontier.getIds().getType()).getDomain();
      auto type = tables_.typeIds.find(domain.getSymbol().getValue().str());
      if (type == tables_.typeIds.end())
        return frontier.emitOpError("is of a node type that the module does not have");
      std::vector<FrontierSource> sources;
      for (Value value : frontier.getSamples()) {
        auto adj = cast<AdjType>(value.getType());
        auto relation = tables_.relationIds.find(adj.getRelation().getValue().str());
        if (relation == tables_.relationIds.end())
          return frontier.emitOpError("unites ") << adj.getRelation()
                                                 << ", which the module does not have";
        sources.push_back(
            {&tables_.relations[relation->second].statistics,
             estimates_[{SymbolKind::Edges, adj.getHop(), relation->second, 0}]});
      }
      SizeEstimate previous;
      if (frontier.getPrevious())
        previous = estimates_[{SymbolKind::Rows, domain.getHop() - 1, type->second, 0}];
      estimates_[{SymbolKind::Rows, domain.getHop(), type->second, 0}] =
          estimateFrontier(tables_.types[type->second].numNodes, sources, previous);
    }
  }
  return success();
}

Extent EntrySymbols::symbol(const Key &key, const SizeEstimate &size) {
  auto [found, added] = symbols_.try_emplace(key, int32_t(entry_.symbols.size()));
  if (added) {
    auto symbol = std::make_unique<plan::SymbolT>();
    symbol->kind = std::get<0>(key);
    symbol->hop = uint32_t(std::get<1>(key));
    symbol->index = std::get<2>(key);
    symbol->aux = std::get<3>(key);
    symbol->bound = size.bound;
    symbol->expected = size.expected;
    entry_.symbols.push_back(std::move(symbol));
  }
  return Extent(found->second, 1, 1, 0);
}

FailureOr<Extent> EntrySymbols::lookUp(Location location, SymbolKind kind, int64_t hop,
                                       StringRef name) {
  const auto &ids = kind == SymbolKind::Rows ? tables_.typeIds : tables_.relationIds;
  auto id = ids.find(name.str());
  if (id == ids.end())
    return emitError(location) << "@\"" << name << "\" is not in the module's schema", failure();
  Key key{kind, hop, id->second, 0};
  auto found = estimates_.find(key);
  if (found == estimates_.end())
    return emitError(location) << "no op of the entry gives "
                               << (kind == SymbolKind::Rows ? "rows(" : "edges(") << hop << ", @\""
                               << name << "\")",
           failure();
  return symbol(key, found->second);
}

FailureOr<Extent> EntrySymbols::rows(Location location, int64_t hop, StringRef type) {
  return lookUp(location, SymbolKind::Rows, hop, type);
}
FailureOr<Extent> EntrySymbols::edges(Location location, AdjType adj) {
  return lookUp(location, SymbolKind::Edges, adj.getHop(), adj.getRelation().getValue());
}
FailureOr<Extent> EntrySymbols::active(Location location, AdjType adj) {
  return lookUp(location, SymbolKind::Active, adj.getHop(), adj.getRelation().getValue());
}

FailureOr<Extent> EntrySymbols::domain(Location location, DomainAttr domain) {
  switch (domain.getKind()) {
  case DomainKind::Param:
    return Extent(-1, 1, 1, 1);
  case DomainKind::Rows:
    return lookUp(location, SymbolKind::Rows, domain.getHop(), domain.getSymbol().getValue());
  case DomainKind::Edges:
    return lookUp(location, SymbolKind::Edges, domain.getHop(), domain.getSymbol().getValue());
  case DomainKind::Active:
    return lookUp(location, SymbolKind::Active, domain.getHop(), domain.getSymbol().getValue());
  default:
    return emitError(location) << "a value has the generic domain " << domain, failure();
  }
}

Extent EntrySymbols::nodes(uint32_t type) {
  uint64_t count = tables_.types[type].numNodes;
  return symbol({SymbolKind::Nodes, 0, type, 0}, {count, double(count)});
}

Extent EntrySymbols::nnz(int64_t hop, uint32_t type, const ModuleTables::Feature &feature) {
  SizeEstimate rows;
  if (auto found = estimates_.find({SymbolKind::Rows, hop, type, 0}); found != estimates_.end())
    rows = found->second;
  return symbol({SymbolKind::Nnz, hop, type, feature.index},
                estimateNnz(rows, tables_.types[type].numNodes, feature.nnz, feature.dim));
}

} // namespace heddle::compiler
