//===- Tasks.h - what the kernels of the GPU sampler are given ---*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Nothing but the language is used here: host and GPU have the same layout of it.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_KERNELS_TASKS_H
#define HEDDLE_RUNTIME_CUDA_KERNELS_TASKS_H

#include <stdint.h>

namespace heddle::cuda::kernels {

inline constexpr uint32_t threads = 128;
/// What one block does of a task.
inline constexpr uint32_t rowsPerBlock = threads, itemsPerBlock = 8 * threads,
                          wordsPerBlock = 4 * threads;
/// A pass of the sort by source looks at `digits` values of a key. A block sorts a tile by them, in
/// steps of `halves` values for which each thread counts sortRun items.
inline constexpr uint32_t digitBits = 8, digits = 1u << digitBits, halfBits = 4,
                          halves = 1u << halfBits, sortRun = 8, sortTile = threads * sortRun;
/// So few draws of a row are made by one thread, more by the whole block.
inline constexpr int64_t fewDraws = 64;

struct Sum {
  int64_t edges, active;
  Sum operator+(const Sum &other) const { return {edges + other.edges, active + other.active}; }
};

/// In-edges of some rows for one relation (op Sample of plan.fbs). Null: not wanted.
struct RowsTask {
  const int64_t *ptr;       ///< of the relation, by destination
  const int32_t *sources32; ///< of its edges: one of the two
  const int64_t *sources64;
  const int64_t *ids;   ///< destinations
  int64_t rows, fanout; ///< -1: all
  uint32_t relation, hop;
  int32_t *dstPos, *inPtr, *rowPos;
  int64_t *edgeId;
  int64_t *sources;    ///< [edges] global ids
  int32_t *edgeActive; ///< [edges] the active destination
  uint32_t *chosen;    ///< [edges] offsets that were drawn; null where none are
  uint32_t *spare;     ///< [edges] where more than fewDraws are drawn of a row
};

/// Ids, or rows, that are put into a set.
struct MarkTask {
  const int64_t *ids;
  const int32_t *rows;
  int64_t count;
  uint64_t *words;
};

/// A set as a bit for each id; its members in ascending order, and how many are before each word.
struct SetTask {
  uint64_t *words;
  uint32_t *ranks;
  int64_t numWords;
  int64_t *ids; ///< or:
  int32_t *rows;
  int32_t *none; ///< [members] becomes -1; null: not wanted
};

/// The number of each id (or row, or of 0, 1, 2...) in a set, or -1.
struct NumberTask {
  const int64_t *ids;
  const int32_t *rows;
  int64_t count;
  const uint64_t *words;
  const uint32_t *ranks;
  int32_t *out;
};

/// out[rows[i]] = i where rows[i] is not -1.
struct InvertTask {
  const int32_t *rows;
  int64_t count;
  int32_t *out;
};

/// Edges by source, those of one source in their order.
struct TransposeTask {
  const int32_t *rows; ///< source of each edge
  int64_t edges, sources;
  uint32_t *keys[2], *values[2]; ///< [edges]
  const int32_t *edgeActive;
  int32_t *outPtr, *outDst, *outEdge;
};

/// A launch: task t has the blocks [starts[t], starts[t + 1]).
struct Launch {
  const void *tasks;
  const uint32_t *starts; ///< [count + 1]
  uint32_t count;
  uint32_t step;
  uint64_t seed;
  Sum *sums; ///< of each block; before scanSums the block's, after it those of the blocks before it
  Sum *totals;    ///< of each task
  /// Of a sort: for task t digits * (its blocks) numbers from digits * starts[t]; behind those of all
  /// tasks digits numbers for each.
  uint32_t *hist;
  uint32_t pass;  ///< of a sort
};

/// What threads of a block share.
struct Shared {
  Sum sums[2][threads + 1];
  uint32_t words[2][threads + 1];
  uint32_t counters[halves * (threads + threads / halves)];
  uint32_t keys[sortTile];
  uint16_t order[2][sortTile]; ///< items of the tile
  int64_t first[threads];
  bool drawn[threads];
};
static_assert(2 * digits <= halves * threads && sortTile <= 1u << 16 && threads % halves == 0,
              "what sorting has in the arrays");

/// Types of numbers that a feature's rows are stored in.
enum class Element : uint32_t { F32, F16, BF16, I8, U8, I16, U16 };

inline constexpr int64_t bytesOf(Element element) {
  return element == Element::F32 ? 4 : element == Element::I8 || element == Element::U8 ? 1 : 2;
}

/// Rows of a feature as f32. A device keeps all of them, or some and reads the others in the host's
/// memory. Rows lie at multiples of their size from an address that is a multiple of 16.
struct Gather {
  const int64_t *ids; ///< [rows]
  int64_t rows, dim;
  const int32_t *places;  ///< by id: the row of `kept`, or -1. Null: `kept` has all, in order
  const void *kept, *all; ///< [.., dim] of `element`
  float *out;             ///< [rows, dim]
  uint64_t *hits;         ///< with places: rows found in `kept` are added
  Element element;
};
/// Numbers that a thread converts at once, 16 bytes of the result, where all rows begin at a
/// multiple of as many.
inline constexpr int64_t gatherWidth = 4;
/// Rows that a block gathers: about four pieces of work for a thread, so that few rows keep many
/// blocks busy.
inline int64_t gatherRowsPerBlock(int64_t dim) {
  const int64_t pieces = dim % gatherWidth == 0 ? dim / gatherWidth : dim;
  const int64_t rows = 4 * int64_t(threads) / pieces;
  return rows < 1 ? 1 : rows > threads ? threads : rows;
}

/// The kernels that sample, as KERNEL(name): entry points heddle_NAME(Launch). Beside them is
/// heddle_gatherRows(Gather).
#define HEDDLE_SAMPLING_KERNELS(KERNEL)                                                            \
  KERNEL(countRows)                                                                                \
  KERNEL(scanSums)                                                                                 \
  KERNEL(fillRows)                                                                                 \
  KERNEL(mark)                                                                                     \
  KERNEL(countSet)                                                                                 \
  KERNEL(listSet)                                                                                  \
  KERNEL(number)                                                                                   \
  KERNEL(invert)                                                                                   \
  KERNEL(sortCount)                                                                                \
  KERNEL(sortScan)                                                                                 \
  KERNEL(sortMove)                                                                                 \
  KERNEL(sortFinish)

} // namespace heddle::cuda::kernels

#endif // HEDDLE_RUNTIME_CUDA_KERNELS_TASKS_H
