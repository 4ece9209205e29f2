//===- Hotness.h - how often a step asks for each row ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Closed forms of degrees and fan-outs: no batch is drawn. A node is in a frontier if one of the edges
// that are drawn leads to it, and an in-edge of a destination of degree d is drawn with probability
// min(1, fan-out / d). Draws of different destinations and relations are independent of each other;
// which destinations are there together is taken to be, which holds for trees and errs little where
// two nodes share many neighbours.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CACHE_HOTNESS_H
#define HEDDLE_RUNTIME_CACHE_HOTNESS_H

#include "runtime/graph/GraphStore.h"
#include "runtime/plan/plan_generated.h"

#include <span>
#include <string>
#include <vector>

namespace heddle::cache {

/// Rows of a dense feature, or of a learnable table, and how an entry comes to ask for them.
struct FetchedRows {
  uint32_t nodeType = 0;
  std::string feature; ///< empty: of `state`
  int32_t state = -1;
  struct Fetch {
    uint32_t hop = 0;
    int32_t ids = -1; ///< buffer of the own frontier
    /// Where rows are spread: each of `keepers` partitions asks keeper `keeper` for its own.
    uint32_t keepers = 1, keeper = 0;
  };
  std::vector<Fetch> fetches;
};
/// By node type, feature and state.
std::vector<FetchedRows> rowsFetched(const plan::PlanT &plan, const plan::EntryT &entry);

/// Expected requests of each node's row.
using Hotness = std::vector<float>;

/// Adds what a fetch asks for, of a frontier that has node i `frontier[i]` times in a step. What other
/// partitions ask a keeper for is taken to be like what this one does.
void addRequests(Hotness &sum, const Hotness &frontier, const FetchedRows::Fetch &fetch);

/// In a step of `entry` whose batches go through `seeds`, for each of `rows`. Errors: what the graph lacks.
absl::StatusOr<std::vector<Hotness>>
analyticHotness(const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph,
                std::span<const int64_t> seeds, std::span<const FetchedRows> rows);

/// `counted`, the mean of so many batches, as if some more had been drawn in which requests were as
/// `expected`: a few batches do not tell rows that are hot from rows that were there by chance.
void smooth(Hotness &counted, size_t batches, const Hotness &expected);

} // namespace heddle::cache

#endif // HEDDLE_RUNTIME_CACHE_HOTNESS_H
