//===- Partitions.h - one random case, cut into partitions -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_PARTITIONS_PARTITIONS_H
#define HEDDLE_TESTS_E2E_PARTITIONS_PARTITIONS_H

#include "tests/e2e/differential/Numbers.h"

namespace heddle::test {

/// Makes the case of `seed` and compares it whole and cut; notes every disagreement and every
/// error. Returns what the case has.
std::string runCase(uint64_t seed, Findings &findings, bool verbose);

/// Layer programs beside the built-in R-GCN, for all layers of a model: how root links meet
/// differs.
struct LayerProgram {
  const char *name;
  const char *text; ///< an encoder file
};
/// mean: `combine mean` beside a self term. concat: own rows beside the combined ones, so two
/// merges. attention: messages scaled by a product with the own row, so own rows are part of each
/// relation's sub-DAG. bare: no self term; the mean's divisor stays above the merge. max: `combine max`
/// beside a self term, two merges. softmax: `combine softmax` with own rows beside the combined ones.
const std::vector<LayerProgram> &layerPrograms();

} // namespace heddle::test

#endif // HEDDLE_TESTS_E2E_PARTITIONS_PARTITIONS_H
