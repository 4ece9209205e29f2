//===- CommRows.cpp - rows of tables between partitions ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What a partition has of a keeper's rows is one slice of its frontier (AheadSpread.cpp), so large
// blocks arrive in place. What others ask for is copied into scratch, or where it travels packed.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/CommQueue.h"

#include <algorithm>

namespace heddle::exec {

namespace {
int64_t bytesOf(int64_t numbers) { return numbers * int64_t(sizeof(float)); }
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
  const char *what = "exchange of small tables";
  HEDDLE_ASSIGN_OR_RETURN(outbox_, data_->room(outBox, outBytes, false, what));
  HEDDLE_ASSIGN_OR_RETURN(inbox_, data_->room(inBox, inBytes, false, what));
  return absl::OkStatus();
}

void CommQueue::startTables(Op &op) {
  for (Term &term : op.terms)
    term.place = data(term.scratch);
  blocks_.start(op.terms.size() > 1, outbox_, inbox_);
}

absl::Status CommQueue::exchangeTables(const Op &op) {
  sentBytes_ += blocks_.sentBytes();
  HEDDLE_RETURN_IF_ERROR(data_->finish());
  return transport_.exchange(transport_.tag(static_cast<int64_t>(step_), op.collective.id),
                             trafficOf(op.collective.traffic), blocks_.sends(), blocks_.receives());
}

absl::Status CommQueue::fetchRemoteRows(Op &op, ThreadPool *pool) {
  startTables(op);
  for (Term &term : op.terms)
    term.asked = array<int64_t>(op, term, 2);
  for (size_t b = 0; b < op.collective.size(); ++b) {
    blocks_.peer(peerOf(op, b));
    for (Term &term : op.terms) {
      const float *table = array<float>(op, term, 0);
      const int64_t *slices = input<int64_t>(op, term, 4), *asked = term.asked,
                    count = input<int64_t>(op, term, 3)[b], mine = slices[b + 1] - slices[b],
                    width = term.width;
      float *rows = data(term.out) + slices[b] * width;
      term.asked += count;
      if (b == size_t(op.me)) {
        data_->copyRows(table, array<int64_t>(op, term, 1) + slices[b], mine, width, rows, pool);
        continue;
      }
      void *to = blocks_.write(term.place, bytesOf(count * width));
      data_->copyRows(table, asked, count, width, static_cast<float *>(to), pool);
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
    sumTable(op, t, array<int32_t>(op, op.terms[t], 1), pool);
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
    sumTable(op, t, array<int32_t>(op, op.terms[t], 1), pool);
  return absl::OkStatus();
}

void CommQueue::sumTable(const Op &op, size_t index, const int32_t *table, ThreadPool *pool) {
  const Term &term = op.terms[index];
  const size_t q = op.collective.size();
  data_->sumRows({parts_.data() + index * q, q}, table, term.outRows, term.width, data(term.out),
                 pool);
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
      put(to, data(term.in), term.units * term.width);
      continue;
    }
    const int peer = static_cast<int>((*op.collective.participants)[static_cast<size_t>(b)]);
    send(peer, data(term.in), bytesOf(term.units * term.width));
    receive(peer, to, bytesOf(rows * term.width));
  }
  return exchange(op);
}

} // namespace heddle::exec
