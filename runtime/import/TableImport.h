//===- TableImport.h - tables and a descriptor as a graph --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Files are streamed, once for the ids, once for statistics that a transform needs, once for the
// features, and edges once (twice where they name new nodes). What stays in memory: the ids,
// labels, and splits of all nodes, and the builder's share.
//
// Rows are the nodes in the order of the files, then those that only edges name, in the order of
// the edge entries.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_TABLEIMPORT_H
#define HEDDLE_RUNTIME_IMPORT_TABLEIMPORT_H

#include "runtime/graph/GraphBuilder.h"
#include "runtime/import/Descriptor.h"
#include "runtime/import/TableScan.h"

namespace heddle::importing {

/// Feeds the whole graph to `builder` (not finish()). Errors name file, line and column.
absl::Status importTables(const Descriptor &descriptor, graph::GraphBuilder &builder,
                          const ProgressFunction &progress = nullptr);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_TABLEIMPORT_H
