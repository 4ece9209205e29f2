//===- SeedCut.h - a batch cut into blocks of equal work ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Ids often say how well a node is linked (what was found first is), so blocks of as many seeds may
// have very different work: of the human genes the first half has 94 % of the edges. What lies
// below a seed is as much as it has in-edges, by and large, and that is known before sampling.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_SEEDCUT_H
#define HEDDLE_RUNTIME_GRAPH_SEEDCUT_H

#include "runtime/graph/GraphStore.h"

#include <cstdint>
#include <span>
#include <vector>

namespace heddle::graph {

/// A relation into the seeds' type that is sampled for them.
struct CutLink {
  const RelationView *relation = nullptr;
  int64_t fanout = -1; ///< -1: all edges
};

/// Where each block of `seeds` begins, and where the last ends, into `begins` [blocks + 1]. The work
/// of a seed is 1 and its sampled in-edges; block b of q begins with the first seed that has at
/// least b / q of all work before it. Without links blocks are equal to one seed. `work` is
/// room, kept by the caller.
void cutSeeds(std::span<const int64_t> seeds, std::span<const CutLink> links,
              std::vector<int64_t> &work, std::span<int64_t> begins);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_SEEDCUT_H
