//===- CommQueue.cpp - the collectives of one step ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/CommQueue.h"

#include "runtime/plan/RowTerms.h"

#include <algorithm>
#include <pthread.h>

namespace heddle::exec {

using transport::SendBlock;

namespace {
int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t bytesOf(int64_t numbers) { return numbers * int64_t(sizeof(float)); }
} // namespace

CommQueue::CommQueue(const plan::EntryT &entry, const Partners &partners,
                     std::unique_ptr<CommData> data)
    : entry_(entry), partition_(partners.partition), transport_(*partners.connections.compute),
      data_(std::move(data)) {
  blocks_.use(*data_);
}

CommQueue::~CommQueue() { stopThread(); }

absl::StatusOr<std::unique_ptr<CommQueue>> CommQueue::create(const plan::EntryT &entry,
                                                             const Partners &partners,
                                                             std::unique_ptr<CommData> data) {
  const bool any = std::any_of(entry.ops.begin(), entry.ops.end(),
                               [](const auto &op) { return op->queue == plan::Queue::Comm; });
  if (!any)
    return std::unique_ptr<CommQueue>();
  std::unique_ptr<CommQueue> self(new CommQueue(entry, partners, std::move(data)));
  size_t blocks = 0, parts = 0, tables = 0;
  uint64_t boxNumbers = 0;
  for (const auto &op : entry.ops)
    if (op->queue == plan::Queue::Comm)
      self->addOp(*op);
  for (Op &op : self->ops_) {
    const size_t terms = op.collective.size() * std::max<size_t>(op.terms.size(), 1);
    parts = std::max(parts, op.hasTables() ? terms : op.collective.size());
    blocks = std::max(blocks, terms);
    if (op.hasTables()) // and what is packed
      tables = std::max(tables, terms + op.collective.size());
    boxNumbers += uint64_t(op.packedNumbers) * op.collective.size() * 2;
  }
  self->sends_.reserve(blocks);
  self->receives_.reserve(blocks);
  self->parts_.resize(parts);
  self->blocks_.reserve(tables);
  HEDDLE_ASSIGN_OR_RETURN(void *boxes, self->data_->room(gradientBox, boxNumbers * sizeof(float),
                                                         true, "exchange of small gradients"));
  float *next = static_cast<float *>(boxes);
  for (Op &op : self->ops_) {
    const int64_t numbers = op.packedNumbers * static_cast<int64_t>(op.collective.size());
    op.outbox = next;
    op.inbox = next + numbers;
    next += numbers ? 2 * numbers : 0;
  }
  return self;
}

void CommQueue::addOp(const plan::OpT &op) {
  Op added;
  added.op = &op;
  added.collective = plan::collectiveOf(op);
  added.me = static_cast<int64_t>(added.collective.indexOf(partition_));
  const bool byNumber = op.attrs.AsMergeAllAttrs() && op.attrs.AsMergeAllAttrs()->by_number;
  auto term = [&](int32_t in, int32_t out, int32_t scratch) {
    const plan::BufferT &b = *entry_.buffers[static_cast<size_t>(in >= 0 ? in : out)];
    const plan::MergeKind merge = plan::mergeOf(op, added.terms.size());
    Term &made = added.terms.emplace_back();
    made.in = in;
    made.out = out;
    made.scratch = scratch;
    made.rows = b.rows.get();
    made.width = b.width;
    made.byNumber = byNumber;
    made.merge = merge;
    made.heads = plan::headsOf(op, added.terms.size() - 1);
  };
  if (op.attrs.AsMergeAllAttrs()) {
    const size_t n = op.inputs.size();
    for (size_t i = 0; i < n; ++i)
      term(op.inputs[i], op.outputs[i], op.outputs[n + i]);
    packTerms(added);
  } else if (op.attrs.AsMergeToAttrs()) {
    added.kind = Kind::MergeTo;
    const bool leads = !op.outputs.empty();
    term(op.inputs[0], leads ? op.outputs[0] : -1, leads ? op.outputs[1] : -1);
  } else if (op.attrs.AsBroadcastAttrs()) {
    added.kind = Kind::Broadcast;
    term(op.inputs.empty() ? -1 : op.inputs[0], op.outputs.empty() ? -1 : op.outputs[0], -1);
  } else if (op.attrs.AsGatherBlocksAttrs()) {
    added.kind = Kind::GatherBlocks;
    term(op.inputs[0], op.outputs[0], -1);
  } else {
    const bool fetches = op.attrs.AsFetchRemoteRowsAttrs();
    added.kind = fetches                      ? Kind::FetchRemoteRows
                 : op.attrs.AsPushRowsAttrs() ? Kind::PushRows
                                              : Kind::ExchangeRows;
    const size_t inputs = plan::inputsOfRowTerm(op.attrs.type);
    for (size_t t = 0; t < plan::rowTermsOf(op); ++t) {
      term(fetches ? -1 : op.inputs[t * inputs], op.outputs[2 * t], op.outputs[2 * t + 1]);
      added.terms.back().inputs = t * inputs;
    }
  }
  ops_.push_back(std::move(added));
}

void CommQueue::packTerms(Op &op) {
  const int64_t q = static_cast<int64_t>(op.collective.size());
  int64_t packed = 0;
  for (Term &term : op.terms) {
    if (!term.byNumber)
      continue;
    const int64_t most = ceilDivide(int64_t(term.rows->constant()) * term.width, q);
    term.packed = bytesOf(most) <= PeerBlocks::packedBytes;
    if (term.packed) {
      ++packed;
      op.packedNumbers += most;
    }
  }
  if (packed > 1)
    return;
  op.packedNumbers = 0;
  for (Term &term : op.terms)
    term.packed = false;
}

absl::Status CommQueue::prepare(const StepSlot &slot, std::span<void *const> hostPointers,
                                std::span<void *const> pointers, Trace::Track *track) {
  step_ = slot.step;
  hostPointers_ = hostPointers;
  pointers_ = pointers;
  track_ = track;
  for (Op &op : ops_) {
    for (Term &term : op.terms) {
      term.units = static_cast<int64_t>(plan::evaluate(*term.rows, slot.symbols));
      const plan::BufferT &b =
          *entry_.buffers[static_cast<size_t>(term.in >= 0 ? term.in : term.out)];
      term.width = b.width;
      if (term.byNumber) {
        term.units *= term.width;
        term.width = 1;
      }
      if (op.hasTables() || op.kind == Kind::GatherBlocks)
        term.outRows = static_cast<int64_t>(
            plan::evaluate(*entry_.buffers[static_cast<size_t>(term.out)]->rows, slot.symbols));
    }
    if (op.kind == Kind::Broadcast) { // of any dtype
      const Term &term = op.terms[0];
      op.arrayBytes = plan::bufferBytes(
          *entry_.buffers[static_cast<size_t>(term.in >= 0 ? term.in : term.out)], slot.symbols);
    }
  }
  return growBoxes();
}

absl::Status CommQueue::run(size_t first, size_t end, ThreadPool *pool) {
  for (size_t i = first; i < end; ++i) {
    Op &op = ops_[i];
    const uint64_t start = Trace::nowNs();
    sentBytes_ = 0;
    absl::Status status;
    switch (op.kind) {
    case Kind::MergeAll:
      status = mergeAll(op, pool);
      break;
    case Kind::MergeTo:
      status = mergeTo(op, pool);
      break;
    case Kind::Broadcast:
      status = broadcast(op);
      break;
    case Kind::ExchangeRows:
      status = exchangeRows(op, pool);
      break;
    case Kind::FetchRemoteRows:
      status = fetchRemoteRows(op, pool);
      break;
    case Kind::PushRows:
      status = pushRows(op, pool);
      break;
    case Kind::GatherBlocks:
      status = gatherBlocks(op);
      break;
    }
    if (status.ok())
      status = data_->submit();
    const uint64_t stop = Trace::nowNs();
    busyNs_ += stop - start;
    if (track_) {
      uint64_t rows = static_cast<uint64_t>(op.terms[0].units);
      for (size_t t = 1; op.hasTables() && t < op.terms.size(); ++t)
        rows += static_cast<uint64_t>(op.terms[t].units);
      track_->record({op.op->name.c_str(), op.op->id, step_, start, stop, rows, sentBytes_});
    }
    HEDDLE_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

absl::Status CommQueue::exchange(const Op &op) {
  for (const SendBlock &block : sends_)
    sentBytes_ += static_cast<uint64_t>(block.bytes);
  HEDDLE_RETURN_IF_ERROR(data_->finish());
  return transport_.exchange(transport_.tag(static_cast<int64_t>(step_), op.collective.id),
                             trafficOf(op.collective.traffic), sends_, receives_);
}

absl::Status CommQueue::mergeAll(Op &op, ThreadPool *pool) {
  const int64_t q = static_cast<int64_t>(op.collective.size()), me = op.me;
  auto peer = [&](int64_t b) {
    return static_cast<int>((*op.collective.participants)[static_cast<size_t>(b)]);
  };
  // Of a term, the block of participant b: where it begins and how many numbers it has.
  auto beginOf = [&](const Term &t, int64_t b) {
    return plan::blockBegin(t.units, b, q) * t.width;
  };
  auto sizeOf = [&](const Term &t, int64_t b) { return beginOf(t, b + 1) - beginOf(t, b); };
  auto packedSize = [&](int64_t b) {
    int64_t numbers = 0;
    for (const Term &term : op.terms)
      numbers += term.packed ? sizeOf(term, b) : 0;
    return numbers;
  };
  auto scratchOf = [&](const Term &t, int64_t b) {
    return data(t.scratch) + b * ceilDivide(t.units, q) * t.width;
  };

  // The terms' blocks go to those who sum them.
  const int64_t mine = packedSize(me);
  sends_.clear();
  receives_.clear();
  for (int64_t b = 0; b < q; ++b) {
    if (b == me)
      continue;
    if (op.packedNumbers) {
      float *box = op.outbox + b * op.packedNumbers, *to = box;
      for (const Term &term : op.terms)
        if (term.packed)
          to = put(to, data(term.in) + beginOf(term, b), sizeOf(term, b));
      send(peer(b), box, bytesOf(to - box));
      receive(peer(b), op.inbox + b * op.packedNumbers, bytesOf(mine));
    }
    for (const Term &term : op.terms)
      if (!term.packed) {
        send(peer(b), data(term.in) + beginOf(term, b), bytesOf(sizeOf(term, b)));
        receive(peer(b), scratchOf(term, b), bytesOf(sizeOf(term, me)));
      }
  }
  HEDDLE_RETURN_IF_ERROR(exchange(op));

  int64_t packed = 0;
  for (const Term &term : op.terms) {
    const int64_t begin = beginOf(term, me), numbers = sizeOf(term, me);
    for (int64_t b = 0; b < q; ++b)
      parts_[static_cast<size_t>(b)] = b == me       ? data(term.in) + begin
                                       : term.packed ? op.inbox + b * op.packedNumbers + packed
                                                     : scratchOf(term, b);
    merge(term, static_cast<size_t>(q), data(term.out) + begin, numbers, pool);
    packed += term.packed ? numbers : 0;
  }

  // The sums go to all.
  sends_.clear();
  receives_.clear();
  float *to = op.outbox;
  for (const Term &term : op.terms)
    if (term.packed)
      to = put(to, data(term.out) + beginOf(term, me), sizeOf(term, me));
  for (int64_t b = 0; b < q; ++b) {
    if (b == me)
      continue;
    if (op.packedNumbers) {
      send(peer(b), op.outbox, bytesOf(mine));
      receive(peer(b), op.inbox + b * op.packedNumbers, bytesOf(packedSize(b)));
    }
    for (const Term &term : op.terms)
      if (!term.packed) {
        send(peer(b), data(term.out) + beginOf(term, me), bytesOf(sizeOf(term, me)));
        receive(peer(b), data(term.out) + beginOf(term, b), bytesOf(sizeOf(term, b)));
      }
  }
  HEDDLE_RETURN_IF_ERROR(exchange(op));
  for (int64_t b = 0; b < q && op.packedNumbers; ++b) {
    const float *from = op.inbox + b * op.packedNumbers;
    for (const Term &term : op.terms)
      if (term.packed && b != me) {
        put(data(term.out) + beginOf(term, b), from, sizeOf(term, b));
        from += sizeOf(term, b);
      }
  }
  return absl::OkStatus();
}

absl::Status CommQueue::mergeTo(Op &op, ThreadPool *pool) {
  const Term &term = op.terms[0];
  const int64_t numbers = term.units * term.width;
  const bool leads = op.collective.leader == int64_t(partition_);
  sends_.clear();
  receives_.clear();
  if (!leads) {
    send(static_cast<int>(op.collective.leader), data(term.in), bytesOf(numbers));
    return exchange(op);
  }
  float *at = data(term.scratch);
  for (size_t b = 0; b < op.collective.size(); ++b) {
    if (int64_t(b) == op.me) {
      parts_[b] = data(term.in);
      continue;
    }
    receive(static_cast<int>((*op.collective.participants)[b]), at, bytesOf(numbers));
    parts_[b] = at;
    at += numbers;
  }
  HEDDLE_RETURN_IF_ERROR(exchange(op));
  merge(term, op.collective.size(), data(term.out), numbers, pool);
  return absl::OkStatus();
}

absl::Status CommQueue::broadcast(Op &op) {
  const Term &term = op.terms[0];
  const int64_t bytes = static_cast<int64_t>(op.arrayBytes);
  sends_.clear();
  receives_.clear();
  if (op.collective.leader != int64_t(partition_))
    receive(static_cast<int>(op.collective.leader), data(term.out), bytes);
  else
    for (uint32_t p : *op.collective.participants)
      if (p != partition_)
        send(static_cast<int>(p), data(term.in), bytes);
  return exchange(op);
}

void CommQueue::startThread() {
  begun_.reset();
  ended_.reset();
  jobs_ = 0;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "comm");
    for (uint64_t job = 1;; ++job) {
      begun_.wait(job);
      if (first_ == end_)
        return;
      status_ = run(first_, end_, nullptr);
      ended_.raise(job);
    }
  });
}

void CommQueue::stopThread() {
  if (!thread_.joinable())
    return;
  begin(0, 0);
  thread_.join();
}

void CommQueue::begin(size_t first, size_t end) {
  first_ = first;
  end_ = end;
  begun_.raise(++jobs_);
}

absl::Status CommQueue::wait() {
  ended_.wait(jobs_);
  return status_;
}

} // namespace heddle::exec
