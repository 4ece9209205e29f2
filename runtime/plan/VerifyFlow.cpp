//===- VerifyFlow.cpp - semantic verification: order of ops ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Queues are run against each other as the executor would run them; each op carries how far every
// queue is known to be. From that follow: no deadlock, no read before the write, and no two buffers
// of a region alive together.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/RowTerms.h"
#include "runtime/plan/VerifyContext.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>

namespace heddle::plan::verify {

namespace {

/// Number of ops of each queue that have certainly ended.
using Clock = std::array<uint32_t, numQueues>;

class FlowChecker {
public:
  FlowChecker(Context &context, const EntryT &entry, const std::string &place)
      : c_(context), e_(entry), place_(place) {}

  bool run() {
    return checkWaves() && checkSemaphores() && checkSampling() && checkSymbolsSet() &&
           checkClocks() && checkSharedWaves() && checkAccesses() && checkRegions() &&
           checkLossFirst() && checkStatic();
  }

private:
  std::string opPlaceOf(size_t i) const { return opPlace(place_, i, *e_.ops[i]); }
  static size_t queueOf(const OpT &op) { return static_cast<size_t>(op.queue); }
  /// The queues that share their waves.
  static bool inWaves(const OpT &op) {
    return op.queue == Queue::Compute || op.queue == Queue::Comm;
  }

  bool checkWaves() {
    std::array<int64_t, numQueues> last;
    last.fill(-1);
    for (size_t i = 0; i < e_.ops.size(); ++i) {
      const OpT &op = *e_.ops[i];
      if (int64_t(op.wave) < last[queueOf(op)])
        return c_.fail(opPlaceOf(i), "waves of a queue are not ascending");
      last[queueOf(op)] = op.wave;
      position_.push_back(static_cast<uint32_t>(queues_[queueOf(op)].size()));
      queues_[queueOf(op)].push_back(i);
    }
    return true;
  }

  bool checkSemaphores() {
    // A batch is sampled, fetched and computed; only communication may go back and forth.
    for (size_t s = 0; s < e_.semaphores.size(); ++s)
      if (e_.semaphores[s]->to < Queue::Compute &&
          e_.semaphores[s]->from > e_.semaphores[s]->to)
        return c_.fail(place_ + " semaphore " + std::to_string(s),
                       "it leads back to a queue that works ahead");
    signaller_.assign(e_.semaphores.size(), -1);
    for (size_t i = 0; i < e_.ops.size(); ++i) {
      for (uint32_t s : e_.ops[i]->signals) {
        if (signaller_[s] >= 0)
          return c_.fail(opPlaceOf(i), "semaphore " + std::to_string(s) + " is signalled twice");
        if (e_.semaphores[s]->from != e_.ops[i]->queue)
          return c_.fail(opPlaceOf(i), "semaphore " + std::to_string(s) + " is of another queue");
        signaller_[s] = static_cast<int64_t>(i);
      }
      for (uint32_t s : e_.ops[i]->waits)
        if (e_.semaphores[s]->to != e_.ops[i]->queue)
          return c_.fail(opPlaceOf(i), "semaphore " + std::to_string(s) + " is for another queue");
    }
    for (size_t s = 0; s < signaller_.size(); ++s)
      if (signaller_[s] < 0)
        return c_.fail(place_ + " semaphore " + std::to_string(s), "it is never signalled");
    return true;
  }

