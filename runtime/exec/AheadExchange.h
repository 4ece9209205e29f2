//===- AheadExchange.h - ids between the fetch queues ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The fetch queues work steps ahead and number rows together with others (UnionRows), or ask their
// keepers for rows (RequestRows, then FetchRemote). Before the first of a batch they meet once: each
// tells the others how many ids it has for every op that they share, and whether it goes on. That
// word is what lets a run end early without an error. When it ends after some step, a queue may
// already wait in the meeting of a later batch; every other one still comes to that meeting, says
// stop, and all of them leave it together, in step.
//
// All terms of an op, lists of rows or features, are one exchange.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_AHEADEXCHANGE_H
#define HEDDLE_RUNTIME_EXEC_AHEADEXCHANGE_H

#include "runtime/base/HugeMemory.h"
#include "runtime/exec/Partners.h"
#include "runtime/exec/PeerBlocks.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/exec/Trace.h"
#include "runtime/graph/GraphStore.h"
#include "runtime/plan/RowTerms.h"

#include <memory>
#include <utility>
#include <vector>

namespace heddle::exec {

class FeatureTiers;

class AheadExchange {
public:
  /// Null if the entry has no collective in the fetch queue. Errors name what the graph lacks.
  static absl::StatusOr<std::unique_ptr<AheadExchange>>
  create(const plan::PlanT &plan, const plan::EntryT &entry, const Partners &partners,
         const graph::GraphStore &graph, MemoryBudget &budget, FeatureTiers *tiers = nullptr);
  ~AheadExchange();

  /// Ops of the entry, by index, in their order.
  bool has(size_t op) const { return op < place_.size() && place_[op] >= 0; }

  /// The meeting of one batch, which `slot` holds where the queue goes on. `stopped`: somebody does
  /// not go on; then nobody does, and there is no other meeting in this run.
  absl::Status meet(uint64_t step, StepSlot *slot, bool go, bool &stopped);

  /// What this partition sends in a meeting.
  uint64_t meetingBytes() const { return out_.size() * sizeof(int64_t); }

  /// Op `index` of the batch that was met for last. Grows the slot's buffers.
  absl::Status run(size_t index, StepSlot &slot, Trace::Track *track);

private:
  /// Words of a term at the meeting: a union's number of ids; a request's for that partner, and what
  /// it asks of all others together.
  static constexpr size_t unionWords = 1, requestWords = 2;
  enum class Kind : uint8_t { Union, Request, Features };
  /// Rows that are numbered together or asked for, or a feature.
  struct Term {
    int32_t ids = -1;                                 ///< buffer
    const int32_t *out = nullptr;                     ///< the term's buffers among the op's outputs
    int32_t rows = -1, unionRows = -1, gathered = -1; ///< symbols; of a request: kept and asked
    std::vector<int64_t> counts, heads;               ///< by participant
    std::vector<const int64_t *> lists;
    HugeMemory arrived;
    // Of a request: how many nodes the type has, and where the slices of the keepers begin.
    int32_t remote = -1; ///< symbol
    int64_t nodes = 0;
    std::vector<int64_t> slices, totals;
    // Of a feature. counts and totals: entries that come from each peer, and that go to it.
    plan::RemoteFeatureT feature;
    const int32_t *request = nullptr; ///< buffers: what is asked, counts, slices
    graph::DenseFeatureView dense;
    int tier = -1; ///< table of tiers_, or -1
    graph::SparseFeatureView sparse;
    int32_t nnz = -1; ///< symbol; remote: of remote_nnz
    int64_t entries = 0, sentEntries = 0; ///< of the batch: own, and those that others are sent
    int64_t nextAsked = 0, nextOut = 0, nextEntry = 0; ///< of the next peer: id, number, entry
    HugeMemory outIdx, outVal, lengths, outLengths, idx, val, columns;
  };
  struct Op {
    const plan::OpT *op = nullptr;
    Kind kind = Kind::Union;
    plan::Collective collective;
    size_t me = 0; ///< place among the participants
    std::vector<Term> terms;
    bool anySparse = false;
    std::vector<int64_t> outTotals, inTotals; ///< of sparse features: entries sent, by term

