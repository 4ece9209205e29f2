//===- Generator.h - draws a synthetic graph ---------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Everything is a function of (seed, name of the quantity, number of the item): the same bytes on
// every machine, for any number of threads and any bound on memory. Rows and edges are drawn in
// blocks and handed on; what stays in memory are the labels and splits of the target type, a table
// of distinct degrees for one relation at a time, and the builder's share.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_SYNTHETIC_GENERATOR_H
#define HEDDLE_RUNTIME_SYNTHETIC_GENERATOR_H

#include "runtime/graph/GraphBuilder.h"
#include "runtime/synthetic/GraphSpec.h"

namespace heddle::synthetic {

/// Widths of features: those of the set, none, or one width for all types that have features in the
/// set (for all types, where none has).
struct FeatureChoice {
  enum Kind { Given, None, Width } kind = Given;
  int64_t width = 0; ///< of kind Width, 1 to 2^20

  /// "given", "none" or a number. Errors name the option --features.
  static absl::StatusOr<FeatureChoice> parse(const std::string &text);
};

struct GeneratorOptions {
  double scale = 1; ///< of nodes and edges, in (0, 1]
  uint64_t seed = 0;
  FeatureChoice features;
  bool reverse = true;                   ///< a view rev_NAME of every relation
  int threads = 0;                       ///< 0: all cores
  int64_t blockEdges = int64_t(1) << 18; ///< edges drawn at once, 16 bytes each; a hub may be more
  std::function<void(std::string_view, int64_t, int64_t)> progress; ///< may be empty
};

/// Feeds the whole graph to `builder` (not finish()). Counts are those of the spec times the scale,
/// rounded, at least 1; edges beyond all pairs of nodes are left out and counted in the report, as
/// are pairs drawn again. Errors: checkGraphSpec's, a scale out of range, the builder's.
absl::Status generateGraph(const GraphSpec &spec, const GeneratorOptions &options,
                           graph::GraphBuilder &builder);

} // namespace heddle::synthetic

#endif // HEDDLE_RUNTIME_SYNTHETIC_GENERATOR_H
