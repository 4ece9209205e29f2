//===- AheadExchange.cpp - ids between the fetch queues ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/AheadExchange.h"

#include "runtime/exec/Reduce.h"

#include <algorithm>
#include <limits>

namespace heddle::exec {

namespace {
constexpr uint64_t maxLocal = std::numeric_limits<int32_t>::max();

bool meetsAhead(const plan::EntryT &entry) {
  return std::any_of(entry.ops.begin(), entry.ops.end(), [](const auto &op) {
    return op->queue == plan::Queue::Fetch && plan::collectiveOf(*op);
  });
}

int32_t symbolOf(const plan::EntryT &entry, plan::SymbolKind kind, uint32_t hop, uint32_t type,
                 uint32_t aux = 0) {
  for (size_t s = 0; s < entry.symbols.size(); ++s)
    if (entry.symbols[s]->kind == kind && entry.symbols[s]->hop == hop &&
        entry.symbols[s]->index == type && entry.symbols[s]->aux == aux)
      return static_cast<int32_t>(s);
  return -1;
}
} // namespace

absl::StatusOr<std::unique_ptr<AheadExchange>>
AheadExchange::create(const plan::PlanT &plan, const plan::EntryT &entry, const Partners &partners,
                      const graph::GraphStore &graph, MemoryBudget &budget) {
  if (!meetsAhead(entry))
    return std::unique_ptr<AheadExchange>();
  std::unique_ptr<AheadExchange> self(new AheadExchange(entry, partners, budget));
  self->place_.assign(entry.ops.size(), -1);
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const plan::OpT &op = *entry.ops[i];
    if (op.queue != plan::Queue::Fetch || !plan::collectiveOf(op))
      continue;
    Op added;
    added.op = &op;
    added.collective = plan::collectiveOf(op);
    added.me = added.collective.indexOf(partners.partition);
    added.rows = entry.buffers[static_cast<size_t>(op.inputs[0])]->rows->symbol();
    using enum plan::SymbolKind;
    if (const auto *attrs = op.attrs.AsUnionRowsAttrs()) {
      added.unionRows = symbolOf(entry, Union, attrs->hop, attrs->node_type);
      added.gathered = symbolOf(entry, Gathered, attrs->hop, attrs->node_type);
    } else if (const auto *attrs = op.attrs.AsRequestRowsAttrs()) {
      added.unionRows = symbolOf(entry, Kept, attrs->hop, attrs->node_type);
      added.gathered = symbolOf(entry, Asked, attrs->hop, attrs->node_type);
      added.remote = symbolOf(entry, Remote, attrs->hop, attrs->node_type);
      added.nodes = graph.schema().nodeTypes[attrs->node_type].numNodes;
    } else if (const auto *attrs = op.attrs.AsFetchRemoteAttrs()) {
      added.fetch = attrs;
      added.remote =
          symbolOf(entry, RemoteNnz, attrs->hop, attrs->node_type, attrs->feature_index);
      HEDDLE_RETURN_IF_ERROR(self->lookUp(added, plan, graph));
    }
    added.counts.resize(added.collective.size());
    added.heads.resize(added.collective.size());
    added.lists.resize(added.collective.size());
    added.totals.resize(added.collective.size());
    added.slices.resize(added.collective.size() + 1);
    self->place_[i] = static_cast<int32_t>(self->ops_.size());
    self->ops_.push_back(std::move(added));
  }
  // Everybody who numbers rows with anybody meets, so that a stop reaches all at the same meeting.
  for (const auto &other : plan.entries) {
    if (!runTogether(entry, *other) || other->partition == partners.partition ||
        !meetsAhead(*other))
      continue;
    Partner partner;
    partner.rank = static_cast<int>(other->partition);
    for (size_t i = 0; i < self->ops_.size(); ++i)
      if (self->ops_[i].words() && self->ops_[i].collective.has(other->partition))
        partner.shared.push_back(i);
    self->partners_.push_back(std::move(partner));
  }
  size_t words = 0, blocks = self->partners_.size();
  for (Partner &partner : self->partners_) {
    partner.first = words;
    ++words;
    for (size_t i : partner.shared)
      words += self->ops_[i].words();
  }
  for (const Op &op : self->ops_)
    blocks = std::max(blocks, op.collective.size() * 2);
  self->out_.resize(words);
  self->in_.resize(words);
  self->sends_.reserve(blocks);
  self->receives_.reserve(blocks);
  return self;
}

AheadExchange::~AheadExchange() {
  for (Op &op : ops_)
    for (HugeMemory *memory : {&op.arrived, &op.outIdx, &op.outVal, &op.lengths, &op.outLengths,
                               &op.idx, &op.val, &op.columns})
      budget_.release(*memory);
}

