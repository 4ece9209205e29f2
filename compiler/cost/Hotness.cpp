//===- Hotness.cpp - how unequally rows are asked for ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/cost/Hotness.h"

#include <algorithm>
#include <cmath>

namespace heddle::compiler {
namespace {

/// More classes than this say no more about a sum of a few shares.
constexpr size_t maxClasses = 96;

/// Sorts, and joins classes that are next to each other until there are not too many.
void settle(Hotness &hotness) {
  std::erase_if(hotness, [](const HotRows &h) { return !(h.rows > 0); });
  std::sort(hotness.begin(), hotness.end(), [](const HotRows &a, const HotRows &b) {
    return a.probability != b.probability ? a.probability > b.probability : a.rows > b.rows;
  });
  while (hotness.size() > maxClasses) {
    Hotness joined;
    for (size_t i = 0; i < hotness.size(); i += 2) {
      HotRows both = hotness[i];
      if (i + 1 < hotness.size()) {
        const HotRows &next = hotness[i + 1];
        double rows = both.rows + next.rows;
        both.probability =
            (both.rows * both.probability + next.rows * next.probability) / rows;
        both.rows = rows;
      }
      joined.push_back(both);
    }
    hotness = std::move(joined);
  }
}

/// Rows that are there by either of two independent ways.
Hotness either(const Hotness &a, const Hotness &b, double nodes) {
  Hotness both;
  for (const HotRows &x : a)
    for (const HotRows &y : b)
      both.push_back({x.rows * y.rows / nodes, 1 - (1 - x.probability) * (1 - y.probability)});
  settle(both);
  return both;
}

/// Of one relation's sources, by out-degree.
Hotness sources(const FrontierSource &source, double nodes) {
  const RelationStatistics &r = *source.relation;
  const double edges = std::max(0.0, source.edges.expected - source.repeated);
  const double share = r.numEdges ? std::min(1.0, edges / double(r.numEdges)) : 0;
  Hotness out;
  if (r.outHistogram.empty()) { // as if all sources were alike
    double active = double(r.outActive ? r.outActive : std::min(r.numSources, r.numEdges));
    active = std::min(active, nodes);
    if (active > 0)
      out.push_back({active, 1 - std::pow(1 - share, double(r.numEdges) / active)});
    out.push_back({nodes - active, 0});
    return out;
  }
  double all = 0;
  for (uint64_t count : r.outHistogram)
    all += double(count);
  for (size_t b = 0; b < r.outHistogram.size() && all > 0; ++b)
    out.push_back({double(r.outHistogram[b]) * nodes / all,
                   1 - std::pow(1 - share, bucketDegree(b, r.numEdges))});
  return out;
}

} // namespace

Hotness hotnessOfSeeds(double expected, uint64_t available, uint64_t numNodes) {
  const double n = double(numNodes), able = std::min(double(available), n);
  Hotness out;
  if (able > 0)
    out.push_back({able, std::clamp(expected / able, 0.0, 1.0)});
  out.push_back({n - able, 0});
  settle(out);
  return out;
}

Hotness hotnessOfFrontier(uint64_t numNodes, std::span<const FrontierSource> samples,
                          const Hotness &previous) {
  const double n = double(numNodes);
  Hotness out = {{n, 0}};
  if (numNodes == 0)
    return {};
  if (!previous.empty())
    out = previous;
  for (const FrontierSource &source : samples)
    out = either(out, sources(source, n), n);
  settle(out);
  return out;
}

double requestsOf(const Hotness &hotness) {
  double sum = 0;
  for (const HotRows &h : hotness)
    sum += h.rows * h.probability;
  return sum;
}

double requestsOf(const Hotness &hotness, double rows) {
  double sum = 0;
  for (const HotRows &h : hotness) {
    const double taken = std::min(rows, h.rows);
    sum += taken * h.probability;
    rows -= taken;
  }
  return sum;
}

} // namespace heddle::compiler
