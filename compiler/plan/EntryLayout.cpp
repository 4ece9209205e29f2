//===- EntryLayout.cpp - when and where the ops of an entry run -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/EntryLayout.h"

#include "compiler/cost/SizeModel.h"
#include "compiler/plan/Memory.h"
#include "compiler/plan/Waves.h"
#include "runtime/plan/Collective.h"
#include "runtime/plan/CostModel.h"
#include "runtime/plan/PlanFile.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <tuple>

namespace heddle::compiler {

namespace {

using namespace plan;

std::string megabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g MB", bytes / 1e6);
  return text;
}
std::string boundText(uint64_t bytes) {
  return bytes == UINT64_MAX ? "unbounded" : megabytes(double(bytes));
}

class EntryLayout {
public:
  EntryLayout(EntryT &entry, const MachineRates &rates, std::vector<std::string> &remarks)
      : e_(entry), rates_(rates), remarks_(remarks) {}

  bool run(bool draft) {
    if (!setRunAheadWaves() || !setComputeWaves())
      return false;
    sortOps();
    if (draft)
      return true;
    addSemaphores();
    assignRegions();
    return true;
  }

private:
  const BufferT &buffer(int32_t b) const { return *e_.buffers[size_t(b)]; }

  /// The sample and fetch queues are one thread each and keep the program's order; a wave starts
  /// where an op needs an op of the running wave.
  bool setRunAheadWaves() {
    std::map<uint32_t, const OpT *> byId;
    for (const auto &op : e_.ops)
      byId[op->id] = op.get();
    for (Queue queue : {Queue::Sample, Queue::Fetch}) {
      uint32_t wave = 0;
      std::map<int32_t, const OpT *> writers;
      for (auto &op : e_.ops) {
        if (op->queue != queue)
          continue;
        auto needs = [&](const OpT *writer) {
          if (writer && writer->queue == queue)
            wave = std::max(wave, writer->wave + 1);
        };
        for (int32_t b : op->inputs)
          if (auto found = writers.find(b); found != writers.end())
            needs(found->second);
        if (const FrontierAttrsT *a = op->attrs.AsFrontierAttrs())
          for (uint32_t sample : a->samples)
            needs(byId[sample]);
        op->wave = wave;
        for (int32_t b : op->outputs)
          if (b >= 0)
            writers[b] = op.get();
      }
    }
    return true;
  }

