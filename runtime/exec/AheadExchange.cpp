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

bool hasUnions(const plan::EntryT &entry) {
  return std::any_of(entry.ops.begin(), entry.ops.end(),
                     [](const auto &op) { return op->attrs.AsUnionRowsAttrs() != nullptr; });
}

int32_t symbolOf(const plan::EntryT &entry, plan::SymbolKind kind,
                 const plan::UnionRowsAttrsT &attrs) {
  for (size_t s = 0; s < entry.symbols.size(); ++s)
    if (entry.symbols[s]->kind == kind && entry.symbols[s]->hop == attrs.hop &&
        entry.symbols[s]->index == attrs.node_type)
      return static_cast<int32_t>(s);
  return -1;
}
} // namespace

std::unique_ptr<AheadExchange> AheadExchange::create(const plan::PlanT &plan,
                                                     const plan::EntryT &entry,
                                                     const Partners &partners,
                                                     MemoryBudget &budget) {
  if (!hasUnions(entry))
    return nullptr;
  std::unique_ptr<AheadExchange> self(new AheadExchange(entry, partners, budget));
  self->place_.assign(entry.ops.size(), -1);
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const plan::OpT &op = *entry.ops[i];
    const auto *attrs = op.attrs.AsUnionRowsAttrs();
    if (!attrs)
      continue;
    Op added;
    added.op = &op;
    added.collective = plan::collectiveOf(op);
    added.me = added.collective.indexOf(partners.partition);
    added.rows = entry.buffers[static_cast<size_t>(op.inputs[0])]->rows->symbol();
    added.unionRows = symbolOf(entry, plan::SymbolKind::Union, *attrs);
    added.gathered = symbolOf(entry, plan::SymbolKind::Gathered, *attrs);
    added.counts.resize(added.collective.size());
    added.heads.resize(added.collective.size());
    added.lists.resize(added.collective.size());
    self->place_[i] = static_cast<int32_t>(self->ops_.size());
    self->ops_.push_back(std::move(added));
  }
  // Everybody who numbers rows with anybody meets, so that a stop reaches all at the same meeting.
  for (const auto &other : plan.entries) {
    if (!runTogether(entry, *other) || other->partition == partners.partition || !hasUnions(*other))
      continue;
    Partner partner;
    partner.rank = static_cast<int>(other->partition);
    for (size_t i = 0; i < self->ops_.size(); ++i)
      if (self->ops_[i].collective.has(other->partition))
        partner.shared.push_back(i);
    self->partners_.push_back(std::move(partner));
  }
  size_t words = 0, blocks = self->partners_.size();
  for (Partner &partner : self->partners_) {
    partner.first = words;
    words += 1 + partner.shared.size();
  }
  for (const Op &op : self->ops_)
    blocks = std::max(blocks, op.collective.size());
  self->out_.resize(words);
  self->in_.resize(words);
  self->sends_.reserve(blocks);
  self->receives_.reserve(blocks);
  return self;
}

AheadExchange::~AheadExchange() {
  for (Op &op : ops_)
    budget_.release(op.arrived);
}

absl::Status AheadExchange::meet(uint64_t step, const StepSlot *slot, bool go, bool &stopped) {
  sends_.clear();
  receives_.clear();
  for (const Partner &partner : partners_) {
    int64_t *words = out_.data() + partner.first;
    words[0] = go;
    for (size_t k = 0; k < partner.shared.size(); ++k)
      words[1 + k] = go ? static_cast<int64_t>(
                              slot->symbols[static_cast<size_t>(ops_[partner.shared[k]].rows)])
                        : 0;
    const int64_t bytes = static_cast<int64_t>((1 + partner.shared.size()) * sizeof(int64_t));
    sends_.push_back({partner.rank, words, bytes});
    receives_.push_back({partner.rank, in_.data() + partner.first, bytes, nullptr});
  }
  HEDDLE_RETURN_IF_ERROR(transport_.exchange(transport_.tag(static_cast<int64_t>(step), countsOp),
                                             transport::Traffic::Control, sends_, receives_));
  stopped = !go;
  for (const Partner &partner : partners_) {
    const int64_t *words = in_.data() + partner.first;
    stopped |= words[0] == 0;
    for (size_t k = 0; k < partner.shared.size(); ++k) {
      Op &op = ops_[partner.shared[k]];
      op.counts[op.collective.indexOf(static_cast<uint32_t>(partner.rank))] = words[1 + k];
    }
  }
  if (go)
    for (Op &op : ops_)
      op.counts[op.me] = static_cast<int64_t>(slot->symbols[static_cast<size_t>(op.rows)]);
  return absl::OkStatus();
}

absl::Status AheadExchange::grow(StepSlot &slot, int32_t buffer, uint64_t elements) {
  if (buffer < 0)
    return absl::OkStatus();
  const plan::BufferT &b = *entry_.buffers[static_cast<size_t>(buffer)];
  return budget_.grow(slot.memory[static_cast<size_t>(buffer)],
                      elements * static_cast<uint64_t>(plan::sizeOf(b.dtype)), UINT64_MAX,
                      "step slot");
}

absl::Status AheadExchange::run(size_t index, StepSlot &slot, Trace::Track *track) {
  Op &op = ops_[static_cast<size_t>(place_[index])];
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
    HEDDLE_RETURN_IF_ERROR(grow(slot, idsOut, size));
    HEDDLE_RETURN_IF_ERROR(grow(slot, tableOut, size * q));
  }
  HEDDLE_RETURN_IF_ERROR(grow(slot, countsOut, q));
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
