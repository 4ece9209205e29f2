//===- Sampling.h - what the kernels of the GPU sampler do -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Sampling as Sampler.cpp does it, bit for bit, for blocks of threads. A kernel is given a list of
// tasks (the relations, node types or arrays of a hop), so that one launch serves all of them. It
// is written in phases: block.each(n, f) calls f(0..n-1) on all threads of the block and waits for
// them. With a block of one thread the same lines run on a CPU, where the tests compare them with
// the CPU's sampler.
//
// Nothing but the language is used here. No atomics but bits that are set in a set, and whole numbers that
// are counted: results do not depend on the order of threads.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_KERNELS_SAMPLING_H
#define HEDDLE_RUNTIME_CUDA_KERNELS_SAMPLING_H

#include "runtime/base/Philox.h"
#include "runtime/base/SmallFloats.h"
#include "runtime/cuda/kernels/Tasks.h"

namespace heddle::cuda::kernels {

/// The number of entries of ascending values[0..n) that are not greater than `value`.
template <class T, class V> int64_t notGreater(const T *values, int64_t n, V value) {
  int64_t low = 0;
  while (low < n) {
    int64_t middle = (low + n) / 2;
    if (values[middle] <= value)
      low = middle + 1;
    else
      n = middle;
  }
  return low;
}

/// The task of a block and which of its blocks that is.
template <class Task> struct Part {
  const Task &task;
  uint32_t number;
};
template <class Task> Part<Task> partOf(const Launch &launch, uint32_t block) {
  const int64_t t = notGreater(launch.starts, int64_t(launch.count) + 1, block) - 1;
  return {static_cast<const Task *>(launch.tasks)[t], block - launch.starts[t]};
}

inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// values[0][1..threads] become, in the returned array, the sums up to each; entry 0 is nothing.
template <class Block, class T> const T *scan(Block &block, T (*values)[threads + 1]) {
  block.each(1, [&](int64_t) { values[0][0] = values[1][0] = T{}; });
  int from = 0;
  for (uint32_t distance = 1; distance < threads; distance *= 2, from ^= 1)
    block.each(threads, [&](int64_t i) {
      const int64_t at = i + 1;
      values[from ^ 1][at] = at > int64_t(distance) ? values[from][at - distance] + values[from][at]
                                                    : values[from][at];
    });
  return values[from];
}

inline int64_t edgesOf(const RowsTask &task, int64_t row) {
  const int64_t id = task.ids[row], degree = task.ptr[id + 1] - task.ptr[id];
  return task.fanout < 0 ? degree : smaller(degree, task.fanout);
}

template <class Block>
const Sum *scanRows(Block &block, Shared &shared, const RowsTask &task, int64_t first) {
  block.each(rowsPerBlock, [&](int64_t i) {
    const int64_t edges = first + i < task.rows ? edgesOf(task, first + i) : 0;
    shared.sums[0][i + 1] = {edges, edges > 0};
  });
  return scan(block, shared.sums);
}

/// Tasks RowsTask: sums of each block.
template <class Block> void countRows(Block &block, Shared &shared, const Launch &launch) {
  const auto [task, number] = partOf<RowsTask>(launch, block.index);
  const Sum *sums = scanRows(block, shared, task, int64_t(number) * rowsPerBlock);
  block.each(1, [&](int64_t) { launch.sums[block.index] = sums[threads]; });
}

/// One block for each task: sums of the blocks before each, and of all.
template <class Block> void scanSums(Block &block, Shared &shared, const Launch &launch) {
  const int64_t begin = launch.starts[block.index], end = launch.starts[block.index + 1];
  Sum before{};
  for (int64_t first = begin; first < end; first += threads) {
    block.each(threads, [&](int64_t i) {
      shared.sums[0][i + 1] = first + i < end ? launch.sums[first + i] : Sum{};
    });
    const Sum *sums = scan(block, shared.sums);
    block.each(smaller(end - first, threads),
               [&](int64_t i) { launch.sums[first + i] = before + sums[i]; });
    before = before + sums[threads];
  }
  block.each(1, [&](int64_t) { launch.totals[block.index] = before; });
}

/// The draws of one row (runtime/base/Keys.h).
struct Draws {
  uint64_t seed;
  uint32_t step, hop, relation;
  uint64_t destination;
  int64_t degree, k;