  bool setComputeWaves() {
    for (size_t i = 0; i < e_.ops.size(); ++i)
      if (e_.ops[i]->queue == Queue::Compute || e_.ops[i]->queue == Queue::Comm)
        compute_.push_back(i);
    std::vector<WaveOp> ops(compute_.size());
    std::vector<WaveBuffer> buffers(e_.buffers.size());
    for (size_t b = 0; b < buffers.size(); ++b)
      if (e_.buffers[b]->space == Space::Arena)
        buffers[b].bytes = expectedBytes(*e_.buffers[b]);
    for (const auto &output : e_.outputs)
      buffers[output->buffer].kept = true;

    std::vector<int64_t> writer(e_.buffers.size(), -1);
    const std::vector<bool> random = randomPositions(e_);
    // Readers and updaters of each state's storage; rows fetched from a table may be the table.
    std::map<int32_t, std::vector<uint32_t>> stateReaders, stateWriters;
    std::map<int32_t, int32_t> tableOf; ///< fetched rows -> state
    for (uint32_t k = 0; k < compute_.size(); ++k) {
      const OpT &op = *e_.ops[compute_[k]];
      // A collective is not on the threads that the others of its wave share.
      if (op.queue == Queue::Compute)
        ops[k].seconds = secondsOf(op, e_, sum(op.bytes), sum(op.flops), rates_, &random);
      for (int32_t b : op.outputs) {
        if (b < 0)
          continue;
        if (buffer(b).space == Space::State) {
          stateWriters[buffer(b).state].push_back(k);
        } else {
          ops[k].writes.push_back(uint32_t(b));
          writer[size_t(b)] = k;
        }
      }
      if (op.attrs.AsFetchRowsAttrs())
        tableOf[op.outputs[0]] = buffer(op.inputs[1]).state;
    }
    for (uint32_t k = 0; k < compute_.size(); ++k) {
      const OpT &op = *e_.ops[compute_[k]];
      for (int32_t b : op.inputs) {
        if (b < 0)
          continue;
        if (buffer(b).space == Space::State) {
          stateReaders[buffer(b).state].push_back(k);
          continue;
        }
        ops[k].reads.push_back(uint32_t(b));
        if (writer[size_t(b)] >= 0)
          ops[k].after.push_back(uint32_t(writer[size_t(b)]));
        if (auto table = tableOf.find(b); table != tableOf.end())
          stateReaders[table->second].push_back(k);
      }
    }
    int64_t loss = -1;
    for (const auto &output : e_.outputs)
      if (output->name == "loss")
        loss = writer[output->buffer];
    for (auto &[state, updaters] : stateWriters) {
      for (size_t u = 0; u < updaters.size(); ++u) {
        uint32_t updater = updaters[u];
        for (uint32_t reader : stateReaders[state])
          if (std::find(updaters.begin(), updaters.end(), reader) == updaters.end())
            ops[updater].after.push_back(reader);
        if (u > 0)
          ops[updater].after.push_back(updaters[u - 1]);
        if (loss >= 0 && uint32_t(loss) != updater)
          ops[updater].after.push_back(uint32_t(loss));
      }
    }
    // What others learn of this step's gradient they may act upon: a loss that is not finite has to
    // stop the step before.
    for (uint32_t k = 0; k < compute_.size(); ++k)
      if (e_.ops[compute_[k]]->attrs.AsBroadcastAttrs() && loss >= 0 && uint32_t(loss) != k)
        ops[k].after.push_back(uint32_t(loss));
    // All partitions run their collectives in one order, which is that of the program.
    std::vector<std::pair<uint32_t, uint32_t>> collectives; // number, op
    for (uint32_t k = 0; k < compute_.size(); ++k)
      if (e_.ops[compute_[k]]->queue == Queue::Comm)
        collectives.push_back({collectiveOf(*e_.ops[compute_[k]]).id, k});
    std::sort(collectives.begin(), collectives.end());
    for (size_t c = 1; c < collectives.size(); ++c)
      ops[collectives[c].second].after.push_back(collectives[c - 1].second);
    for (WaveOp &op : ops) {
      std::sort(op.after.begin(), op.after.end());
      op.after.erase(std::unique(op.after.begin(), op.after.end()), op.after.end());
    }

    std::vector<WaveSchedule> schedules = scheduleWaves(ops, buffers, rates_);
    if (schedules.empty())
      return false;
    const WaveSchedule &chosen = schedules.front();
    for (size_t k = 0; k < compute_.size(); ++k)
      e_.ops[compute_[k]]->wave = chosen.waves[k];
    lives_ = lifetimesOf(ops, buffers, chosen.waves, chosen.numWaves);

    std::string remark = e_.name + ": waves: chose " + chosen.name + ": " +
                         std::to_string(chosen.numWaves) + " waves, " + milliseconds(chosen) +
                         ", " + megabytes(chosen.peakBytes) + " alive at once; against";
    for (size_t s = 1; s < schedules.size(); ++s)
      remark += std::string(s == 1 ? " " : "; ") + schedules[s].name + ": " +
                std::to_string(schedules[s].numWaves) + " waves, " + milliseconds(schedules[s]) +
                ", " + megabytes(schedules[s].peakBytes);
    remarks_.push_back(std::move(remark));
    return true;
  }

  static std::string milliseconds(const WaveSchedule &schedule) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3g ms", schedule.seconds * 1e3);
    return text;
  }

  double sum(const std::vector<Extent> &extents) const {
    double total = 0;
    for (const Extent &extent : extents)
      total += expectedValue(extent, e_);
    return total;
  }

  void sortOps() {
    std::sort(e_.ops.begin(), e_.ops.end(), [](const auto &a, const auto &b) {
      return std::tuple(a->queue, a->wave, a->id) < std::tuple(b->queue, b->wave, b->id);
    });
  }