  bool checkSampling() {
    std::map<uint32_t, size_t> byId;
    std::map<std::pair<uint32_t, uint32_t>, size_t> samples, frontiers;
    for (size_t i = 0; i < e_.ops.size(); ++i) {
      byId[e_.ops[i]->id] = i;
      if (const SampleAttrsT *a = e_.ops[i]->attrs.AsSampleAttrs())
        if (!samples.try_emplace({a->hop, a->relation}, i).second)
          return c_.fail(opPlaceOf(i), "this relation is sampled twice at this hop");
    }
    frontierOf_.assign(e_.ops.size(), -1);
    size_t seeds = 0;
    std::map<std::pair<uint32_t, uint32_t>, size_t> unions, requests;
    for (size_t i = 0; i < e_.ops.size(); ++i) {
      if (e_.ops[i]->attrs.AsSeedsAttrs() && ++seeds > 1)
        return c_.fail(opPlaceOf(i), "an entry has one list of seeds");
      if (const UnionRowsAttrsT *a = e_.ops[i]->attrs.AsUnionRowsAttrs())
        for (const RowsAt &rows : rowsOf(*a))
          if (!unions.try_emplace({rows.hop(), rows.node_type()}, i).second)
            return c_.fail(opPlaceOf(i), "these rows are numbered together twice");
      if (const RequestRowsAttrsT *a = e_.ops[i]->attrs.AsRequestRowsAttrs())
        for (const RowsAt &rows : rowsOf(*a))
          if (!requests.try_emplace({rows.hop(), rows.node_type()}, i).second)
            return c_.fail(opPlaceOf(i), "these rows are asked for twice");
      const FrontierAttrsT *a = e_.ops[i]->attrs.AsFrontierAttrs();
      if (!a)
        continue;
      if (!frontiers.try_emplace({a->hop, a->node_type}, i).second)
        return c_.fail(opPlaceOf(i), "this frontier is built twice");
      for (uint32_t id : a->samples) {
        auto found = byId.find(id);
        const SampleAttrsT *sample =
            found == byId.end() ? nullptr : e_.ops[found->second]->attrs.AsSampleAttrs();
        if (!sample)
          return c_.fail(opPlaceOf(i), "op id " + std::to_string(id) + " is not a sample");
        if (sample->hop + 1 != a->hop ||
            c_.plan.relations[sample->relation]->source != a->node_type)
          return c_.fail(opPlaceOf(i), "sample " + std::to_string(id) +
                                           " has other sources than this frontier");
        if (found->second > i || e_.ops[found->second]->wave >= e_.ops[i]->wave)
          return c_.fail(opPlaceOf(i), "sample " + std::to_string(id) + " does not run before it");
        if (frontierOf_[found->second] >= 0)
          return c_.fail(opPlaceOf(i), "sample " + std::to_string(id) + " is listed twice");
        frontierOf_[found->second] = static_cast<int64_t>(i);
      }
    }
    for (size_t i = 0; i < e_.ops.size(); ++i) {
      if (!e_.ops[i]->attrs.AsSampleAttrs() || frontierOf_[i] >= 0)
        continue;
      for (size_t output : {2, 4, 5, 6, 8, 9})
        if (output < e_.ops[i]->outputs.size() && e_.ops[i]->outputs[output] >= 0)
          return c_.fail(opPlaceOf(i), "no frontier numbers the sources of this sample");
    }
    return true;
  }

  bool checkSymbolsSet() {
    std::vector<bool> set(e_.symbols.size());
    for (size_t s = 0; s < e_.symbols.size(); ++s) {
      const SymbolT &symbol = *e_.symbols[s];
      for (size_t i = 0; i < e_.ops.size() && !set[s]; ++i) {
        const OpAttrsUnion &a = e_.ops[i]->attrs;
        switch (symbol.kind) {
        case SymbolKind::Nodes:
          set[s] = true;
          break;
        case SymbolKind::Rows:
          if (auto seeds = a.AsSeedsAttrs())
            set[s] = symbol.hop == 0 && seeds->node_type == symbol.index;
          if (auto frontier = a.AsFrontierAttrs())
            set[s] = frontier->hop == symbol.hop && frontier->node_type == symbol.index;
          break;
        case SymbolKind::Edges:
        case SymbolKind::Active:
          if (auto sample = a.AsSampleAttrs())
            set[s] = sample->hop == symbol.hop && sample->relation == symbol.index;
          break;
        case SymbolKind::Unique:
          if (auto sample = a.AsSampleAttrs())
            set[s] = sample->unique && sample->hop == symbol.hop &&
                     sample->relation == symbol.index && frontierOf_[i] >= 0;
          break;
        case SymbolKind::Union:
        case SymbolKind::Gathered:
          if (auto rows = a.AsUnionRowsAttrs())
            set[s] = hasRows(*rows, symbol);
          if (auto seeds = a.AsSeedsAttrs(); seeds && symbol.kind == SymbolKind::Gathered)
            set[s] = seeds->blocks > 1 && symbol.hop == 0 && seeds->node_type == symbol.index;
          break;
        case SymbolKind::Kept:
        case SymbolKind::Asked:
        case SymbolKind::Remote:
          if (auto rows = a.AsRequestRowsAttrs())
            set[s] = hasRows(*rows, symbol);
          break;
        case SymbolKind::RemoteNnz:
          if (auto fetch = a.AsFetchRemoteAttrs())
            for (const RemoteFeatureT &feature : featuresOf(*fetch))
              set[s] = set[s] || (feature.sparse && feature.hop == symbol.hop &&
                                  feature.node_type == symbol.index &&
                                  feature.feature_index == symbol.aux);
          break;
        case SymbolKind::Nnz:
          if (a.AsFetchSparseAttrs())
            set[s] = countsEntries(*e_.ops[i], 0, s);
          if (auto fetch = a.AsFetchRemoteAttrs()) {
            size_t first = 0;
            for (const RemoteFeatureT &feature : featuresOf(*fetch)) {
              set[s] = set[s] || (feature.sparse && countsEntries(*e_.ops[i], first, s));
              first += outputsOf(feature);
            }
          }
          break;
        }
      }
      if (!set[s] && symbol.kind != SymbolKind::Nodes)
        return c_.fail(place_ + " symbol " + std::to_string(s), "no op gives it a value");
    }
    return true;
  }

