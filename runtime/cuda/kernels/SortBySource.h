//===- SortBySource.h - edges by source, for blocks of threads ---*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Digit by digit from the lowest, each pass keeping the order of equal digits.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_KERNELS_SORTBYSOURCE_H
#define HEDDLE_RUNTIME_CUDA_KERNELS_SORTBYSOURCE_H

#include "runtime/cuda/kernels/Sampling.h"

namespace heddle::cuda::kernels {

inline uint32_t keyOf(const TransposeTask &task, uint32_t pass, int64_t i) {
  return pass ? task.keys[pass & 1][i] : uint32_t(task.rows[i]);
}
inline uint32_t digitOf(uint32_t key, uint32_t pass) {
  return (key >> (pass * digitBits)) & (digits - 1);
}

/// Counters become the sums of those before each, which lie digit by digit; returns all.
template <class Block> uint32_t scanCounters(Block &block, Shared &shared) {
  block.each(threads, [&](int64_t i) {
    uint32_t sum = 0;
    for (uint32_t j = 0; j < sortRun; ++j)
      sum += shared.counters[i * sortRun + j];
    shared.words[0][i + 1] = sum;
  });
  const uint32_t *sums = scan(block, shared.words);
  block.each(threads, [&](int64_t i) {
    uint32_t sum = sums[i];
    for (uint32_t j = 0; j < sortRun; ++j) {
      const uint32_t own = shared.counters[i * sortRun + j];
      shared.counters[i * sortRun + j] = sum;
      sum += own;
    }
  });
  return sums[threads];
}

/// counters[digit * threads + thread] become the items of a tile with smaller digits, or with the
/// same one of threads before. Thread i has the items [i * sortRun, (i + 1) * sortRun).
template <class Block>
uint32_t countDigits(Block &block, Shared &shared, const TransposeTask &task, uint32_t pass,
                     int64_t first) {
  block.each(sortTile, [&](int64_t i) { shared.counters[i] = 0; });
  block.each(threads, [&](int64_t i) {
    const int64_t end = smaller(first + (i + 1) * sortRun, task.edges);
    for (int64_t e = first + i * sortRun; e < end; ++e)
      ++shared.counters[digitOf(keyOf(task, pass, e), pass) * threads + i];
  });
  return scanCounters(block, shared);
}

/// Tasks TransposeTask: how many of each digit a tile has; of a task digit by digit.
template <class Block> void sortCount(Block &block, Shared &shared, const Launch &launch) {
  const auto [task, number] = partOf<TransposeTask>(launch, block.index);
  const uint32_t tile = number;
  const uint32_t begin = block.index - tile, tiles = [&] {
    const int64_t t = notGreater(launch.starts, int64_t(launch.count) + 1, block.index) - 1;
    return launch.starts[t + 1] - begin;
  }();
  const uint32_t all = countDigits(block, shared, task, launch.pass, int64_t(tile) * sortTile);
  block.each(digits, [&](int64_t d) {
    const uint32_t end = d + 1 < digits ? shared.counters[(d + 1) * threads] : all;
    launch.hist[uint64_t(digits) * begin + uint64_t(d) * tiles + tile] =
        end - shared.counters[d * threads];
  });
}

/// One block for each task: where the items of each digit and tile begin.
template <class Block> void sortScan(Block &block, Shared &shared, const Launch &launch) {
  const int64_t begin = int64_t(digits) * launch.starts[block.index],
                end = int64_t(digits) * launch.starts[block.index + 1];
  uint32_t before = 0;
  for (int64_t first = begin; first < end; first += sortTile) {
    block.each(sortTile, [&](int64_t i) {
      shared.counters[i] = first + i < end ? launch.hist[first + i] : 0;
    });
    const uint32_t all = scanCounters(block, shared);
    block.each(smaller(end - first, sortTile),
               [&](int64_t i) { launch.hist[first + i] = before + shared.counters[i]; });
    before += all;
  }
}

/// Tasks TransposeTask, after sortScan: a pass.
template <class Block> void sortMove(Block &block, Shared &shared, const Launch &launch) {
  const auto [task, number] = partOf<TransposeTask>(launch, block.index);
  const TransposeTask &own = task;
  const uint32_t tile = number, begin = block.index - tile;
  const int64_t t = notGreater(launch.starts, int64_t(launch.count) + 1, block.index) - 1;
  const uint32_t tiles = launch.starts[t + 1] - begin, pass = launch.pass;
  const int64_t first = int64_t(tile) * sortTile;
  countDigits(block, shared, own, pass, first);
  block.each(digits, [&](int64_t d) { shared.words[0][d] = shared.counters[d * threads]; });
  block.each(threads, [&](int64_t i) {
    const int64_t end = smaller(first + (i + 1) * sortRun, own.edges);
    for (int64_t e = first + i * sortRun; e < end; ++e) {
      const uint32_t key = keyOf(own, pass, e), d = digitOf(key, pass);
      const uint32_t at = launch.hist[uint64_t(digits) * begin + uint64_t(d) * tiles + tile] +
                          shared.counters[d * threads + i]++ - shared.words[0][d];
      own.keys[(pass + 1) & 1][at] = key;
      own.values[(pass + 1) & 1][at] = pass ? own.values[pass & 1][e] : uint32_t(e);
    }
  });
}

/// Tasks TransposeTask, sorted in `pass` passes; items are edges, and sources + 1: outputs.
template <class Block> void sortFinish(Block &block, Shared &, const Launch &launch) {
  const auto [task, number] = partOf<TransposeTask>(launch, block.index);
  const TransposeTask &own = task;
  const int64_t first = int64_t(number) * itemsPerBlock;
  const uint32_t *sorted = own.keys[launch.pass & 1], *edges = own.values[launch.pass & 1];
  block.each(smaller(own.edges + own.sources + 1 - first, itemsPerBlock), [&](int64_t i) {
    const int64_t at = first + i, source = at - own.edges;
    if (source >= 0) {
      // Edges of smaller sources.
      if (own.outPtr)
        own.outPtr[source] =
            source ? int32_t(notGreater(sorted, own.edges, uint32_t(source - 1))) : 0;
      return;
    }
    if (own.outEdge)
      own.outEdge[at] = int32_t(edges[at]);
    if (own.outDst)
      own.outDst[at] = own.edgeActive[edges[at]];
  });
}

} // namespace heddle::cuda::kernels

#endif // HEDDLE_RUNTIME_CUDA_KERNELS_SORTBYSOURCE_H
