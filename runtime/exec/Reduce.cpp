//===- Reduce.cpp - sums of what partitions sent -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Reduce.h"

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

} // namespace

void sumInOrder(std::span<const float *const> terms, float *out, int64_t begin, int64_t end) {
  for (int64_t at = begin; at < end; at += block) {
    const int64_t count = std::min(block, end - at);
    addTwo(out + at, terms[0] + at, terms[1] + at, count);
    for (size_t k = 2; k < terms.size(); ++k)
      addTo(out + at, terms[k] + at, count);
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
