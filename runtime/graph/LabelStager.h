//===- LabelStager.h - checks and writes labels and splits -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_LABELSTAGER_H
#define HEDDLE_RUNTIME_GRAPH_LABELSTAGER_H

#include "runtime/graph/StagedGraph.h"

namespace heddle::graph {

/// Writes a whole array of `rows` rows at once.
absl::StatusOr<StagedFile> stageArray(const std::string &path, const std::string &dtype,
                                      const std::vector<int64_t> &rowShape, const void *data,
                                      size_t rows);

/// Append a label to type.labels; see GraphBuilder::addLabel and addMultiLabel for what is checked.
absl::Status stageLabel(StagedNodeType &type, const std::string &name,
                        const std::vector<std::string> &classes,
                        const std::vector<int32_t> &classOfNode, const std::string &path);
absl::Status stageMultiLabel(StagedNodeType &type, const std::string &name,
                             const std::vector<std::string> &classes,
                             const std::vector<uint8_t> &rows, const std::string &path);

/// Append a split to type.labels[label].splits; see GraphBuilder::addSplit.
absl::Status stageSplit(StagedNodeType &type, size_t label, const std::string &name,
                        std::array<std::vector<int64_t>, 3> parts,
                        const std::array<std::string, 3> &paths);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_LABELSTAGER_H
