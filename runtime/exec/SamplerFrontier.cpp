//===- SamplerFrontier.cpp - rows of a hop, and edges by source -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/SamplerParts.h"

#include <algorithm>
#include <cstring>

namespace heddle::exec {

namespace {
constexpr int64_t edgesPerBlock = 1 << 15;

/// Where the edges of each source end in the order by source (or start, which they all do one row
/// later), into `ptr` [sources + 1]. `set` is room.
void pointersBySource(std::span<const int32_t> sourceOf, int64_t sources, bool starts,
                      RankBitmap &set, int32_t *ptr) {
  std::memset(ptr, 0, (static_cast<size_t>(sources) + 1) * sizeof(int32_t));
  for (int32_t source : sourceOf)
    ++ptr[source];
  int32_t sum = 0;
  if (static_cast<int64_t>(sourceOf.size()) < sources / 4) {
    // Most have none: only those that have some are gone through, and the gaps are filled.
    for (int32_t source : sourceOf)
      set.insert(source);
    int64_t next = 0;
    set.forEach([&](int64_t source) {
      std::fill(ptr + next, ptr + source, sum);
      const int32_t before = sum;
      sum += ptr[source];
      ptr[source] = starts ? before : sum;
      next = source + 1;
    });
    std::fill(ptr + next, ptr + sources, sum);
    set.clear();
  } else {
    for (int64_t r = 0; r < sources; ++r) {
      const int32_t before = sum;
      sum += ptr[r];
      ptr[r] = starts ? before : sum;
    }
  }
  ptr[sources] = sum;
}

} // namespace

absl::Status Sampler::frontier(FrontierOp &op, StepSlot &slot) {
  const auto &outputs = op.op->outputs;
  RankBitmap &members = *op.set;
  const int64_t *previous = slot.get<int64_t>(op.op->inputs[0]);
  const int64_t previousRows =
      op.previousSymbol < 0 ? 0 : static_cast<int64_t>(slot.symbols[size_t(op.previousSymbol)]);

  blocks_.clear();
  for (SampleOp *sample : op.joined)
    for (int64_t e = 0; e < sample->edges; e += edgesPerBlock)
      blocks_.push_back({sample, e, std::min(sample->edges, e + edgesPerBlock)});
  auto sourcesOf = [&](const SampleOp &sample, auto use) {
    if (sample.wideIds)
      use(static_cast<const int64_t *>(sample.sources.data()));
    else if (sample.op->outputs[2] < 0)
      use(static_cast<const int32_t *>(sample.sources.data()));
    else
      use(static_cast<const int32_t *>(slot.get<int32_t>(sample.op->outputs[2])));
  };
  const bool shared = pool_->threads() > 1 && blocks_.size() > 1;
  pool_->parallelFor(static_cast<int64_t>(blocks_.size()), [&](int64_t b, int) {
    const Block &block = blocks_[size_t(b)];
    sourcesOf(*block.op, [&](const auto *ids) {
      if (shared)
        for (int64_t e = block.begin; e < block.end; ++e)
          members.insertShared(ids[e]);
      else
        for (int64_t e = block.begin; e < block.end; ++e)
          members.insert(ids[e]);
    });
  });
  if (op.selfLink)
    for (int64_t i = 0; i < previousRows; ++i)
      members.insert(previous[i]);

  const int64_t rows = members.number();
  absl::Status status = [&]() -> absl::Status {
    if (rows > maxLocal)
      return tooMany("node type " + plan_.node_types[op.type]->name, rows);
    setSymbol(slot, op.rowsSymbol, rows);
    uint64_t urows = static_cast<uint64_t>(rows);
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, outputs[0], urows));
    HEDDLE_RETURN_IF_ERROR(
        growSlot(budget_, entry_, slot, outputs[1], static_cast<uint64_t>(previousRows)));
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, outputs[2], urows));
    for (SampleOp *sample : op.joined)
      if (!sample->unique)
        HEDDLE_RETURN_IF_ERROR(growBySource(*sample, slot, rows));
      else
        HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, sample->op->outputs[9], urows));
    return absl::OkStatus();
  }();
  if (!status.ok()) {
    members.clear();
    return status;
  }
  members.list(slot.get<int64_t>(outputs[0]));
  for (RankBitmap &set : rowSets_)
    if (set.range() < rows)
      set = RankBitmap(rows + rows / 4);
  rowsChange(outputs[0]);

  const bool whole = rows == op.nodes; // then a row is its node
  pool_->parallelFor(static_cast<int64_t>(blocks_.size()), [&](int64_t b, int) {
    const Block &block = blocks_[size_t(b)];
    if (!block.op->numbered)
      return;
    sourcesOf(*block.op, [&](const auto *ids) {
      renumber(*block.op, slot, ids, whole, members, block.begin, block.end);
    });
  });
  int32_t *selfPos = slot.get<int32_t>(outputs[1]), *selfInv = slot.get<int32_t>(outputs[2]);
  if (selfInv && rows)
    std::memset(selfInv, 0xff, static_cast<size_t>(rows) * sizeof(int32_t));
  if (selfPos || selfInv)
    for (int64_t i = 0; i < previousRows; ++i) {
      int32_t row = members.contains(previous[i]) ? members.rank(previous[i]) : -1;
      if (selfPos)
        selfPos[i] = row;
      if (selfInv && row >= 0)
        selfInv[row] = static_cast<int32_t>(i);
    }
  members.clear();
  HEDDLE_RETURN_IF_ERROR(numberUniqueSources(op, slot, rows));
  pool_->parallelFor(static_cast<int64_t>(op.joined.size()), [&](int64_t s, int thread) {
    const SampleOp &sample = *op.joined[size_t(s)];
    transpose(sample, slot, sample.unique ? sample.uniqueSources : rows, rowSets_[size_t(thread)]);
  });
  return absl::OkStatus();
}

