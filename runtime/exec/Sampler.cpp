//===- Sampler.cpp - keyed sampling and frontiers ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A sample counts its edges first (degrees and fan-out alone decide how many), so that every output
// is written once at its final size, by any number of threads. Until their frontier has run, the
// sources of a sample are global ids; the frontier numbers them in place.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Sampler.h"

#include "runtime/base/Keys.h"
#include "runtime/exec/SamplerParts.h"
#include "runtime/plan/Collective.h"

#include <algorithm>
#include <cstring>

namespace heddle::exec {

using plan::SymbolKind;

namespace {
constexpr int64_t rowsPerBlock = 1024;
} // namespace

void sampleOffsets(uint64_t seed, uint32_t step, uint32_t hop, uint32_t relation,
                   int64_t destination, int64_t degree, int64_t k, int64_t *chosen,
                   std::vector<uint64_t> &bits) {
  // Draws come in pairs from one block of the generator.
  keys::Words word{};
  auto draw = [&](int64_t i, uint64_t bound) {
    if (!(i & 1))
      word = keys::philox(keys::counter(keys::Purpose::Sample, step, hop, relation,
                                        static_cast<uint64_t>(destination),
                                        static_cast<uint32_t>(i / 2)),
                          seed);
    return static_cast<int64_t>((i & 1) ? keys::bounded(word[2], word[3], bound)
                                        : keys::bounded(word[0], word[1], bound));
  };
  // A few offsets are kept sorted by insertion; many are marked as bits, which sorts them too.
  if (k <= 64) {
    for (int64_t i = 0; i < k; ++i) {
      int64_t j = degree - k + i;
      int64_t t = draw(i, static_cast<uint64_t>(j) + 1);
      int64_t *at = std::lower_bound(chosen, chosen + i, t);
      if (at != chosen + i && *at == t) {
        chosen[i] = j; // greater than all before it
        continue;
      }
      std::move_backward(at, chosen + i, chosen + i + 1);
      *at = t;
    }
    return;
  }
  bits.assign((static_cast<size_t>(degree) + 63) / 64, 0);
  for (int64_t i = 0; i < k; ++i) {
    int64_t j = degree - k + i;
    int64_t t = draw(i, static_cast<uint64_t>(j) + 1);
    if (bits[size_t(t) >> 6] >> (t & 63) & 1)
      t = j;
    bits[size_t(t) >> 6] |= uint64_t(1) << (t & 63);
  }
  for (size_t w = 0; w < bits.size(); ++w)
    for (uint64_t b = bits[w]; b; b &= b - 1)
      *chosen++ = static_cast<int64_t>(w * 64 + static_cast<size_t>(std::countr_zero(b)));
}

Sampler::~Sampler() = default;

Sampler::Sampler(const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph,
                 ThreadPool &pool, MemoryBudget &budget)
    : plan_(plan), entry_(entry), graph_(graph), pool_(&pool), budget_(budget),
      samples_(entry.ops.size()), frontiers_(entry.ops.size()), asked_(entry.buffers.size()),
      bits_(static_cast<size_t>(pool.threads())),
      rowSets_(static_cast<size_t>(pool.threads()), RankBitmap(0)),
      chosen_(static_cast<size_t>(pool.threads())) {
  SamplingOps ops = samplingOps(plan, entry, graph);
  int64_t largest = 1;
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    if (const auto *seeds = entry.ops[i]->attrs.AsSeedsAttrs()) {
      seedsType_ = static_cast<int>(seeds->node_type);
      for (const plan::CutLink &link : seeds->cut)
        cut_.push_back({&graph.relation(static_cast<int>(link.relation())), link.fanout()});
    }
    if (!ops.samples[i].op)
      continue;
    samples_[i] = std::make_unique<SampleOp>(std::move(ops.samples[i]));
    SampleOp &sample = *samples_[i];
    const BusyDestinations &busy = busy_.try_emplace(sample.relation, *sample.view).first->second;
    if (busy.listed()) {
      sample.busy = &busy;
      sample.busyRows.resize(busy.size());
      auto &asked = asked_[static_cast<size_t>(entry.ops[i]->inputs[0])];
      if (!asked)
        asked = std::make_unique<AskedRows>(sample.view->numDestinations);
      sample.asked = asked.get();
    }
    if (samples_[i]->blocks > 1)
      samples_[i]->begins.resize(size_t(samples_[i]->blocks) + 1);
    largest = std::max(largest, samples_[i]->fanout);
  }
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    if (!ops.frontiers[i].op)
      continue;
    frontiers_[i] = std::make_unique<FrontierOp>(std::move(ops.frontiers[i]));
    for (size_t sample : frontiers_[i]->samples)
      frontiers_[i]->joined.push_back(samples_[sample].get());
    auto &set = sets_[frontiers_[i]->type];
    if (!set)
      set = std::make_unique<RankBitmap>(frontiers_[i]->nodes);
    frontiers_[i]->set = set.get();
  }
  for (auto &chosen : chosen_)
    chosen.resize(static_cast<size_t>(largest));
}

