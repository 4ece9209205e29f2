//===- BusyDestinations.cpp - who has in-edges, where few have ---*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/BusyDestinations.h"

#include <limits>

namespace heddle::exec {

BusyDestinations::BusyDestinations(const graph::RelationView &relation) {
  const int64_t nodes = relation.numDestinations;
  if (relation.numEdges == 0 || relation.numEdges > nodes / 2 ||
      nodes > std::numeric_limits<int32_t>::max())
    return;
  const size_t most = static_cast<size_t>(nodes / 8);
  for (int64_t node = 0; node < nodes && nodes_.size() <= most; ++node)
    if (relation.inPtr[node] != relation.inPtr[node + 1]) {
      nodes_.push_back(static_cast<int32_t>(node));
      begins_.push_back(relation.inPtr[node]);
    }
  if (nodes_.size() > most) {
    nodes_ = {};
    begins_ = {};
    return;
  }
  begins_.push_back(relation.numEdges);
}

size_t BusyDestinations::rowsIn(const RankBitmap &asked, std::span<Row> rows) const {
  size_t found = 0;
  for (size_t i = 0; i < nodes_.size(); ++i)
    if (asked.contains(nodes_[i]))
      rows[found++] = {asked.rank(nodes_[i]), static_cast<int32_t>(i)};
  return found;
}

} // namespace heddle::exec
