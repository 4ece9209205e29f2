//===- TableRows.h - learnable rows between host and device ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Of a table the device has a pool: the rows that it keeps for good in the slots up to `kept`, and
// behind them those of the step that runs. `places` says where a row is, -1: with the host. A step
// gives its lists of rows their slots (placeRows), brings in those that it was the first to give
// one (moveRows), and in the end takes back what has changed (moveRows).
//
// Written as the sampler's kernels are (Sampling.h): with a block of one thread the same lines run
// on a CPU. Ids of a list are unique, so no two threads of a launch write the same place; lists of
// one table are placed one launch after another.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_KERNELS_TABLEROWS_H
#define HEDDLE_RUNTIME_CUDA_KERNELS_TABLEROWS_H

#include "runtime/cuda/kernels/Sampling.h"

namespace heddle::cuda::kernels {

inline constexpr uint32_t tableThreads = threads;
/// Rows of one block.
inline constexpr int64_t placesPerBlock = tableThreads, movesPerBlock = 32;
/// As many as a launch takes by value.
inline constexpr uint32_t maxTableTasks = 32;

/// Tasks of one launch. Block b is of the one that begins at the greatest start up to b.
template <class Task> struct TableTasks {
  Task tasks[maxTableTasks];
  uint32_t starts[maxTableTasks + 1];
  uint32_t count;
};

struct Place {
  const int64_t *ids;        ///< [rows], unique
  int64_t rows, kept, first; ///< row i of the list gets the slot first + i if it has none
  int32_t *places;
  int64_t *slots; ///< [rows], set
  uint64_t *hits; ///< those of rows that are kept are added; null: not counted
};
using Places = TableTasks<Place>;

/// Rows of one array of a table, all of whose rows are at `table`: those of the list that are in
/// slots first + i, so a row that several lists name is moved by the one that brought it.
struct Move {
  const int64_t *ids;
  const int64_t *slots; ///< null: row i is in slot i, with `first` 0
  int64_t rows, first, rowBytes;
  char *table, *pool;
  bool out;        ///< out of the pool
  int32_t *places; ///< -1 is written, the rows being there no more; null: not
};
using Moves = TableTasks<Move>;

struct TableShared {
  uint32_t words[2][tableThreads + 1];
};

template <class Task> const Task &taskOf(const TableTasks<Task> &all, uint32_t block, int64_t &at) {
  const int64_t t = notGreater(all.starts, int64_t(all.count) + 1, block) - 1;
  at = block - all.starts[t];
  return all.tasks[t];
}

template <class Block> void placeRows(Block &block, TableShared &shared, const Places &all) {
  int64_t at;
  const Place &task = taskOf(all, block.index, at);
  const int64_t first = at * placesPerBlock, rows = smaller(task.rows - first, placesPerBlock);
  block.each(tableThreads, [&](int64_t i) {
    bool hit = false;
    if (i < rows) {
      const int64_t row = first + i, id = task.ids[row];
      int64_t slot = task.places[id];
      hit = slot >= 0 && slot < task.kept;
      if (slot < 0) {
        slot = task.first + row;
        task.places[id] = int32_t(slot);
      }
      task.slots[row] = slot;
    }
    shared.words[0][i + 1] = hit;
  });
  if (!task.hits)
    return;
  const uint32_t *sums = scan(block, shared.words);
  block.each(1, [&](int64_t) { block.add(task.hits, sums[tableThreads]); });
}

template <class Word, class Block>
void moveWords(Block &block, const Move &task, int64_t first, int64_t rows) {
  const uint32_t words = uint32_t(task.rowBytes / int64_t(sizeof(Word)));
  block.each(rows * words, [&](int64_t e) {
    const int64_t row = first + uint32_t(e) / words, word = e - (row - first) * words;
    if (task.slots && task.slots[row] != task.first + row)
      return;
    Word *held = reinterpret_cast<Word *>(task.pool) + (task.first + row) * words + word;
    Word *full = reinterpret_cast<Word *>(task.table) + task.ids[row] * words + word;
    *(task.out ? full : held) = *(task.out ? held : full);
  });
}

/// Bytes that lie together, at a multiple of their number.
using Quad4 = Piece<uint32_t, 4>;

template <class Block> void moveRows(Block &block, const Moves &all) {
  int64_t at;
  const Move &task = taskOf(all, block.index, at);
  const int64_t first = at * movesPerBlock, rows = smaller(task.rows - first, movesPerBlock);
  if (task.rowBytes % int64_t(sizeof(Quad4)) == 0) // the arrays are aligned
    moveWords<Quad4>(block, task, first, rows);
  else
    moveWords<uint32_t>(block, task, first, rows);
  if (task.places)
    block.each(rows, [&](int64_t i) {
      if (task.slots[first + i] == task.first + first + i)
        task.places[task.ids[first + i]] = -1;
    });
}

} // namespace heddle::cuda::kernels

#endif // HEDDLE_RUNTIME_CUDA_KERNELS_TABLEROWS_H
