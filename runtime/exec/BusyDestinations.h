//===- BusyDestinations.h - who has in-edges, where few have -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_BUSYDESTINATIONS_H
#define HEDDLE_RUNTIME_EXEC_BUSYDESTINATIONS_H

#include "runtime/exec/RankBitmap.h"
#include "runtime/graph/GraphStore.h"

#include <cstdint>
#include <span>
#include <vector>

namespace heddle::exec {

/// The destinations of a relation that have edges. In a graph of hundreds of relations nearly all
/// nodes have no edge of nearly all relations; sampling asks those that have one only.
class BusyDestinations {
public:
  /// Empty where listing is not worth it: more than an eighth of all nodes have edges, or the
  /// relation has so many edges that finding out would read a large index.
  explicit BusyDestinations(const graph::RelationView &relation);

  bool listed() const { return !nodes_.empty(); }
  size_t size() const { return nodes_.size(); }

  struct Row {
    int32_t row;  ///< among the nodes that are asked
    int32_t busy; ///< number of the destination in this list
  };
  /// Those of `asked` (numbered) that have edges, ascending, into `rows`, which has room for
  /// size(). Returns how many.
  size_t rowsIn(const RankBitmap &asked, std::span<Row> rows) const;

  /// In-edges of destination `busy` are [begin(busy), begin(busy + 1)) of the relation's.
  int64_t begin(int64_t busy) const { return begins_[static_cast<size_t>(busy)]; }

private:
  std::vector<int32_t> nodes_; ///< ascending
  std::vector<int64_t> begins_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_BUSYDESTINATIONS_H