  /// Whether a term of the op gives the symbol its value.
  template <class Attrs> static bool hasRows(const Attrs &attrs, const SymbolT &symbol) {
    for (const RowsAt &rows : rowsOf(attrs))
      if (rows.hop() == symbol.hop && rows.node_type() == symbol.index)
        return true;
    return false;
  }

  /// Whether the entries of the sparse arrays from output `first` on are counted by symbol `s`.
  bool countsEntries(const OpT &op, size_t first, size_t s) const {
    for (size_t output : {1, 2, 4, 5}) {
      int32_t b = op.outputs[first + output];
      if (b >= 0 && e_.buffers[static_cast<size_t>(b)]->rows->symbol() == int64_t(s))
        return true;
    }
    return false;
  }

  bool checkClocks() {
    clocks_.assign(e_.ops.size(), Clock{});
    std::vector<bool> signalled(e_.semaphores.size());
    std::array<size_t, numQueues> next{};
    Clock known[numQueues] = {};
    size_t done = 0;
    for (bool progress = true; progress;) {
      progress = false;
      for (size_t q = 0; q < numQueues; ++q) {
        while (next[q] < queues_[q].size()) {
          size_t i = queues_[q][next[q]];
          const OpT &op = *e_.ops[i];
          if (!std::all_of(op.waits.begin(), op.waits.end(),
                           [&](uint32_t s) { return signalled[s]; }))
            break;
          for (uint32_t s : op.waits) {
            size_t from = static_cast<size_t>(signaller_[s]);
            for (size_t k = 0; k < numQueues; ++k)
              known[q][k] = std::max(known[q][k], clocks_[from][k]);
            size_t fq = queueOf(*e_.ops[from]);
            known[q][fq] = std::max(known[q][fq], position_[from] + 1);
          }
          clocks_[i] = known[q];
          for (uint32_t s : op.signals)
            signalled[s] = true;
          known[q][q] = position_[i] + 1;
          ++next[q];
          ++done;
          progress = true;
        }
      }
    }
    if (done == e_.ops.size())
      return true;
    for (size_t q = 0; q < numQueues; ++q)
      if (next[q] < queues_[q].size())
        return c_.fail(opPlaceOf(queues_[q][next[q]]), "it waits for ever: the queues deadlock");
    return false;
  }

  /// The executor runs a wave's compute and comm ops beside each other and goes on when all have
  /// ended. The plan's semaphores must say the same, so that any other executor keeps that order.
  bool checkSharedWaves() {
    constexpr size_t compute = size_t(Queue::Compute), comm = size_t(Queue::Comm);
    for (auto [queue, other] : {std::pair{comm, compute}, std::pair{compute, comm}}) {
      size_t earlier = 0; // ops of the other queue in earlier waves
      for (size_t i : queues_[queue]) {
        while (earlier < queues_[other].size() &&
               e_.ops[queues_[other][earlier]]->wave < e_.ops[i]->wave)
          ++earlier;
        if (clocks_[i][other] < earlier)
          return c_.fail(opPlaceOf(i), "it may start before " +
                                           opPlaceOf(queues_[other][clocks_[i][other]]) +
                                           " of an earlier wave has ended: a semaphore is missing");
        if (clocks_[i][other] > earlier)
          return c_.fail(opPlaceOf(i), "it waits for " + opPlaceOf(queues_[other][earlier]) +
                                           ", which is not of an earlier wave");
      }
    }
    return true;
  }

  /// Op `a` has certainly ended when op `b` starts.
  bool before(size_t a, size_t b) const {
    const OpT &first = *e_.ops[a], &second = *e_.ops[b];
    if (first.queue == second.queue)
      return first.wave < second.wave;
    return clocks_[b][queueOf(first)] > position_[a];
  }

  /// Buffers that share a state share its bytes.
  size_t storage(size_t buffer) const {
    const BufferT &b = *e_.buffers[buffer];
    return b.space == Space::State ? e_.buffers.size() + static_cast<size_t>(b.state) : buffer;
  }

