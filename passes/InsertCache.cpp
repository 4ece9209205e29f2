//===- InsertCache.cpp - fetches through caches ----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Which features go through a cache, and what one is worth, is said here. How many rows it keeps is
// not: that takes the graph, for the hot rows, and the medium, for what a miss costs.
//
//===----------------------------------------------------------------------===//

#include "compiler/cost/Hotness.h"
#include "compiler/plan/EntrySymbols.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

#include <cmath>

namespace heddle::passes {
#define GEN_PASS_DEF_INSERTCACHEPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::compiler;

namespace {

/// Shares of the rows for which hits are estimated.
constexpr double keptShares[] = {0.01, 0.05, 0.1, 0.25, 0.5};

/// The fetches of one feature.
struct Feature {
  StringAttr name;
  FlatSymbolRefAttr type;
  Location location;
  int64_t width;
  SmallVector<Hotness, 4> asked; ///< of each fetch of a training step
};

/// How unequally the rows of each frontier of a training step are asked for, by its ids.
FailureOr<DenseMap<Value, Hotness>> hotnessOf(EntryOp entry, const ModuleTables &tables) {
  auto estimates = EntrySymbols::estimate(tables, entry);
  if (failed(estimates))
    return failure();
  const BatchOf batch = batchOf(entry, tables);
  auto nodesOf = [&](Value ids) {
    auto type = cast<IdsType>(ids.getType()).getDomain().getSymbol().getValue();
    return tables.types[tables.typeIds.at(type.str())].numNodes;
  };
  DenseMap<Value, Hotness> hot;
  for (Operation &op : entry.getBody().front()) {
    if (auto seeds = dyn_cast<SeedsOp>(op)) {
      const uint64_t nodes = nodesOf(seeds.getIds());
      hot[seeds.getIds()] = hotnessOfSeeds(estimateSeeds(batch.size, batch.available, nodes).expected,
                                           batch.available, nodes);
    } else if (auto block = dyn_cast<SeedBlockOp>(op)) {
      Hotness own = hot.lookup(block.getSeeds());
      for (HotRows &rows : own)
        rows.probability /= double(block.getOf());
      hot[block.getIds()] = std::move(own);
    } else if (auto frontier = dyn_cast<FrontierOp>(op)) {
      auto sources = EntrySymbols::sourcesOf(tables, *estimates, frontier);
      if (failed(sources))
        return failure();
      Hotness previous;
      if (frontier.getPrevious())
        previous = hot.lookup(frontier.getPrevious());
      hot[frontier.getIds()] = hotnessOfFrontier(nodesOf(frontier.getIds()), *sources, previous);
    }
  }
  return hot;
}

/// Differences in the last digits of a library's pow shall not show.
double rounded(double value, double parts) { return std::round(value * parts) / parts; }

std::string percent(double share) {
  return std::to_string(int64_t(std::llround(share * 100))) + "%";
}

struct InsertCachePass : heddle::passes::impl::InsertCachePassBase<InsertCachePass> {
  using InsertCachePassBase::InsertCachePassBase;

  void runOnOperation() override {
    FailureOr<ModuleTables> tables = ModuleTables::read(getOperation());
    if (failed(tables))
      return signalPassFailure();
    for (auto entry : getOperation().getOps<EntryOp>())
      if (failed(markEntry(entry, *tables)))
        return signalPassFailure();
    OpBuilder builder(&getContext());
    for (auto &[key, feature] : features) {
      auto entries = getOperation().getOps<EntryOp>();
      builder.setInsertionPoint(*entries.begin());
      insert(builder, feature, tables->types[tables->typeIds.at(key.first.str())].numNodes);
    }
    numCaches += features.size();
  }

private:
  using Key = std::pair<StringRef, StringRef>;

  LogicalResult markEntry(EntryOp entry, const ModuleTables &tables) {
    DenseMap<Value, Hotness> hot;
    if (entry.getKind() == EntryKind::Train) {
      auto known = hotnessOf(entry, tables);
      if (failed(known))
        return failure();
      hot = std::move(*known);
    }
    auto mark = [&](auto fetch) {
      auto type = dyn_cast<FeatType>(fetch.getResult().getType());
      if (!type)
        return;
      auto symbol = FlatSymbolRefAttr::get(type.getDomain().getSymbol().getAttr());
      Feature &feature =
          features
              .try_emplace(Key(symbol.getValue(), fetch.getFeature()),
                           Feature{fetch.getFeatureAttr(), symbol, fetch.getLoc(), type.getWidth(), {}})
              .first->second;
      if (auto asked = hot.find(fetch.getIds()); asked != hot.end())
        feature.asked.push_back(asked->second);
      fetch.setCached(true);
      ++numFetches;
    };
    for (Operation &op : entry.getBody().front()) {
      if (auto dense = dyn_cast<FetchDenseOp>(op))
        mark(dense);
      else if (auto remote = dyn_cast<FetchRemoteFeaturesOp>(op))
        mark(remote);
    }
    return success();
  }

  void insert(OpBuilder &builder, const Feature &feature, uint64_t nodes) {
    double requested = 0;
    for (const Hotness &asked : feature.asked)
      requested += requestsOf(asked);
    SmallVector<double> hits;
    for (double kept : keptShares) {
      double found = 0;
      for (const Hotness &asked : feature.asked)
        found += requestsOf(asked, kept * double(nodes));
      double share = requested > 0 ? rounded(std::min(1.0, found / requested), 1000) : 0;
      hits.push_back(hits.empty() ? share : std::max(share, hits.back()));
    }
    requested = rounded(requested, 16);
    CacheOp::create(builder, feature.location, feature.name, feature.type,
                    builder.getF64FloatAttr(requested), builder.getDenseF64ArrayAttr(keptShares),
                    builder.getDenseF64ArrayAttr(hits));
    auto remark = emitRemark(feature.location)
                  << "insert-cache: " << feature.type.getValue() << "." << feature.name.getValue()
                  << ": a training step asks for " << int64_t(requested) << " rows of "
                  << feature.width << " numbers, of " << nodes;
    for (size_t i = 1; i < hits.size() && requested > 0; ++i)
      remark << (i == 1 ? "; with " : ", with ") << percent(keptShares[i]) << " of them kept "
             << percent(hits[i]) << " are found";
  }

  llvm::MapVector<Key, Feature> features;
};

} // namespace
