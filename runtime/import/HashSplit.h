//===- HashSplit.h - train/valid/test by hash of the original id -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_HASHSPLIT_H
#define HEDDLE_RUNTIME_IMPORT_HASHSPLIT_H

#include "runtime/base/Keys.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace heddle::importing {

/// The three parts of a split, as ids of rows.
struct SplitParts {
  std::vector<int64_t> part[3]; ///< train, valid, test
};

/// 0 train, 1 valid, 2 test, or -1 where the ratios add up to less than one. A function of the
/// user's id and the seed alone, so that a grown or reordered source moves no node to another part.
inline int hashPart(std::string_view id, uint64_t seed, const double (&ratio)[3]) {
  constexpr uint64_t mask = (uint64_t(1) << 48) - 1;
  auto w = keys::philox(keys::counter(keys::Purpose::Split, 0, 0, 0, keys::hashName(id) & mask, 0),
                        seed);
  double u = double(((uint64_t(w[1]) << 32) | w[0]) >> 11) * 0x1p-53, bound = 0;
  for (int i = 0; i < 3; ++i) {
    bound += ratio[i];
    // 0.6 + 0.2 + 0.2 may round below one.
    if (u < bound || (i == 2 && bound > 1 - 1e-9))
      return i;
  }
  return -1;
}

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_HASHSPLIT_H