  bool checkAccesses() {
    size_t count = e_.buffers.size() + c_.plan.states.size();
    reads_.assign(count, {});
    writes_.assign(count, {});
    for (size_t i = 0; i < e_.ops.size(); ++i) {
      const OpT &op = *e_.ops[i];
      for (int32_t b : op.inputs)
        if (b >= 0)
          reads_[storage(size_t(b))].push_back(i);
      for (size_t o = 0; o < op.outputs.size(); ++o) {
        int32_t b = op.outputs[o];
        if (b < 0)
          continue;
        const BufferT &buffer = *e_.buffers[size_t(b)];
        std::string place = opPlaceOf(i) + " output " + std::to_string(o);
        bool ahead = op.queue == Queue::Sample || op.queue == Queue::Fetch;
        if (ahead != (buffer.space == Space::Slot))
          return c_.fail(place, "step slots are written by the sample and fetch queues, arena and "
                                "states by the others");
        writes_[storage(size_t(b))].push_back(i);
        // A frontier completes what its samples began.
        if (op.attrs.AsSampleAttrs() && ((o >= 2 && o <= 6 && o != 3) || o >= 8))
          completedBy_[size_t(b)] = static_cast<size_t>(frontierOf_[i]);
      }
      if (const GemmAttrsT *a = op.attrs.AsGemmAttrs(); a && a->accumulate)
        reads_[storage(size_t(op.outputs[0]))].push_back(i);
    }
    for (size_t s = 0; s < count; ++s) {
      // The list need not mix the two queues that share waves as time does.
      if (!writes_[s].empty() && inWaves(*e_.ops[writes_[s][0]]))
        std::sort(writes_[s].begin(), writes_[s].end(), [&](size_t a, size_t b) {
          return std::pair(e_.ops[a]->wave, a) < std::pair(e_.ops[b]->wave, b);
        });
      if (!checkStorage(s))
        return false;
    }
    for (size_t i = 0; i < e_.ops.size(); ++i)
      if (e_.ops[i]->attrs.AsFetchRowsAttrs() && !checkRowsAlias(i))
        return false;
    for (size_t o = 0; o < e_.outputs.size(); ++o)
      if (e_.buffers[e_.outputs[o]->buffer]->space != Space::State &&
          writes_[e_.outputs[o]->buffer].empty())
        return c_.fail(place_ + " output " + std::to_string(o), "nothing writes its buffer");
    return true;
  }

  /// When all rows are fetched the result is the table itself: nobody writes it, and nobody reads it
  /// once the table has changed.
  bool checkRowsAlias(size_t fetch) {
    const OpT &op = *e_.ops[fetch];
    size_t rows = storage(size_t(op.outputs[0])), table = storage(size_t(op.inputs[1]));
    if (writes_[rows].size() > 1)
      return c_.fail(opPlaceOf(writes_[rows].back()),
                     "it writes rows that " + opPlaceOf(fetch) +
                         " fetched: where all rows are fetched the table is the result");
    for (size_t writer : writes_[table])
      for (size_t reader : reads_[rows])
        if (reader != writer && before(fetch, writer) && !before(reader, writer))
          return c_.fail(opPlaceOf(reader), "it reads fetched rows after " + opPlaceOf(writer) +
                                                " has changed their table");
    return true;
  }

  bool checkStorage(size_t s) {
    bool state = s >= e_.buffers.size();
    const std::vector<size_t> &writes = writes_[s];
    std::string what = state ? "state " + std::to_string(s - e_.buffers.size())
                             : "buffer " + std::to_string(s);
    if (!state && e_.buffers[s]->space == Space::Slot && writes.size() > 1)
      return c_.fail(opPlaceOf(writes[1]), what + " of the step slot is written twice");
    // Writes are totally ordered, if neighbours are.
    for (size_t k = 1; k < writes.size(); ++k)
      if (!before(writes[k - 1], writes[k]))
        return c_.fail(opPlaceOf(writes[k]), what + " is also written by " +
                                                 opPlaceOf(writes[k - 1]) + " at the same time");
    auto completed = completedBy_.find(s);
    for (size_t reader : reads_[s]) {
      bool written = state;
      for (size_t writer : writes) {
        if (writer == reader) // in place, or accumulating onto an earlier value
          continue;
        bool ready = before(writer, reader);
        if (ready && completed != completedBy_.end())
          ready = before(completed->second, reader);
        written |= ready;
        if (!ready && !before(reader, writer))
          return c_.fail(opPlaceOf(reader), "it reads " + what + " while " + opPlaceOf(writer) +
                                                " writes it");
      }
      if (!written)
        return c_.fail(opPlaceOf(reader), "it reads " + what + " before anything has written it");
    }
    return true;
  }

