//===- GraphStore.h - the arrays of a graph directory, mapped ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Opens a graph directory read-only: arrays are memory-mapped, sizes, dtypes and shapes are checked
// against graph.json. Reverse relations are views of the same arrays, seen here through the same
// RelationView as stored ones.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_GRAPHSTORE_H
#define HEDDLE_RUNTIME_GRAPH_GRAPHSTORE_H

#include "runtime/graph/GraphSchema.h"

#include <memory>
#include <string_view>

namespace heddle::graph {

/// An integer array of 32 or 64 bit elements. The caller that loops picks the typed pointer once.
struct IndexArray {
  const int32_t *i32 = nullptr;
  const int64_t *i64 = nullptr;
  int64_t size = 0;
  int64_t operator[](int64_t i) const { return i32 ? i32[i] : i64[i]; }
};

/// In-edges of a relation by destination (and out-edges by source), canonical order. For a reverse
/// view `in*` come from the base's CSR and `out*` from its CSC.
struct RelationView {
  const int64_t *inPtr = nullptr;  ///< [numDst + 1]
  IndexArray inSources;            ///< [numEdges], ascending within one destination
  const int64_t *outPtr = nullptr; ///< [numSrc + 1]
  IndexArray outDestinations;      ///< [numEdges], ascending within one source
  /// Position in the base relation's CSC order of in-edge p: p itself for a stored relation
  /// (array empty), csrPerm[p] for a reverse view. Edge data is in that order.
  IndexArray inEdgeData;
  int64_t numSources = 0, numDestinations = 0, numEdges = 0;
};

struct DenseFeatureView {
  const void *data = nullptr; ///< row-major [rows, dim]
  std::string dtype;
  int64_t rows = 0, dim = 0;
  /// Where `data` is on disk; empty: nowhere.
  std::string file = {};
  int64_t offset = 0;
};
struct SparseFeatureView {
  const int64_t *indptr = nullptr; ///< [rows + 1]
  IndexArray indices;              ///< ascending within a row
  const float *values = nullptr;   ///< nullptr: all ones
  int64_t rows = 0, dim = 0, nnz = 0;
};
struct LabelView {
  const int32_t *classes = nullptr;    ///< single-label [numNodes], -1 missing
  const uint8_t *multi = nullptr;      ///< multi-label [numNodes, numClasses], 255 missing
  int64_t numClasses = 0;
};
struct SplitView {
  const int64_t *train = nullptr, *valid = nullptr, *test = nullptr;
  int64_t numTrain = 0, numValid = 0, numTest = 0;
};

class GraphStore {
public:
  /// Opens DIR. `verifyChecksums` also reads every byte and compares (heddle-import --check does).
  static absl::StatusOr<std::unique_ptr<GraphStore>> open(const std::string &directory,
                                                          bool verifyChecksums = false);
  virtual ~GraphStore() = default;

  const GraphSchema &schema() const { return schema_; }
  /// Views live as long as the store. Ids are canonical ids (indices in the schema).
  virtual const RelationView &relation(int relationId) const = 0;
  virtual absl::StatusOr<DenseFeatureView> denseFeature(int nodeType, const std::string &name) const = 0;
  virtual absl::StatusOr<SparseFeatureView> sparseFeature(int nodeType, const std::string &name) const = 0;
  /// Dense data of a relation's edges, in the CSC order of the stored relation: in-edge p of `view`
  /// = relation(relationId) has row p, or view.inEdgeData[p] where that is not empty (a reverse
  /// view).
  virtual absl::StatusOr<DenseFeatureView> denseEdgeFeature(int relationId,
                                                            const std::string &name) const = 0;
  virtual absl::StatusOr<LabelView> label(int nodeType, const std::string &name) const = 0;
  virtual absl::StatusOr<SplitView> split(int nodeType, const std::string &label,
                                          const std::string &split) const = 0;
  /// The user's id of a row as text ("17" or "dog.n.01"), and its display name (empty if none).
  virtual std::string originalId(int nodeType, int64_t row) const = 0;
  virtual std::string displayName(int nodeType, int64_t row) const = 0;

protected:
  GraphSchema schema_;
};

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_GRAPHSTORE_H
