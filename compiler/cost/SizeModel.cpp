//===- SizeModel.cpp - how many rows and edges a batch has ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/cost/SizeModel.h"

#include <algorithm>
#include <cmath>

namespace heddle::compiler {

namespace {

/// Largest degree in bucket b.
uint64_t bucketTop(size_t b) {
  if (b == 0)
    return 0;
  return b >= 64 ? UINT64_MAX : (uint64_t(1) << b) - 1;
}

uint64_t sumOf(const std::vector<uint64_t> &histogram) {
  uint64_t sum = 0;
  for (uint64_t count : histogram)
    sum = addSaturated(sum, count);
  return sum;
}

/// Nodes with an edge; `fallback` (0 = unknown), without either: min(nodes, edges).
uint64_t activeNodes(const std::vector<uint64_t> &histogram, uint64_t fallback, uint64_t nodes,
                     uint64_t edges) {
  uint64_t limit = std::min(nodes, edges);
  if (!histogram.empty())
    return std::min(limit, sumOf(histogram) - histogram[0]);
  return fallback ? std::min(limit, fallback) : limit;
}

/// Most edges that `rows` distinct destinations can have when each gives at most `fanout`: those
/// with the highest degrees.
uint64_t edgesBound(const RelationStatistics &r, uint64_t rows, int64_t fanout) {
  rows = std::min(rows, r.numDestinations);
  uint64_t limit = fanout < 0 ? UINT64_MAX : static_cast<uint64_t>(fanout);
  if (r.maxInDegree)
    limit = std::min(limit, r.maxInDegree);
  // A histogram of other nodes than these bounds nothing.
  if (r.inHistogram.empty() || sumOf(r.inHistogram) != r.numDestinations)
    return std::min(r.numEdges, multiplySaturated(rows, limit));
  uint64_t bound = 0;
  for (size_t b = r.inHistogram.size(); b-- > 0 && rows > 0;) {
    uint64_t taken = std::min(rows, r.inHistogram[b]);
    bound = addSaturated(bound, multiplySaturated(taken, std::min(limit, bucketTop(b))));
    rows -= taken;
  }
  return std::min(r.numEdges, bound);
}

SizeEstimate clipped(uint64_t bound, double expected) {
  if (!(expected > 0))
    expected = 0;
  // Sixteenths: far below what matters, far above what math libraries disagree about.
  if (expected < 1e12)
    expected = std::round(expected * 16) / 16;
  return {bound, std::min(expected, static_cast<double>(bound))};
}

} // namespace

double bucketDegree(size_t b, uint64_t maxDegree) {
  if (b == 0)
    return 0;
  double low = std::ldexp(1.0, static_cast<int>(std::min<size_t>(b, 64)) - 1);
  double middle = low * 1.5 - 0.5;
  return maxDegree ? std::min(middle, std::max(low, static_cast<double>(maxDegree))) : middle;
}

double meanClippedDegree(const RelationStatistics &r, int64_t fanout) {
  if (r.numDestinations == 0 || r.numEdges == 0)
    return 0;
  double mean = static_cast<double>(r.numEdges) / static_cast<double>(r.numDestinations);
  if (fanout < 0)
    return mean;
  double limit = static_cast<double>(fanout);
  if (r.inHistogram.empty()) {
    // Only nodes with an edge give any.
    double active = static_cast<double>(
        activeNodes(r.inHistogram, r.inActive, r.numDestinations, r.numEdges));
    return std::min(mean, limit * active / static_cast<double>(r.numDestinations));
  }
  double sum = 0;
  for (size_t b = 1; b < r.inHistogram.size(); ++b)
    sum += static_cast<double>(r.inHistogram[b]) * std::min(limit, bucketDegree(b, r.maxInDegree));
  return std::min(mean, sum / static_cast<double>(r.numDestinations));
}

LinkEstimate estimateLink(const RelationStatistics &r, SizeEstimate destinations, int64_t fanout) {
  LinkEstimate link;
  uint64_t edges = edgesBound(r, destinations.bound, fanout);
  link.edges = clipped(edges, destinations.expected * meanClippedDegree(r, fanout));
  uint64_t withEdge = activeNodes(r.inHistogram, r.inActive, r.numDestinations, r.numEdges);
  double share = r.numDestinations
                     ? static_cast<double>(withEdge) / static_cast<double>(r.numDestinations)
                     : 0;
  link.active = clipped(std::min({destinations.bound, edges, withEdge}),
                        fanout == 0 ? 0 : destinations.expected * share);
  return link;
}

/// Expected distinct sources, of `withEdge`, among so many sampled edges.
static double sourcesSeen(const RelationStatistics &r, uint64_t withEdge, double edges) {
  if (r.numEdges == 0 || withEdge == 0)
    return 0;
  double share = std::min(1.0, edges / static_cast<double>(r.numEdges));
  double seen = 0;
  if (r.outHistogram.empty()) {
    double degree = static_cast<double>(r.numEdges) / static_cast<double>(withEdge);
    seen = static_cast<double>(withEdge) * (1 - std::pow(1 - share, degree));
  } else {
    for (size_t b = 1; b < r.outHistogram.size(); ++b)
      seen += static_cast<double>(r.outHistogram[b]) *
              (1 - std::pow(1 - share, bucketDegree(b, r.numEdges)));
  }
  // Each source needs an edge of its own.
  return std::min(seen, edges);
}

SizeEstimate estimateSources(const RelationStatistics &r, SizeEstimate edges) {
  uint64_t withEdge = activeNodes(r.outHistogram, r.outActive, r.numSources, r.numEdges);
  return clipped(std::min(edges.bound, withEdge), sourcesSeen(r, withEdge, edges.expected));
}

SizeEstimate estimateFrontier(uint64_t numNodes, std::span<const FrontierSource> samples,
                              SizeEstimate previous) {
  if (numNodes == 0)
    return {};
  double n = static_cast<double>(numNodes);
  uint64_t bound = previous.bound;
  double missed = 1 - std::min(1.0, previous.expected / n); // probability that a node is not there
  for (const FrontierSource &source : samples) {
    const RelationStatistics &r = *source.relation;
    uint64_t withEdge = activeNodes(r.outHistogram, r.outActive, r.numSources, r.numEdges);
    bound = addSaturated(bound, std::min(source.edges.bound, withEdge));
    double edges = std::max(0.0, source.edges.expected - source.repeated);
    missed *= 1 - std::min(1.0, sourcesSeen(r, withEdge, edges) / n);
  }
  return clipped(std::min(numNodes, bound), n * (1 - missed));
}

SizeEstimate estimateSeeds(uint64_t batchSize, uint64_t available, uint64_t numNodes) {
  uint64_t seeds = std::min(available, numNodes);
  if (batchSize)
    seeds = std::min(seeds, batchSize);
  return {seeds, static_cast<double>(seeds)};
}

SizeEstimate estimateNnz(SizeEstimate rows, uint64_t numNodes, uint64_t totalNnz, uint64_t dim) {
  if (numNodes == 0)
    return {};
  double mean = static_cast<double>(totalNnz) / static_cast<double>(numNodes);
  return clipped(std::min(totalNnz, multiplySaturated(rows.bound, dim)), rows.expected * mean);
}

} // namespace heddle::compiler
