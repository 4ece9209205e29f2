//===- GraphSpec.h - what a synthetic graph looks like -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A generator is data: node types and relations with counts, shapes of degrees, and how far labels
// and neighbours agree. GraphSpecs.cpp has the tables of the known sets; generateGraph draws any.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_SYNTHETIC_GRAPHSPEC_H
#define HEDDLE_RUNTIME_SYNTHETIC_GRAPHSPEC_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace heddle::synthetic {

/// Degrees of one side of a relation: a discrete Pareto distribution, P(degree = d) ~ d^-exponent,
/// cut off above `cap` and stretched until the mean is what nodes and edges say.
struct DegreeShape {
  double share = 1;    ///< of the nodes that may have an edge, in (0, 1]
  double exponent = 2; ///< in (1, 8]; the larger, the more even
  int64_t cap = 1;     ///< largest degree at full scale
};

struct NodeTypeSpec {
  std::string name;
  int64_t nodes = 0;             ///< at full scale
  int64_t width = 0;             ///< columns of the dense feature "feat"; 0: none
  std::string dtype = "float32"; ///< of the feature: "float32" or "float16"
};

struct RelationSpec {
  std::string source, name, destination;
  int64_t edges = 0; ///< at full scale
  DegreeShape out;   ///< edges per source node
  DegreeShape in;    ///< edges per destination node
  /// Share of the edges that join nodes of one community on purpose, in [0, 1]; the others join
  /// any, so a few of them do as well.
  double agreement = 0;
};

struct LabelSpec {
  std::string name;
  int64_t classes = 2; ///< at most the number of communities, neighbours of which form a class
};

struct GraphSpec {
  std::string name;
  std::vector<NodeTypeSpec> types;
  std::vector<RelationSpec> relations;
  std::string target;                     ///< the labelled node type
  std::vector<LabelSpec> labels;          ///< each with the split "random"
  int64_t train = 0, valid = 0, test = 0; ///< nodes at full scale; the rest is unlabelled
  /// Every node of every type is in a community; its size goes with 1 / (number + head): the
  /// smaller the head, the larger the first ones.
  int64_t communities = 2;
  double head = 1;
  double labelNoise = 0; ///< share of the labelled nodes that get the label of any community
  /// Distance of communities in features, in standard deviations of a feature's noise along it.
  double signal = 2;

  const NodeTypeSpec *findType(const std::string &type) const;
};

/// The known sets, by name.
const std::vector<GraphSpec> &graphSpecs();

/// The set called `name`. An unknown name is an error with a suggestion, for which other tools'
/// names of the sets are known.
absl::StatusOr<const GraphSpec *> findGraphSpec(const std::string &name);

/// An error that names the entry unless types exist, numbers are in range and parts fit the type.
absl::Status checkGraphSpec(const GraphSpec &spec);

} // namespace heddle::synthetic

#endif // HEDDLE_RUNTIME_SYNTHETIC_GRAPHSPEC_H