    size_t words() const {
      return kind == Kind::Features ? 0 : kind == Kind::Request ? requestWords : unionWords;
    }
    int peer(size_t b) const { return static_cast<int>((*collective.participants)[b]); }
  };
  struct Partner {
    int rank = 0;
    std::vector<size_t> shared; ///< ops_ with words that both have
    size_t first = 0;           ///< of its words, in both arrays
  };

  AheadExchange(const plan::EntryT &entry, const Partners &partners, MemoryBudget &budget)
      : entry_(entry), transport_(*partners.connections.ahead), budget_(budget) {}
  absl::Status addTerms(Op &op, const plan::PlanT &plan, const graph::GraphStore &graph);
  /// Begins an exchange with room for what is packed, of which sizes(term, b) gives the bytes that go
  /// to and come from participant b.
  template <class Sizes> absl::Status start(const Op &op, const Sizes &sizes);
  absl::Status exchange(const Op &op, const StepSlot &slot, transport::Traffic traffic,
                        uint64_t &sent);
  absl::Status unite(Op &op, StepSlot &slot, Trace::Track *track);
  absl::Status numberRows(Op &op, Term &term, StepSlot &slot, uint64_t &size);
  // AheadSpread.cpp
  void sliceIds(const Op &op, Term &term, StepSlot &slot);
  absl::Status request(Op &op, StepSlot &slot, Trace::Track *track);
  absl::Status growRequest(const Op &op, const Term &term, StepSlot &slot);
  /// What others ask for is used to read rows.
  absl::Status checkAsked(const Op &op, const Term &term) const;
  absl::Status keep(Op &op, Term &term, StepSlot &slot, uint64_t &kept);
  // AheadFeatures.cpp
  absl::Status lookUp(const Op &op, Term &term, const plan::PlanT &plan,
                      const graph::GraphStore &graph);
  absl::Status fetch(Op &op, StepSlot &slot, Trace::Track *track);
  absl::Status fetchRows(Op &op, StepSlot &slot, uint64_t &sent);
  absl::Status fetchEntries(Op &op, StepSlot &slot, uint64_t &sent);
  absl::Status growEntries(const Op &op, Term &term, StepSlot &slot);
  absl::Status sumTotals(Op &op, StepSlot &slot);
  absl::Status finishSparse(Term &term, int64_t rows, StepSlot &slot);
  /// Of a sparse feature's entries: the slot's array, or the term's own.
  static int32_t *columnsOf(const Term &term, StepSlot &slot);
  static float *numbersOf(const Term &term, StepSlot &slot);
  static int64_t rowsOf(const Op &op, const Term &term, StepSlot &slot);
  /// Finishes the sparse arrays of a batch from lengths, columns and numbers of its rows.
  void transpose(Term &term, StepSlot &slot, int64_t rows, const int32_t *idx, const float *val);

  const plan::EntryT &entry_;
  transport::Transport &transport_;
  MemoryBudget &budget_;
  FeatureTiers *tiers_ = nullptr; ///< null: features are mapped
  std::vector<Op> ops_;
  std::vector<int32_t> place_; ///< by op of the entry: index in ops_, or -1
  std::vector<Partner> partners_;
  std::vector<int64_t> out_, in_; ///< words: go on, then those of each shared op
  // Of meetings.
  std::vector<transport::SendBlock> sends_;
  std::vector<transport::ReceiveBlock> receives_;
  // Of ops.
  PeerBlocks blocks_;
  HugeMemory outbox_, inbox_;
};

template <class Sizes> absl::Status AheadExchange::start(const Op &op, const Sizes &sizes) {
  uint64_t out = 0, in = 0;
  const bool packs = op.terms.size() > 1;
  for (const Term &term : op.terms)
    for (size_t b = 0; packs && b < op.collective.size(); ++b) {
      const std::pair<int64_t, int64_t> bytes = sizes(term, b);
      out += b == op.me ? 0 : static_cast<uint64_t>(bytes.first);
      in += b == op.me ? 0 : static_cast<uint64_t>(bytes.second);
    }
  HEDDLE_RETURN_IF_ERROR(budget_.grow(outbox_, out, UINT64_MAX, "exchange of ids and features"));
  HEDDLE_RETURN_IF_ERROR(budget_.grow(inbox_, in, UINT64_MAX, "exchange of ids and features"));
  blocks_.start(packs, outbox_.data(), inbox_.data());
  return absl::OkStatus();
}

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_AHEADEXCHANGE_H
