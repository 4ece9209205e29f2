//===- Hgb.h - a data set in the layout of HGB -------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The Heterogeneous Graph Benchmark's layout, in a folder or a .zip, fields between tabs:
//   node.dat                    id, name, type[, features separated by commas]
//   link.dat                    source id, destination id, relation[, weight]
//   label.dat, label.dat.test   id, name, type, class[,class ...]
//   info.dat                    names of types, relations and classes (see HgbInfo.h)
// The last three may be missing. Files are streamed: node.dat twice (nodes, then features), the
// others once. What stays in memory: the ids and names of all nodes, labels, the builder's share.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_HGB_H
#define HEDDLE_RUNTIME_IMPORT_HGB_H

#include "runtime/graph/GraphBuilder.h"
#include "runtime/import/EntityLabels.h"
#include "runtime/import/FileSet.h"

namespace heddle::importing {

struct HgbOptions {
  /// A view rev_NAME of every relation but those that a stored one reverses already (most of HGB's
  /// relations come in both directions) and those that are their own reverse.
  bool reverse = true;
  bool skipErrors = false; ///< links and labels of absent nodes are counted, not errors
  CarveOptions carve;
};

/// Feeds the whole graph to `builder` (not finish()). Errors name file and line. Types are named by
/// info.dat or "type0", relations by info.dat or "link0"; ids are the numbers of node.dat, rows in
/// its order; the feature is "attributes", sparse where at least three in four values of the type
/// are zero; the label "label" with the split "official", of which valid is carved out of
/// label.dat. Weights are the edge feature "weight" (float32, 1 column) of the relations where not
/// all are 1; a link without one has 1.
absl::Status importHgb(FileSet &files, const HgbOptions &options, graph::GraphBuilder &builder,
                       const ProgressFunction &progress = nullptr);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_HGB_H
