//===- DegreeSequence.cpp - degrees of one side of a relation --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/synthetic/DegreeSequence.h"

#include "runtime/base/Keys.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace heddle::synthetic {

double portablePower(double base, double exponent) {
  int binary = 0;
  double fraction = std::frexp(base, &binary); // [1/2, 1)
  if (fraction < 0.70710678118654752) {
    fraction *= 2;
    --binary;
  }
  // ln((1 + z) / (1 - z)) = 2 (z + z^3 / 3 + ...), |z| < 0.172
  double z = (fraction - 1) / (fraction + 1), square = z * z, odd = 0;
  for (int k = 25; k >= 1; k -= 2)
    odd = odd * square + 1.0 / k;
  constexpr double log2E = 1.4426950408889634, ln2 = 0.69314718055994531;
  double log2 = binary + 2 * z * odd * log2E;
  double power = exponent * log2, whole = std::floor(power + 0.5), rest = (power - whole) * ln2;
  double sum = 1; // exp(rest), |rest| < 0.35
  for (int k = 16; k >= 1; --k)
    sum = 1 + sum * rest / k;
  return std::ldexp(sum, static_cast<int>(whole));
}

namespace {

using Counts = std::vector<std::pair<int64_t, int64_t>>; // (degree, nodes), descending

/// The truncated Pareto law P(D >= d) = y (d^-b - (cap + 1)^-b) / (1 - y (cap + 1)^-b), at most 1,
/// over the nodes that may have an edge. y stretches it: degrees grow with y.
class Law {
public:
  explicit Law(const DegreeShape &shape) : shape_(shape) {
    for (int64_t d = 1; d <= shape.cap + 1; ++d)
      power_.push_back(portablePower(static_cast<double>(d), 1 - shape.exponent));
  }
  /// The y from which every such node has the largest degree.
  double largest() const { return 1 / power_[static_cast<size_t>(shape_.cap) - 1]; }

  /// Calls visit(degree, nodes) for the runs of a group of `nodes` nodes with offset `u` of their
  /// quantiles, degrees descending.
  template <typename Visit> void forEachRun(double y, int64_t nodes, double u, Visit visit) const {
    double active = static_cast<double>(nodes) * shape_.share, cut = power_.back();
    double room = (1 - y * cut) / y;
    for (int64_t k = 0; k < nodes;) {
      double quantile = (static_cast<double>(k) + u) / active;
      if (quantile > 1)
        return;
      double threshold = quantile * room + cut;
      // power_ descends: the last degree whose power is at least the threshold.
      auto end = std::lower_bound(power_.begin(), power_.end() - 1, threshold,
                                  [](double power, double t) { return power >= t; });
      auto degree = static_cast<int64_t>(end - power_.begin());
      if (degree == 0)
        return;
      double tail = std::min(1.0, (power_[static_cast<size_t>(degree) - 1] - cut) / room);
      auto upTo = static_cast<int64_t>(std::floor(active * tail - u)) + 1;
      upTo = std::clamp(upTo, k + 1, nodes);
      visit(degree, upTo - k);
      k = upTo;
    }
  }

private:
  DegreeShape shape_;
  std::vector<double> power_; ///< of degree d at d - 1, d to cap + 1
};

/// Raises degrees by one, evenly over the groups and runs, until `missing` edges more are there.
/// Nodes with an edge come first, as long as one of them is below `limit`.
void addEvenly(std::vector<Counts> &groups, const std::vector<int64_t> &groupNodes, int64_t missing,
               int64_t limit) {
  while (missing > 0) {
    int64_t withEdge = 0, without = 0;
    for (size_t g = 0; g < groups.size(); ++g) {
      without += groupNodes[g];
      for (auto [degree, nodes] : groups[g]) {
        without -= nodes;
        withEdge += degree < limit ? nodes : 0;
      }
    }
    bool start = withEdge == 0;
    int64_t candidates = start ? without : withEdge, seen = 0;
    if (candidates == 0)
      return; // every node is at the limit: the caller asked for more than there can be
    int64_t share = std::min(missing, candidates);
    auto taken = [&](int64_t nodes) {
      auto upTo = [&](int64_t n) {
        return static_cast<int64_t>((unsigned __int128)n * static_cast<uint64_t>(share) /
                                    static_cast<uint64_t>(candidates));
      };
      int64_t before = upTo(seen);
      seen += nodes;
      return upTo(seen) - before;
    };
    for (size_t g = 0; g < groups.size(); ++g) {
      Counts next;
      auto push = [&](int64_t degree, int64_t nodes) {
        if (nodes == 0)
          return;
        if (!next.empty() && next.back().first == degree)
          next.back().second += nodes;
        else
          next.emplace_back(degree, nodes);
      };
      int64_t idle = groupNodes[g];
      for (auto [degree, nodes] : groups[g]) {
        int64_t raised = start || degree >= limit ? 0 : taken(nodes);
        push(degree + 1, raised);
        push(degree, nodes - raised);
        idle -= nodes;
      }
      if (start)
        push(1, taken(idle));
      groups[g] = std::move(next);
    }
    missing -= share;
  }
}

} // namespace

