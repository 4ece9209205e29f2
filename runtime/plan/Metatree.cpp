//===- Metatree.cpp - what is sampled where, as a graph -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Metatree.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

namespace heddle::plan {
namespace {

using VertexKey = std::pair<uint32_t, uint32_t>; ///< hop, node type

/// One partition's part; vertices have no index yet.
struct Part {
  struct Link {
    Metatree::Link link;
    VertexKey from, to;
  };
  std::set<VertexKey> vertices;
  std::vector<Link> links;
};

Part partOf(const PlanT &plan, const EntryT &entry) {
  Part part;
  auto add = [&](int64_t relation, VertexKey from, VertexKey to) -> Metatree::Link & {
    part.vertices.insert(from);
    part.vertices.insert(to);
    part.links.push_back({{}, from, to});
    Metatree::Link &link = part.links.back().link;
    link.partition = entry.partition;
    link.relation = relation;
    return link;
  };
  for (const SampleFacts &facts : samplesOf(entry)) {
    if (facts.relation >= plan.relations.size())
      continue;
    const RelationT &relation = *plan.relations[facts.relation];
    Metatree::Link &link =
        add(facts.relation, {facts.hop + 1, relation.source}, {facts.hop, relation.destination});
    link.fanout = facts.fanout;
    link.edges = facts.hasEdges ? facts.edgesExpected : -1;
  }
  for (const auto &op : entry.ops) {
    if (auto *seeds = op->attrs.AsSeedsAttrs())
      part.vertices.insert({0, seeds->node_type});
    if (auto *frontier = op->attrs.AsFrontierAttrs()) {
      part.vertices.insert({frontier->hop, frontier->node_type});
      if (frontier->self_link && frontier->hop > 0)
        add(-1, {frontier->hop, frontier->node_type}, {frontier->hop - 1, frontier->node_type});
    }
  }
  std::sort(part.links.begin(), part.links.end(), [](const auto &a, const auto &b) {
    return std::tuple(a.to, a.link.relation) < std::tuple(b.to, b.link.relation);
  });
  return part;
}

/// A collective of activations; `vertex` is set by the rows that it merges.
Metatree::Merge mergeOf(const OpT &op, const Collective &collective, const EntryT &entry,
                        const std::map<VertexKey, size_t> &index) {
  Metatree::Merge merge;
  merge.collective = collective.id;
  merge.kind = spelled(op.attrs.type);
  const auto *all = op.attrs.AsMergeAllAttrs();
  std::set<MergeKind> kinds; // beside sums
  for (size_t i = 0; i < (all ? all->merges.size() : 1); ++i)
    if (mergeOf(op, i) != MergeKind::Sum)
      kinds.insert(mergeOf(op, i));
  for (MergeKind kind : kinds)
    merge.merges += " " + spelled(kind);
  merge.participants = *collective.participants;
  merge.leader = collective.leader;
  uint64_t unit = merge.participants.size() < 2 ? 0 : 4 * (merge.participants.size() - 1);
  if (op.attrs.type == OpAttrs::MergeAllAttrs)
    unit *= 2;
  for (const Extent &extent : op.wire) {
    if (extent.symbol() < 0 || size_t(extent.symbol()) >= entry.symbols.size())
      continue;
    const SymbolT &symbol = *entry.symbols[size_t(extent.symbol())];
    if (auto found = index.find({symbol.hop, symbol.index});
        (symbol.kind == SymbolKind::Rows || symbol.kind == SymbolKind::Gathered) &&
        found != index.end())
      merge.vertex = found->second;
    if (unit > 0 && extent.scale() % unit == 0)
      merge.numbers += extent.scale() / unit;
  }
  return merge;
}

} // namespace

Metatree metatreeOf(const PlanT &plan, const StepFacts &step) {
  Metatree tree;
  std::vector<Part> parts;
  std::map<VertexKey, Metatree::Vertex> vertices;
  for (uint32_t e : step.entries) {
    const EntryT &entry = *plan.entries[e];
    parts.push_back(partOf(plan, entry));
    std::map<VertexKey, double> rows;
    for (const HopFacts &facts : hopsOf(plan, entry))
      if (facts.hasRows)
        rows[{facts.hop, facts.nodeType}] = facts.rowsExpected;
    for (const VertexKey &key : parts.back().vertices) {
      Metatree::Vertex &vertex = vertices[key];
      std::tie(vertex.hop, vertex.nodeType) = key;
      auto found = rows.find(key);
      vertex.rows[entry.partition] = found == rows.end() ? -1 : found->second;
    }
  }
  std::map<VertexKey, size_t> index;
  for (const auto &[key, vertex] : vertices) {
    index[key] = tree.vertices.size();
    tree.vertices.push_back(vertex);
  }
  for (const Part &part : parts)
    for (const Part::Link &from : part.links) {
      Metatree::Link link = from.link;
      link.from = index[from.from];
      link.to = index[from.to];
      if (link.relation < 0)
        link.edges = tree.vertices[link.to].rows[link.partition];
      tree.links.push_back(link);
    }
  if (tree.vertices.empty())
    return tree;
  std::map<uint32_t, Metatree::Merge> merges;
  for (uint32_t e : step.entries)
    for (const auto &op : plan.entries[e]->ops) {
      Collective collective = collectiveOf(*op);
      if (collective && collective.traffic == Traffic::Activations && op->queue == Queue::Comm)
        merges.try_emplace(collective.id, mergeOf(*op, collective, *plan.entries[e], index));
    }
  for (const auto &[id, merge] : merges)
    tree.merges.push_back(merge);
  return tree;
}

std::vector<LinkBundle> bundlesOf(const Metatree &tree, size_t separate) {
  std::map<uint32_t, size_t> perHop;
  for (const Metatree::Link &link : tree.links)
    ++perHop[tree.vertices[link.to].hop];
  // Vertices are sorted by hop, so an order by `to` is one by hop too.
  std::map<std::tuple<size_t, size_t, uint32_t, size_t>, LinkBundle> bundles;
  for (size_t i = 0; i < tree.links.size(); ++i) {
    const Metatree::Link &link = tree.links[i];
    bool alone = perHop[tree.vertices[link.to].hop] <= separate;
    // 0 for the link to itself, 1 for the relations together or the first of them.
    size_t which = link.relation < 0 ? 0 : alone ? 1 + i : 1;
    LinkBundle &bundle = bundles[{link.to, link.from, link.partition, which}];
    bundle.partition = link.partition;
    bundle.from = link.from;
    bundle.to = link.to;
    bundle.links.push_back(i);
  }
  std::vector<LinkBundle> out;
  for (auto &[key, bundle] : bundles)
    out.push_back(std::move(bundle));
  return out;
}

PartitionStyle styleOf(uint32_t partition) {
  static constexpr const char *colours[][2] = {{"#0072B2", "#FFFFFF"}, {"#D55E00", "#FFFFFF"},
                                               {"#009E73", "#FFFFFF"}, {"#CC79A7", "#000000"},
                                               {"#E69F00", "#000000"}, {"#56B4E9", "#000000"},
                                               {"#444444", "#FFFFFF"}};
  static constexpr const char *dashes[][2] = {{"", "solid"}, {"7 3", "dashed"}, {"2 3", "dotted"}};
  size_t colour = partition % std::size(colours);
  size_t dash = partition / std::size(colours) % std::size(dashes);
  return {colours[colour][0], colours[colour][1], dashes[dash][0], dashes[dash][1]};
}

std::string linkFigures(const Metatree::Link &link) {
  std::string edges = link.edges >= 0 ? formatCount(link.edges) : "";
  if (link.relation < 0)
    return edges;
  return (link.fanout < 0 ? "all" : std::to_string(link.fanout)) +
         (edges.empty() ? "" : ": " + edges);
}

} // namespace heddle::plan
