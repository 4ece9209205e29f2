//===- SlotPoolTest.cpp - slots of rows, against a brute force --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/SlotPool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

namespace heddle::exec {
namespace {

using Ids = std::vector<int64_t>;

/// A pool as a table uses it, with contents: each slot holds a number, "disk" another for each row,
/// and the model is one number for each row. A step adds to the numbers of its rows.
struct Table {
  SlotPool pool;
  std::vector<uint64_t> memory, disk, model;
  std::vector<int64_t> added, evicted;

  Table(int64_t rows, const Ids &kept) : disk(size_t(rows), 0), model(size_t(rows), 0) {
    EXPECT_TRUE(pool.create(rows));
    pool.keep(kept);
    memory.assign(kept.size(), 0);
  }

  struct Step {
    std::vector<Ids> lists, slots;
    bool changes = false;
  };

  void evict() {
    pool.evictable(evicted);
    EXPECT_TRUE(std::is_sorted(evicted.begin(), evicted.end(),
                               [&](int64_t a, int64_t b) { return pool.idOf(a) < pool.idOf(b); }));
    for (int64_t slot : evicted) {
      EXPECT_FALSE(pool.isKept(slot));
      if (pool.isDirty(slot))
        disk[size_t(pool.idOf(slot))] = memory[size_t(slot)];
    }
    pool.drop(evicted);
  }

  void acquire(Step &step) {
    step.slots.clear();
    for (const Ids &ids : step.lists)
      pool.touch(ids, step.slots.emplace_back(ids.size()).data());
    evict();
    added.clear();
    for (size_t l = 0; l < step.lists.size(); ++l)
      pool.place(step.lists[l], step.slots[l].data(), added);
    memory.resize(size_t(pool.slots()), ~uint64_t(0));
    for (int64_t slot : added)
      memory[size_t(slot)] = disk[size_t(pool.idOf(slot))];
    if (step.changes)
      for (int64_t slot : step.slots.back())
        pool.setDirty(slot);
  }

  /// What a step computes: it reads all lists and changes the rows of the last one.
  void compute(Step &step, uint64_t by) {
    for (size_t l = 0; l < step.lists.size(); ++l)
      for (size_t i = 0; i < step.lists[l].size(); ++i) {
        const int64_t slot = step.slots[l][i];
        EXPECT_EQ(memory[size_t(slot)], model[size_t(step.lists[l][i])]);
        EXPECT_EQ(pool.idOf(slot), step.lists[l][i]);
        EXPECT_EQ(pool.slotOf(step.lists[l][i]), slot);
      }
    for (size_t i = 0; step.changes && i < step.lists.back().size(); ++i) {
      memory[size_t(step.slots.back()[i])] += by;
      model[size_t(step.lists.back()[i])] += by;
    }
  }
  void release(Step &step) {
    for (const Ids &slots : step.slots)
      pool.release(slots);
  }
};

TEST(SlotPool, RandomStepsSeeWhatTheStepsBeforeWrote) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    auto below = [&](uint64_t n) { return random() % n; };
    const int64_t rows = 1 + int64_t(below(60));
    auto someRows = [&](uint64_t share) { // of 8
      Ids ids;
      for (int64_t id = 0; id < rows; ++id)
        if (below(8) < share)
          ids.push_back(id);
      return ids;
    };
    Ids kept = someRows(seed % 9);
    std::shuffle(kept.begin(), kept.end(), random);
    Table table(rows, kept);
    const size_t inFlight = 1 + below(4);
    std::deque<Table::Step> steps;
    std::deque<bool> computed;
    int64_t most = 0;
    for (int time = 0; time < 60; ++time) {
      // The next step is fetched, or the first that is not computed is computed.
      auto next = std::find(computed.begin(), computed.end(), false);
      if (steps.size() < inFlight && (next == computed.end() || below(2))) {
        while (!steps.empty() && computed.front() && below(2)) {
          table.release(steps.front());
          steps.pop_front();
          computed.pop_front();
        }
        Table::Step &step = steps.emplace_back();
        const uint64_t share = below(9);
        for (uint64_t l = 0, lists = 1 + below(3); l < lists; ++l)
          step.lists.push_back(someRows(share));
        step.changes = below(4) > 0;
        table.acquire(step);
        computed.push_back(false);
        std::set<int64_t> used;
        for (const Table::Step &s : steps)
          for (const Ids &ids : s.lists)
            used.insert(ids.begin(), ids.end());
        used.insert(kept.begin(), kept.end());
        most = std::max(most, int64_t(used.size()));
        EXPECT_LE(table.pool.slots(), most); // never more than what must be there at once
      } else if (next != computed.end()) {
        table.compute(steps[size_t(next - computed.begin())], random());
        *next = true;
      }
      if (steps.size() == inFlight && computed.front()) {
        table.release(steps.front());
        steps.pop_front();
        computed.pop_front();
      }
      if (below(20) == 0) { // the run ends, with steps that were fetched in vain
        table.pool.releaseAll();
        table.evict();
        steps.clear();
        computed.clear();
        for (int64_t id = 0; id < rows; ++id) {
          const int64_t slot = table.pool.slotOf(id);
          EXPECT_EQ(slot >= 0, std::count(kept.begin(), kept.end(), id) == 1);
          EXPECT_EQ(slot >= 0 ? table.memory[size_t(slot)] : table.disk[size_t(id)],
                    table.model[size_t(id)]);
        }
      }
    }
  }
}

TEST(SlotPool, EmptyTableAndEmptyLists) {
  Table table(0, {});
  Table::Step step;
  step.lists = {{}, {}};
  step.changes = true;
  table.acquire(step);
  table.release(step);
  EXPECT_EQ(table.pool.slots(), 0);
}

// Rows that could not be read are taken out again while others are in use.
TEST(SlotPool, DropsWhatWasPlacedInVain) {
  Table table(10, {3});
  Table::Step first{{{1, 3, 5}}, {}, true}, second{{{3, 5, 7}}, {}, true};
  table.acquire(first);
  table.acquire(second);
  table.pool.drop(table.added);
  EXPECT_EQ(table.pool.slotOf(7), -1);
  EXPECT_GE(table.pool.slotOf(5), 0);
  table.compute(first, 4);
  table.pool.releaseAll();
  table.evict();
  EXPECT_EQ(table.disk[1], 4u);
  EXPECT_EQ(table.disk[5], 4u);
  EXPECT_EQ(table.disk[7], 0u);
  EXPECT_EQ(table.memory[0], 4u);
}

} // namespace
} // namespace heddle::exec