DegreeSequence::DegreeSequence(const std::vector<int64_t> &groupNodes, int64_t edges,
                               DegreeShape shape, int64_t limit, uint64_t stream) {
  int64_t nodes = std::accumulate(groupNodes.begin(), groupNodes.end(), int64_t(0));
  std::vector<Counts> groups(groupNodes.size());
  if (edges > 0 && nodes > 0) {
    // Room for the edges, and some of it: a law at its edge would give every node the cap.
    double needed = static_cast<double>(edges) / static_cast<double>(nodes);
    shape.cap = std::clamp<int64_t>(shape.cap, 1, limit);
    if (needed > shape.share * static_cast<double>(shape.cap))
      shape.share = 1;
    if (needed > static_cast<double>(shape.cap))
      shape.cap = std::min(limit, 2 * static_cast<int64_t>(std::ceil(needed)));
    Law law(shape);
    std::vector<double> offset;
    for (size_t g = 0; g < groupNodes.size(); ++g)
      offset.push_back((keys::generatorDraw(stream, g, 0)[0] + 0.5) * 0x1p-32);
    auto sum = [&](double y) {
      int64_t total = 0;
      for (size_t g = 0; g < groupNodes.size() && total <= edges; ++g)
        law.forEachRun(y, groupNodes[g], offset[g],
                       [&](int64_t degree, int64_t count) { total += degree * count; });
      return total;
    };
    double low = 0, high = law.largest();
    if (sum(high) <= edges)
      low = high;
    while (low < high) {
      double middle = low + (high - low) / 2;
      if (middle <= low || middle >= high)
        break;
      int64_t reached = sum(middle);
      (reached <= edges ? low : high) = middle;
      if (reached == edges)
        break;
    }
    int64_t total = 0;
    for (size_t g = 0; low > 0 && g < groupNodes.size(); ++g)
      law.forEachRun(low, groupNodes[g], offset[g], [&](int64_t degree, int64_t count) {
        groups[g].emplace_back(degree, count);
        total += degree * count;
      });
    addEvenly(groups, groupNodes, edges - total, limit);
  }
  int64_t halfEdge = 0;
  for (const Counts &group : groups) {
    firstHalfEdge_.push_back(halfEdge);
    firstRun_.push_back(static_cast<int64_t>(runs_.size()));
    int64_t node = 0;
    for (auto [degree, count] : group) {
      runs_.push_back({halfEdge, node, degree});
      halfEdge += degree * count;
      node += count;
    }
  }
  firstHalfEdge_.push_back(halfEdge);
  firstRun_.push_back(static_cast<int64_t>(runs_.size()));
}

int64_t DegreeSequence::nodeOf(int64_t halfEdge, int64_t group) const {
  auto after =
      std::upper_bound(runs_.begin() + firstRun(group), runs_.begin() + firstRun(group + 1),
                       halfEdge, [](int64_t s, const Run &run) { return s < run.firstHalfEdge; });
  const Run &run = *(after - 1);
  return run.firstNode + (halfEdge - run.firstHalfEdge) / run.degree;
}

} // namespace heddle::synthetic
