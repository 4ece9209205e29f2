//===- CommRows.cpp - rows of tables between partitions ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What a partition has of a keeper's rows is one slice of its frontier (AheadSpread.cpp), so large
// blocks arrive in place. What others ask for is copied into scratch, or where it travels packed.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/CommQueue.h"

#include "runtime/exec/Reduce.h"

#include <algorithm>
#include <cstring>

namespace heddle::exec {

namespace {
int64_t bytesOf(int64_t numbers) { return numbers * int64_t(sizeof(float)); }
/// Bytes copied, or read by a sum, that are worth a task of the pool.
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

absl::Status CommQueue::growBoxes() {
  uint64_t outBytes = 0, inBytes = 0;
  for (const Op &op : ops_) {
    if (!op.hasTables() || op.terms.size() < 2)
      continue;
    uint64_t out = 0, in = 0;
    for (const Term &term : op.terms)
      for (size_t b = 0; b < op.collective.size(); ++b) {
        if (b == size_t(op.me))
          continue;
        int64_t sent = term.units, received = 0; // rows
        if (op.kind == Kind::ExchangeRows) {
          received = input<int64_t>(op, term, 2)[b];
        } else {
          const bool fetches = op.kind == Kind::FetchRemoteRows;
          const int64_t *slices = input<int64_t>(op, term, fetches ? 4 : 3),
                        theirs = input<int64_t>(op, term, fetches ? 3 : 2)[b],
                        mine = slices[b + 1] - slices[b];
          sent = fetches ? theirs : mine;
          received = fetches ? mine : theirs;
        }
        out += uint64_t(PeerBlocks::packed(bytesOf(sent * term.width)));
        in += uint64_t(PeerBlocks::packed(bytesOf(received * term.width)));
      }
    outBytes = std::max(outBytes, out);
    inBytes = std::max(inBytes, in);
  }
  HEDDLE_RETURN_IF_ERROR(budget_.grow(outbox_, outBytes, UINT64_MAX, "exchange of small tables"));
  return budget_.grow(inbox_, inBytes, UINT64_MAX, "exchange of small tables");
}

void CommQueue::startTables(Op &op) {
  for (Term &term : op.terms)
    term.place = data(term.scratch);
  blocks_.start(op.terms.size() > 1, outbox_.data(), inbox_.data());
}

absl::Status CommQueue::exchangeTables(const Op &op) {
  sentBytes_ += blocks_.sentBytes();
  return transport_.exchange(transport_.tag(static_cast<int64_t>(step_), op.collective.id),
                             trafficOf(op.collective.traffic), blocks_.sends(), blocks_.receives());
}

absl::Status CommQueue::fetchRemoteRows(Op &op, ThreadPool *pool) {
  startTables(op);
  for (Term &term : op.terms)
    term.asked = input<int64_t>(op, term, 2);
  for (size_t b = 0; b < op.collective.size(); ++b) {
    blocks_.peer(peerOf(op, b));
    for (Term &term : op.terms) {
      const float *table = input<float>(op, term, 0);
      const int64_t *slices = input<int64_t>(op, term, 4), *asked = term.asked,
                    count = input<int64_t>(op, term, 3)[b], mine = slices[b + 1] - slices[b],
                    width = term.width;
      float *rows = data(term.out) + slices[b] * width;
      term.asked += count;
      if (b == size_t(op.me)) {
        copyRows(table, input<int64_t>(op, term, 1) + slices[b], mine, width, rows, pool);
        continue;
      }
      void *to = blocks_.write(term.place, bytesOf(count * width));
      copyRows(table, asked, count, width, static_cast<float *>(to), pool);
      term.place += count * width;
      blocks_.receiveInto(rows, bytesOf(mine * width));
    }
  }
  HEDDLE_RETURN_IF_ERROR(exchangeTables(op));
  blocks_.unpack();
  return absl::OkStatus();
}

absl::Status CommQueue::pushRows(Op &op, ThreadPool *pool) {
  const size_t q = op.collective.size();
  startTables(op);
  for (size_t b = 0; b < q; ++b) {
    blocks_.peer(peerOf(op, b));
    for (size_t t = 0; t < op.terms.size(); ++t) {
      Term &term = op.terms[t];
      const int64_t *slices = input<int64_t>(op, term, 3),
                    count = input<int64_t>(op, term, 2)[b] * term.width;
      const float *rows = data(term.in) + slices[b] * term.width;
      const float *&part = parts_[t * q + b];
      part = rows;
      if (b == size_t(op.me))
        continue;
      blocks_.send(rows, bytesOf((slices[b + 1] - slices[b]) * term.width));
      part = static_cast<const float *>(blocks_.receive(term.place, bytesOf(count)));
      term.place += count;
    }
  }
  HEDDLE_RETURN_IF_ERROR(exchangeTables(op));
  for (size_t t = 0; t < op.terms.size(); ++t)
    sumTable(op, t, input<int32_t>(op, op.terms[t], 1), pool);
  return absl::OkStatus();
}

absl::Status CommQueue::exchangeRows(Op &op, ThreadPool *pool) {
  const size_t q = op.collective.size();
  startTables(op);
  bool sent = false; // the same to all
  for (size_t b = 0; b < q; ++b) {
    const bool mine = b == size_t(op.me);
    if (!mine)
      blocks_.peer(peerOf(op, b));
    if (!mine && sent)
      blocks_.sendAgain();
    for (size_t t = 0; t < op.terms.size(); ++t) {
      Term &term = op.terms[t];
      const int64_t numbers = input<int64_t>(op, term, 2)[b] * term.width;
      const float *&part = parts_[t * q + b];
      part = data(term.in);
      if (!mine) {
        if (!sent)
          blocks_.send(data(term.in), bytesOf(term.units * term.width));
        part = static_cast<const float *>(blocks_.receive(term.place, bytesOf(numbers)));
      }
      term.place += numbers; // one's own rows have room too: scratch is for all that is gathered
    }
    sent |= !mine;
  }
  HEDDLE_RETURN_IF_ERROR(exchangeTables(op));
  for (size_t t = 0; t < op.terms.size(); ++t)
    sumTable(op, t, input<int32_t>(op, op.terms[t], 1), pool);
  return absl::OkStatus();
}

void CommQueue::sumTable(const Op &op, size_t index, const int32_t *table, ThreadPool *pool) {
  const Term &term = op.terms[index];
  const size_t q = op.collective.size();
  const int64_t rows = term.outRows, width = term.width;
  std::span<const float *const> parts(parts_.data() + index * q, q);
  const int64_t chunk = std::max<int64_t>(copyBytes / bytesOf(2 * width), 16);
  const int64_t tasks = (rows + chunk - 1) / chunk;
  if (!pool || tasks < 2)
    sumRows(parts, table, width, data(term.out), 0, rows);
  else
    pool->parallelFor(tasks, [&](int64_t t, int) {
      sumRows(parts, table, width, data(term.out), t * chunk, std::min(rows, (t + 1) * chunk));
    });
}

absl::Status CommQueue::gatherBlocks(Op &op) {
  const Term &term = op.terms[0];
  const int64_t q = static_cast<int64_t>(op.collective.size()), all = op.terms[0].outRows;
  const int64_t *begins = op.op->inputs.size() > 1 ? input<int64_t>(op, term, 1) : nullptr;
  float *out = data(term.out);
  sends_.clear();
  receives_.clear();
  for (int64_t b = 0; b < q; ++b) {
    const int64_t begin = begins ? begins[b] : plan::blockBegin(all, b, q),
                  rows = (begins ? begins[b + 1] : plan::blockBegin(all, b + 1, q)) - begin;
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
