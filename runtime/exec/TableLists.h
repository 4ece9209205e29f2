//===- TableLists.h - which learnable rows a step uses -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Which learnable tables of a plan need not be at hand as a whole, and by which lists of ids the
// ops of an entry ask for their rows. A table can go through tiers where all that asks for its rows
// names them by ids that are known when the batch is fetched: picked rows and steps of an
// optimizer. Where a step asks for all rows (full graph), or other partitions do, it stays in
// memory.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_TABLELISTS_H
#define HEDDLE_RUNTIME_EXEC_TABLELISTS_H

#include "runtime/exec/Executor.h"

#include <functional>
#include <string>
#include <vector>

namespace heddle::exec {

/// A learnable table of a plan: its weights and what the optimizer keeps beside them.
struct LearnableTable {
  std::vector<size_t> states; ///< the weights first
  int64_t rows = 0;
  std::string inMemory; ///< why it cannot go through tiers; empty: it can
};
/// Those that entries of the partition use.
std::vector<LearnableTable> learnableTables(const plan::PlanT &plan,
                                            const graph::GraphSchema &schema, uint32_t partition);

/// What is said of a table at the start, as if none of its rows were kept; of one that stays in
/// memory, all.
CacheUse useOf(const plan::PlanT &plan, const LearnableTable &table);

/// The rows of tables that the ops of an entry ask for.
class TableLists {
public:
  /// `tableOf`: the number of the table of a state, or -1 where it is not one of them.
  TableLists(const plan::EntryT &entry, const std::function<int(int32_t)> &tableOf);

  /// Buffer of the ids, each named once, and the weights' buffer or -1.
  struct List {
    size_t table = 0;
    int32_t ids = -1, weights = -1;
    bool fetches = false, steps = false;
  };
  const std::vector<List> &lists() const { return lists_; }
  /// In place of input `input` of op `op` stands where the rows of list `list` are.
  struct Replaced {
    size_t op, input, list;
  };
  const std::vector<Replaced> &replaced() const { return replaced_; }

private:
  size_t listOf(size_t table, int32_t ids);

  std::vector<List> lists_;
  std::vector<Replaced> replaced_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_TABLELISTS_H
