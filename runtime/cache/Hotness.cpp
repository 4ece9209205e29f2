//===- Hotness.cpp - how often a step asks for each row ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cache/Hotness.h"

#include "runtime/plan/Collective.h"
#include "runtime/plan/RowTerms.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace heddle::cache {
namespace {

/// (hop, node type).
using Place = std::pair<uint32_t, uint32_t>;

/// The frontiers of an entry, hop by hop.
class Frontiers {
public:
  Frontiers(const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph)
      : plan_(plan), entry_(entry), graph_(graph) {}

  void run(std::span<const int64_t> seeds) {
    for (const auto &op : entry_.ops) {
      if (const auto *a = op->attrs.AsSeedsAttrs())
        addSeeds(*a, seeds);
      else if (const auto *a = op->attrs.AsSampleAttrs())
        samples_[op->id] = a;
      else if (const auto *a = op->attrs.AsFrontierAttrs())
        addFrontier(*a);
    }
  }

  /// Null: the entry has no such frontier.
  const Hotness *of(Place place) const {
    auto found = probabilities_.find(place);
    return found == probabilities_.end() ? nullptr : &found->second;
  }

private:
  int64_t nodesOf(uint32_t type) const { return graph_.schema().nodeTypes[type].numNodes; }

  void addSeeds(const plan::SeedsAttrsT &attrs, std::span<const int64_t> seeds) {
    Hotness &p = probabilities_[{0, attrs.node_type}];
    p.assign(static_cast<size_t>(nodesOf(attrs.node_type)), 0);
    // Each seed is in one of the batches.
    const uint64_t size = entry_.batch_size, count = seeds.size();
    const uint64_t batches = size == 0 || count == 0 ? 1 : (count - 1) / size + 1;
    for (int64_t id : seeds)
      if (id >= 0 && id < nodesOf(attrs.node_type))
        p[static_cast<size_t>(id)] = 1.0f / float(batches) / float(std::max(1u, attrs.blocks));
  }

  /// Adds, for each source, the logarithms of not being drawn by each of its edges.
  void addSample(const plan::SampleAttrsT &sample, std::vector<double> &unseen) {
    const graph::RelationView &view = graph_.relation(static_cast<int>(sample.relation));
    const Hotness *destinations = of({sample.hop, plan_.relations[sample.relation]->destination});
    if (!destinations)
      return;
    const bool all = sample.mode == plan::SampleMode::All || sample.fanout < 0;
    const double blocks = std::max(1u, sample.blocks);
    // In-edges alone: sampling reads them too, so no more of the graph has to be in memory.
    for (int64_t v = 0; v < view.numDestinations; ++v) {
      const double there = double((*destinations)[static_cast<size_t>(v)]);
      const int64_t begin = view.inPtr[v], end = view.inPtr[v + 1];
      if (there == 0 || begin == end)
        continue;
      const double drawn = all ? 1 : std::min(1.0, double(sample.fanout) / double(end - begin));
      const double missed = std::log1p(-std::min(1.0, there * drawn / blocks));
      for (int64_t e = begin; e < end; ++e)
        unseen[static_cast<size_t>(view.inSources[e])] += missed;
    }
  }

  void addFrontier(const plan::FrontierAttrsT &attrs) {
    const int64_t nodes = nodesOf(attrs.node_type);
    std::vector<double> unseen(static_cast<size_t>(nodes), 0);
    if (const Hotness *previous = of({attrs.hop - 1, attrs.node_type}); previous && attrs.self_link)
      for (size_t i = 0; i < unseen.size(); ++i)
        unseen[i] = std::log1p(-double((*previous)[i]));
    for (uint32_t id : attrs.samples)
      addSample(*samples_.at(id), unseen);
    Hotness &p = probabilities_[{attrs.hop, attrs.node_type}];
    p.resize(static_cast<size_t>(nodes));
    for (size_t i = 0; i < p.size(); ++i)
      p[i] = static_cast<float>(-std::expm1(unseen[i]));
  }

