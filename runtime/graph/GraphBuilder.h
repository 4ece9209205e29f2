//===- GraphBuilder.h - writes a graph directory -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Importers hand their types, edges, features, labels and splits to a GraphBuilder; it sorts edges
// into canonical order in bounded memory (spilling sorted runs to the temporary directory), writes
// arrays with checksums, statistics and the report, and publishes the directory by one rename.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_GRAPHBUILDER_H
#define HEDDLE_RUNTIME_GRAPH_GRAPHBUILDER_H

#include "runtime/graph/GraphSchema.h"

#include <functional>
#include <memory>
#include <string_view>

namespace heddle::graph {

struct GraphBuilderOptions {
  std::string output;       ///< final directory
  bool force = false;       ///< replace an existing one
  int64_t memoryBytes = int64_t(1) << 30; ///< bound for edge sorting
  /// Called with (what, done, total); total 0 = unknown. May be empty.
  std::function<void(std::string_view, int64_t, int64_t)> progress;
  bool sync = true; ///< wait until the directory is on disk; tests do not
  /// The dtype in which dense features of a floating dtype are stored (see storageDtypes), whatever
  /// their importer declares; empty: as declared. Integers stay as they are.
  std::string floats = {};
};

/// Usage: create; addNodeType for each; then features / labels / edges in any order; finish.
/// A builder that is destroyed before finish() removes its temporary directory.
class GraphBuilder {
public:
  static absl::StatusOr<std::unique_ptr<GraphBuilder>> create(const GraphBuilderOptions &options);
  virtual ~GraphBuilder() = default;

  /// ids: empty (ids are 0..n-1), or one per node. Returns a handle (declaration order).
  virtual absl::StatusOr<int> addNodeType(const std::string &name, int64_t numNodes) = 0;
  virtual absl::Status setInt64Ids(int type, const std::vector<int64_t> &ids) = 0;
  virtual absl::Status setStringIds(int type, const std::vector<std::string> &ids) = 0;
  virtual absl::Status setDisplayNames(int type, const std::vector<std::string> &names) = 0;

  /// Dense rows [numNodes, dim] (of edges: a row for each edge, in the order of addEdges), appended
  /// in row order by blocks; dtype as in FeatureSchema. rowCount rows of rowBytes = dim *
  /// sizeof(dtype) each.
  virtual absl::StatusOr<int> addDenseFeature(int type, const std::string &name,
                                              const std::string &dtype, int64_t dim) = 0;
  virtual absl::Status appendDenseRows(int feature, const void *rows, int64_t rowCount) = 0;
  /// Sparse rows in row order; indices need not be sorted; values empty = ones.
  virtual absl::StatusOr<int> addSparseFeature(int type, const std::string &name, int64_t dim) = 0;
  virtual absl::Status appendSparseRow(int feature, const std::vector<int64_t> &indices,
                                       const std::vector<float> &values) = 0;

  virtual absl::StatusOr<int> addLabel(int type, const std::string &name,
                                       const std::vector<std::string> &classes,
                                       const std::vector<int32_t> &classOfNode) = 0;
  /// rows: numNodes * classes.size() of 0/1; a row of 255 is missing.
  virtual absl::StatusOr<int> addMultiLabel(int type, const std::string &name,
                                            const std::vector<std::string> &classes,
                                            const std::vector<uint8_t> &rows) = 0;
  /// Ids may be unsorted; duplicates, ids out of range, overlap of parts and nodes without the label
  /// are errors that name the node.
  virtual absl::Status addSplit(int label, const std::string &name, std::vector<int64_t> train,
                                std::vector<int64_t> valid, std::vector<int64_t> test) = 0;

  /// Declares a relation; addEdges may be called any number of times.
  virtual absl::StatusOr<int> addRelation(const std::string &source, const std::string &name,
                                          const std::string &destination) = 0;
  virtual absl::Status addEdges(int relation, const int64_t *sources, const int64_t *destinations,
                                int64_t count) = 0;
  /// Dense data of the edges of a stored relation, which its reverse views share. Rows are appended
  /// by appendDenseRows, in the order in which edges are added, before or after them; of an edge
  /// that is dropped as a duplicate the row is dropped. Returns a feature handle.
  virtual absl::StatusOr<int> addEdgeFeature(int relation, const std::string &name,
                                             const std::string &dtype, int64_t dim) = 0;
  /// Drop repeated (source, destination) pairs of this relation, keeping the first. Default: keep all.
  virtual absl::Status setDropDuplicates(int relation, bool drop) = 0;
  /// Adds the reverse view "name" (destination -> source) of a declared relation.
  virtual absl::Status addReverse(int relation, const std::string &name) = 0;

  /// Counted remarks of the importer for the report: ("edges skipped: null source id", 12).
  virtual void count(const std::string &what, int64_t n) = 0;

  /// Sorts, writes, publishes. Returns the human-readable report (also in DIR/report.json).
  virtual absl::StatusOr<std::string> finish() = 0;
};

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_GRAPHBUILDER_H
