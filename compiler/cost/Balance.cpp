//===- Balance.cpp - work over partitions ---------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/cost/Balance.h"

#include "compiler/cost/SizeModel.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

namespace heddle::compiler {

std::vector<uint32_t> balanceLargestFirst(std::span<const uint64_t> weights, uint32_t partitions) {
  std::vector<size_t> item(weights.size());
  std::iota(item.begin(), item.end(), 0);
  return balancePieces(weights, item, partitions);
}

std::vector<uint32_t> balancePieces(std::span<const uint64_t> weights, std::span<const size_t> item,
                                    uint32_t partitions) {
  std::vector<size_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return std::tie(weights[b], a) < std::tie(weights[a], b); });
  std::vector<uint64_t> load(partitions, 0);
  std::vector<size_t> count(partitions, 0);
  std::vector<std::set<size_t>> has(partitions);
  std::vector<uint32_t> result(weights.size(), 0);
  for (size_t piece : order) {
    uint32_t best = partitions;
    for (uint32_t p = 0; p < partitions; ++p)
      if (!has[p].contains(item[piece]) &&
          (best == partitions || std::tie(load[p], count[p]) < std::tie(load[best], count[best])))
        best = p;
    if (best == partitions) // more pieces than partitions: not a cut that the caller may ask for
      best = 0;
    result[piece] = best;
    load[best] = addSaturated(load[best], weights[piece]);
    ++count[best];
    has[best].insert(item[piece]);
  }
  return result;
}

namespace {

class Cutter {
public:
  Cutter(std::span<const bool> canCut, uint32_t partitions,
         const std::function<uint64_t(size_t, uint32_t)> &weightOf)
      : canCut_(canCut), partitions_(partitions), weightOf_(weightOf), pieces_(canCut.size(), 1),
        weights_(canCut.size()) {
    for (size_t i = 0; i < weights_.size(); ++i)
      weights_[i] = weightOf_(i, 1);
  }

  /// Cuts the item whose piece is the heaviest once more; false where nothing can be cut.
  bool cut() {
    size_t best = weights_.size();
    for (size_t i = 0; i < weights_.size(); ++i)
      if (canCut_[i] && pieces_[i] < partitions_ &&
          (best == weights_.size() || weights_[i] > weights_[best]))
        best = i;
    if (best == weights_.size())
      return false;
    weights_[best] = weightOf_(best, ++pieces_[best]);
    return true;
  }
  size_t count() const { return std::accumulate(pieces_.begin(), pieces_.end(), size_t(0)); }

  Pieces place() const {
    std::vector<uint64_t> weights;
    std::vector<size_t> item;
    for (size_t i = 0; i < pieces_.size(); ++i)
      for (uint32_t k = 0; k < pieces_[i]; ++k) {
        weights.push_back(weights_[i]);
        item.push_back(i);
      }
    std::vector<uint32_t> owner = balancePieces(weights, item, partitions_);
    Pieces result{std::vector<std::vector<uint32_t>>(pieces_.size()),
                  std::vector<uint64_t>(partitions_, 0)};
    for (size_t k = 0; k < owner.size(); ++k) {
      result.owners[item[k]].push_back(owner[k]);
      result.loads[owner[k]] = addSaturated(result.loads[owner[k]], weights[k]);
    }
    for (auto &owners : result.owners)
      std::sort(owners.begin(), owners.end());
    return result;
  }

private:
  std::span<const bool> canCut_;
  uint32_t partitions_;
  const std::function<uint64_t(size_t, uint32_t)> &weightOf_;
  std::vector<uint32_t> pieces_;
  std::vector<uint64_t> weights_; ///< of a piece, by item
};

/// The largest load, and whether it is more than a tenth above the mean.
std::pair<uint64_t, bool> largestOf(const std::vector<uint64_t> &loads) {
  double sum = 0;
  uint64_t largest = 0;
  for (uint64_t load : loads) {
    sum += double(load);
    largest = std::max(largest, load);
  }
  return {largest, double(largest) * double(loads.size()) > 1.1 * sum};
}

} // namespace

Pieces cutAndBalance(std::span<const bool> canCut, uint32_t partitions, bool evenOut,
                     const std::function<uint64_t(size_t, uint32_t)> &weightOf) {
  Cutter cutter(canCut, partitions, weightOf);
  while (cutter.count() < partitions && cutter.cut()) {
  }
  Pieces best = cutter.place();
  // One cut more may help only together with the next, so a few are tried before giving up.
  for (int idle = 0; evenOut && idle < 4 && largestOf(best.loads).second && cutter.cut();) {
    Pieces next = cutter.place();
    bool better = largestOf(next.loads).first < largestOf(best.loads).first;
    idle = better ? 0 : idle + 1;
    if (better)
      best = std::move(next);
  }
  return best;
}

} // namespace heddle::compiler
