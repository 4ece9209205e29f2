//===- RelationWriter.h - writes one relation's arrays -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_RELATIONWRITER_H
#define HEDDLE_RUNTIME_GRAPH_RELATIONWRITER_H

#include "runtime/graph/EdgeSorter.h"
#include "runtime/graph/GraphSchema.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace heddle::graph {

/// One bit per node.
class NodeSet {
public:
  explicit NodeSet(int64_t numNodes = 0) : words_(static_cast<size_t>((numNodes + 63) / 64)) {}
  void insert(int64_t node) { words_[static_cast<size_t>(node >> 6)] |= uint64_t(1) << (node & 63); }
  int64_t size() const;

private:
  std::vector<uint64_t> words_;
};

struct RelationInput {
  int64_t numSources = 0, numDestinations = 0;
  bool dropDuplicates = false;
  int64_t memoryBytes = 0;
  std::string scratchFile; ///< for sorting by source
  /// Of each of the relation's features (dense; `file` names it below `directory`) a .npy of its
  /// rows in the order in which edges arrived, which is the payload of the sorter's records.
  std::vector<std::string> featureFiles;
  std::function<void(int64_t done, int64_t total)> progress; ///< may be empty
};

/// Writes CSC, CSR and edge data of the edges in `sorter` (major: destination, minor: source) below
/// `directory` under the names in `relation`, and fills in numEdges and degree statistics. Nodes
/// with an edge are put into `sources` and `destinations` (which may be the same set). Adds to
/// `files`; returns the number of edges that repeat an earlier (source, destination).
absl::StatusOr<int64_t> writeRelation(const std::string &directory, const RelationInput &input,
                                      EdgeSorter &sorter, RelationSchema &relation,
                                      NodeSet &sources, NodeSet &destinations,
                                      std::map<std::string, FileEntry> &files);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_RELATIONWRITER_H