/// Memory of what is by source.
absl::Status Sampler::growBySource(SampleOp &op, StepSlot &slot, int64_t sources) {
  const uint64_t pointers = static_cast<uint64_t>(sources) + 1;
  if (op.transposed && op.op->outputs[4] < 0)
    return budget_.grow(op.outPtr, pointers * sizeof(int32_t), UINT64_MAX, "sampled edges");
  return growSlot(budget_, entry_, slot, op.op->outputs[4], pointers);
}

/// Of the samples whose sources are numbered among themselves: which rows of the frontier those
/// are, and the edges' sources in their numbers.
absl::Status Sampler::numberUniqueSources(FrontierOp &op, StepSlot &slot, int64_t rows) {
  auto ofEach = [&](auto body) {
    pool_->parallelFor(static_cast<int64_t>(op.joined.size()), [&](int64_t s, int thread) {
      SampleOp &sample = *op.joined[size_t(s)];
      if (!sample.unique)
        return;
      RankBitmap &distinct = rowSets_[size_t(thread)];
      const int32_t *sources = sample.rowsOf(slot);
      for (int64_t e = 0; e < sample.edges; ++e)
        distinct.insert(sources[e]);
      sample.uniqueSources = distinct.number();
      body(sample, distinct);
      distinct.clear();
    });
  };
  ofEach([](SampleOp &, RankBitmap &) {});
  for (SampleOp *sample : op.joined) {
    if (!sample->unique)
      continue;
    setSymbol(slot, sample->uniqueSymbol, sample->uniqueSources);
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, sample->op->outputs[8],
                                    static_cast<uint64_t>(sample->uniqueSources)));
    HEDDLE_RETURN_IF_ERROR(growBySource(*sample, slot, sample->uniqueSources));
  }
  ofEach([&](SampleOp &sample, RankBitmap &distinct) {
    if (int32_t *position = slot.get<int32_t>(sample.op->outputs[8]))
      distinct.forEach([&](int64_t row) { *position++ = static_cast<int32_t>(row); });
    if (int32_t *inverse = slot.get<int32_t>(sample.op->outputs[9])) {
      std::fill_n(inverse, rows, -1);
      int32_t next = 0;
      distinct.forEach([&](int64_t row) { inverse[row] = next++; });
    }
    int32_t *sources = sample.rowsOf(slot);
    for (int64_t e = 0; e < sample.edges; ++e)
      sources[e] = distinct.rank(sources[e]);
  });
  return absl::OkStatus();
}

template <class Id>
void Sampler::renumber(const SampleOp &op, StepSlot &slot, const Id *ids, bool whole,
                       const RankBitmap &members, int64_t begin, int64_t end) {
  int32_t *rows = op.rowsOf(slot);
  if (whole) {
    if (static_cast<const void *>(rows) != static_cast<const void *>(ids))
      for (int64_t e = begin; e < end; ++e)
        rows[e] = static_cast<int32_t>(ids[e]);
    return;
  }
  for (int64_t e = begin; e < end; ++e)
    rows[e] = members.rank(ids[e]);
}

void Sampler::transpose(const SampleOp &op, StepSlot &slot, int64_t sourceRows, RankBitmap &set) {
  if (!op.transposed)
    return;
  const auto &outputs = op.op->outputs;
  int32_t *outPtr =
      outputs[4] >= 0 ? slot.get<int32_t>(outputs[4]) : static_cast<int32_t *>(op.outPtr.data());
  int32_t *outDst = slot.get<int32_t>(outputs[5]), *outEdge = slot.get<int32_t>(outputs[6]);
  const int32_t *rows = op.rowsOf(slot), *inPtr = op.inPtrOf(slot);
  const bool starts = !outDst && !outEdge;
  pointersBySource({rows, static_cast<size_t>(op.edges)}, sourceRows, starts, set, outPtr);
  if (starts)
    return;
  // From the last edge to the first, each row's end moves down to its start: the order within a row
  // stays that of the edges.
  for (int64_t a = op.active - 1, e = op.edges - 1; a >= 0; --a)
    for (; e >= inPtr[a]; --e) {
      int32_t at = --outPtr[rows[e]];
      if (outDst)
        outDst[at] = static_cast<int32_t>(a);
      if (outEdge)
        outEdge[at] = static_cast<int32_t>(e);
    }
}

} // namespace heddle::exec
