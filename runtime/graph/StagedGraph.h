//===- StagedGraph.h - a graph on its way to disk ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Between GraphBuilder, which fills it in declaration order, and GraphWriter, which gives everything
// its canonical place. Node arrays are already written, under provisional names.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_STAGEDGRAPH_H
#define HEDDLE_RUNTIME_GRAPH_STAGEDGRAPH_H

#include "runtime/graph/EdgeSorter.h"
#include "runtime/graph/GraphSchema.h"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::graph {

struct StagedFile {
  std::string path; ///< empty: there is none
  FileEntry entry;
};

struct StagedFeature {
  FeatureSchema schema; ///< without file names
  StagedFile rows, indptr, indices, values;
  int64_t nonFinite = 0;
};

struct StagedSplit {
  std::string name;
  std::array<StagedFile, 3> parts; ///< train, valid, test
  std::array<int64_t, 3> sizes{};
  std::array<std::vector<int64_t>, 3> classCounts;
};

struct StagedLabel {
  std::string name;
  bool multilabel = false;
  std::vector<std::string> classes;
  StagedFile file;
  int64_t missing = 0;
  std::vector<StagedSplit> splits;
};

struct StagedNodeType {
  std::string name;
  int64_t numNodes = 0;
  std::string idsKind = "none";
  StagedFile ids, idsOffsets, display, displayOffsets;
  std::vector<StagedFeature> features;
  std::vector<StagedLabel> labels;
};

struct StagedRelation {
  std::string source, name, destination;
  int reverseOf = -1; ///< in declaration order
  int64_t numSources = 0, numDestinations = 0;
  bool dropDuplicates = false;
  std::unique_ptr<EdgeSorter> sorter;  ///< of a stored relation
  std::vector<StagedFeature> features; ///< dense, rows in order of arrival of the edges
  std::string triple() const { return source + ":" + name + ":" + destination; }
};

struct StagedGraph {
  std::vector<StagedNodeType> nodeTypes;
  std::vector<StagedRelation> relations;
  std::map<std::string, int64_t> counts;
};

/// Moves node arrays to their places below `directory`, sorts and writes edges (about `memoryBytes`
/// of memory; scratch files below `scratch`), writes graph.json and report.json. Folders are numbered
/// in canonical order, so the same graph gives the same directory whatever the order of declaration.
/// Returns the report for people.
absl::StatusOr<std::string>
writeStagedGraph(StagedGraph &graph, const std::string &directory, const std::string &scratch,
                 int64_t memoryBytes,
                 const std::function<void(std::string_view, int64_t, int64_t)> &progress);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_STAGEDGRAPH_H
