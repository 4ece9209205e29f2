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
                      const graph::GraphStore &graph, MemoryBudget &budget,
                      FeatureTiers *tiers) {
  if (!meetsAhead(entry))
    return std::unique_ptr<AheadExchange>();
  std::unique_ptr<AheadExchange> self(new AheadExchange(entry, partners, budget));
  self->tiers_ = tiers;
  self->place_.assign(entry.ops.size(), -1);
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const plan::OpT &op = *entry.ops[i];
    if (op.queue != plan::Queue::Fetch || !plan::collectiveOf(op))
      continue;
    Op added;
    added.op = &op;
    added.collective = plan::collectiveOf(op);
    added.me = added.collective.indexOf(partners.partition);
    HEDDLE_RETURN_IF_ERROR(self->addTerms(added, plan, graph));
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
      words += self->ops_[i].words() * self->ops_[i].terms.size();
  }
  // Of a term two arrays at most, besides what is packed.
  size_t termBlocks = 0;
  for (const Op &op : self->ops_)
    termBlocks = std::max(termBlocks, op.collective.size() * (op.terms.size() * 2 + 1));
  self->out_.resize(words);
  self->in_.resize(words);
  self->sends_.reserve(blocks);
  self->receives_.reserve(blocks);
  self->blocks_.reserve(termBlocks);
  return self;
}

absl::Status AheadExchange::addTerms(Op &op, const plan::PlanT &plan,
                                     const graph::GraphStore &graph) {
  using enum plan::SymbolKind;
  const size_t inputs = plan::inputsOfRowTerm(op.op->attrs.type), q = op.collective.size();
  size_t out = 0;
  auto add = [&](size_t outputs) -> Term & {
    Term &term = op.terms.emplace_back();
    const int32_t *in = op.op->inputs.data() + (op.terms.size() - 1) * inputs;
    term.ids = in[0];
    term.request = in + 1;
    term.out = op.op->outputs.data() + out;
    out += outputs;
    term.rows = entry_.buffers[static_cast<size_t>(term.ids)]->rows->symbol();
    term.counts.resize(q);
    term.heads.resize(q);
    term.lists.resize(q);
    term.totals.resize(q);
    term.slices.resize(q + 1);
    return term;
  };
  if (const auto *attrs = op.op->attrs.AsUnionRowsAttrs()) {
    op.kind = Kind::Union;
    for (const plan::RowsAt &at : plan::rowsOf(*attrs)) {
      Term &term = add(3);
      term.unionRows = symbolOf(entry_, Union, at.hop(), at.node_type());
      term.gathered = symbolOf(entry_, Gathered, at.hop(), at.node_type());
    }
  } else if (const auto *attrs = op.op->attrs.AsRequestRowsAttrs()) {
    op.kind = Kind::Request;
    for (const plan::RowsAt &at : plan::rowsOf(*attrs)) {
      Term &term = add(5);
      term.unionRows = symbolOf(entry_, Kept, at.hop(), at.node_type());
      term.gathered = symbolOf(entry_, Asked, at.hop(), at.node_type());
      term.remote = symbolOf(entry_, Remote, at.hop(), at.node_type());
      term.nodes = graph.schema().nodeTypes[at.node_type()].numNodes;
    }
  } else {
    op.kind = Kind::Features;
    for (plan::RemoteFeatureT &feature : plan::featuresOf(*op.op->attrs.AsFetchRemoteAttrs())) {
      Term &term = add(plan::outputsOf(feature));
      term.remote =
          symbolOf(entry_, RemoteNnz, feature.hop, feature.node_type, feature.feature_index);
      op.anySparse |= feature.sparse;
      term.feature = std::move(feature);
      HEDDLE_RETURN_IF_ERROR(lookUp(op, term, plan, graph));
    }
    op.outTotals.resize(op.terms.size());
    op.inTotals.resize(op.terms.size() * q);
  }
  return absl::OkStatus();
}

AheadExchange::~AheadExchange() {
  for (Op &op : ops_)
    for (Term &term : op.terms)
      for (HugeMemory *memory : {&term.arrived, &term.outIdx, &term.outVal, &term.lengths,
                                 &term.outLengths, &term.idx, &term.val, &term.columns})
        budget_.release(*memory);
  budget_.release(outbox_);
  budget_.release(inbox_);
}

