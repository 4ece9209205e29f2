//===- Metapath.h - relations derived along a chain of relations -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A metapath is a chain of relations, each of which begins where the one before ends (Sun et al.,
// PathSim, VLDB 2011). Its relation goes from the source of the first to the destination of the
// last and has an edge for each pair that at least one instance of the path joins: what DGL calls
// the metapath reachable graph, and PyG AddMetaPaths without weights. A node that reaches itself (a
// paper's author by author-paper-author) is a pair like any other.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_METAPATH_H
#define HEDDLE_RUNTIME_GRAPH_METAPATH_H

#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphStore.h"

namespace heddle::graph {

struct Metapath {
  std::string name;           ///< of the derived relation
  std::vector<int> relations; ///< canonical ids, from the source on; at least one
};

struct MetapathOptions {
  int64_t maxPerDestination = 0; ///< 0: all; else a sample of this many sources, keyed by `seed`
  int64_t maxEdges = int64_t(1) << 30; ///< of one derived relation; more is an error
  uint64_t seed = 0;
  int threads = 1;     ///< any number gives the same graph
  bool reverse = true; ///< add a view rev_NAME, unless the pairs are the same both ways
  std::function<void(std::string_view, int64_t, int64_t)> progress; ///< may be empty
};

/// "NAME=source:relation:destination,source:relation:destination,...". NAME goes up to the first
/// '='; triples are those of the schema, so names with ',' or ':' need no escape. Errors: an
/// unknown relation, relations that do not join, a name that is taken; each with what was perhaps
/// meant.
absl::StatusOr<Metapath> parseMetapath(const std::string &text, const GraphSchema &schema);

/// "source:relation:destination,...", as parseMetapath reads it.
std::string chainOf(const Metapath &path, const GraphSchema &schema);

/// The same of several texts; no two give one relation.
absl::StatusOr<std::vector<Metapath>> parseMetapaths(const std::vector<std::string> &texts,
                                                     const GraphSchema &schema);

/// Declares the relation of `path` in `builder`, which has the node types of `store`, and adds its
/// edges: row by row of the sparse product, from each destination backwards, with a bit for each
/// node of one type and thread. Memory is that and the builder's; time the number of path instances
/// with equal ends counted once at every step. Errors: more edges than maxEdges.
absl::Status addMetapath(const GraphStore &store, const Metapath &path,
                         const MetapathOptions &options, GraphBuilder &builder);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_METAPATH_H
