//===- AheadSpread.cpp - rows asked of their keepers -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Ids of a frontier ascend and each keeper has a range of rows, so what goes to and comes from a
// keeper is one slice: rows arrive where they belong, without a list of places.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/AheadExchange.h"

#include "runtime/exec/Reduce.h"

#include <algorithm>
#include <limits>

namespace heddle::exec {

namespace {
constexpr int64_t maxLocal = std::numeric_limits<int32_t>::max();

int64_t bytesOf(int64_t ids) { return ids * static_cast<int64_t>(sizeof(int64_t)); }
} // namespace

void AheadExchange::sliceIds(const Op &op, Term &term, StepSlot &slot) {
  const int64_t *ids = slot.get<int64_t>(term.ids);
  const int64_t rows = static_cast<int64_t>(slot.symbols[static_cast<size_t>(term.rows)]);
  const int64_t q = static_cast<int64_t>(op.collective.size());
  for (int64_t k = 0; k <= q; ++k)
    term.slices[static_cast<size_t>(k)] =
        std::lower_bound(ids, ids + rows, plan::blockBegin(term.nodes, k, q)) - ids;
  term.totals[op.me] = rows - (term.slices[op.me + 1] - term.slices[op.me]);
}

absl::Status AheadExchange::request(Op &op, StepSlot &slot, Trace::Track *track) {
  const uint64_t start = track ? Trace::nowNs() : 0;
  const size_t q = op.collective.size();
  for (Term &term : op.terms) {
    HEDDLE_RETURN_IF_ERROR(growRequest(op, term, slot));
    int64_t *at = slot.get<int64_t>(term.out[2]);
    for (size_t b = 0; b < q; ++b) {
      term.lists[b] = at;
      at += term.counts[b];
    }
  }
  HEDDLE_RETURN_IF_ERROR(this->start(op, [&](const Term &term, size_t b) {
    return std::pair(PeerBlocks::packed(bytesOf(term.slices[b + 1] - term.slices[b])),
                     PeerBlocks::packed(bytesOf(term.counts[b])));
  }));
  for (size_t b = 0; b < q; ++b) {
    blocks_.peer(op.peer(b));
    for (Term &term : op.terms) {
      const int64_t *ids = slot.get<int64_t>(term.ids) + term.slices[b];
      const int64_t mine = term.slices[b + 1] - term.slices[b];
      int64_t *asked = const_cast<int64_t *>(term.lists[b]); // in the slot
      if (b == op.me) {
        std::copy_n(ids, mine, asked);
        continue;
      }
      blocks_.send(ids, bytesOf(mine));
      blocks_.receiveInto(asked, bytesOf(term.counts[b]));
    }
  }
  uint64_t sent = 0, rows = 0;
  HEDDLE_RETURN_IF_ERROR(exchange(op, slot, trafficOf(op.collective.traffic), sent));
  for (Term &term : op.terms) {
    HEDDLE_RETURN_IF_ERROR(checkAsked(op, term));
    uint64_t kept = 0;
    HEDDLE_RETURN_IF_ERROR(keep(op, term, slot, kept));
    rows += kept;
  }
  if (track)
    track->record({op.op->name.c_str(), op.op->id, slot.step, start, Trace::nowNs(), rows, sent});
  return absl::OkStatus();
}

absl::Status AheadExchange::growRequest(const Op &op, const Term &term, StepSlot &slot) {
  const size_t q = op.collective.size();
  uint64_t asked = 0;
  for (int64_t count : term.counts) {
    if (count < 0 || count > maxLocal)
      return internalError("op '" + op.op->name + "': another partition says that it has " +
                           std::to_string(count) + " rows");
    asked += static_cast<uint64_t>(count);
  }
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, term.out[2], asked));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, term.out[3], q));
  return growSlot(budget_, entry_, slot, term.out[4], q + 1);
}

absl::Status AheadExchange::checkAsked(const Op &op, const Term &term) const {
  const int64_t q = static_cast<int64_t>(op.collective.size()), me = static_cast<int64_t>(op.me),
                first = plan::blockBegin(term.nodes, me, q),
                end = plan::blockBegin(term.nodes, me + 1, q);
  for (size_t b = 0; b < term.lists.size(); ++b)
    if (term.counts[b] && (term.lists[b][0] < first || term.lists[b][term.counts[b] - 1] >= end ||
                           !std::is_sorted(term.lists[b], term.lists[b] + term.counts[b])))
      return internalError("op '" + op.op->name + "': partition " + std::to_string(op.peer(b)) +
                           " asks for rows that are not kept here; do all workers have one graph?");
  return absl::OkStatus();
}

absl::Status AheadExchange::keep(Op &op, Term &term, StepSlot &slot, uint64_t &kept) {
  uint64_t asked = 0, remote = 0;
  for (size_t b = 0; b < op.collective.size(); ++b) {
    asked += static_cast<uint64_t>(term.counts[b]);
    remote += static_cast<uint64_t>(term.totals[b]);
  }
  const uint64_t most = asked; // of what is kept
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, term.out[0], most));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, term.out[1], most * op.collective.size()));
  kept = static_cast<uint64_t>(uniteLists(term.lists, term.counts, term.heads,
                                          slot.get<int64_t>(term.out[0]),
                                          slot.get<int32_t>(term.out[1])));
  std::copy(term.counts.begin(), term.counts.end(), slot.get<int64_t>(term.out[3]));
  std::copy(term.slices.begin(), term.slices.end(), slot.get<int64_t>(term.out[4]));
  for (auto [symbol, value] : {std::pair{term.unionRows, kept}, std::pair{term.gathered, asked},
                               std::pair{term.remote, remote}})
    if (symbol >= 0)
      slot.symbols[static_cast<size_t>(symbol)] = value;
  return absl::OkStatus();
}

} // namespace heddle::exec
