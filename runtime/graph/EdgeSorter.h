//===- EdgeSorter.h - sorts edges in bounded memory --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_EDGESORTER_H
#define HEDDLE_RUNTIME_GRAPH_EDGESORTER_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace heddle::graph {

/// Sorts (major, minor, payload) records by (major, minor, order of arrival): for the canonical order
/// major is the destination and minor the source. Records wait in memory until spill() sorts them
/// into a run on disk; finish() merges the runs. The owner of several sorters watches heldBytes().
class EdgeSorter {
public:
  /// `majorCount`, `minorCount`: ids are below these. `scratchFile`: where runs go, made at the first
  /// spill and removed with the sorter.
  static std::unique_ptr<EdgeSorter> create(int64_t majorCount, int64_t minorCount,
                                            const std::string &scratchFile);
  virtual ~EdgeSorter() = default;

  virtual void add(int64_t major, int64_t minor, int64_t payload) = 0;
  /// Bytes of memory that the waiting records take, growth included.
  virtual int64_t heldBytes() const = 0;
  virtual int64_t size() const = 0;
  /// What the next `count` calls of add() may need on top of heldBytes(), while records move.
  virtual int64_t growthBytes(int64_t count) const = 0;
  /// Sorts what waits into a run on disk and gives its memory back. Takes heldBytes() again for the
  /// time of the sort.
  virtual absl::Status spill() = 0;

  using Emit = std::function<absl::Status(int64_t major, int64_t minor, int64_t payload)>;
  /// Emits all records in order; the merge of runs uses about `memoryBytes`. The sorter is empty
  /// afterwards. The first error of `emit` ends it.
  virtual absl::Status finish(int64_t memoryBytes, const Emit &emit) = 0;
};

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_EDGESORTER_H
