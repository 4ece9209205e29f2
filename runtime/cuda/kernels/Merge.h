//===- Merge.h - what a GPU does with the arrays of collectives --*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Sums and merges as Reduce.cpp makes them, in the same order of additions, for blocks of threads;
// and the copies around them. Written as the sampler's kernels are (Sampling.h): with a block of
// one thread the same lines run on a CPU. An element of a result is one thread's, from its terms
// alone.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_KERNELS_MERGE_H
#define HEDDLE_RUNTIME_CUDA_KERNELS_MERGE_H

#include "runtime/base/Exponential.h"

namespace heddle::cuda::kernels {

inline constexpr uint32_t mergeThreads = 128;
/// What one block does: numbers of an array, rows of one, bytes of a copy.
inline constexpr int64_t numbersPerBlock = 8 * mergeThreads, mergeRowsPerBlock = 32,
                         bytesPerBlock = 64 * mergeThreads;
/// As many as a launch takes by value.
inline constexpr uint32_t maxParts = 256, maxPieces = 96;

/// Copies that do not overlap. Block b is of the piece that begins at the greatest start up to b.
struct Pieces {
  void *to[maxPieces];
  const void *from[maxPieces];
  int64_t bytes[maxPieces];
  uint32_t starts[maxPieces + 1];
  uint32_t count;
};

/// to[i] = table[ids[i]]
struct RowCopy {
  const float *table;
  const int64_t *ids;
  int64_t rows, width;
  float *to;
};

struct Parts {
  const float *part[maxParts];
  uint32_t count;
};

struct MergeTask {
  Parts parts;
  int64_t rows, width, heads;
  float *out; ///< [rows, width]
};

struct RowSum {
  Parts parts;
  const int32_t *table; ///< [rows, parts]; -1: has none
  int64_t rows, width;
  float *out; ///< [rows, width]
};

struct Quad {
  uint32_t words[4];
} __attribute__((aligned(16)));

/// Bytes [first, end) of a copy, both multiples of T's size.
template <class T, class Block>
void copyAs(Block &block, void *to, const void *from, int64_t first, int64_t end) {
  const int64_t size = sizeof(T);
  T *target = static_cast<T *>(to) + first / size;
  const T *source = static_cast<const T *>(from) + first / size;
  block.each((end - first) / size, [&](int64_t i) { target[i] = source[i]; });
}

template <class Block> void copyPieces(Block &block, const Pieces &pieces) {
  uint32_t low = 0, high = pieces.count;
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    (pieces.starts[middle] <= block.index ? low : high) = middle;
  }
  void *to = pieces.to[low];
  const void *from = pieces.from[low];
  const int64_t bytes = pieces.bytes[low],
                first = int64_t(block.index - pieces.starts[low]) * bytesPerBlock,
                last = bytes - first < bytesPerBlock ? bytes : first + bytesPerBlock;
  const uint64_t bits = uint64_t(to) | uint64_t(from) | uint64_t(bytes);
  if (bits % sizeof(Quad) == 0)
    copyAs<Quad>(block, to, from, first, last);
  else if (bits % 4 == 0)
    copyAs<uint32_t>(block, to, from, first, last);
  else
    copyAs<uint8_t>(block, to, from, first, last);
}

/// element(row, column) of the block's rows.
template <class Block, class Element>
void eachOfRows(Block &block, int64_t rows, int64_t width, const Element &element) {
  const int64_t first = int64_t(block.index) * mergeRowsPerBlock,
                count = rows - first < mergeRowsPerBlock ? rows - first : mergeRowsPerBlock;
  block.each(count * width, [&](int64_t e) {
    const uint32_t row = uint32_t(e) / uint32_t(width);
    element(first + row, e - int64_t(row) * width);
  });
}

template <class Block> void copyRows(Block &block, const RowCopy &copy) {
  eachOfRows(block, copy.rows, copy.width, [&](int64_t row, int64_t column) {
    copy.to[row * copy.width + column] = copy.table[copy.ids[row] * copy.width + column];
  });
}

