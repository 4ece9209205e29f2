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

FailureOr<EntrySymbols::Estimates> EntrySymbols::estimate(const ModuleTables &tables,
                                                          EntryOp entry) {
  Estimates estimates;
  const BatchOf batch = batchOf(entry, tables);
  for (Operation &op : entry.getBody().front()) {
    if (auto seeds = dyn_cast<SeedsOp>(op)) {
      DomainAttr domain = cast<IdsType>(seeds.getIds().getType()).getDomain();
      auto type = tables.typeIds.find(domain.getSymbol() ? domain.getSymbol().getValue().str() : "");
      if (!domain.isRows() || type == tables.typeIds.end())
        return seeds.emitOpError("gives rows of a node type, got ") << domain,
               failure();
      const uint64_t nodes = tables.types[type->second].numNodes;
      estimates[{SymbolKind::Rows, domain.getHop(), type->second, 0}] =
          estimateSeeds(batch.size, std::min(batch.available, nodes), nodes);
    } else if (auto block = dyn_cast<SeedBlockOp>(op)) {
      StringRef name = cast<IdsType>(block.getIds().getType()).getDomain().getSymbol().getValue();
      uint32_t type = tables.typeIds.at(name.str());
      SizeEstimate &own = estimates[{SymbolKind::Rows, 0, type, 0}];
      estimates[{SymbolKind::Gathered, 0, type, 0}] = own;
      own = blockOf(own, uint64_t(block.getOf()));
    } else if (auto sample = dyn_cast<SampleOp>(op)) {
      auto adj = cast<AdjType>(sample.getAdj().getType());
      auto relation = tables.relationIds.find(adj.getRelation().getValue().str());
      if (relation == tables.relationIds.end())
        return sample.emitOpError("samples ") << adj.getRelation() << ", which the module does not have",
               failure();
      const ModuleTables::Relation &r = tables.relations[relation->second];
      auto rows = estimates.find({SymbolKind::Rows, adj.getHop(), r.destination, 0});
      if (rows == estimates.end())
        return sample.emitOpError("has destinations that no op before it numbers"), failure();
      LinkEstimate link =
          estimateLink(r.statistics, blockOf(rows->second, uint64_t(sample.getBlocks())),
                       int64_t(sample.getFanout()));
      estimates[{SymbolKind::Edges, adj.getHop(), relation->second, 0}] = link.edges;
      estimates[{SymbolKind::Active, adj.getHop(), relation->second, 0}] = link.active;
      estimates[{SymbolKind::Unique, adj.getHop(), relation->second, 0}] =
          estimateSources(r.statistics, link.edges);
    } else if (auto frontier = dyn_cast<FrontierOp>(op)) {
      DomainAttr domain = cast<IdsType>(frontier.getIds().getType()).getDomain();
      auto type = tables.typeIds.find(domain.getSymbol().getValue().str());
      if (type == tables.typeIds.end())
        return frontier.emitOpError("is of a node type that the module does not have"),
               failure();
      FailureOr<std::vector<FrontierSource>> sources = sourcesOf(tables, estimates, frontier);
      if (failed(sources))
        return failure();
      SizeEstimate previous;
      if (frontier.getPrevious())
        previous = estimates[{SymbolKind::Rows, domain.getHop() - 1, type->second, 0}];
      estimates[{SymbolKind::Rows, domain.getHop(), type->second, 0}] =
          estimateFrontier(tables.types[type->second].numNodes, *sources, previous);
    }
  }
  return estimates;
}

FailureOr<std::vector<FrontierSource>>
EntrySymbols::sourcesOf(const ModuleTables &tables, const Estimates &estimates,
                        FrontierOp frontier) {
  auto edgesOf = [&](int64_t hop, uint32_t relation) {
    auto found = estimates.find({SymbolKind::Edges, hop, relation, 0});
    return found == estimates.end() ? SizeEstimate() : found->second;
  };
  std::vector<FrontierSource> sources;
  for (Value value : frontier.getSamples()) {
    auto adj = cast<AdjType>(value.getType());
    auto relation = tables.relationIds.find(adj.getRelation().getValue().str());
    if (relation == tables.relationIds.end())
      return frontier.emitOpError("unites ") << adj.getRelation()
                                             << ", which the module does not have",
             failure();
    FrontierSource &source = sources.emplace_back();
    source.relation = &tables.relations[relation->second].statistics;
    source.edges = edgesOf(adj.getHop(), relation->second);
    if (sampledBefore(frontier, value.getDefiningOp<SampleOp>()))
      source.repeated = edgesOf(adj.getHop() - 1, relation->second).expected;
  }
  return sources;
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
  case DomainKind::Unique:
    return lookUp(location, SymbolKind::Unique, domain.getHop(), domain.getSymbol().getValue());
  default:
    return emitError(location) << "a value has the generic domain " << domain, failure();
  }
}