  /// The whole step is sampled before it is fetched, and fetched before it is computed: sizes are
  /// known only then, and the queues run steps ahead, so finer semaphores would save nothing.
  void addSemaphores() {
    auto ends = [&](Queue queue) {
      std::pair<OpT *, OpT *> firstLast{nullptr, nullptr};
      for (auto &op : e_.ops)
        if (op->queue == queue) {
          if (!firstLast.first)
            firstLast.first = op.get();
          firstLast.second = op.get();
        }
      return firstLast;
    };
    auto join = [&](const char *name, OpT *last, OpT *first) {
      if (!last || !first)
        return;
      auto semaphore = std::make_unique<SemaphoreT>();
      semaphore->name = name;
      semaphore->from = last->queue;
      semaphore->to = first->queue;
      uint32_t index = uint32_t(e_.semaphores.size());
      e_.semaphores.push_back(std::move(semaphore));
      last->signals.push_back(index);
      first->waits.push_back(index);
    };
    auto link = [&](const char *name, Queue from, Queue to) {
      join(name, ends(from).second, ends(to).first);
    };
    link("sampled for fetch", Queue::Sample, Queue::Fetch);
    link("sampled for compute", Queue::Sample, Queue::Compute);
    link("fetched for compute", Queue::Fetch, Queue::Compute);
    link("sampled for comm", Queue::Sample, Queue::Comm);
    link("fetched for comm", Queue::Fetch, Queue::Comm);
    // A collective of wave w runs after the compute ops of all earlier waves and before those of all
    // later ones.
    std::vector<OpT *> compute, comm;
    for (auto &op : e_.ops)
      if (op->queue == Queue::Compute || op->queue == Queue::Comm)
        (op->queue == Queue::Compute ? compute : comm).push_back(op.get());
    for (OpT *op : comm) {
      auto before = std::partition_point(compute.begin(), compute.end(),
                                         [&](OpT *other) { return other->wave < op->wave; });
      auto after = std::partition_point(compute.begin(), compute.end(),
                                        [&](OpT *other) { return other->wave <= op->wave; });
      if (before != compute.begin())
        join("computed for comm", *(before - 1), op);
      if (after != compute.end())
        join("exchanged for compute", op, *after);
    }
  }

  double expectedBytes(const BufferT &b) const {
    return expectedValue(*b.rows, e_) * double(b.width) * double(sizeOf(b.dtype));
  }
  uint64_t boundBytes(const BufferT &b) const {
    return multiplySaturated(multiplySaturated(boundValue(*b.rows, e_), b.width),
                             uint64_t(sizeOf(b.dtype)));
  }

  void assignRegions() {
    std::vector<ArenaBuffer> arena;
    std::vector<uint32_t> index;
    uint64_t slot = 0;
    double slotExpected = 0;
    for (uint32_t b = 0; b < e_.buffers.size(); ++b) {
      const BufferT &buffer = *e_.buffers[b];
      if (buffer.space == Space::Arena) {
        index.push_back(b);
        arena.push_back(
            {lives_[b], expectedBytes(buffer), boundBytes(buffer), buffer.rows->symbol()});
      } else if (buffer.space == Space::Slot) {
        uint64_t bytes = boundBytes(buffer);
        slot = addSaturated(slot, bytes > UINT64_MAX - 63 ? UINT64_MAX : (bytes + 63) / 64 * 64);
        slotExpected += expectedBytes(buffer);
      }
    }
    ArenaPlan planned = planArena(arena);
    for (const auto &members : planned.regions) {
      auto region = std::make_unique<RegionT>();
      for (uint32_t member : members) {
        region->buffers.push_back(index[member]);
        e_.buffers[index[member]]->region = int32_t(e_.regions.size());
      }
      e_.regions.push_back(std::move(region));
    }
    e_.arena_bound = planned.boundBytes;
    e_.slot_bound = slot;
    remarks_.push_back(e_.name + ": memory: " + std::to_string(arena.size()) + " buffers in " +
                       std::to_string(planned.regions.size()) + " regions: expected " +
                       megabytes(planned.expectedBytes) + ", bound " +
                       boundText(planned.boundBytes) + "; without reuse " +
                       megabytes(planned.sumExpectedBytes) + ", bound " +
                       boundText(planned.sumBoundBytes) + "; " + std::to_string(e_.slots) +
                       (e_.slots == 1 ? " step slot of " : " step slots of ") +
                       megabytes(slotExpected) + ", bound " + boundText(slot));
  }

  EntryT &e_;
  const MachineRates &rates_;
  std::vector<std::string> &remarks_;
  std::vector<size_t> compute_; ///< positions of the ops of the compute and comm queues
  std::vector<Lifetime> lives_; ///< by buffer, in waves of the compute queue
};

} // namespace

double expectedValue(const Extent &extent, const EntryT &entry) {
  double value = extent.symbol() < 0 ? 0 : entry.symbols[size_t(extent.symbol())]->expected;
  return double(extent.scale()) * std::ceil(value / extent.divisor()) + double(extent.constant());
}

uint64_t boundValue(const Extent &extent, const EntryT &entry) {
  uint64_t value = extent.symbol() < 0 ? 0 : entry.symbols[size_t(extent.symbol())]->bound;
  uint64_t quotient = value / extent.divisor() + (value % extent.divisor() != 0);
  return addSaturated(multiplySaturated(extent.scale(), quotient), extent.constant());
}

bool layOutEntry(EntryT &entry, const MachineRates &rates, std::vector<std::string> &remarks,
                 bool draft) {
  return EntryLayout(entry, rates, remarks).run(draft);
}

} // namespace heddle::compiler
