//===- VanillaBytes.h - what vanilla order sends, by formula -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_PARTITIONS_VANILLABYTES_H
#define HEDDLE_TESTS_E2E_PARTITIONS_VANILLABYTES_H

#include "compiler/interpreter/Interpreter.h"
#include "runtime/base/Status.h"
#include "runtime/graph/GraphStore.h"

#include <map>
#include <string>

namespace heddle::test {

/// Makes results of the frontiers that rows are fetched for: "frontier:HOP:TYPE:PARTITION", ids.
void showFrontiers(mlir::ModuleOp cut);

/// Bytes by class of one step of `partitions` partitions, from what the program says before it is
/// cut
/// (`metatree`), the frontiers among the step's `outputs`, and the results of the whole step
/// (`wanted`). Of a type with N nodes partition k keeps the rows
/// [N k / q, N (k + 1) / q). With `elsewhere` rows of a frontier that another partition keeps:
///   remote_features  elsewhere * (8 + sum of 4 * width) over the frontiers with features; a sparse
///                    feature has 4 + 8 * stored numbers in place of 4 * width
///   embedding_rows   elsewhere * 4 * width, twice in training; 8 more where there are no features
///   dense_gradients  2 (q - 1) * 4 * numbers, and of the bound of the norm one number
///   activations      2 (q - 1) * 4 for the loss; in evaluation (q - 1) * 4 * classes for each seed
absl::StatusOr<std::map<std::string, int64_t>>
vanillaBytes(mlir::ModuleOp metatree, const graph::GraphStore &store, bool train,
             int64_t partitions, int64_t seeds, const compiler::NumericArrays &outputs,
             const compiler::NumericArrays &wanted);

} // namespace heddle::test

#endif // HEDDLE_TESTS_E2E_PARTITIONS_VANILLABYTES_H
