//===- RandomGraph.h - random graphs with specs for them --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// One seed gives one graph directory and one model spec, the same on every machine. All that must
// work everywhere turns up often: types without nodes, isolated nodes, empty, parallel, self and
// reverse relations, repeated edges, names of any script, missing labels, empty validation splits.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_COMPILER_RANDOMGRAPH_H
#define HEDDLE_TESTS_UNIT_COMPILER_RANDOMGRAPH_H

#include "runtime/base/Status.h"

#include <string>

namespace heddle::test {

struct RandomCase {
  std::string graphDirectory;
  std::string spec; ///< JSON of a resolved model spec with every default
  std::string name; ///< what the case has, for messages of tests
  /// How the relations' messages are to be combined: sum, mean, max or softmax. No spec says that (a
  /// layer program does), so whoever builds the model sets it on its layers (support/Combine.h).
  std::string combine = "sum";
};

/// Writes the graph of `seed` to DIRECTORY/graph (1 to 5 node types of 0 to 60 nodes, 1 to 8 relations)
/// and makes a spec for it. Any seed gives a case that compiles.
absl::StatusOr<RandomCase> makeRandomCase(uint64_t seed, const std::string &directory);

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_COMPILER_RANDOMGRAPH_H