FailureOr<Extent> EntrySymbols::rowsOf(Location location, Type type) {
  DomainAttr domain;
  if (auto tensor = dyn_cast<FeatType>(type))
    domain = tensor.getDomain();
  else if (auto ids = dyn_cast<IdsType>(type))
    domain = ids.getDomain();
  else if (auto labels = dyn_cast<LabelsType>(type))
    domain = labels.getDomain();
  else if (auto sparse = dyn_cast<SparseType>(type))
    domain = sparse.getDomain();
  else
    return emitError(location) << "a value of type " << type << " has no rows", failure();
  PlacementAttr placement = placementOf(type);
  if (all_.size() == 1 || !domain.isRows() || (!placement.isReplicated() && !placement.isKept()))
    return this->domain(location, domain);
  StringRef name = domain.getSymbol().getValue();
  if (placement.isKept()) {
    auto rows = spreadRows(location, domain.getHop(), name);
    return failed(rows) ? FailureOr<Extent>(failure()) : FailureOr<Extent>(rows->kept);
  }
  if (domain.getHop() == 0)
    return placement.getSplit() ? this->domain(location, domain) : seedsOfAll(location, name);
  auto id = tables_.typeIds.find(name.str());
  auto found = id == tables_.typeIds.end()
                   ? symbols_.end()
                   : symbols_.find({SymbolKind::Union, domain.getHop(), id->second, 0});
  if (found == symbols_.end())
    return emitError(location) << "no op of the entry gives the rows of all partitions of "
                               << domain,
           failure();
  return Extent(found->second, 1, 1, 0);
}

FailureOr<Extent> EntrySymbols::unionRows(Location location, int64_t hop, StringRef type,
                                          ArrayRef<int64_t> partitions) {
  FailureOr<Extent> own = rows(location, hop, type);
  if (failed(own))
    return failure();
  uint32_t id = tables_.typeIds.at(type.str());
  uint64_t nodes = tables_.types[id].numNodes;
  SizeEstimate united;
  // A node is missing in all partitions as if they chose independently; the bound is exact.
  double missing = 1;
  for (int64_t partition : partitions) {
    const Estimates &there = all_[size_t(partition)];
    auto found = there.find({SymbolKind::Rows, hop, id, 0});
    if (found == there.end())
      return emitError(location) << "partition " << partition << " has no rows(" << hop << ", @\""
                                 << type << "\")",
             failure();
    united.bound = std::min(nodes, addSaturated(united.bound, found->second.bound));
    if (nodes > 0)
      missing *= 1 - std::min(1.0, found->second.expected / double(nodes));
  }
  united.expected = std::min(double(united.bound), (1 - missing) * double(nodes));
  return symbol({SymbolKind::Union, hop, id, 0}, united);
}

FailureOr<Extent> EntrySymbols::gatheredRows(Location location, int64_t hop, StringRef type,
                                             ArrayRef<int64_t> partitions) {
  FailureOr<Extent> united = unionRows(location, hop, type, partitions);
  if (failed(united))
    return failure();
  uint32_t id = tables_.typeIds.at(type.str());
  SizeEstimate sum;
  for (int64_t partition : partitions) {
    const SizeEstimate &there =
        all_[size_t(partition)].at({SymbolKind::Rows, hop, id, 0});
    sum.bound = addSaturated(sum.bound, there.bound);
    sum.expected += there.expected;
  }
  return symbol({SymbolKind::Gathered, hop, id, 0}, sum);
}

FailureOr<Extent> EntrySymbols::seedsOfAll(Location location, StringRef type) {
  auto id = tables_.typeIds.find(type.str());
  auto found = id == tables_.typeIds.end()
                   ? estimates_.end()
                   : estimates_.find({SymbolKind::Gathered, 0, id->second, 0});
  if (found == estimates_.end()) // the batch is not split
    return rows(location, 0, type);
  return symbol(found->first, found->second);
}

FailureOr<EntrySymbols::SpreadRows> EntrySymbols::spreadRows(Location location, int64_t hop,
                                                             StringRef type) {
  auto id = tables_.typeIds.find(type.str());
  if (id == tables_.typeIds.end())
    return emitError(location) << "@\"" << type << "\" is not in the module's schema", failure();
  const uint64_t nodes = tables_.types[id->second].numNodes, q = all_.size();
  const uint64_t most = nodes / q + (nodes % q != 0); // that one partition keeps
  SizeEstimate kept, asked, remote;
  double missing = 1;
  for (const Estimates &there : all_) {
    auto found = there.find({SymbolKind::Rows, hop, id->second, 0});
    if (found == there.end())
      return emitError(location) << "a partition has no rows(" << hop << ", @\"" << type << "\")",
             failure();
    const SizeEstimate &rows = found->second;
    asked.bound = addSaturated(asked.bound, std::min(rows.bound, most));
    asked.expected += rows.expected / double(q);
    remote.bound = addSaturated(remote.bound, rows.bound);
    remote.expected += rows.expected * double(q - 1) / double(q);
    if (nodes > 0)
      missing *= 1 - std::min(1.0, rows.expected / double(nodes));
  }
  kept.bound = std::min(most, asked.bound);
  kept.expected = std::min(double(kept.bound), (1 - missing) * double(nodes) / double(q));
  asked.expected = std::min(double(asked.bound), asked.expected);
  return SpreadRows{symbol({SymbolKind::Kept, hop, id->second, 0}, kept),
                    symbol({SymbolKind::Asked, hop, id->second, 0}, asked),
                    symbol({SymbolKind::Remote, hop, id->second, 0}, remote)};
}

Extent EntrySymbols::remoteNnz(int64_t hop, uint32_t type, const ModuleTables::Feature &feature) {
  SizeEstimate rows;
  for (const Estimates &there : all_)
    if (auto found = there.find({SymbolKind::Rows, hop, type, 0}); found != there.end()) {
      rows.bound = addSaturated(rows.bound, found->second.bound);
      rows.expected += found->second.expected * double(all_.size() - 1) / double(all_.size());
    }
  // The partitions' rows overlap, so their entries can be more than the feature has.
  SizeEstimate entries{multiplySaturated(rows.bound, feature.dim),
                       rows.expected * double(feature.nnz) /
                           double(std::max<uint64_t>(1, tables_.types[type].numNodes))};
  return symbol({SymbolKind::RemoteNnz, hop, type, feature.index}, entries);
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
