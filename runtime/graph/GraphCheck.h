//===- GraphCheck.h - verifies a graph directory -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_GRAPHCHECK_H
#define HEDDLE_RUNTIME_GRAPH_GRAPHCHECK_H

#include "runtime/base/Status.h"

#include <string>

namespace heddle::graph {

/// Reads every byte of a graph directory: checksums, canonical edge order, that CSR and CSC hold the
/// same edges, degree statistics, sparse rows, label ranges, splits (disjoint, labelled, counted).
/// Returns a line for people, or the first error with file, place and remedy.
absl::StatusOr<std::string> checkGraph(const std::string &directory);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_GRAPHCHECK_H