  uint32_t operator()(int64_t i) const {
    const keys::Words w = keys::philox(
        keys::counter(keys::Purpose::Sample, step, hop, relation, destination, uint32_t(i / 2)),
        seed);
    const uint64_t bound = uint64_t(degree - k + i) + 1;
    return uint32_t((i & 1) ? keys::bounded(w[2], w[3], bound) : keys::bounded(w[0], w[1], bound));
  }
};

/// Floyd's method by one thread; `chosen` is ascending.
inline void drawFew(const Draws &draws, uint32_t *chosen) {
  uint32_t own[fewDraws];
  for (int64_t i = 0; i < draws.k; ++i) {
    const uint32_t t = draws(i);
    int64_t at = i;
    while (at > 0 && own[at - 1] > t)
      --at;
    if (at > 0 && own[at - 1] == t) {
      own[i] = uint32_t(draws.degree - draws.k + i); // greater than all before it
      continue;
    }
    for (int64_t m = i; m > at; --m)
      own[m] = own[m - 1];
    own[at] = t;
  }
  for (int64_t i = 0; i < draws.k; ++i)
    chosen[i] = own[i];
}

/// The same by a block. Draw i, t, gives way to the largest offset that it could be, if t was taken
/// before: by an equal draw, or by draw m < i that gave way to t.
template <class Block>
void drawMany(Block &block, const Draws &draws, uint32_t *chosen, uint32_t *spare) {
  const int64_t k = draws.k, base = draws.degree - k;
  block.each(k, [&](int64_t i) { chosen[i] = draws(i); });
  block.each(k, [&](int64_t i) {
    uint32_t twice = 0;
    for (int64_t m = 0; m < i && !twice; ++m)
      twice = chosen[m] == chosen[i];
    spare[i] = twice;
  });
  block.each(1, [&](int64_t) {
    for (int64_t i = 0; i < k; ++i) {
      const int64_t m = int64_t(chosen[i]) - base;
      if (m >= 0 && m < i && spare[m])
        spare[i] = 1;
      // Draws after it look at spare[i] alone.
      if (spare[i])
        chosen[i] = uint32_t(base + i);
    }
  });
  block.each(k, [&](int64_t i) {
    int64_t rank = 0;
    for (int64_t m = 0; m < k; ++m)
      rank += chosen[m] < chosen[i];
    spare[rank] = chosen[i];
  });
  block.each(k, [&](int64_t i) { chosen[i] = spare[i]; });
}

/// Tasks RowsTask, after scanSums: all outputs.
template <class Block> void fillRows(Block &block, Shared &shared, const Launch &launch) {
  const auto [task, number] = partOf<RowsTask>(launch, block.index);
  const int64_t first = int64_t(number) * rowsPerBlock;
  const int64_t rows = smaller(task.rows - first, rowsPerBlock);
  const Sum before = launch.sums[block.index];
  const Sum *sums = scanRows(block, shared, task, first);
  auto drawsOf = [&](int64_t i, int64_t k) {
    const int64_t id = task.ids[first + i];
    return Draws{launch.seed,
                 launch.step,
                 task.hop,
                 task.relation,
                 uint64_t(id),
                 task.ptr[id + 1] - task.ptr[id],
                 k};
  };
  auto edgesIn = [&](int64_t i) { return sums[i + 1].edges - sums[i].edges; };
  block.each(rows, [&](int64_t i) {
    const int64_t k = edgesIn(i), active = before.active + sums[i].active;
    const int64_t id = task.ids[first + i];
    shared.first[i] = task.ptr[id];
    shared.drawn[i] = k > 0 && k < task.ptr[id + 1] - task.ptr[id];
    if (task.rowPos)
      task.rowPos[first + i] = k ? int32_t(active) : -1;
    if (k && task.dstPos)
      task.dstPos[active] = int32_t(first + i);
    if (k && task.inPtr)
      task.inPtr[active + 1] = int32_t(before.edges + sums[i + 1].edges);
    if (first + i == 0 && task.inPtr)
      task.inPtr[0] = 0;
    if (shared.drawn[i] && k <= fewDraws)
      drawFew(drawsOf(i, k), task.chosen + before.edges + sums[i].edges);
  });
  if (task.fanout > fewDraws)
    for (int64_t i = 0; i < rows; ++i)
      if (shared.drawn[i]) { // the same for all threads
        const int64_t at = before.edges + sums[i].edges;
        drawMany(block, drawsOf(i, edgesIn(i)), task.chosen + at, task.spare + at);
      }
  // Sums of rows without edges equal those before them, so the last one that is not greater is the
  // row.
  block.each(sums[rows].edges, [&](int64_t e) {
    int64_t low = 0, high = rows;
    while (high - low > 1) {
      const int64_t middle = (low + high) / 2;
      (sums[middle].edges <= e ? low : high) = middle;
    }
    const int64_t at = before.edges + e;
    const int64_t edge =
        shared.first[low] + (shared.drawn[low] ? int64_t(task.chosen[at]) : e - sums[low].edges);
    if (task.sources)
      task.sources[at] = task.sources32 ? int64_t(task.sources32[edge]) : task.sources64[edge];
    if (task.edgeId)
      task.edgeId[at] = edge;
    if (task.edgeActive)
      task.edgeActive[at] = int32_t(before.active + sums[low].active);
  });
}

/// f(task, i) for the items of a block.
template <class Task, class Block, class F> void eachItem(Block &block, const Launch &launch, F f) {
  const auto [task, number] = partOf<Task>(launch, block.index);
  const int64_t first = int64_t(number) * itemsPerBlock;
  const Task &own = task;
  block.each(smaller(own.count - first, itemsPerBlock), [&](int64_t i) { f(own, first + i); });
}

/// Tasks MarkTask.
template <class Block> void mark(Block &block, Shared &, const Launch &launch) {
  eachItem<MarkTask>(block, launch, [&](const MarkTask &task, int64_t i) {
    const int64_t id = task.ids ? task.ids[i] : task.rows[i];
    block.setBit(task.words + (id >> 6), uint64_t(1) << (id & 63));
  });
}

template <class Block>
const uint32_t *scanMembers(Block &block, Shared &shared, const SetTask &task, int64_t first) {
  constexpr int64_t run = wordsPerBlock / threads;
  block.each(threads, [&](int64_t i) {
    uint32_t members = 0;
    for (int64_t w = first + i * run; w < smaller(first + (i + 1) * run, task.numWords); ++w)
      members += uint32_t(__builtin_popcountll(task.words[w]));
    shared.words[0][i + 1] = members;
  });
  return scan(block, shared.words);
}

/// Tasks SetTask: members of each block, as Sum::edges.
template <class Block> void countSet(Block &block, Shared &shared, const Launch &launch) {
  const auto [task, number] = partOf<SetTask>(launch, block.index);
  const uint32_t *members = scanMembers(block, shared, task, int64_t(number) * wordsPerBlock);
  block.each(1, [&](int64_t) { launch.sums[block.index] = {int64_t(members[threads]), 0}; });
}

/// Tasks SetTask, after scanSums: members in order, and the ranks.
template <class Block> void listSet(Block &block, Shared &shared, const Launch &launch) {
  const auto [task, number] = partOf<SetTask>(launch, block.index);
  const SetTask &set = task;
  const int64_t first = int64_t(number) * wordsPerBlock, before = launch.sums[block.index].edges;
  const uint32_t *members = scanMembers(block, shared, set, first);
  constexpr int64_t run = wordsPerBlock / threads;
  block.each(threads, [&](int64_t i) {
    int64_t rank = before + members[i];
    for (int64_t w = first + i * run; w < smaller(first + (i + 1) * run, set.numWords); ++w) {
      set.ranks[w] = uint32_t(rank);
      for (uint64_t bits = set.words[w]; bits; bits &= bits - 1, ++rank) {
        const int64_t id = w * 64 + __builtin_ctzll(bits);
        if (set.ids)
          set.ids[rank] = id;
        if (set.rows)
          set.rows[rank] = int32_t(id);
        if (set.none)
          set.none[rank] = -1;
      }
    }
  });
}

/// Tasks NumberTask.
template <class Block> void number(Block &block, Shared &, const Launch &launch) {
  eachItem<NumberTask>(block, launch, [](const NumberTask &task, int64_t i) {
    const int64_t id = task.ids ? task.ids[i] : task.rows ? task.rows[i] : i;
    const uint64_t word = task.words[id >> 6], bit = uint64_t(1) << (id & 63);
    task.out[i] =
        word & bit ? int32_t(task.ranks[id >> 6] + uint32_t(__builtin_popcountll(word & (bit - 1))))
                   : -1;
  });
}

/// Tasks InvertTask.
template <class Block> void invert(Block &block, Shared &, const Launch &launch) {
  eachItem<InvertTask>(block, launch, [](const InvertTask &task, int64_t i) {
    if (task.rows[i] >= 0)
      task.out[task.rows[i]] = int32_t(i);
  });
}

template <int64_t N> struct Number {
  static constexpr int64_t value = N;
};

/// Bytes that lie together, at a multiple of their number.
template <class Bits, int64_t N> struct alignas(sizeof(Bits) * N) Piece {
  Bits bits[N];
};

/// Piece `piece` of a row, as f32: the bits that the CPU's ConvertRows.cpp gives.
template <int64_t N, class Bits, class Widen>
void widenPiece(const void *row, float *out, int64_t piece, Widen widen) {
  const auto from = static_cast<const Piece<Bits, N> *>(row)[piece];
  Piece<float, N> to;
  for (int64_t i = 0; i < N; ++i)
    to.bits[i] = widen(from.bits[i]);
  reinterpret_cast<Piece<float, N> *>(out)[piece] = to;
}

/// `rows` rows at the addresses shared.first, to those of gather.out from `first` on.
template <class Bits, class Block, class Widen>
void widenRows(Block &block, const Shared &shared, const Gather &gather, int64_t first,
               int64_t rows, Widen widen) {
  const bool wide = gather.dim % gatherWidth == 0;
  const uint32_t pieces = uint32_t(wide ? gather.dim / gatherWidth : gather.dim);
  float *out = gather.out + first * gather.dim;
  auto each = [&](auto width) {
    block.each(rows * pieces, [&](int64_t e) {
      const uint32_t row = uint32_t(e) / pieces;
      widenPiece<decltype(width)::value, Bits>(reinterpret_cast<const void *>(shared.first[row]),
                                               out + row * gather.dim, e - int64_t(row) * pieces,
                                               widen);
    });
  };
  if (wide)
    each(Number<gatherWidth>());
  else
    each(Number<1>());
}

/// Blocks of gatherRowsPerBlock rows each.
template <class Block> void gatherRows(Block &block, Shared &shared, const Gather &gather) {
  const int64_t perBlock = gatherRowsPerBlock(gather.dim), first = block.index * perBlock;
  const int64_t rows = smaller(gather.rows - first, perBlock);
  const int64_t rowBytes = gather.dim * bytesOf(gather.element);
  block.each(threads, [&](int64_t i) {
    const int64_t id = i < rows ? gather.ids[first + i] : 0;
    const int64_t place = i >= rows ? -1 : gather.places ? gather.places[id] : id;
    shared.words[0][i + 1] = place >= 0;
    shared.first[i] =
        place >= 0 ? int64_t(gather.kept) + place * rowBytes : int64_t(gather.all) + id * rowBytes;
  });
  if (gather.places) {
    const uint32_t *hits = scan(block, shared.words);
    block.each(1, [&](int64_t) { block.add(gather.hits, hits[threads]); });
  }
  auto plain = [](auto value) { return static_cast<float>(value); };
  switch (gather.element) { // the same for all threads
  case Element::F32:
    return widenRows<float>(block, shared, gather, first, rows, plain);
  case Element::F16:
    return widenRows<uint16_t>(block, shared, gather, first, rows, halfToFloat);
  case Element::BF16:
    return widenRows<uint16_t>(block, shared, gather, first, rows, bfloatToFloat);
  case Element::I8:
    return widenRows<int8_t>(block, shared, gather, first, rows, plain);
  case Element::U8:
    return widenRows<uint8_t>(block, shared, gather, first, rows, plain);
  case Element::I16:
    return widenRows<int16_t>(block, shared, gather, first, rows, plain);
  case Element::U16:
    return widenRows<uint16_t>(block, shared, gather, first, rows, plain);
  }
}

} // namespace heddle::cuda::kernels

#endif // HEDDLE_RUNTIME_CUDA_KERNELS_SAMPLING_H