absl::Status AheadExchange::meet(uint64_t step, StepSlot *slot, bool go, bool &stopped) {
  sends_.clear();
  receives_.clear();
  if (go)
    for (Op &op : ops_)
      if (op.op->attrs.AsRequestRowsAttrs())
        sliceIds(op, *slot);
  for (const Partner &partner : partners_) {
    int64_t *words = out_.data() + partner.first;
    *words++ = go;
    for (size_t i : partner.shared) {
      const Op &op = ops_[i];
      const size_t b = op.collective.indexOf(static_cast<uint32_t>(partner.rank));
      if (op.words() == unionWords) {
        *words++ = go ? static_cast<int64_t>(slot->symbols[static_cast<size_t>(op.rows)]) : 0;
      } else {
        *words++ = go ? op.slices[b + 1] - op.slices[b] : 0;
        *words++ = go ? op.totals[op.me] : 0;
      }
    }
    const int64_t bytes =
        (words - (out_.data() + partner.first)) * static_cast<int64_t>(sizeof(int64_t));
    sends_.push_back({partner.rank, out_.data() + partner.first, bytes});
    receives_.push_back({partner.rank, in_.data() + partner.first, bytes, nullptr});
  }
  HEDDLE_RETURN_IF_ERROR(transport_.exchange(transport_.tag(static_cast<int64_t>(step), countsOp),
                                             transport::Traffic::Control, sends_, receives_));
  stopped = !go;
  for (const Partner &partner : partners_) {
    const int64_t *words = in_.data() + partner.first;
    stopped |= *words++ == 0;
    for (size_t i : partner.shared) {
      Op &op = ops_[i];
      const size_t b = op.collective.indexOf(static_cast<uint32_t>(partner.rank));
      op.counts[b] = *words++;
      if (op.words() == requestWords)
        op.totals[b] = *words++;
    }
  }
  if (!go)
    return absl::OkStatus();
  for (Op &op : ops_) {
    if (op.words() == unionWords)
      op.counts[op.me] = static_cast<int64_t>(slot->symbols[static_cast<size_t>(op.rows)]);
    else if (op.words() == requestWords)
      op.counts[op.me] = op.slices[op.me + 1] - op.slices[op.me];
  }
  return absl::OkStatus();
}

absl::Status AheadExchange::run(size_t index, StepSlot &slot, Trace::Track *track) {
  Op &op = ops_[static_cast<size_t>(place_[index])];
  if (op.fetch)
    return op.fetch->sparse ? fetchSparse(op, slot, track) : fetchDense(op, slot, track);
  return op.words() == requestWords ? request(op, slot, track) : unite(op, slot, track);
}

absl::Status AheadExchange::unite(Op &op, StepSlot &slot, Trace::Track *track) {
  const uint64_t start = track ? Trace::nowNs() : 0;
  const size_t q = op.collective.size();
  uint64_t gathered = 0;
  for (int64_t count : op.counts) {
    if (count < 0 || static_cast<uint64_t>(count) > maxLocal)
      return internalError("op '" + op.op->name + "': another partition says that it has " +
                           std::to_string(count) + " rows");
    gathered += static_cast<uint64_t>(count);
  }
  const int64_t own = op.counts[op.me];
  HEDDLE_RETURN_IF_ERROR(budget_.grow(
      op.arrived, (gathered - static_cast<uint64_t>(own)) * sizeof(int64_t), UINT64_MAX, "ids"));
  sends_.clear();
  receives_.clear();
  int64_t *at = static_cast<int64_t *>(op.arrived.data());
  const int64_t *ids = slot.get<int64_t>(op.op->inputs[0]);
  uint64_t sent = 0;
  for (size_t b = 0; b < q; ++b) {
    op.lists[b] = ids;
    if (b == op.me)
      continue;
    const int peer = static_cast<int>((*op.collective.participants)[b]);
    const int64_t bytes = op.counts[b] * static_cast<int64_t>(sizeof(int64_t));
    sends_.push_back({peer, ids, own * static_cast<int64_t>(sizeof(int64_t))});
    receives_.push_back({peer, at, bytes, nullptr});
    sent += static_cast<uint64_t>(own) * sizeof(int64_t);
    op.lists[b] = at;
    at += op.counts[b];
  }
  HEDDLE_RETURN_IF_ERROR(
      transport_.exchange(transport_.tag(static_cast<int64_t>(slot.step), op.collective.id),
                          trafficOf(op.collective.traffic), sends_, receives_));

  // Only where the buffers cannot hold all that is gathered is the union counted before.
  const int32_t idsOut = op.op->outputs[0], tableOut = op.op->outputs[1],
                countsOut = op.op->outputs[2];
  auto holds = [&](int32_t buffer, uint64_t bytes) {
    return buffer < 0 || slot.memory[static_cast<size_t>(buffer)].capacity() >= bytes;
  };
  uint64_t size = 0;
  if (!holds(idsOut, gathered * sizeof(int64_t)) ||
      !holds(tableOut, gathered * q * sizeof(int32_t))) {
    size = static_cast<uint64_t>(uniteLists(op.lists, op.counts, op.heads, nullptr, nullptr));
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, idsOut, size));
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, tableOut, size * q));
  }
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, countsOut, q));
  size = static_cast<uint64_t>(uniteLists(op.lists, op.counts, op.heads, slot.get<int64_t>(idsOut),
                                          slot.get<int32_t>(tableOut)));
  if (size > maxLocal)
    return absl::ResourceExhaustedError(absl::string_view(
        "op '" + op.op->name + "': " + std::to_string(size) +
        " rows in one batch, more than 2^31 - 1; use a smaller batch_size or fanout"));
  if (int64_t *counts = slot.get<int64_t>(countsOut))
    std::copy(op.counts.begin(), op.counts.end(), counts);
  if (op.unionRows >= 0)
    slot.symbols[static_cast<size_t>(op.unionRows)] = size;
  if (op.gathered >= 0)
    slot.symbols[static_cast<size_t>(op.gathered)] = gathered;
  if (track)
    track->record({op.op->name.c_str(), op.op->id, slot.step, start, Trace::nowNs(), size, sent});
  return absl::OkStatus();
}

} // namespace heddle::exec
