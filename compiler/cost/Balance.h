//===- Balance.h - work over partitions --------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_COST_BALANCE_H
#define HEDDLE_COMPILER_COST_BALANCE_H

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace heddle::compiler {

/// Longest processing time first: items by descending weight (ties: lower index first), each to the
/// partition with the smallest load (ties: fewer items, then lower index). The largest load is at
/// most 4/3 - 1/(3p) of the smallest possible one (Graham 1969), and with at least as many items as
/// partitions none stays empty, whatever the weights. Returns the partition of each item.
std::vector<uint32_t> balanceLargestFirst(std::span<const uint64_t> weights, uint32_t partitions);

/// The same for pieces of items: those of one item go to different partitions, so an item has at
/// most as many pieces as there are partitions. `item` says whose each piece is.
std::vector<uint32_t> balancePieces(std::span<const uint64_t> weights, std::span<const size_t> item,
                                    uint32_t partitions);

/// Items cut into pieces, and the partition of each.
struct Pieces {
  std::vector<std::vector<uint32_t>> owners; ///< by item: the partitions of its pieces, ascending
  std::vector<uint64_t> loads;               ///< by partition
};

/// Cuts items until there are as many pieces as partitions, the item whose piece is the heaviest
/// first; with `evenOut` further, while that makes the largest load smaller and it is more than a
/// tenth above the mean. `weightOf(i, n)` is the weight of one of n pieces of item i; `canCut[i]`
/// says whether it may be cut at all. Fewer pieces than partitions come out where nothing more can
/// be cut: `loads` of the others are 0 and they own nothing.
Pieces cutAndBalance(std::span<const bool> canCut, uint32_t partitions, bool evenOut,
                     const std::function<uint64_t(size_t item, uint32_t pieces)> &weightOf);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_COST_BALANCE_H
