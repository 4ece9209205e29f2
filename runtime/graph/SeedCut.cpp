//===- SeedCut.cpp - a batch cut into blocks of equal work -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/graph/SeedCut.h"

#include <algorithm>

namespace heddle::graph {

void cutSeeds(std::span<const int64_t> seeds, std::span<const CutLink> links,
              std::vector<int64_t> &work, std::span<int64_t> begins) {
  const int64_t blocks = static_cast<int64_t>(begins.size()) - 1;
  work.assign(seeds.size(), 1);
  for (const CutLink &link : links) {
    if (link.relation->numEdges == 0 || link.fanout == 0)
      continue;
    const int64_t *ptr = link.relation->inPtr;
    for (size_t i = 0; i < seeds.size(); ++i) {
      if (i + 16 < seeds.size())
        __builtin_prefetch(ptr + seeds[i + 16]);
      const int64_t degree = ptr[seeds[i] + 1] - ptr[seeds[i]];
      work[i] += link.fanout < 0 ? degree : std::min(degree, link.fanout);
    }
  }
  // Sums times blocks may need more than 64 bits.
  __int128 all = 0, before = 0;
  for (int64_t w : work)
    all += w;
  int64_t block = 0;
  for (size_t i = 0; i < work.size(); ++i) {
    for (; block < blocks && before * blocks >= block * all; ++block)
      begins[static_cast<size_t>(block)] = static_cast<int64_t>(i);
    before += work[i];
  }
  for (; block <= blocks; ++block)
    begins[static_cast<size_t>(block)] = static_cast<int64_t>(seeds.size());
}

} // namespace heddle::graph