absl::Status AheadExchange::meet(uint64_t step, StepSlot *slot, bool go, bool &stopped) {
  sends_.clear();
  receives_.clear();
  if (go)
    for (Op &op : ops_)
      for (Term &term : op.terms)
        if (op.kind == Kind::Request)
          sliceIds(op, term, *slot);
  for (const Partner &partner : partners_) {
    int64_t *words = out_.data() + partner.first;
    *words++ = go;
    for (size_t i : partner.shared) {
      const Op &op = ops_[i];
      const size_t b = op.collective.indexOf(static_cast<uint32_t>(partner.rank));
      for (const Term &term : op.terms) {
        if (op.kind == Kind::Union) {
          *words++ = go ? static_cast<int64_t>(slot->symbols[static_cast<size_t>(term.rows)]) : 0;
        } else {
          *words++ = go ? term.slices[b + 1] - term.slices[b] : 0;
          *words++ = go ? term.totals[op.me] : 0;
        }
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
      for (Term &term : op.terms) {
        term.counts[b] = *words++;
        if (op.kind == Kind::Request)
          term.totals[b] = *words++;
      }
    }
  }
  if (!go)
    return absl::OkStatus();
  for (Op &op : ops_)
    for (Term &term : op.terms) {
      if (op.kind == Kind::Union)
        term.counts[op.me] = static_cast<int64_t>(slot->symbols[static_cast<size_t>(term.rows)]);
      else if (op.kind == Kind::Request)
        term.counts[op.me] = term.slices[op.me + 1] - term.slices[op.me];
    }
  return absl::OkStatus();
}

absl::Status AheadExchange::run(size_t index, StepSlot &slot, Trace::Track *track) {
  Op &op = ops_[static_cast<size_t>(place_[index])];
  switch (op.kind) {
  case Kind::Union:
    return unite(op, slot, track);
  case Kind::Request:
    return request(op, slot, track);
  case Kind::Features:
    break;
  }
  return fetch(op, slot, track);
}

absl::Status AheadExchange::exchange(const Op &op, const StepSlot &slot,
                                     transport::Traffic traffic, uint64_t &sent) {
  sent += blocks_.sentBytes();
  HEDDLE_RETURN_IF_ERROR(transport_.exchange(
      transport_.tag(static_cast<int64_t>(slot.step), op.collective.id), traffic, blocks_.sends(),
      blocks_.receives()));
  blocks_.unpack();
  return absl::OkStatus();
}

absl::Status AheadExchange::unite(Op &op, StepSlot &slot, Trace::Track *track) {
  const uint64_t start = track ? Trace::nowNs() : 0;
  const size_t q = op.collective.size();
  auto bytesOf = [](int64_t ids) { return ids * static_cast<int64_t>(sizeof(int64_t)); };
  for (Term &term : op.terms) {
    int64_t others = 0;
    for (size_t b = 0; b < q; ++b) {
      if (term.counts[b] < 0 || static_cast<uint64_t>(term.counts[b]) > maxLocal)
        return internalError("op '" + op.op->name + "': another partition says that it has " +
                             std::to_string(term.counts[b]) + " rows");
      others += b == op.me ? 0 : term.counts[b];
    }
    HEDDLE_RETURN_IF_ERROR(
        budget_.grow(term.arrived, static_cast<uint64_t>(bytesOf(others)), UINT64_MAX, "ids"));
    int64_t *at = static_cast<int64_t *>(term.arrived.data());
    for (size_t b = 0; b < q; ++b) {
      term.lists[b] = b == op.me ? slot.get<int64_t>(term.ids) : at;
      at += b == op.me ? 0 : term.counts[b];
    }
  }
  HEDDLE_RETURN_IF_ERROR(this->start(op, [&](const Term &term, size_t b) {
    return std::pair(PeerBlocks::packed(bytesOf(term.counts[op.me])),
                     PeerBlocks::packed(bytesOf(term.counts[b])));
  }));
  bool sentBefore = false; // the same to all
  for (size_t b = 0; b < q; ++b) {
    if (b == op.me)
      continue;
    blocks_.peer(op.peer(b));
    if (sentBefore)
      blocks_.sendAgain();
    for (Term &term : op.terms) {
      if (!sentBefore)
        blocks_.send(term.lists[op.me], bytesOf(term.counts[op.me]));
      blocks_.receiveInto(const_cast<int64_t *>(term.lists[b]), bytesOf(term.counts[b]));
    }
    sentBefore = true;
  }
  uint64_t sent = 0, rows = 0;
  HEDDLE_RETURN_IF_ERROR(exchange(op, slot, trafficOf(op.collective.traffic), sent));
  for (Term &term : op.terms) {
    uint64_t size = 0;
    HEDDLE_RETURN_IF_ERROR(numberRows(op, term, slot, size));
    rows += size;
  }
  if (track)
    track->record({op.op->name.c_str(), op.op->id, slot.step, start, Trace::nowNs(), rows, sent});
  return absl::OkStatus();
}

absl::Status AheadExchange::numberRows(Op &op, Term &term, StepSlot &slot, uint64_t &size) {
  const size_t q = op.collective.size();
  uint64_t gathered = 0;
  for (int64_t count : term.counts)
    gathered += static_cast<uint64_t>(count);
  // Only where the buffers cannot hold all that is gathered is the union counted before.
  const int32_t idsOut = term.out[0], tableOut = term.out[1], countsOut = term.out[2];
  auto holds = [&](int32_t buffer, uint64_t bytes) {
    return buffer < 0 || slot.memory[static_cast<size_t>(buffer)].capacity() >= bytes;
  };
  if (!holds(idsOut, gathered * sizeof(int64_t)) ||
      !holds(tableOut, gathered * q * sizeof(int32_t))) {
    size = static_cast<uint64_t>(uniteLists(term.lists, term.counts, term.heads, nullptr, nullptr));
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, idsOut, size));
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, tableOut, size * q));
  }
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, countsOut, q));
  size = static_cast<uint64_t>(uniteLists(term.lists, term.counts, term.heads,
                                          slot.get<int64_t>(idsOut), slot.get<int32_t>(tableOut)));
  if (size > maxLocal)
    return absl::ResourceExhaustedError(absl::string_view(
        "op '" + op.op->name + "': " + std::to_string(size) +
        " rows in one batch, more than 2^31 - 1; use a smaller batch_size or fanout"));
  if (int64_t *counts = slot.get<int64_t>(countsOut))
    std::copy(term.counts.begin(), term.counts.end(), counts);
  if (term.unionRows >= 0)
    slot.symbols[static_cast<size_t>(term.unionRows)] = size;
  if (term.gathered >= 0)
    slot.symbols[static_cast<size_t>(term.gathered)] = gathered;
  return absl::OkStatus();
}

} // namespace heddle::exec
