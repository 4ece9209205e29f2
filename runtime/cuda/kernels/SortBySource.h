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

inline int64_t taskOf(const Launch &launch, uint32_t block) {
  return notGreater(launch.starts, int64_t(launch.count) + 1, block) - 1;
}
/// The tile of a block, the first block of its task and how many it has.
struct Tile {
  const TransposeTask &task;
  uint32_t number, begin, tiles;
};
inline Tile tileOf(const Launch &launch, uint32_t block) {
  const int64_t t = taskOf(launch, block);
  const uint32_t begin = launch.starts[t];
  return {static_cast<const TransposeTask *>(launch.tasks)[t], block - begin, begin,
          launch.starts[t + 1] - begin};
}

/// Where the counter of a value and a thread is. Threads scan runs of `halves` counters each, which
/// so begin in different banks.
inline uint32_t counterAt(uint32_t number) { return number + number / halves; }

/// Counters become the sums of those before each, which lie value by value.
template <class Block> void scanCounters(Block &block, Shared &shared) {
  constexpr uint32_t run = halves;
  block.each(threads, [&](int64_t i) {
    uint32_t sum = 0;
    for (uint32_t j = 0; j < run; ++j)
      sum += shared.counters[counterAt(uint32_t(i) * run + j)];
    shared.words[0][i + 1] = sum;
  });
  const uint32_t *sums = scan(block, shared.words);
  block.each(threads, [&](int64_t i) {
    uint32_t sum = sums[i];
    for (uint32_t j = 0; j < run; ++j) {
      uint32_t &counter = shared.counters[counterAt(uint32_t(i) * run + j)];
      const uint32_t own = counter;
      counter = sum;
      sum += own;
    }
  });
}

/// The items of a tile in the order of their digits, those of one digit in their own, as
/// shared.order[0]. What is beyond the edges comes last.
template <class Block>
void sortTileByDigit(Block &block, Shared &shared, const TransposeTask &task, uint32_t pass,
                     int64_t first) {
  block.each(sortTile, [&](int64_t i) {
    shared.keys[i] = first + i < task.edges ? keyOf(task, pass, first + i) : ~uint32_t(0);
    shared.order[0][i] = uint16_t(i);
  });
  for (uint32_t step = 0; step < digitBits / halfBits; ++step) {
    auto counterOf = [&](int64_t thread, uint32_t item) -> uint32_t & {
      const uint32_t half = (digitOf(shared.keys[item], pass) >> (step * halfBits)) & (halves - 1);
      return shared.counters[counterAt(half * threads + uint32_t(thread))];
    };
    const uint16_t *from = shared.order[step & 1];
    uint16_t *to = shared.order[(step + 1) & 1];
    block.each(sizeof shared.counters / sizeof(uint32_t),
               [&](int64_t i) { shared.counters[i] = 0; });
    block.each(threads, [&](int64_t i) {
      for (uint32_t j = 0; j < sortRun; ++j)
        ++counterOf(i, from[uint32_t(i) * sortRun + j]);
    });
    scanCounters(block, shared);
    block.each(threads, [&](int64_t i) {
      for (uint32_t j = 0; j < sortRun; ++j) {
        const uint16_t item = from[uint32_t(i) * sortRun + j];
        to[counterOf(i, item)++] = item;
      }
    });
  }
  static_assert(digitBits / halfBits % 2 == 0, "the order ends where it began");
}

/// Tasks TransposeTask: how many of each digit a tile has; of a task digit by digit.
template <class Block> void sortCount(Block &block, Shared &shared, const Launch &launch) {
  const auto [task, tile, begin, tiles] = tileOf(launch, block.index);
  const TransposeTask &own = task;
  const int64_t first = int64_t(tile) * sortTile;
  const uint32_t pass = launch.pass, number = tile, numTiles = tiles;
  uint32_t *hist = launch.hist + uint64_t(digits) * begin;
  block.each(digits, [&](int64_t d) { shared.counters[d] = 0; });
  block.each(smaller(own.edges - first, sortTile), [&](int64_t i) {
    block.count(shared.counters + digitOf(keyOf(own, pass, first + i), pass));
  });
  block.each(digits, [&](int64_t d) { hist[uint64_t(d) * numTiles + number] = shared.counters[d]; });
}

/// One block for each digit of each task: where the items of each tile begin among those of the
/// digit, and how many it has.
template <class Block> void sortScan(Block &block, Shared &shared, const Launch &launch) {
  const uint32_t t = block.index / digits, digit = block.index % digits;
  const uint32_t begin = launch.starts[t], tiles = launch.starts[t + 1] - begin;
  uint32_t *hist = launch.hist + uint64_t(digits) * begin + uint64_t(digit) * tiles;
  uint32_t before = 0;
  for (int64_t first = 0; first < int64_t(tiles); first += threads) {
    block.each(threads, [&](int64_t i) {
      shared.words[0][i + 1] = first + i < int64_t(tiles) ? hist[first + i] : 0;
    });
    const uint32_t *sums = scan(block, shared.words);
    block.each(smaller(int64_t(tiles) - first, threads),
               [&](int64_t i) { hist[first + i] = before + sums[i]; });
    before += sums[threads];
  }
  block.each(1, [&](int64_t) {
    launch.hist[uint64_t(digits) * (launch.starts[launch.count] + t) + digit] = before;
  });
}

/// Tasks TransposeTask, after sortScan: a pass.
template <class Block> void sortMove(Block &block, Shared &shared, const Launch &launch) {
  const auto [task, tile, begin, tiles] = tileOf(launch, block.index);
  const TransposeTask &own = task;
  const uint32_t pass = launch.pass;
  const int64_t first = int64_t(tile) * sortTile, items = smaller(own.edges - first, sortTile);
  sortTileByDigit(block, shared, own, pass, first);
  // Where a digit's items of this tile go, less where they are in the tile's order: the items of
  // smaller digits and of tiles before it.
  const uint32_t *hist = launch.hist + uint64_t(digits) * begin + tile;
  const uint32_t *all = launch.hist + uint64_t(digits) * (launch.starts[launch.count] + taskOf(launch, block.index));
  constexpr uint32_t run = digits / threads;
  block.each(threads, [&](int64_t i) {
    uint32_t sum = 0;
    for (uint32_t j = 0; j < run; ++j)
      sum += all[uint32_t(i) * run + j];
    shared.words[0][i + 1] = sum;
  });
  const uint32_t *sums = scan(block, shared.words);
  const uint32_t numTiles = tiles;
  block.each(threads, [&](int64_t i) {
    uint32_t sum = sums[i];
    for (uint32_t j = 0, d = uint32_t(i) * run; j < run; ++j, ++d) {
      shared.counters[d] = sum + hist[uint64_t(d) * numTiles];
      sum += all[d];
    }
  });
  auto digitAt = [&](int64_t p) { return digitOf(shared.keys[shared.order[0][p]], pass); };
  block.each(items, [&](int64_t p) {
    const uint32_t d = digitAt(p);
    if (p == 0 || digitAt(p - 1) != d)
      shared.counters[d] -= uint32_t(p);
  });
  block.each(items, [&](int64_t p) {
    const uint32_t item = shared.order[0][p], key = shared.keys[item];
    const uint32_t at = shared.counters[digitOf(key, pass)] + uint32_t(p);
    const int64_t e = first + item;
    own.keys[(pass + 1) & 1][at] = key;
    own.values[(pass + 1) & 1][at] = pass ? own.values[pass & 1][e] : uint32_t(e);
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
