//===- SmallGraph.h - a few random nodes of another graph's kinds -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CHECK_SMALLGRAPH_H
#define HEDDLE_COMPILER_CHECK_SMALLGRAPH_H

#include "runtime/graph/GraphStore.h"

#include <memory>
#include <string>

namespace heddle::compiler {

/// Writes to `directory` (which must not exist) a graph with the node types, features, labels,
/// splits and relations of `like` (relations that are reverse views there are relations of their
/// own here) and opens it: five to eight nodes a type, some of them isolated, about two edges a
/// destination, repeated ones among them. One seed gives one graph. Nodes 0 to 3 of each split are
/// for training.
absl::StatusOr<std::unique_ptr<graph::GraphStore>>
makeSmallGraph(const graph::GraphSchema &like, const std::string &directory, uint64_t seed);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CHECK_SMALLGRAPH_H
