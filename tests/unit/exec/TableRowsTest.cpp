//===- TableRowsTest.cpp - learnable rows between host and device -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The kernels on this CPU, threads and blocks in any order, against maps from rows to what is in
// them. e2e.EmulatedDevice.*LearnableRows* runs their PTX.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/kernels/TableRows.h"

#include "HostMachine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace heddle::exec {
namespace {

using namespace cuda::kernels;
using testing::HostBlock;

template <class Task, class Kernel>
void launch(const std::vector<Task> &tasks, int64_t perBlock, std::mt19937 &random,
            const Kernel &kernel) {
  TableTasks<Task> all{};
  for (const Task &task : tasks) {
    if (task.rows == 0)
      continue;
    all.tasks[all.count] = task;
    all.starts[all.count + 1] =
        all.starts[all.count] + uint32_t((task.rows + perBlock - 1) / perBlock);
    ++all.count;
  }
  std::vector<uint32_t> order(all.starts[all.count]);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), random);
  for (uint32_t b : order) {
    HostBlock block{b, &random};
    kernel(block, all);
  }
}

/// A table of which some rows are kept, and lists of rows that a step names.
struct TableCase {
  int64_t rows, kept, words;
  std::vector<uint32_t> table, pool;
  std::vector<int32_t> places;
  std::vector<std::vector<int64_t>> ids, slots;
  std::vector<int64_t> firsts;
  uint64_t hits = 7;

  TableCase(int64_t rows, int64_t words, const std::vector<int64_t> &sizes, std::mt19937 &random)
      : rows(rows), kept(rows ? int64_t(random() % uint64_t(rows + 1)) : 0), words(words),
        places(size_t(rows), -1) {
    for (int64_t i = 0; i < rows * words; ++i)
      table.push_back(uint32_t(random()));
    std::vector<int64_t> order(static_cast<size_t>(rows));
    std::iota(order.begin(), order.end(), 0);
    auto some = [&](int64_t count) {
      std::shuffle(order.begin(), order.end(), random);
      return std::vector<int64_t>(order.begin(), order.begin() + std::min(count, rows));
    };
    int64_t next = kept;
    const std::vector<int64_t> keptIds = some(kept);
    for (int64_t i = 0; i < kept; ++i)
      places[size_t(keptIds[size_t(i)])] = int32_t(i);
    for (int64_t size : sizes) {
      ids.push_back(some(size));
      slots.emplace_back(ids.back().size(), -5);
      firsts.push_back(next);
      next += int64_t(ids.back().size());
    }
    pool.assign(size_t(next * words), 0xABABABAB);
    for (int64_t i = 0; i < kept; ++i)
      for (int64_t w = 0; w < words; ++w)
        pool[size_t(i * words + w)] = ~table[size_t(keptIds[size_t(i)] * words + w)]; // is newer
  }
  std::vector<Move> moves(bool out, bool forget) {
    std::vector<Move> all;
    for (size_t l = 0; l < ids.size(); ++l)
      all.push_back({ids[l].data(), slots[l].data(), int64_t(ids[l].size()), firsts[l],
                     forget ? 0 : words * 4, reinterpret_cast<char *>(table.data()),
                     reinterpret_cast<char *>(pool.data()), out, forget ? places.data() : nullptr});
    return all;
  }
  void place(std::mt19937 &random) {
    for (size_t l = 0; l < ids.size(); ++l)
      launch<Place>({{ids[l].data(), int64_t(ids[l].size()), kept, firsts[l], places.data(),
                      slots[l].data(), l == 0 ? &hits : nullptr}},
                    placesPerBlock, random, [](HostBlock &block, const Places &all) {
                      TableShared shared;
                      placeRows(block, shared, all);
                    });
  }
  void move(bool out, bool forget, std::mt19937 &random) {
    launch(moves(out, forget), movesPerBlock, random,
           [](HostBlock &block, const Moves &all) { moveRows(block, all); });
  }
};

TEST(TableRows, AStepHasItsRowsAndGivesThemBack) {
  std::mt19937 random(11);
  for (const auto &[rows, words, sizes] :
       std::vector<std::tuple<int64_t, int64_t, std::vector<int64_t>>>{
           {0, 4, {0}},
           {1, 1, {1}},
           {1, 3, {1, 1}},
           {100, 4, {0, 60, 0}},
           {500, 64, {129, 300, 128}},
           {3000, 6, {1000}},
           {3000, 1, {2000, 2000, 3000}},
           {40, 16, {40, 1, 1, 1}}})
    for (int round = 0; round < 8; ++round) {
      TableCase c(rows, words, sizes, random);
      const TableCase before = c;
      c.place(random);
      uint64_t hits = 7;
      std::map<int64_t, int64_t> slotOf;
      for (size_t l = 0; l < c.ids.size(); ++l)
        for (size_t i = 0; i < c.ids[l].size(); ++i) {
          const int64_t id = c.ids[l][i], slot = c.slots[l][i], place = before.places[size_t(id)];
          hits += l == 0 && place >= 0;
          ASSERT_EQ(slotOf.emplace(id, slot).first->second, slot) << "one slot for a row";
          ASSERT_TRUE(place >= 0 ? slot == place : slot >= c.kept);
        }
      EXPECT_EQ(c.hits, hits);
      std::set<int64_t> distinct;
      for (const auto &[id, slot] : slotOf)
        ASSERT_TRUE(distinct.insert(slot).second) << "one row for a slot";
      c.move(false, false, random);
      std::vector<uint32_t> wanted = c.table;
      for (const auto &[id, slot] : slotOf)
        for (int64_t w = 0; w < words; ++w) {
          uint32_t &held = c.pool[size_t(slot * words + w)];
          const uint32_t full = c.table[size_t(id * words + w)];
          ASSERT_EQ(held, slot < c.kept ? ~full : full);
          held += 3; // the step
          if (slot >= c.kept)
            wanted[size_t(id * words + w)] = held;
        }
      ASSERT_EQ(c.table, before.table);
      c.move(true, false, random);
      ASSERT_EQ(c.table, wanted);
      c.move(true, true, random);
      ASSERT_EQ(c.table, wanted);
      ASSERT_EQ(c.places, before.places);
    }
}

} // namespace
} // namespace heddle::exec
