//===- EdgeBuffer.h - edges on their way to a relation -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_EDGEBUFFER_H
#define HEDDLE_RUNTIME_IMPORT_EDGEBUFFER_H

#include "runtime/graph/GraphBuilder.h"

#include <vector>

namespace heddle::importing {

/// Hands edges to the builder a block at a time: a call per edge would cost more than the edge.
class EdgeBuffer {
public:
  /// Rows of the ends, in their types.
  absl::Status add(graph::GraphBuilder &builder, int relation, int64_t source,
                   int64_t destination) {
    sources_.push_back(source);
    destinations_.push_back(destination);
    return sources_.size() == 512 ? flush(builder, relation) : absl::OkStatus();
  }
  absl::Status flush(graph::GraphBuilder &builder, int relation) {
    HEDDLE_RETURN_IF_ERROR(builder.addEdges(relation, sources_.data(), destinations_.data(),
                                            int64_t(sources_.size())));
    sources_.clear();
    destinations_.clear();
    return absl::OkStatus();
  }

private:
  std::vector<int64_t> sources_, destinations_;
};

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_EDGEBUFFER_H
