//===- GraphCopy.h - a graph directory into another one ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_GRAPHCOPY_H
#define HEDDLE_RUNTIME_GRAPH_GRAPHCOPY_H

#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphStore.h"

namespace heddle::graph {

/// Hands all of `store` to `builder`: node types with ids and names, features, labels, splits,
/// relations with their views, and the remarks of its report. What is added to the builder beside
/// it is new. Features, edges and sparse rows go through in blocks; ids, names and labels of one
/// type are held at a time.
absl::Status copyGraph(const GraphStore &store, GraphBuilder &builder,
                       const std::function<void(std::string_view, int64_t, int64_t)> &progress);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_GRAPHCOPY_H
