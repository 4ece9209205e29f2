//===- SizeModel.h - how many rows and edges a batch has ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Bounds and expected values of the symbols of a step from the statistics that import wrote into
// graph.json. Bounds hold for every batch of that graph; expected values assume that
//   - the rows of a frontier have the in-degrees of random nodes of their type;
//   - a sampled edge is any of the relation's edges with equal probability, without replacement, so
//     a source with out-degree d stays unseen among k of E edges with probability (1 - k/E)^d;
//   - relations, and the rows linked from the hop before, choose sources independently.
// A histogram bucket stands for its mid-point: the mean of [2^(b-1), 2^b), never above the maximum.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_COST_SIZEMODEL_H
#define HEDDLE_COMPILER_COST_SIZEMODEL_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace heddle::compiler {

/// A count in a batch: never more than `bound`; `expected` is at most `bound`.
struct SizeEstimate {
  uint64_t bound = 0;
  double expected = 0;
};

struct RelationStatistics {
  uint64_t numSources = 0, numDestinations = 0, numEdges = 0;
  uint64_t maxInDegree = 0; ///< 0 = unknown
  uint64_t inActive = 0, outActive = 0; ///< nodes with an edge; 0 = unknown (or no edge)
  /// Nodes by degree: [0] of degree 0, [b] in [2^(b-1), 2^b). Empty = unknown.
  std::vector<uint64_t> inHistogram, outHistogram;
};

/// What sampling one relation for the rows of one hop gives.
struct LinkEstimate {
  SizeEstimate edges;
  SizeEstimate active; ///< destinations with at least one sampled edge
};

/// Sampled edges of the in-edges of `destinations`; `fanout` -1 takes all. Monotone in both.
LinkEstimate estimateLink(const RelationStatistics &relation, SizeEstimate destinations,
                          int64_t fanout);

/// Distinct sources of sampled edges. Monotone in the edges.
SizeEstimate estimateSources(const RelationStatistics &relation, SizeEstimate edges);

/// One sampled relation into a frontier.
struct FrontierSource {
  const RelationStatistics *relation = nullptr;
  SizeEstimate edges;
  /// How many of the expected edges were there a hop before: they lead to `previous` rows.
  double repeated = 0;
};

/// Distinct rows of a frontier over a type of `numNodes` nodes: the sources of the samples and, when
/// there is an identity link, the `previous` rows (zero otherwise). Monotone in every argument.
SizeEstimate estimateFrontier(uint64_t numNodes, std::span<const FrontierSource> samples,
                              SizeEstimate previous);

/// Seeds of a batch: `batchSize` (0 = all) of at most `available` nodes.
SizeEstimate estimateSeeds(uint64_t batchSize, uint64_t available, uint64_t numNodes);

/// One of `blocks` blocks of equal work: one may have nearly all rows.
inline SizeEstimate blockOf(SizeEstimate rows, uint64_t blocks) {
  return {rows.bound, rows.expected / double(blocks)};
}

/// Entries of `rows` sparse feature rows of a type with `totalNnz` entries over `numNodes` nodes.
SizeEstimate estimateNnz(SizeEstimate rows, uint64_t numNodes, uint64_t totalNnz, uint64_t dim);

/// The degree that stands for bucket `bucket` of a histogram, at most `maxDegree` (0 = unknown).
double bucketDegree(size_t bucket, uint64_t maxDegree);

/// Mean of min(degree, fanout) over the destinations; fanout -1 = no limit.
double meanClippedDegree(const RelationStatistics &relation, int64_t fanout);

/// Saturating arithmetic: sizes of large graphs stop at 2^64 - 1 and never wrap.
inline uint64_t addSaturated(uint64_t a, uint64_t b) {
  uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}
inline uint64_t multiplySaturated(uint64_t a, uint64_t b) {
  uint64_t product;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_COST_SIZEMODEL_H
