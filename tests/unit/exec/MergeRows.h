//===- MergeRows.h - terms of all kinds of merges, and what they give ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_EXEC_MERGEROWS_H
#define HEDDLE_TESTS_UNIT_EXEC_MERGEROWS_H

#include "runtime/plan/plan_generated.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace heddle::testing {

inline bool sameBits(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// What a kind of merge makes of one row of each participant, in double and by its definition.
inline std::vector<double> mergedRow(plan::MergeKind kind,
                                     const std::vector<std::vector<float>> &rows) {
  const size_t w = rows[0].size();
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> out(w, 0);
  if (kind == plan::MergeKind::Softmax) {
    double m = -infinity;
    for (const auto &row : rows)
      m = std::max(m, double(row[w - 2]));
    for (const auto &row : rows)
      for (size_t j = 0; j < w; ++j)
        if (row[w - 2] != -infinity)
          out[j] += std::exp(double(row[w - 2]) - m) * double(row[j]);
    out[w - 2] = m;
    return out;
  }
  const size_t n = kind == plan::MergeKind::Argmax ? w / 2 : w;
  for (size_t j = 0; j < n; ++j) {
    out[j] = rows[0][j];
    for (const auto &row : rows)
      out[j] = std::max(out[j], double(row[j]));
    if (n == w)
      continue;
    out[n + j] = infinity;
    for (const auto &row : rows)
      if (row[j] == out[j])
        out[n + j] = std::min(out[n + j], double(row[n + j]));
  }
  return out;
}

/// A row of a term: empty now and then, few different numbers so that there are ties, scores of any
/// size.
inline std::vector<float> termRow(plan::MergeKind kind, size_t w, std::mt19937_64 &random) {
  const float infinity = std::numeric_limits<float>::infinity();
  const bool empty = random() % 4 == 0;
  std::vector<float> row(w);
  for (size_t j = 0; j < w; ++j)
    row[j] = float(int(random() % 7)) - 3;
  if (kind == plan::MergeKind::Softmax) {
    row[w - 2] *= random() % 3 ? 1.0f : 3000.0f;
    row[w - 1] = 1 + float(random() % 3);
    for (size_t j = 0; empty && j < w; ++j)
      row[j] = j == w - 2 ? -infinity : 0;
    return row;
  }
  const size_t n = kind == plan::MergeKind::Argmax ? w / 2 : w;
  for (size_t j = 0; j < n; ++j) {
    if (n < w)
      row[n + j] = float(random() % 100);
    if (!empty)
      continue;
    row[j] = -infinity;
    if (n < w)
      row[n + j] = infinity;
  }
  return row;
}

inline void expectRow(const float *got, const std::vector<double> &want) {
  for (size_t j = 0; j < want.size(); ++j)
    if (double(got[j]) != want[j]) // infinities are equal, and have no difference
      ASSERT_NEAR(got[j], want[j], 1e-5 * (1 + std::abs(want[j]))) << "column " << j;
}

inline constexpr plan::MergeKind otherKinds[] = {plan::MergeKind::Max, plan::MergeKind::Argmax,
                                                 plan::MergeKind::Softmax};

} // namespace heddle::testing

#endif // HEDDLE_TESTS_UNIT_EXEC_MERGEROWS_H
