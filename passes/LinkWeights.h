//===- LinkWeights.h - what the sub-DAG of a root link costs -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_LINKWEIGHTS_H
#define HEDDLE_PASSES_LINKWEIGHTS_H

#include "compiler/plan/ModuleTables.h"
#include "passes/LayeredDag.h"

namespace heddle::passes {

enum class WeightRule {
  /// Picoseconds of one step's sampling, fetching and computing (forward) in this sub-DAG alone, by
  /// the
  /// cost model: expected edges and rows times widths.
  Sampled,
  /// Heta, Algorithm 2: nodes of the leaf vertices and edges of all links.
  Heta,
  /// What Heta's released code computes: edges of the distinct relations, nodes of the distinct
  /// types,
  /// the target type too.
  HetaCode,
};
std::optional<WeightRule> parseWeightRule(llvm::StringRef text);

/// The weight of one root link, or of one of `blocks` equal blocks of its seeds: `ops` compute its
/// partial, `closure` is what they need. Heta's rules count a static graph; a block has its share of
/// the root link's edges there. Reads the statistics of graph.json in `tables` only.
mlir::FailureOr<uint64_t> linkWeight(WeightRule rule, hgnn::EntryOp entry,
                                     const llvm::SetVector<mlir::Operation *> &ops,
                                     const Closure &closure, const compiler::ModuleTables &tables,
                                     uint32_t blocks = 1);

} // namespace heddle::passes

#endif // HEDDLE_PASSES_LINKWEIGHTS_H
