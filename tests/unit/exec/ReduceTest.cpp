//===- ReduceTest.cpp - what is made of what partitions sent ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Reduce.h"
#include "MergeRows.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace heddle::exec {
namespace {

using testing::expectRow;
using testing::mergedRow;
using testing::otherKinds;
using testing::sameBits;
using testing::termRow;

TEST(Reduce, SumsFromLeftToRight) {
  std::mt19937_64 random(2);
  std::normal_distribution<float> normal;
  for (size_t q : {2u, 3u, 5u})
    for (int64_t size : {0, 1, 7, 2048, 2049, 5000}) {
      std::vector<std::vector<float>> terms(q);
      std::vector<const float *> pointers;
      for (auto &term : terms) {
        for (int64_t i = 0; i < size; ++i)
          term.push_back(normal(random) * (i % 3 ? 1e6f : 1e-3f));
        pointers.push_back(term.data());
      }
      std::vector<float> out(size_t(size), 9.0f);
      const int64_t half = size / 2; // a cut changes nothing
      sumInOrder(pointers, out.data(), 0, half);
      sumInOrder(pointers, out.data(), half, size);
      for (size_t i = 0; i < size_t(size); ++i) {
        float want = terms[0][i];
        for (size_t k = 1; k < q; ++k)
          want += terms[k][i];
        ASSERT_EQ(out[i], want);
      }
    }
}

TEST(Reduce, MergesRowsOfEveryKind) {
  std::mt19937_64 random(2);
  for (plan::MergeKind kind : otherKinds)
    for (size_t q : {1u, 2u, 3u, 5u})
      for (size_t w : {4u, 6u, 18u, 66u}) {
        constexpr int64_t rows = 37;
        std::vector<std::vector<float>> terms(q);
        std::vector<const float *> pointers;
        for (auto &term : terms) {
          for (int64_t i = 0; i < rows; ++i) {
            std::vector<float> row = termRow(kind, w, random);
            term.insert(term.end(), row.begin(), row.end());
          }
          pointers.push_back(term.data());
        }
        std::vector<float> out(size_t(rows) * w, 9.0f), cut = out;
        mergeRows(kind, pointers, int64_t(w), out.data(), 0, rows);
        for (int64_t at : {0, 5, 36}) // a cut changes nothing
          mergeRows(kind, pointers, int64_t(w), cut.data(), at, at == 0 ? 5 : at == 5 ? 36 : rows);
        EXPECT_TRUE(sameBits(out, cut));
        for (size_t i = 0; i < size_t(rows); ++i) {
          std::vector<std::vector<float>> row;
          for (const auto &term : terms)
            row.emplace_back(term.begin() + long(i * w), term.begin() + long(i * w + w));
          expectRow(out.data() + i * w, mergedRow(kind, row));
        }
        if (q < 3)
          continue;
        // Associative: the first two, and what they give with the rest.
        std::vector<float> two(out.size()), all(out.size());
        mergeRows(kind, std::span(pointers).subspan(0, 2), int64_t(w), two.data(), 0, rows);
        std::vector<const float *> rest = {two.data()};
        rest.insert(rest.end(), pointers.begin() + 2, pointers.end());
        mergeRows(kind, rest, int64_t(w), all.data(), 0, rows);
        for (size_t i = 0; i < size_t(rows); ++i)
          expectRow(all.data() + i * w,
                    std::vector<double>(out.begin() + long(i * w), out.begin() + long(i * w + w)));
      }
}

// Heads are merged each by itself: as rows of their own, to the bit.
TEST(Reduce, MergesHeads) {
  std::mt19937_64 random(8);
  for (int64_t heads : {1, 2, 3, 8})
    for (int64_t size : {1, 5, 16})
      for (size_t q : {1u, 2u, 4u}) {
        constexpr int64_t rows = 23;
        const int64_t w = heads * (size + 2), n = heads * size;
        std::vector<std::vector<float>> terms(q), apart(q);
        std::vector<const float *> pointers, own;
        for (size_t k = 0; k < q; ++k) {
          terms[k].resize(size_t(rows * w));
          for (int64_t i = 0; i < rows; ++i)
            for (int64_t h = 0; h < heads; ++h) {
              std::vector<float> row = termRow(plan::MergeKind::Softmax, size_t(size) + 2, random);
              apart[k].insert(apart[k].end(), row.begin(), row.end());
              float *to = terms[k].data() + i * w;
              std::copy(row.begin(), row.begin() + size, to + h * size);
              to[n + h] = row[size_t(size)];
              to[n + heads + h] = row[size_t(size) + 1];
            }
          pointers.push_back(terms[k].data());
          own.push_back(apart[k].data());
        }
        std::vector<float> out(size_t(rows * w)), each(out.size());
        mergeRows(plan::MergeKind::Softmax, pointers, w, out.data(), 0, 9, heads);
        mergeRows(plan::MergeKind::Softmax, pointers, w, out.data(), 9, rows, heads);
        mergeRows(plan::MergeKind::Softmax, own, size + 2, each.data(), 0, rows * heads);
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t h = 0; h < heads; ++h) {
            const float *got = out.data() + i * w,
                        *want = each.data() + (i * heads + h) * (size + 2);
            EXPECT_EQ(0, std::memcmp(got + h * size, want, size_t(size) * sizeof(float)));
            EXPECT_EQ(got[n + h], want[size]);
            EXPECT_EQ(got[n + heads + h], want[size + 1]);
          }
      }
}