absl::Status Sampler::checkSeeds(const std::vector<int64_t> &seeds,
                                 const std::string &place) const {
  if (seeds.empty() || seedsType_ < 0)
    return absl::OkStatus();
  const auto &type = graph_.schema().nodeTypes[static_cast<size_t>(seedsType_)];
  if (seeds.front() < 0 || seeds.back() >= type.numNodes)
    return invalidArgument(place + ": seed " +
                           std::to_string(seeds.front() < 0 ? seeds.front() : seeds.back()) +
                           " is not a node of '" + type.name + "' (0.." +
                           std::to_string(type.numNodes - 1) + "); check the split");
  auto twice = std::adjacent_find(seeds.begin(), seeds.end());
  if (twice != seeds.end())
    return invalidArgument(place + ": seed " + std::to_string(*twice) +
                           " is in the batch twice; check the split");
  if (static_cast<int64_t>(seeds.size()) > maxLocal)
    return tooMany(place + ": the seeds", static_cast<int64_t>(seeds.size()));
  return absl::OkStatus();
}

uint64_t Sampler::edges(const plan::OpT &op, const StepSlot &slot) const {
  for (const auto &sample : samples_)
    if (sample && sample->op == &op)
      return sample->edgesSymbol < 0 ? 0 : slot.symbols[static_cast<size_t>(sample->edgesSymbol)];
  return 0;
}

absl::Status Sampler::run(size_t index, StepSlot &slot, uint64_t seed) {
  const plan::OpT &op = *entry_.ops[index];
  if (op.in_loop_static && slot.sameSeeds) {
    if (samples_[index])
      slot.sampledEdges += static_cast<uint64_t>(samples_[index]->edges);
    return absl::OkStatus();
  }
  if (samples_[index])
    return sample(*samples_[index], slot, seed);
  if (frontiers_[index])
    return frontier(*frontiers_[index], slot);
  return seeds(op, slot);
}

absl::Status Sampler::seeds(const plan::OpT &op, StepSlot &slot) {
  const auto &attrs = *op.attrs.AsSeedsAttrs();
  const int64_t all = static_cast<int64_t>(slot.seeds.size());
  auto give = [&](int32_t out, int64_t first, int64_t end) -> absl::Status {
    rowsChange(out);
    HEDDLE_RETURN_IF_ERROR(
        growSlot(budget_, entry_, slot, out, static_cast<uint64_t>(end - first)));
    if (first < end)
      std::memcpy(slot.get<int64_t>(out), slot.seeds.data() + first,
                  static_cast<size_t>(end - first) * sizeof(int64_t));
    setSymbol(slot, entry_.buffers[size_t(out)]->rows->symbol(), end - first);
    return absl::OkStatus();
  };
  // The number of all counts rows where the ids of all are not wanted, too.
  if (attrs.blocks > 1)
    setSymbol(slot, findSymbol(entry_, SymbolKind::Gathered, 0, attrs.node_type), all);
  if (attrs.blocks > 1 && op.outputs[1] >= 0)
    HEDDLE_RETURN_IF_ERROR(give(op.outputs[1], 0, all));
  if (op.outputs.size() < 3)
    return give(op.outputs[0], plan::blockBegin(all, attrs.block, attrs.blocks),
                plan::blockBegin(all, int64_t(attrs.block) + 1, attrs.blocks));
  HEDDLE_RETURN_IF_ERROR(
      growSlot(budget_, entry_, slot, op.outputs[2], uint64_t(attrs.blocks) + 1));
  int64_t *begins = slot.get<int64_t>(op.outputs[2]);
  graph::cutSeeds(slot.seeds, cut_, work_, {begins, size_t(attrs.blocks) + 1});
  return give(op.outputs[0], begins[attrs.block], begins[attrs.block + 1]);
}

