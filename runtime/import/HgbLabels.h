//===- HgbLabels.h - label.dat and label.dat.test of HGB ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_HGBLABELS_H
#define HEDDLE_RUNTIME_IMPORT_HGBLABELS_H

#include "runtime/graph/GraphBuilder.h"
#include "runtime/import/EntityLabels.h"
#include "runtime/import/HgbInfo.h"
#include "runtime/import/IdMap.h"
#include "runtime/import/Lines.h"

#include <set>

namespace heddle::importing {

/// The nodes of node.dat in the file's order.
struct HgbNodes {
  static constexpr int64_t maxId = (int64_t(1) << 48) - 1;
  IdMap ids;
  std::vector<int32_t> typeOf;
  std::vector<int64_t> rowOf; ///< within the type

  /// Index of the node that a field of another file names, or -1.
  int64_t find(std::string_view text) const {
    auto number = wholeNumber(text, maxId);
    return number ? ids.find(std::to_string(*number)) : -1;
  }
};

/// Collects the rows of both files, then writes a label "label" with the split "official".
class HgbLabels {
public:
  HgbLabels(const HgbNodes &nodes, const HgbInfo &info, const CarveOptions &carve, bool skipUnknown)
      : nodes_(nodes), info_(info), carve_(carve), skipUnknown_(skipUnknown) {}

  /// A line "id, name, type, class[,class ...]" of the training part (0, from which the validation
  /// part is carved) or of the test part (2).
  absl::Status addLine(const LineReader &reader, int part);

  /// Numbers of the node types that have a labelled node, ascending.
  std::vector<int64_t> types() const;
  /// Writes the label of a type of `numNodes`: multi-label if any node of it has several classes.
  absl::Status write(graph::GraphBuilder &builder, int64_t type, int handle,
                     int64_t numNodes) const;
  int64_t skipped() const { return skipped_; } ///< lines that name no node

private:
  struct Row {
    int64_t row;
    std::vector<int32_t> classes;
    int part;
  };
  std::vector<std::string> classNames(int64_t type, const std::vector<Row> &rows) const;

  const HgbNodes &nodes_;
  const HgbInfo &info_;
  const CarveOptions &carve_;
  bool skipUnknown_;
  std::map<int64_t, std::vector<Row>> rows_; ///< by node type
  std::set<int64_t> labelled_;
  int64_t skipped_ = 0;
};

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_HGBLABELS_H
