//===- Hotness.h - how unequally rows are asked for ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What a cache is worth, from the statistics that import wrote: the size model's probability that a
// batch has a row, kept apart by the buckets of the degree histograms.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_COST_HOTNESS_H
#define HEDDLE_COMPILER_COST_HOTNESS_H

#include "compiler/cost/SizeModel.h"

namespace heddle::compiler {

/// So many rows, each in a batch with this probability.
struct HotRows {
  double rows = 0, probability = 0;
};
/// All rows of a type, the hottest first.
using Hotness = std::vector<HotRows>;

/// `expected` seeds of `available`, of a type of `numNodes` nodes.
Hotness hotnessOfSeeds(double expected, uint64_t available, uint64_t numNodes);

/// Rows of a frontier over a type of `numNodes` nodes; `previous`: of its rows a hop before where there is
/// an identity link, empty otherwise.
Hotness hotnessOfFrontier(uint64_t numNodes, std::span<const FrontierSource> samples,
                          const Hotness &previous);

/// Expected requests.
double requestsOf(const Hotness &hotness);
/// Requests for the hottest `rows` rows.
double requestsOf(const Hotness &hotness, double rows);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_COST_HOTNESS_H