const RankBitmap &Sampler::asked(AskedRows &rows, const StepSlot &slot,
                                 std::span<const int64_t> ids) {
  if (rows.of != &slot) {
    rows.set.clear();
    for (int64_t id : ids)
      rows.set.insert(id);
    rows.set.number();
    rows.of = &slot;
  }
  return rows.set;
}

void Sampler::rowsChange(int32_t ids) {
  if (AskedRows *asked = asked_[static_cast<size_t>(ids)].get())
    asked->of = nullptr;
}

absl::Status Sampler::sample(SampleOp &op, StepSlot &slot, uint64_t seed) {
  const int64_t *ids = slot.get<int64_t>(op.op->inputs[0]);
  const int64_t rows = static_cast<int64_t>(slot.symbols[size_t(op.rowsSymbol)]);
  const int64_t limit = op.fanout < 0 ? std::numeric_limits<int64_t>::max() : op.fanout;
  op.visits = rows;
  op.asksBusy = op.busy && op.busy->size() < static_cast<size_t>(rows);
  if (op.asksBusy)
    op.visits = static_cast<int64_t>(
        op.busy->rowsIn(asked(*op.asked, slot, {ids, static_cast<size_t>(rows)}), op.busyRows));
  const int64_t blocks = (op.visits + rowsPerBlock - 1) / rowsPerBlock;
  const bool empty = op.view->numEdges == 0 || limit == 0;
  op.firstRow = 0;
  op.endRow = rows;
  if (!op.begins.empty()) {
    const graph::CutLink link{op.view, op.fanout};
    graph::cutSeeds({ids, static_cast<size_t>(rows)}, {&link, 1}, op.work, op.begins);
    op.firstRow = op.begins[op.block];
    op.endRow = op.begins[size_t(op.block) + 1];
  }
  op.counts.assign(static_cast<size_t>(blocks) + 1, {});
  if (!empty)
    pool_->parallelFor(blocks, [&](int64_t block, int) {
      SampleOp::Count count;
      int64_t end = std::min(op.visits, (block + 1) * rowsPerBlock);
      for (int64_t i = block * rowsPerBlock; i < end; ++i) {
        if (!op.asksBusy && i + 16 < end)
          __builtin_prefetch(op.view->inPtr + ids[i + 16]);
        const SampleOp::Visit visit = op.visit(i, ids);
        if (visit.row < op.firstRow || visit.row >= op.endRow)
          continue;
        int64_t degree = std::min(visit.degree, limit);
        count.edges += degree;
        count.active += degree > 0;
      }
      op.counts[static_cast<size_t>(block) + 1] = count;
    });
  for (size_t b = 0; b < static_cast<size_t>(blocks); ++b) {
    op.counts[b + 1].edges += op.counts[b].edges;
    op.counts[b + 1].active += op.counts[b].active;
  }
  op.edges = op.counts.back().edges;
  op.active = op.counts.back().active;
  if (op.edges > maxLocal)
    return tooMany(op.name, op.edges);
  setSymbol(slot, op.edgesSymbol, op.edges);
  setSymbol(slot, op.activeSymbol, op.active);
  slot.sampledEdges += static_cast<uint64_t>(op.edges);

  const auto &out = op.op->outputs;
  uint64_t edges = static_cast<uint64_t>(op.edges), active = static_cast<uint64_t>(op.active);
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[0], active));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[1], active + 1));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[2], edges));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[3], static_cast<uint64_t>(rows)));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[5], edges));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[6], edges));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[7], edges));
  bool own = op.needSources && (op.wideIds || out[2] < 0);
  if (own)
    HEDDLE_RETURN_IF_ERROR(
        budget_.grow(op.sources, edges * (op.wideIds ? 8 : 4), UINT64_MAX, "sampled sources"));
  if (op.transposed && out[1] < 0)
    HEDDLE_RETURN_IF_ERROR(
        budget_.grow(op.inPtr, (active + 1) * sizeof(int32_t), UINT64_MAX, "sampled edges"));
  if (op.numbered && out[2] < 0 && op.wideIds)
    HEDDLE_RETURN_IF_ERROR(
        budget_.grow(op.rows, edges * sizeof(int32_t), UINT64_MAX, "sampled edges"));
  if (int32_t *inPtr = op.inPtrOf(slot))
    inPtr[0] = 0;

  auto fill = [&](auto *sources) {
    if (op.wideIds)
      fillSample(op, slot, seed, sources,
                 static_cast<int64_t *>(own ? op.sources.data() : nullptr));
    else
      fillSample(op, slot, seed, sources,
                 own ? static_cast<int32_t *>(op.sources.data()) : slot.get<int32_t>(out[2]));
  };
  if (op.view->inSources.i32)
    fill(op.view->inSources.i32);
  else
    fill(op.view->inSources.i64);
  return absl::OkStatus();
}