// Not a number comes through, wherever it stands; so does a relation that it comes from.
TEST(Reduce, MergesNotANumber) {
  for (bool last : {false, true}) {
    std::vector<float> a = {1, 2, 7, 7}, b = {NAN, 0, 3, 3}, out(4);
    std::vector<const float *> terms = {last ? a.data() : b.data(), last ? b.data() : a.data()};
    for (plan::MergeKind kind : {plan::MergeKind::Max, plan::MergeKind::Argmax}) {
      mergeRows(kind, terms, 4, out.data(), 0, 1);
      EXPECT_TRUE(std::isnan(out[0]));
      EXPECT_EQ(out[1], 2);
    }
    EXPECT_EQ(out[2], 3);
    EXPECT_EQ(out[3], 7);
    std::vector<float> c = {1, 2, 0, 1}, d = {1, 2, NAN, 1};
    terms = {last ? c.data() : d.data(), last ? d.data() : c.data()};
    mergeRows(plan::MergeKind::Softmax, terms, 4, out.data(), 0, 1);
    EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[1]) && std::isnan(out[3]));
  }
}

TEST(Reduce, UnitesSortedLists) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 200; ++round) {
    const size_t q = 1 + random() % 4;
    std::vector<std::vector<int64_t>> lists(q);
    std::map<int64_t, std::vector<int32_t>> want;
    for (size_t k = 0; k < q; ++k) {
      std::set<int64_t> ids;
      for (size_t i = random() % 20; i > 0; --i)
        ids.insert(int64_t(random() % 30));
      lists[k].assign(ids.begin(), ids.end());
      for (size_t i = 0; i < lists[k].size(); ++i)
        want.try_emplace(lists[k][i], q, -1).first->second[k] = int32_t(i);
    }
    std::vector<const int64_t *> pointers;
    std::vector<int64_t> counts, heads(q);
    for (auto &list : lists) {
      pointers.push_back(list.data());
      counts.push_back(int64_t(list.size()));
    }
    EXPECT_EQ(uniteLists(pointers, counts, heads, nullptr, nullptr), int64_t(want.size()));
    std::vector<int64_t> ids(want.size());
    std::vector<int32_t> table(want.size() * q);
    EXPECT_EQ(uniteLists(pointers, counts, heads, ids.data(), table.data()), int64_t(want.size()));
    size_t u = 0;
    for (const auto &[id, rows] : want) {
      EXPECT_EQ(ids[u], id);
      EXPECT_EQ(std::vector<int32_t>(table.begin() + long(u * q), table.begin() + long(u * q + q)),
                rows);
      ++u;
    }
  }
}

} // namespace
} // namespace heddle::exec
