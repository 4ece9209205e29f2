//===- Extents.cpp - counts and sums of counts of a plan -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/Extents.h"

#include <algorithm>
#include <cmath>

namespace heddle::compiler {

using plan::Extent;

namespace {

/// Limits of the plan's extents: 2^40 and 2^48.
uint64_t toScale(double value) {
  return uint64_t(std::clamp(std::round(value), 0.0, double(uint64_t(1) << 40)));
}
uint64_t toConstant(double value) {
  return uint64_t(std::clamp(std::round(value), 0.0, double(uint64_t(1) << 48)));
}

} // namespace

void addTo(std::vector<Extent> &sum, const Extent &extent, double factor) {
  if (factor <= 0)
    return;
  auto add = [&](int32_t symbol, uint32_t divisor, uint64_t scale, uint64_t constant) {
    for (Extent &term : sum)
      if (term.symbol() == symbol && term.divisor() == divisor) {
        term = Extent(symbol, divisor, toScale(double(term.scale()) + double(scale)),
                      toConstant(double(term.constant()) + double(constant)));
        return;
      }
    sum.push_back(Extent(symbol, divisor, scale, constant));
  };
  if (extent.symbol() < 0)
    add(-1, 1, 1, toConstant(double(extent.constant()) * factor));
  else
    add(extent.symbol(), extent.divisor(), toScale(double(extent.scale()) * factor),
        toConstant(double(extent.constant()) * factor));
}

Extent chunksOf(const Extent &count, uint32_t rows) {
  if (count.symbol() < 0)
    return constantExtent((count.constant() + rows - 1) / rows);
  return Extent(count.symbol(), rows, 1, 0);
}

} // namespace heddle::compiler
