//===- Metatree.h - what is sampled where, as a graph ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The layered graph of a step over all its partitions: a vertex for each (hop, node type), a link
// for each (hop, relation) of each partition that samples it, the merges at the seeds. Pictures are
// made of it (Describe.h).
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_METATREE_H
#define HEDDLE_RUNTIME_PLAN_METATREE_H

#include "runtime/plan/PartitionFacts.h"

namespace heddle::plan {

struct Metatree {
  struct Vertex {
    uint32_t hop = 0, nodeType = 0;
    /// Expected rows by partition; negative: the plan has no estimate.
    std::map<uint32_t, double> rows;
  };
  /// Messages go from `from` (at hop + 1) to `to` (at hop).
  struct Link {
    uint32_t partition = 0;
    int64_t relation = -1;   ///< -1: each row's link to itself
    size_t from = 0, to = 0; ///< indices into `vertices`
    int32_t fanout = -1;     ///< -1: all in-edges
    double edges = -1;       ///< expected; negative: the plan has no estimate
  };
  /// A collective of activations.
  struct Merge {
    uint32_t collective = 0;
    std::string kind; ///< "merge_all", "merge_to", "broadcast", ...
    std::string merges; ///< what it merges beside sums: " softmax", or nothing
    std::vector<uint32_t> participants;
    int64_t leader = -1;
    size_t vertex = 0;    ///< whose rows are merged
    uint64_t numbers = 0; ///< in a row; 0: not a whole number of them
  };
  std::vector<Vertex> vertices; ///< by (hop, node type); hop 0 are the seeds
  std::vector<Link> links;      ///< by (partition, vertex `to`, relation), links to itself first
  std::vector<Merge> merges;    ///< by collective
};
Metatree metatreeOf(const PlanT &plan, const StepFacts &step);

/// Links of a partition between the same two vertices, drawn as one.
struct LinkBundle {
  uint32_t partition = 0;
  size_t from = 0, to = 0;
  std::vector<size_t> links; ///< indices into Metatree::links, at least one
};
/// A link to itself is never bundled with relations. With `separate` links per hop or fewer, each
/// link is a bundle of its own at that hop. By (hop, to, from, partition).
std::vector<LinkBundle> bundlesOf(const Metatree &tree, size_t separate);

/// How a partition is drawn: a colour of the palette of Okabe and Ito, which colour-blind people
/// can tell apart, and a dash pattern ("" = solid) that changes when the colours are used up.
/// Yellow is left out: it is too pale on paper.
struct PartitionStyle {
  const char *colour; ///< of lines and areas
  const char *text;   ///< of text on such an area
  const char *dashes; ///< stroke-dasharray of SVG
  const char *dot;    ///< the like in DOT: "solid", "dashed", "dotted"
};
PartitionStyle styleOf(uint32_t partition);

/// "15: 1,234" for a fan-out of 15, "all: 34.5k" for all in-edges; "" if nothing is known of a link
/// to itself.
std::string linkFigures(const Metatree::Link &link);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_METATREE_H