/// out = join(join(part 0, part 1), part 2)..., number by number.
template <class Block, class Join>
void joinNumbers(Block &block, const MergeTask &task, const Join &join) {
  const int64_t first = int64_t(block.index) * numbersPerBlock,
                left = task.rows * task.width - first;
  block.each(left < numbersPerBlock ? left : numbersPerBlock, [&](int64_t e) {
    const int64_t i = first + e;
    float all = task.parts.part[0][i];
    for (uint32_t k = 1; k < task.parts.count; ++k)
      all = join(all, task.parts.part[k][i]);
    task.out[i] = all;
  });
}

template <class Block> void mergeSum(Block &block, const MergeTask &task) {
  joinNumbers(block, task, [](float sum, float next) { return sum + next; });
}

/// Whether b takes the place of a: the larger number; not a number is larger than all.
inline bool larger(float b, float a) { return !(a != a) && !(b <= a); }

template <class Block> void mergeMax(Block &block, const MergeTask &task) {
  joinNumbers(block, task,
              [](float best, float next) { return larger(next, best) ? next : best; });
}

/// Numbers, and behind them from which relation each is: of equal numbers that of the lowest stays.
template <class Block> void mergeArgmax(Block &block, const MergeTask &task) {
  const int64_t half = task.width / 2;
  eachOfRows(block, task.rows, half, [&](int64_t row, int64_t column) {
    const int64_t i = row * task.width + column;
    float best = task.parts.part[0][i], from = task.parts.part[0][i + half];
    for (uint32_t k = 1; k < task.parts.count; ++k) {
      const float next = task.parts.part[k][i], its = task.parts.part[k][i + half];
      const bool won = larger(next, best) || (next == best && its < from);
      best = won ? next : best;
      from = won ? its : from;
    }
    task.out[i] = best;
    task.out[i + half] = from;
  });
}

/// e^(score - largest); a score that takes no part weighs 0, so infinities are not subtracted.
inline float weightOf(float score, float largest) {
  return score == -__builtin_inff() ? 0.0f : exponential(score - largest);
}

/// A row: sums of `heads` heads, then the largest score of each, then the sum of weights of each.
template <class Block> void mergeSoftmax(Block &block, const MergeTask &task) {
  const int64_t sums = task.width - 2 * task.heads, size = sums / task.heads;
  eachOfRows(block, task.rows, task.width, [&](int64_t row, int64_t column) {
    const int64_t start = row * task.width, i = start + column,
                  head = column < sums                ? column / size
                         : column < sums + task.heads ? column - sums
                                                      : column - sums - task.heads,
                  m = start + sums + head;
    float largest = task.parts.part[0][m];
    for (uint32_t k = 1; k < task.parts.count; ++k)
      largest = task.parts.part[k][m] > largest ? task.parts.part[k][m] : largest;
    float sum = 0;
    for (uint32_t k = 0; k < task.parts.count; ++k) {
      const float term = weightOf(task.parts.part[k][m], largest) * task.parts.part[k][i];
      sum = k == 0 ? term : sum + term;
    }
    task.out[i] = i == m ? largest : sum;
  });
}

/// Where exactly one part has the row, its bits are kept.
template <class Block> void sumRows(Block &block, const RowSum &task) {
  eachOfRows(block, task.rows, task.width, [&](int64_t row, int64_t column) {
    const int32_t *places = task.table + row * task.parts.count;
    float sum = 0;
    bool first = true;
    for (uint32_t k = 0; k < task.parts.count; ++k) {
      if (places[k] < 0)
        continue;
      const float term = task.parts.part[k][int64_t(places[k]) * task.width + column];
      sum = first ? term : sum + term;
      first = false;
    }
    task.out[row * task.width + column] = sum;
  });
}

/// All of them, as KERNEL(name, argument): entry points heddle_NAME(ARGUMENT).
#define HEDDLE_MERGE_KERNELS(KERNEL)                                                               \
  KERNEL(copyPieces, Pieces)                                                                       \
  KERNEL(copyRows, RowCopy)                                                                        \
  KERNEL(mergeSum, MergeTask)                                                                      \
  KERNEL(mergeMax, MergeTask)                                                                      \
  KERNEL(mergeArgmax, MergeTask)                                                                   \
  KERNEL(mergeSoftmax, MergeTask)                                                                  \
  KERNEL(sumRows, RowSum)

} // namespace heddle::cuda::kernels

#endif // HEDDLE_RUNTIME_CUDA_KERNELS_MERGE_H
