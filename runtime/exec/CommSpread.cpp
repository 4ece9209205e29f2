//===- CommSpread.cpp - rows to their keepers and back -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What a partition has of a keeper's rows is one slice of its frontier (AheadSpread.cpp), so rows
// arrive in place. Only what others ask for is copied, into scratch.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/CommQueue.h"

#include <algorithm>
#include <cstring>

namespace heddle::exec {

namespace {
int64_t bytesOf(int64_t numbers) { return numbers * int64_t(sizeof(float)); }
/// Bytes copied that are worth a task of the pool.
constexpr int64_t copyBytes = 256 << 10;

/// to[i] = table[ids[i]], rows of `width` numbers.
void copyRows(const float *table, const int64_t *ids, int64_t rows, int64_t width, float *to,
              ThreadPool *pool) {
  auto copy = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (i + 4 < end)
        __builtin_prefetch(table + ids[i + 4] * width);
      std::memcpy(to + i * width, table + ids[i] * width, static_cast<size_t>(bytesOf(width)));
    }
  };
  const int64_t chunk = std::max<int64_t>(copyBytes / bytesOf(width), 16);
  const int64_t tasks = (rows + chunk - 1) / chunk;
  if (!pool || tasks < 2)
    copy(0, rows);
  else
    pool->parallelFor(tasks,
                      [&](int64_t t, int) { copy(t * chunk, std::min(rows, (t + 1) * chunk)); });
}
} // namespace

absl::Status CommQueue::fetchRemoteRows(Op &op, ThreadPool *pool) {
  const Term &term = op.terms[0];
  const size_t q = op.collective.size(), me = static_cast<size_t>(op.me);
  const float *table = input<float>(op, 0);
  const int64_t *ids = input<int64_t>(op, 1), *asked = input<int64_t>(op, 2),
                *counts = input<int64_t>(op, 3), *slices = input<int64_t>(op, 4);
  const int64_t width = term.width;
  float *out = data(term.scratch), *rows = data(term.out);
  sends_.clear();
  receives_.clear();
  for (size_t b = 0; b < q; asked += counts[b], ++b) {
    const int64_t mine = slices[b + 1] - slices[b];
    if (b == me) {
      copyRows(table, ids + slices[b], mine, width, rows + slices[b] * width, pool);
      continue;
    }
    const int peer = static_cast<int>((*op.collective.participants)[b]);
    copyRows(table, asked, counts[b], width, out, pool);
    sends_.push_back({peer, out, bytesOf(counts[b] * width)});
    receives_.push_back({peer, rows + slices[b] * width, bytesOf(mine * width), nullptr});
    out += counts[b] * width;
  }
  return exchange(op);
}

absl::Status CommQueue::pushRows(Op &op, ThreadPool *pool) {
  const Term &term = op.terms[0];
  const size_t q = op.collective.size(), me = static_cast<size_t>(op.me);
  const int64_t *counts = input<int64_t>(op, 2), *slices = input<int64_t>(op, 3);
  const int64_t width = term.width;
  const float *rows = data(term.in);
  float *at = data(term.scratch);
  sends_.clear();
  receives_.clear();
  for (size_t b = 0; b < q; ++b) {
    const int64_t mine = slices[b + 1] - slices[b];
    if (b == me) {
      parts_[b] = rows + slices[b] * width;
      continue;
    }
    const int peer = static_cast<int>((*op.collective.participants)[b]);
    sends_.push_back({peer, rows + slices[b] * width, bytesOf(mine * width)});
    receives_.push_back({peer, at, bytesOf(counts[b] * width), nullptr});
    parts_[b] = at;
    at += counts[b] * width;
  }
  HEDDLE_RETURN_IF_ERROR(exchange(op));
  sumRowsOf(op, input<int32_t>(op, 1), pool);
  return absl::OkStatus();
}

absl::Status CommQueue::gatherBlocks(Op &op) {
  const Term &term = op.terms[0];
  const int64_t q = static_cast<int64_t>(op.collective.size()), all = op.unionRows;
  float *out = data(term.out);
  sends_.clear();
  receives_.clear();
  for (int64_t b = 0; b < q; ++b) {
    const int64_t begin = plan::blockBegin(all, b, q),
                  rows = plan::blockBegin(all, b + 1, q) - begin;
    float *to = out + begin * term.width;
    if (b == op.me) {
      std::copy_n(data(term.in), term.units * term.width, to);
      continue;
    }
    const int peer = static_cast<int>((*op.collective.participants)[static_cast<size_t>(b)]);
    sends_.push_back({peer, data(term.in), bytesOf(term.units * term.width)});
    receives_.push_back({peer, to, bytesOf(rows * term.width), nullptr});
  }
  return exchange(op);
}

} // namespace heddle::exec