  const plan::PlanT &plan_;
  const plan::EntryT &entry_;
  const graph::GraphStore &graph_;
  std::map<uint32_t, const plan::SampleAttrsT *> samples_; ///< by op id
  std::map<Place, Hotness> probabilities_;
};

/// Batches that the closed forms count for.
constexpr float expectedBatches = 16;

} // namespace

std::vector<FetchedRows> rowsFetched(const plan::PlanT &plan, const plan::EntryT &entry) {
  std::map<std::tuple<uint32_t, std::string, int32_t>, FetchedRows> found;
  auto add = [&](const std::string &feature, int32_t state, int32_t ids, uint32_t keepers,
                 uint32_t keeper) {
    const int32_t symbol = entry.buffers[static_cast<size_t>(ids)]->rows->symbol();
    if (symbol < 0)
      return;
    const plan::SymbolT &rows = *entry.symbols[static_cast<size_t>(symbol)];
    if (rows.kind != plan::SymbolKind::Rows)
      return;
    FetchedRows &table = found[{rows.index, feature, state}];
    table.nodeType = rows.index;
    table.feature = feature;
    table.state = state;
    table.fetches.push_back({rows.hop, ids, keepers, keeper});
  };
  auto stateOf = [&](int32_t buffer) { return entry.buffers[static_cast<size_t>(buffer)]->state; };
  for (const auto &op : entry.ops) {
    const plan::Collective collective = plan::collectiveOf(*op);
    const uint32_t keepers = collective ? static_cast<uint32_t>(collective.size()) : 1;
    const uint32_t keeper =
        collective ? static_cast<uint32_t>(collective.indexOf(entry.partition)) : 0;
    if (const auto *a = op->attrs.AsFetchDenseAttrs()) {
      add(a->feature, -1, op->inputs[0], 1, 0);
    } else if (const auto *a = op->attrs.AsFetchRemoteAttrs()) {
      size_t term = 0;
      for (const plan::RemoteFeatureT &f : plan::featuresOf(*a)) {
        if (!f.sparse)
          add(f.feature, -1, op->inputs[4 * term], keepers, keeper);
        ++term;
      }
    } else if (op->attrs.AsFetchRowsAttrs()) {
      add("", stateOf(op->inputs[1]), op->inputs[0], 1, 0);
    } else if (op->attrs.AsFetchRemoteRowsAttrs()) {
      for (size_t i = 0; i + 4 < op->inputs.size(); i += 5)
        add("", stateOf(op->inputs[i]), op->inputs[i + 1], keepers, keeper);
    }
  }
  std::vector<FetchedRows> out;
  for (auto &[key, table] : found)
    out.push_back(std::move(table));
  return out;
}

void addRequests(Hotness &sum, const Hotness &frontier, const FetchedRows::Fetch &fetch) {
  const int64_t nodes = static_cast<int64_t>(frontier.size()), q = fetch.keepers;
  const int64_t end = plan::blockBegin(nodes, fetch.keeper + 1, q);
  for (int64_t i = plan::blockBegin(nodes, fetch.keeper, q); i < end; ++i)
    sum[static_cast<size_t>(i)] += float(q) * frontier[static_cast<size_t>(i)];
}

void smooth(Hotness &counted, size_t batches, const Hotness &expected) {
  const float share = float(batches) / (float(batches) + expectedBatches);
  for (size_t i = 0; i < counted.size(); ++i)
    counted[i] = share * counted[i] + (1 - share) * expected[i];
}

absl::StatusOr<std::vector<Hotness>>
analyticHotness(const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph,
                std::span<const int64_t> seeds, std::span<const FetchedRows> rows) {
  Frontiers frontiers(plan, entry, graph);
  frontiers.run(seeds);
  std::vector<Hotness> out;
  for (const FetchedRows &table : rows) {
    Hotness &sum = out.emplace_back(
        static_cast<size_t>(graph.schema().nodeTypes[table.nodeType].numNodes), 0.0f);
    for (const FetchedRows::Fetch &fetch : table.fetches)
      if (const Hotness *frontier = frontiers.of({fetch.hop, table.nodeType}))
        addRequests(sum, *frontier, fetch);
  }
  return out;
}

} // namespace heddle::cache