  bool checkRegions() {
    constexpr int64_t always = std::numeric_limits<int64_t>::max();
    std::vector<int64_t> first(e_.buffers.size(), always), last(e_.buffers.size(), -1);
    for (size_t b = 0; b < e_.buffers.size(); ++b) {
      if (e_.buffers[b]->space != Space::Arena)
        continue;
      for (const auto *list : {&reads_[b], &writes_[b]})
        for (size_t i : *list) {
          if (!inWaves(*e_.ops[i])) {
            // Other queues have no waves to tell lifetimes by.
            first[b] = 0;
            last[b] = always;
            continue;
          }
          first[b] = std::min(first[b], int64_t(e_.ops[i]->wave));
          last[b] = std::max(last[b], int64_t(e_.ops[i]->wave));
        }
    }
    for (const auto &output : e_.outputs)
      last[output->buffer] = always;
    for (size_t r = 0; r < e_.regions.size(); ++r) {
      std::vector<uint32_t> members = e_.regions[r]->buffers;
      members.erase(std::remove_if(members.begin(), members.end(),
                                   [&](uint32_t b) { return last[b] < 0; }),
                    members.end());
      std::sort(members.begin(), members.end(),
                [&](uint32_t a, uint32_t b) { return first[a] < first[b]; });
      for (size_t k = 1; k < members.size(); ++k)
        if (last[members[k - 1]] >= first[members[k]])
          return c_.fail(place_ + " region " + std::to_string(r),
                         "buffers " + std::to_string(members[k - 1]) + " and " +
                             std::to_string(members[k]) + " are alive together");
    }
    return true;
  }

  bool checkLossFirst() {
    for (const auto &output : e_.outputs) {
      if (output->name != "loss")
        continue;
      if (writes_[output->buffer].empty() || e_.buffers[output->buffer]->space != Space::Arena ||
          !inWaves(*e_.ops[writes_[output->buffer].back()]))
        return c_.fail(place_ + " output 'loss'", "no compute or comm op writes it");
      size_t loss = writes_[output->buffer].back();
      // A step whose loss is not finite must leave every state as it was.
      for (size_t s = e_.buffers.size(); s < writes_.size(); ++s)
        if (!writes_[s].empty() && !before(loss, writes_[s].front()))
          return c_.fail(opPlaceOf(writes_[s].front()),
                         "it changes a state before the loss is known");
    }
    return true;
  }

  bool checkStatic() {
    for (size_t i = 0; i < e_.ops.size(); ++i) {
      const OpT &op = *e_.ops[i];
      if (!op.in_loop_static || inWaves(op))
        continue;
      for (int32_t b : op.inputs)
        if (b >= 0)
          for (size_t writer : writes_[storage(size_t(b))])
            if (!e_.ops[writer]->in_loop_static)
              return c_.fail(opPlaceOf(i), "it is kept over steps but reads what " +
                                               opPlaceOf(writer) + " changes in every step");
      // A frontier renumbers its samples in place: they are kept together.
      if (const FrontierAttrsT *a = op.attrs.AsFrontierAttrs()) {
        for (size_t k = 0; k < e_.ops.size(); ++k)
          if (frontierOf_[k] == int64_t(i) && !e_.ops[k]->in_loop_static)
            return c_.fail(opPlaceOf(i), "it is kept over steps but its sample " +
                                             opPlaceOf(k) + " is not");
        (void)a;
      } else if (op.attrs.AsSampleAttrs() && frontierOf_[i] >= 0 &&
                 !e_.ops[size_t(frontierOf_[i])]->in_loop_static) {
        return c_.fail(opPlaceOf(i), "it is kept over steps but its frontier is not");
      }
    }
    return true;
  }

  Context &c_;
  const EntryT &e_;
  std::string place_;
  std::array<std::vector<size_t>, numQueues> queues_;
  std::vector<uint32_t> position_; ///< of an op in its queue
  std::vector<int64_t> signaller_; ///< of a semaphore
  std::vector<int64_t> frontierOf_;
  std::vector<Clock> clocks_;
  std::vector<std::vector<size_t>> reads_, writes_; ///< by storage, in order of time
  std::map<size_t, size_t> completedBy_;            ///< buffer -> its frontier
};

} // namespace

bool checkFlow(Context &context, const EntryT &entry, const std::string &place) {
  return FlowChecker(context, entry, place).run();
}

} // namespace heddle::plan::verify
