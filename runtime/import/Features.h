//===- Features.h - features out of columns and arrays -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_FEATURES_H
#define HEDDLE_RUNTIME_IMPORT_FEATURES_H

#include "runtime/graph/GraphBuilder.h"
#include "runtime/import/Descriptor.h"
#include "runtime/import/TableScan.h"

#include <memory>

namespace heddle::importing {

/// One feature of nodes, or with spec().ofEdges of edges, on its way into the graph: (prepare, fit*
/// if needsFit(), declare, write*, finish). `scan` arguments are null for types without a table;
/// features of columns never see that.
class FeatureImport {
public:
  static std::unique_ptr<FeatureImport> create(const FeatureSpec &spec);
  virtual ~FeatureImport() = default;

  /// Opens arrays and checks that they have `records` rows (records of the table, or nodes).
  virtual absl::Status prepare(int64_t records) { return absl::OkStatus(); }
  virtual bool needsTable() const { return false; }
  virtual bool needsFit() const { return false; }
  /// Asks for columns; called for every scan that fits or writes.
  virtual void want(TableScan &scan) {}
  /// A record whose value counts for the statistics of the transform.
  virtual absl::Status fit(const TableScan &scan) { return absl::OkStatus(); }

  /// `owner`: the handle of the node type, or relation.
  virtual absl::Status declare(graph::GraphBuilder &builder, int owner) = 0;
  /// The next node or edge: its record (from 0) and, for columns, the scan that stands at it.
  virtual absl::Status write(graph::GraphBuilder &builder, int64_t record,
                             const TableScan *scan) = 0;
  /// The next node, which no record describes (edges named it).
  virtual absl::Status writeMissing(graph::GraphBuilder &builder, const std::string &id) = 0;
  /// Writes what is buffered and counts what was filled in.
  virtual absl::Status finish(graph::GraphBuilder &builder, const std::string &typeName) = 0;

  const FeatureSpec &spec() const { return spec_; }

protected:
  explicit FeatureImport(const FeatureSpec &spec) : spec_(spec) {}
  absl::StatusOr<int> declareDense(graph::GraphBuilder &builder, int owner,
                                   const std::string &dtype, int64_t dim) const {
    return spec_.ofEdges ? builder.addEdgeFeature(owner, spec_.name, dtype, dim)
                         : builder.addDenseFeature(owner, spec_.name, dtype, dim);
  }
  const FeatureSpec &spec_;
};

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_FEATURES_H
