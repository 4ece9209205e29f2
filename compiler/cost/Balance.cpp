//===- Balance.cpp - work over partitions ---------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/cost/Balance.h"

#include "compiler/cost/SizeModel.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace heddle::compiler {

std::vector<uint32_t> balanceLargestFirst(std::span<const uint64_t> weights, uint32_t partitions) {
  std::vector<size_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return std::tie(weights[b], a) < std::tie(weights[a], b); });
  std::vector<uint64_t> load(partitions, 0);
  std::vector<size_t> count(partitions, 0);
  std::vector<uint32_t> result(weights.size(), 0);
  for (size_t item : order) {
    uint32_t best = 0;
    for (uint32_t p = 1; p < partitions; ++p)
      if (std::tie(load[p], count[p]) < std::tie(load[best], count[best]))
        best = p;
    result[item] = best;
    load[best] = addSaturated(load[best], weights[item]);
    ++count[best];
  }
  return result;
}

} // namespace heddle::compiler
