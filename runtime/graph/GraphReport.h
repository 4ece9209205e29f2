//===- GraphReport.h - what an import found ----------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_GRAPHREPORT_H
#define HEDDLE_RUNTIME_GRAPH_GRAPHREPORT_H

#include "runtime/graph/GraphSchema.h"

#include <array>
#include <map>
#include <string>
#include <vector>

namespace heddle::graph {

/// What the report says beyond the schema. Vectors run along those of the schema.
struct GraphFindings {
  struct Label {
    int64_t missing = 0;
    /// [split][train, valid, test][class]: nodes (multi-label: positives).
    std::vector<std::array<std::vector<int64_t>, 3>> classCounts;
  };
  struct NodeType {
    int64_t isolated = 0; ///< nodes without an edge in any relation
    std::vector<int64_t> nonFinite; ///< per feature: values that are NaN or infinite
    std::vector<Label> labels;
  };
  struct Relation {
    int64_t duplicates = 0;
    bool dropped = false; ///< the duplicates were dropped
    std::vector<int64_t> nonFinite; ///< per feature, as of a node type
  };
  std::vector<NodeType> nodeTypes;
  std::vector<Relation> relations; ///< of a reverse view: unused
  std::map<std::string, int64_t> counts; ///< the importer's remarks
};

/// The text of report.json.
std::string printReportJson(const GraphSchema &schema, const GraphFindings &findings);

/// The same for people, ending in a newline.
std::string printReportText(const GraphSchema &schema, const GraphFindings &findings);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_GRAPHREPORT_H