template <class SourceIndex, class Id>
void Sampler::fillSample(SampleOp &op, StepSlot &slot, uint64_t seed, const SourceIndex *sources,
                         Id *out) {
  const auto &outputs = op.op->outputs;
  const int64_t *ids = slot.get<int64_t>(op.op->inputs[0]);
  const int64_t rows = static_cast<int64_t>(slot.symbols[size_t(op.rowsSymbol)]);
  int32_t *dstPos = slot.get<int32_t>(outputs[0]), *inPtr = op.inPtrOf(slot);
  int32_t *rowPos = slot.get<int32_t>(outputs[3]);
  int64_t *edgeId = slot.get<int64_t>(outputs[7]);
  const int64_t fanout = op.fanout;
  const int64_t blocks = static_cast<int64_t>(op.counts.size()) - 1;
  if (rowPos && rows && (op.asksBusy || op.edges == 0))
    std::memset(rowPos, 0xff, static_cast<size_t>(rows) * sizeof(int32_t));
  if (op.edges == 0)
    return;
  const uint32_t step = static_cast<uint32_t>(slot.step);
  pool_->parallelFor(blocks, [&](int64_t block, int thread) {
    int64_t edge = op.counts[size_t(block)].edges, active = op.counts[size_t(block)].active;
    int64_t end = std::min(op.visits, (block + 1) * rowsPerBlock);
    int64_t *chosen = chosen_[size_t(thread)].data();
    for (int64_t n = block * rowsPerBlock; n < end; ++n) {
      if (!op.asksBusy && n + 8 < end)
        __builtin_prefetch(op.view->inPtr + ids[n + 8]);
      const auto [i, first, degree] = op.visit(n, ids);
      int64_t k = fanout < 0 ? degree : std::min(degree, fanout);
      if (i < op.firstRow || i >= op.endRow)
        k = 0;
      if (rowPos)
        rowPos[i] = k ? static_cast<int32_t>(active) : -1;
      if (!k)
        continue;
      if (k == degree) {
        if (out)
          for (int64_t e = 0; e < k; ++e)
            out[edge + e] = static_cast<Id>(sources[first + e]);
        if (edgeId)
          for (int64_t e = 0; e < k; ++e)
            edgeId[edge + e] = first + e;
      } else {
        sampleOffsets(seed, step, op.hop, op.relation, ids[i], degree, k, chosen,
                      bits_[size_t(thread)]);
        if (out)
          for (int64_t e = 0; e < k; ++e)
            out[edge + e] = static_cast<Id>(sources[first + chosen[e]]);
        if (edgeId)
          for (int64_t e = 0; e < k; ++e)
            edgeId[edge + e] = first + chosen[e];
      }
      edge += k;
      if (dstPos)
        dstPos[active] = static_cast<int32_t>(i);
      ++active;
      if (inPtr)
        inPtr[active] = static_cast<int32_t>(edge);
    }
  });
}

} // namespace heddle::exec
