//===- Reduce.cpp - merges of what partitions sent ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Reduce.h"

#include "runtime/base/Exponential.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace heddle::exec {

namespace {

// A part of the sum that stays in the first cache while all terms are added to it.
constexpr int64_t block = 2048;

void addTo(float *__restrict out, const float *__restrict term, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    out[i] += term[i];
}
void addTwo(float *__restrict out, const float *__restrict a, const float *__restrict b,
            int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = a[i] + b[i];
}

/// Whether b takes the place of a: the larger number; not a number is larger than all.
bool larger(float b, float a) { return !(a != a) && !(b <= a); }

void maxInto(float *__restrict out, const float *__restrict term, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = larger(term[i], out[i]) ? term[i] : out[i];
}

/// Numbers, and behind them from which relation each is: of equal numbers that of the lowest stays.
void argmaxInto(float *__restrict out, const float *__restrict term, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float b = term[i], a = out[i], from = term[count + i], known = out[count + i];
    const bool won = larger(b, a) || (b == a && from < known);
    out[i] = won ? b : a;
    out[count + i] = won ? from : known;
  }
}

/// e^(score - largest); a score that takes no part weighs 0, so infinities are not subtracted.
float weightOf(float score, float largest) {
  return score == -std::numeric_limits<float>::infinity() ? 0.0f : exponential(score - largest);
}

/// One head of a softmax: of its row `size` sums from `o` on, the largest score at m, the sum of
/// weights at s.
void softmaxHead(std::span<const float *const> terms, int64_t o, int64_t size, int64_t m, int64_t s,
                 float *__restrict out) {
  float largest = terms[0][m];
  for (size_t k = 1; k < terms.size(); ++k)
    largest = terms[k][m] > largest ? terms[k][m] : largest;
  for (size_t k = 0; k < terms.size(); ++k) {
    const float *__restrict term = terms[k];
    const float weight = weightOf(term[m], largest);
    if (k == 0) {
      for (int64_t i = o; i < o + size; ++i)
        out[i] = weight * term[i];
      out[s] = weight * term[s];
    } else {
      for (int64_t i = o; i < o + size; ++i)
        out[i] += weight * term[i];
      out[s] += weight * term[s];
    }
  }
  out[m] = largest;
}

} // namespace

void sumInOrder(std::span<const float *const> terms, float *out, int64_t begin, int64_t end) {
  for (int64_t at = begin; at < end; at += block) {
    const int64_t count = std::min(block, end - at);
    addTwo(out + at, terms[0] + at, terms[1] + at, count);
    for (size_t k = 2; k < terms.size(); ++k)
      addTo(out + at, terms[k] + at, count);
  }
}

void mergeRows(plan::MergeKind kind, std::span<const float *const> terms, int64_t width, float *out,
               int64_t begin, int64_t end, int64_t heads) {
  const size_t bytes = static_cast<size_t>(width) * sizeof(float);
  const int64_t n = width - 2 * heads, size = n / heads;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * width;
    if (kind == plan::MergeKind::Softmax) {
      for (int64_t head = 0; head < heads; ++head)
        softmaxHead(terms, at + head * size, size, at + n + head, at + n + heads + head, out);
      continue;
    }
    std::memcpy(out + at, terms[0] + at, bytes);
    for (size_t k = 1; k < terms.size(); ++k)
      if (kind == plan::MergeKind::Max)
        maxInto(out + at, terms[k] + at, width);
      else
        argmaxInto(out + at, terms[k] + at, width / 2);
  }
}

void sumRows(std::span<const float *const> parts, const int32_t *table, int64_t width, float *out,
             int64_t begin, int64_t end) {
  const size_t bytes = static_cast<size_t>(width) * sizeof(float);
  for (int64_t u = begin; u < end; ++u) {
    const int32_t *rows = table + u * static_cast<int64_t>(parts.size());
    float *sum = out + u * width;
    bool first = true;
    for (size_t k = 0; k < parts.size(); ++k) {
      if (rows[k] < 0)
        continue;
      const float *row = parts[k] + rows[k] * width;
      if (first)
        std::memcpy(sum, row, bytes);
      else
        addTo(sum, row, width);
      first = false;
    }
    if (first)
      std::memset(sum, 0, bytes);
  }
}

int64_t uniteLists(std::span<const int64_t *const> lists, std::span<const int64_t> counts,
                   std::span<int64_t> heads, int64_t *ids, int32_t *table) {
  constexpr int64_t none = std::numeric_limits<int64_t>::max();
  const size_t q = lists.size();
  std::fill(heads.begin(), heads.end(), 0);
  for (int64_t size = 0;; ++size) {
    int64_t least = none;
    for (size_t k = 0; k < q; ++k)
      if (heads[k] < counts[k])
        least = std::min(least, lists[k][heads[k]]);
    if (least == none)
      return size;
    if (ids)
      ids[size] = least;
    for (size_t k = 0; k < q; ++k) {
      const bool has = heads[k] < counts[k] && lists[k][heads[k]] == least;
      if (table)
        table[size * static_cast<int64_t>(q) + static_cast<int64_t>(k)] =
            has ? static_cast<int32_t>(heads[k]) : -1;
      heads[k] += has;
    }
  }
}

} // namespace heddle::exec
