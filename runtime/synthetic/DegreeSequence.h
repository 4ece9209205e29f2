//===- DegreeSequence.h - degrees of one side of a relation ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Degrees are drawn systematically: node k of a group of n has the degree at quantile (k + u) / n
// of the distribution, with one uniform u per group. The nodes of a group therefore come in
// descending order of degree and equal degrees are runs, which is all that is kept: the memory goes
// with the number of distinct degrees per group, not with nodes or edges.
//
// An edge's end is a half-edge. Half-edges are numbered by group, then by node, 0 to edges - 1.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_SYNTHETIC_DEGREESEQUENCE_H
#define HEDDLE_RUNTIME_SYNTHETIC_DEGREESEQUENCE_H

#include "runtime/synthetic/GraphSpec.h"

namespace heddle::synthetic {

class DegreeSequence {
public:
  /// Nodes with equal degrees of one group; nodes without an edge are in none.
  struct Run {
    int64_t firstHalfEdge;
    int64_t firstNode; ///< number within the group
    int64_t degree;
  };

  /// The degrees of `groupNodes[g]` nodes in each group add up to `edges` exactly; none is above
  /// `limit`. edges <= limit * all nodes. shape.cap is that of the actual scale; where share and
  /// cap leave no room for the edges they give way. `stream` keys the quantiles.
  DegreeSequence(const std::vector<int64_t> &groupNodes, int64_t edges, DegreeShape shape,
                 int64_t limit, uint64_t stream);

  int64_t edges() const { return firstHalfEdge_.back(); }
  int64_t firstHalfEdge(int64_t group) const { return firstHalfEdge_[static_cast<size_t>(group)]; }
  int64_t halfEdges(int64_t group) const { return firstHalfEdge(group + 1) - firstHalfEdge(group); }
  /// Runs of a group are runs()[firstRun(group)] to runs()[firstRun(group + 1) - 1].
  const std::vector<Run> &runs() const { return runs_; }
  int64_t firstRun(int64_t group) const { return firstRun_[static_cast<size_t>(group)]; }
  /// Nodes of run `run`, which is one of `group`.
  int64_t nodesOf(int64_t run, int64_t group) const {
    const Run &from = runs_[static_cast<size_t>(run)];
    int64_t end = run + 1 == firstRun(group + 1)
                      ? firstHalfEdge(group + 1)
                      : runs_[static_cast<size_t>(run) + 1].firstHalfEdge;
    return (end - from.firstHalfEdge) / from.degree;
  }
  /// The node (number within the group) that a half-edge of `group` belongs to.
  int64_t nodeOf(int64_t halfEdge, int64_t group) const;

private:
  std::vector<Run> runs_;
  std::vector<int64_t> firstHalfEdge_, firstRun_; ///< [groups + 1]
};

/// base^exponent for base > 0, by additions and products alone: the same bits on every machine,
/// which the C library's pow does not promise. Good to about 1e-14.
double portablePower(double base, double exponent);

} // namespace heddle::synthetic

#endif // HEDDLE_RUNTIME_SYNTHETIC_DEGREESEQUENCE_H
