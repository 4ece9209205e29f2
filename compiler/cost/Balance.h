//===- Balance.h - work over partitions --------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_COST_BALANCE_H
#define HEDDLE_COMPILER_COST_BALANCE_H

#include <cstdint>
#include <span>
#include <vector>

namespace heddle::compiler {

/// Longest processing time first: items by descending weight (ties: lower index first), each to the
/// partition with the smallest load (ties: fewer items, then lower index). The largest load is at
/// most 4/3 - 1/(3p) of the smallest possible one (Graham 1969), and with at least as many items as
/// partitions none stays empty, whatever the weights. Returns the partition of each item.
std::vector<uint32_t> balanceLargestFirst(std::span<const uint64_t> weights, uint32_t partitions);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_COST_BALANCE_H
