//===- AheadExchange.h - ids between the fetch queues ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The fetch queues work steps ahead and number rows together with others (UnionRows), or ask their
// keepers for rows (RequestRows, then FetchRemote). Before the first of a batch they meet once: each
// tells the others how many ids it has for every op that they share, and whether it goes on. That word is what lets a run end early without an error. When it
// ends after some step, a queue may already wait in the meeting of a later batch; every other one
// still comes to that meeting, says stop, and all of them leave it together, in step.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_AHEADEXCHANGE_H
#define HEDDLE_RUNTIME_EXEC_AHEADEXCHANGE_H

#include "runtime/base/HugeMemory.h"
#include "runtime/exec/Partners.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/exec/Trace.h"
#include "runtime/graph/GraphStore.h"

#include <memory>
#include <vector>

namespace heddle::exec {

class AheadExchange {
public:
  /// Null if the entry has no collective in the fetch queue. Errors name what the graph lacks.
  static absl::StatusOr<std::unique_ptr<AheadExchange>>
  create(const plan::PlanT &plan, const plan::EntryT &entry, const Partners &partners,
         const graph::GraphStore &graph, MemoryBudget &budget);
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
  /// Words of an op at the meeting: a union's number of ids; a request's for that partner, and what it
  /// asks of all others together.
  static constexpr size_t unionWords = 1, requestWords = 2;
  struct Op {
    const plan::OpT *op = nullptr;
    plan::Collective collective;
    size_t me = 0;                                    ///< place among the participants
    int32_t rows = -1, unionRows = -1, gathered = -1; ///< symbols; of a request: kept and asked
    std::vector<int64_t> counts, heads;               ///< by participant
    std::vector<const int64_t *> lists;
    HugeMemory arrived;
    // Of a request: how many nodes the type has, and where the slices of the keepers begin.
    int32_t remote = -1; ///< symbol
    int64_t nodes = 0;
    std::vector<int64_t> slices, totals;
    // Of features.
    const plan::FetchRemoteAttrsT *fetch = nullptr;
    graph::DenseFeatureView dense;
    graph::SparseFeatureView sparse;
    int32_t nnz = -1; ///< symbol; remote: of remote_nnz
    HugeMemory outIdx, outVal, lengths, outLengths, idx, val, columns;

    size_t words() const { return fetch ? 0 : op->attrs.AsRequestRowsAttrs() ? requestWords : unionWords; }
  };
  struct Partner {
    int rank = 0;
    std::vector<size_t> shared; ///< ops_ with words that both have
    size_t first = 0;           ///< of its words, in both arrays
  };

  AheadExchange(const plan::EntryT &entry, const Partners &partners, MemoryBudget &budget)
      : entry_(entry), transport_(*partners.connections.ahead), budget_(budget) {}
  absl::Status unite(Op &op, StepSlot &slot, Trace::Track *track);
  // AheadSpread.cpp
  absl::Status lookUp(Op &op, const plan::PlanT &plan, const graph::GraphStore &graph);
  void sliceIds(Op &op, StepSlot &slot);
  absl::Status request(Op &op, StepSlot &slot, Trace::Track *track);
  absl::Status fetchDense(Op &op, StepSlot &slot, Trace::Track *track);
  absl::Status fetchSparse(Op &op, StepSlot &slot, Trace::Track *track);
  /// Finishes the sparse arrays of a batch from lengths, columns and numbers of its rows.
  void transpose(Op &op, StepSlot &slot, int64_t rows, const int32_t *idx, const float *val);
  absl::Status exchange(const Op &op, const StepSlot &slot, transport::Traffic traffic);

  const plan::EntryT &entry_;
  transport::Transport &transport_;
  MemoryBudget &budget_;
  std::vector<Op> ops_;
  std::vector<int32_t> place_; ///< by op of the entry: index in ops_, or -1
  std::vector<Partner> partners_;
  std::vector<int64_t> out_, in_; ///< words: go on, then those of each shared op
  std::vector<transport::SendBlock> sends_;
  std::vector<transport::ReceiveBlock> receives_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_AHEADEXCHANGE_H
