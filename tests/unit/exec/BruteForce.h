//===- BruteForce.h - sampling as its specification words it -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_EXEC_BRUTEFORCE_H
#define HEDDLE_TESTS_UNIT_EXEC_BRUTEFORCE_H

#include "runtime/base/Keys.h"

#include <set>

namespace heddle::testing {

/// Floyd's method as Keys.h words it, over a set.
inline std::set<int64_t> floyd(uint64_t seed, uint32_t step, uint32_t hop, uint32_t relation,
                               int64_t destination, int64_t degree, int64_t k) {
  std::set<int64_t> chosen;
  if (k < 0 || degree <= k) {
    for (int64_t i = 0; i < degree; ++i)
      chosen.insert(i);
    return chosen;
  }
  for (int64_t i = 0; i < k; ++i) {
    int64_t j = degree - k + i;
    int64_t t = int64_t(keys::sampleDraw(seed, step, hop, relation, uint64_t(destination),
                                         uint32_t(i), uint64_t(j) + 1));
    chosen.insert(chosen.count(t) ? j : t);
  }
  return chosen;
}

} // namespace heddle::testing

#endif // HEDDLE_TESTS_UNIT_EXEC_BRUTEFORCE_H
