//===- Communities.h - which node is in which community ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The nodes of a type stand on a line, sorted by community; a keyed permutation gives each place of
// the line its row in the graph. So both "community of a row" and "rows of a community" are
// computed, and nothing is kept per node.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_SYNTHETIC_COMMUNITIES_H
#define HEDDLE_RUNTIME_SYNTHETIC_COMMUNITIES_H

#include "runtime/synthetic/KeyedPermutation.h"

#include <algorithm>
#include <vector>

namespace heddle::synthetic {

/// Where each community ends on a line of length 1: sizes go with 1 / (number + head).
inline std::vector<double> communityEnds(int64_t communities, double head) {
  std::vector<double> ends;
  double sum = 0;
  for (int64_t i = 0; i < communities; ++i)
    ends.push_back(sum += 1 / (static_cast<double>(i) + head));
  for (double &end : ends)
    end /= sum;
  return ends;
}

class CommunityLine {
public:
  CommunityLine() = default;
  /// `key` decides which row each place gets.
  CommunityLine(int64_t nodes, const std::vector<double> &ends, uint64_t key)
      : rows_(nodes, key), begins_{0} {
    for (double end : ends)
      begins_.push_back(static_cast<int64_t>(end * static_cast<double>(nodes)));
    begins_.back() = nodes;
  }
  int64_t nodes() const { return rows_.size(); }
  int64_t communities() const { return static_cast<int64_t>(begins_.size()) - 1; }
  /// First place of a community; that of `communities()` is the number of nodes. Small types leave
  /// some communities empty.
  int64_t begin(int64_t community) const { return begins_[static_cast<size_t>(community)]; }
  int64_t communityAt(int64_t place) const {
    return std::upper_bound(begins_.begin(), begins_.end(), place) - begins_.begin() - 1;
  }
  int64_t rowAt(int64_t place) const { return rows_(place); }
  int64_t communityOf(int64_t row) const { return communityAt(rows_.inverse(row)); }

private:
  KeyedPermutation rows_;
  std::vector<int64_t> begins_;
};

} // namespace heddle::synthetic

#endif // HEDDLE_RUNTIME_SYNTHETIC_COMMUNITIES_H
