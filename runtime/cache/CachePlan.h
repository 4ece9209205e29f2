//===- CachePlan.h - which rows a cache keeps --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A cache is static: what it keeps is chosen once, and nothing is evicted. So what it keeps changes
// how long a fetch takes, and no bit of a result. The choice does not know what memory is faster than
// what: it is the same for host memory before a disk and for a device's memory before the host's.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CACHE_CACHEPLAN_H
#define HEDDLE_RUNTIME_CACHE_CACHEPLAN_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace heddle::cache {

/// How the bytes are shared among tables; in each the rows that are asked for most come first.
enum class Policy {
  None,    ///< no row is kept
  Uniform, ///< as many bytes for each table
  Heta,    ///< in proportion to requests times the miss penalty, as Heta's published formula has it
  Greedy   ///< the rows with most seconds saved for each byte, whatever the table
};
/// "none", "uniform", "heta", "greedy", in the order of Policy.
const std::vector<std::string> &policyNames();

/// Rows of one kind: a feature of a node type, or a learnable table.
struct Table {
  int64_t rowBytes = 0; ///< of all that a row carries: weight and both moments of a learnable one
  double missSecondsPerByte = 0; ///< what a miss costs more than a hit
  /// Requests of each row in a step, or any other measure that is the same for all tables; not
  /// negative.
  std::span<const float> hotness;
};

/// Rows of each table to keep, the hottest first; of equally hot ones the smallest id.
struct Plan {
  std::vector<std::vector<int64_t>> rows;
  uint64_t bytes = 0; ///< of all of them; never more than the budget
};

/// Uniform and Heta give what a table has no rows for to nobody. Greedy goes on until the budget is
/// spent or everything is kept; rows that nobody asks for come last.
Plan planCache(std::span<const Table> tables, Policy policy, uint64_t budget);

/// Requests that find their row, of all requests, were they as `hotness` says; 0 where there are none.
double expectedHits(const Table &table, std::span<const int64_t> kept);

} // namespace heddle::cache

#endif // HEDDLE_RUNTIME_CACHE_CACHEPLAN_H
