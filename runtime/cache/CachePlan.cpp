//===- CachePlan.cpp - which rows a cache keeps --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cache/CachePlan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>

namespace heddle::cache {
namespace {

double requestsOf(const Table &table) {
  double sum = 0;
  for (float hot : table.hotness)
    sum += double(hot);
  return sum;
}

/// The `count` hottest rows, in order.
std::vector<int64_t> hottest(const Table &table, size_t count) {
  std::vector<int64_t> ids(table.hotness.size());
  std::iota(ids.begin(), ids.end(), int64_t(0));
  auto before = [&](int64_t a, int64_t b) {
    float x = table.hotness[size_t(a)], y = table.hotness[size_t(b)];
    return x != y ? x > y : a < b;
  };
  count = std::min(count, ids.size());
  if (count < ids.size())
    std::nth_element(ids.begin(), ids.begin() + ptrdiff_t(count), ids.end(), before);
  ids.resize(count);
  ids.shrink_to_fit();
  std::sort(ids.begin(), ids.end(), before);
  return ids;
}

/// Rows of `table` that fit into `bytes`.
size_t rowsIn(const Table &table, double bytes) {
  if (table.rowBytes <= 0 || !(bytes > 0))
    return 0;
  return size_t(std::min(std::floor(bytes / double(table.rowBytes)), double(table.hotness.size())));
}

/// How many rows of each table the seconds saved for a byte choose.
std::vector<size_t> greedyCounts(std::span<const Table> tables, uint64_t budget,
                                 std::vector<std::vector<int64_t>> &order) {
  struct Next {
    double value; ///< seconds saved for a byte by the table's next row
    size_t table;
    bool operator<(const Next &other) const { // of equal values the first table's goes first
      return value != other.value ? value < other.value : table > other.table;
    }
  };
  std::vector<size_t> counts(tables.size());
  std::priority_queue<Next> next;
  auto push = [&](size_t t) {
    const Table &table = tables[t];
    if (counts[t] < order[t].size())
      next.push({double(table.hotness[size_t(order[t][counts[t]])]) * table.missSecondsPerByte, t});
  };
  for (size_t t = 0; t < tables.size(); ++t) {
    // No more can ever be chosen.
    order[t] = hottest(tables[t], rowsIn(tables[t], double(budget)));
    push(t);
  }
  while (!next.empty()) {
    const size_t t = next.top().table;
    next.pop();
    const uint64_t bytes = uint64_t(tables[t].rowBytes);
    if (bytes > budget)
      continue; // narrower rows may fit still
    budget -= bytes;
    ++counts[t];
    push(t);
  }
  return counts;
}

} // namespace

const std::vector<std::string> &policyNames() {
  static const std::vector<std::string> names = {"none", "uniform", "heta", "greedy"};
  return names;
}

Plan planCache(std::span<const Table> tables, Policy policy, uint64_t budget) {
  Plan plan;
  plan.rows.resize(tables.size());
  if (policy == Policy::Greedy) {
    std::vector<size_t> counts = greedyCounts(tables, budget, plan.rows);
    for (size_t t = 0; t < tables.size(); ++t) {
      plan.rows[t].resize(counts[t]);
      plan.rows[t].shrink_to_fit();
    }
  } else if (policy != Policy::None) {
    std::vector<double> weights(tables.size(), 1);
    if (policy == Policy::Heta)
      for (size_t t = 0; t < tables.size(); ++t)
        weights[t] = requestsOf(tables[t]) * tables[t].missSecondsPerByte;
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (size_t t = 0; t < tables.size() && sum > 0; ++t)
      plan.rows[t] = hottest(tables[t], rowsIn(tables[t], double(budget) * (weights[t] / sum)));
  }
  for (size_t t = 0; t < tables.size(); ++t)
    plan.bytes += plan.rows[t].size() * uint64_t(tables[t].rowBytes);
  return plan;
}

double expectedHits(const Table &table, std::span<const int64_t> kept) {
  const double all = requestsOf(table);
  double hits = 0;
  for (int64_t id : kept)
    hits += double(table.hotness[size_t(id)]);
  return all > 0 ? std::min(1.0, hits / all) : 0;
}

} // namespace heddle::cache
