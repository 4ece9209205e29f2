//===- CommQueue.h - the collectives of one step -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The ops of the comm queue, in the compute queue's waves. Beside compute ops of the same wave they
// run on a thread of their own; a wave that has nothing else runs here on the thread that drives
// the step, with its pool for the sums: handing an op to another thread and back costs more than a
// small exchange does, and there is nothing to overlap it with.
//
// A collective of any number of arrays is one exchange in each direction, where what is small is
// packed into one block for each peer. Bits depend neither on
// threads nor on who is first: blocks land in scratch and are added in the participants' order.
//
// The arrays may be a device's (CommData.h). Sizes, and whatever else is looked at here, are the
// host's.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_COMMQUEUE_H
#define HEDDLE_RUNTIME_EXEC_COMMQUEUE_H

#include "runtime/base/ThreadPool.h"
#include "runtime/exec/CommData.h"
#include "runtime/exec/Partners.h"
#include "runtime/exec/PeerBlocks.h"
#include "runtime/exec/StepCount.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/exec/Trace.h"

#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace heddle::exec {

class CommQueue {
public:
  /// Null if the entry has no op in the comm queue. `data`: where the arrays are.
  static absl::StatusOr<std::unique_ptr<CommQueue>>
  create(const plan::EntryT &entry, const Partners &partners, std::unique_ptr<CommData> data);
  ~CommQueue();

  size_t size() const { return ops_.size(); }
  const plan::OpT &op(size_t index) const { return *ops_[index].op; }
  bool onDevice() const { return data_->onDevice(); }

  /// Sizes of a step. By buffer: what the host prepared for the step, and where the arrays are;
  /// valid and in place until the step ends. On the host both are the same. Errors: no memory for
  /// what is packed.
  absl::Status prepare(const StepSlot &slot, std::span<void *const> hostPointers,
                       std::span<void *const> pointers, Trace::Track *track);

  /// Ops [first, end) on this thread; the sums on `pool`.
  absl::Status run(size_t first, size_t end, ThreadPool *pool);

  /// The thread beside the compute queue: one job at a time. Threads live as long as a run.
  void startThread();
  void stopThread();
  void begin(size_t first, size_t end);
  absl::Status wait();

  /// Time inside ops since it was last asked for; between steps.
  double takeBusySeconds() { return double(std::exchange(busyNs_, 0)) * 1e-9; }

private:
  /// Rooms of data_.
  enum Box : size_t { gradientBox, outBox, inBox };
  enum class Kind : uint8_t {
    MergeAll,
    MergeTo,
    Broadcast,
    ExchangeRows,
    FetchRemoteRows,
    PushRows,
    GatherBlocks
  };
  struct Term {
    int32_t in = -1, out = -1, scratch = -1; ///< buffers
    const plan::Extent *rows = nullptr;
    int64_t width = 1; ///< numbers of a unit
    bool byNumber = false;
    bool packed = false; ///< travels in one block with other small terms
    plan::MergeKind merge = plan::MergeKind::Sum;
    int64_t heads = 1;
    size_t inputs = 0; ///< where the op's inputs of the term begin
    // Of the step.
    int64_t units = 0;
    int64_t outRows = 0;            ///< of rows: how many of `out` there are
    float *place = nullptr;         ///< in scratch
    const int64_t *asked = nullptr; ///< what the next peer asks for
  };
  struct Op {
    const plan::OpT *op = nullptr;
    Kind kind = Kind::MergeAll;
    plan::Collective collective;
    int64_t me = 0; ///< place among the participants
    std::vector<Term> terms;
    // Room for the packed terms: for each participant what goes to it, and what comes from it.
    int64_t packedNumbers = 0;
    float *outbox = nullptr, *inbox = nullptr;
    // Of the step.
    uint64_t arrayBytes = 0; ///< of a Broadcast's array

    /// Whether it has tables, which travel together.
    bool hasTables() const {
      return kind == Kind::ExchangeRows || kind == Kind::FetchRemoteRows || kind == Kind::PushRows;
    }
  };

  CommQueue(const plan::EntryT &entry, const Partners &partners, std::unique_ptr<CommData> data);
  void addOp(const plan::OpT &op);
  void packTerms(Op &op);
  absl::Status exchange(const Op &op);
  absl::Status mergeAll(Op &op, ThreadPool *pool);
  absl::Status mergeTo(Op &op, ThreadPool *pool);
  absl::Status broadcast(Op &op);
  // CommRows.cpp
  /// Makes the boxes hold what the ops with tables pack in this step.
  absl::Status growBoxes();
  absl::Status exchangeRows(Op &op, ThreadPool *pool);
  absl::Status fetchRemoteRows(Op &op, ThreadPool *pool);
  absl::Status pushRows(Op &op, ThreadPool *pool);
  absl::Status gatherBlocks(Op &op);
  void startTables(Op &op);
  absl::Status exchangeTables(const Op &op);
  /// The sums of a term's rows of all participants, which stand in the term's part of parts_.
  void sumTable(const Op &op, size_t term, const int32_t *table, ThreadPool *pool);
  /// Input i of a term: as the host has it, and where the arrays are.
  template <class T> const T *input(const Op &op, const Term &term, size_t i) const {
    return static_cast<const T *>(
        hostPointers_[static_cast<size_t>(op.op->inputs[term.inputs + i])]);
  }
  template <class T> const T *array(const Op &op, const Term &term, size_t i) const {
    return static_cast<const T *>(pointers_[static_cast<size_t>(op.op->inputs[term.inputs + i])]);
  }
  int peerOf(const Op &op, size_t b) const {
    return static_cast<int>((*op.collective.participants)[b]);
  }
  /// The first `terms` of parts_, of that many numbers each, into `out`: their sum, or what the
  /// term's kind of merge makes of them.
  void merge(const Term &term, size_t terms, float *out, int64_t numbers, ThreadPool *pool) {
    data_->merge(term.merge, {parts_.data(), terms}, numbers / term.width, term.width, term.heads,
                 out, pool);
  }
  /// Copies numbers; returns where they end.
  float *put(float *to, const float *from, int64_t numbers) {
    data_->copy(to, from, numbers * int64_t(sizeof(float)));
    return to + numbers;
  }
  void send(int peer, const void *from, int64_t bytes) {
    sends_.push_back({peer, from, bytes, onDevice()});
  }
  void receive(int peer, void *to, int64_t bytes) {
    receives_.push_back({peer, to, bytes, nullptr, onDevice()});
  }
  float *data(int32_t buffer) const {
    return buffer < 0 ? nullptr : static_cast<float *>(pointers_[static_cast<size_t>(buffer)]);
  }

  const plan::EntryT &entry_;
  const uint32_t partition_;
  transport::Transport &transport_;
  const std::unique_ptr<CommData> data_;
  std::vector<Op> ops_;

  // Of the step.
  uint64_t step_ = 0;
  std::span<void *const> hostPointers_, pointers_;
  Trace::Track *track_ = nullptr;
  uint64_t busyNs_ = 0, sentBytes_ = 0;
  // Grown once, then reused.
  std::vector<transport::SendBlock> sends_;
  std::vector<transport::ReceiveBlock> receives_;
  std::vector<const float *> parts_; ///< one per participant; of tables, for each term
  PeerBlocks blocks_;                ///< of ops with tables
  void *outbox_ = nullptr, *inbox_ = nullptr; ///< of what they pack

  std::thread thread_;
  StepCount begun_, ended_;
  uint64_t jobs_ = 0;
  size_t first_ = 0, end_ = 0; ///< the job; first == end: the thread ends
  absl::Status status_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_COMMQUEUE_H
