//===- Extents.h - counts and sums of counts of a plan -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_EXTENTS_H
#define HEDDLE_COMPILER_PLAN_EXTENTS_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <vector>

namespace heddle::compiler {

/// A count that is the same in every step.
inline plan::Extent constantExtent(uint64_t value) { return plan::Extent(-1, 1, 1, value); }

/// Adds factor * extent to a sum of extents, as op.bytes and op.flops are; terms of one symbol and
/// divisor stay one term. Saturates at the limits of plans; a factor of 0 or less adds nothing.
void addTo(std::vector<plan::Extent> &sum, const plan::Extent &extent, double factor);

/// ceil(count / rows) of a plain symbol or a constant.
plan::Extent chunksOf(const plan::Extent &count, uint32_t rows);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_EXTENTS_H
