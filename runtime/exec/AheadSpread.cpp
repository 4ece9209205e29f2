//===- AheadSpread.cpp - rows asked of their keepers -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Ids of a frontier ascend and each keeper has a range of rows, so what goes to and comes from a
// keeper is one slice: rows arrive where they belong, without a list of places.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/AheadExchange.h"

#include "runtime/exec/Fetch.h"
#include "runtime/exec/Reduce.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace heddle::exec {

namespace {
constexpr int64_t maxLocal = std::numeric_limits<int32_t>::max();

int64_t bytesOf(int64_t elements, size_t size) { return elements * static_cast<int64_t>(size); }
} // namespace

absl::Status AheadExchange::lookUp(Op &op, const plan::PlanT &plan,
                                   const graph::GraphStore &graph) {
  const plan::FetchRemoteAttrsT &a = *op.fetch;
  auto mismatch = [&](const std::string &what) {
    return failedPrecondition("op '" + op.op->name + "': node type '" +
                              plan.node_types[a.node_type]->name + "': feature '" + a.feature +
                              "' has " + what + "; recompile for this graph");
  };
  int64_t dim = 0;
  if (a.sparse) {
    HEDDLE_ASSIGN_OR_RETURN(op.sparse,
                            graph.sparseFeature(static_cast<int>(a.node_type), a.feature));
    dim = op.sparse.dim;
    for (size_t output : {1, 2, 4, 5})
      if (op.op->outputs[output] >= 0)
        op.nnz = entry_.buffers[size_t(op.op->outputs[output])]->rows->symbol();
  } else {
    HEDDLE_ASSIGN_OR_RETURN(op.dense, graph.denseFeature(static_cast<int>(a.node_type), a.feature));
    dim = op.dense.dim;
    if (!knownFeatureDtype(op.dense.dtype))
      return mismatch("the dtype " + op.dense.dtype);
  }
  if (dim != int64_t(a.dim))
    return mismatch(std::to_string(dim) + " columns, the plan " + std::to_string(a.dim));
  return absl::OkStatus();
}

void AheadExchange::sliceIds(Op &op, StepSlot &slot) {
  const int64_t *ids = slot.get<int64_t>(op.op->inputs[0]);
  const int64_t rows = static_cast<int64_t>(slot.symbols[static_cast<size_t>(op.rows)]);
  const int64_t q = static_cast<int64_t>(op.collective.size());
  for (int64_t k = 0; k <= q; ++k)
    op.slices[static_cast<size_t>(k)] =
        std::lower_bound(ids, ids + rows, plan::blockBegin(op.nodes, k, q)) - ids;
  op.totals[op.me] = rows - (op.slices[op.me + 1] - op.slices[op.me]);
}

absl::Status AheadExchange::exchange(const Op &op, const StepSlot &slot,
                                     transport::Traffic traffic) {
  return transport_.exchange(transport_.tag(static_cast<int64_t>(slot.step), op.collective.id),
                             traffic, sends_, receives_);
}

absl::Status AheadExchange::request(Op &op, StepSlot &slot, Trace::Track *track) {
  const uint64_t start = track ? Trace::nowNs() : 0;
  const size_t q = op.collective.size();
  uint64_t asked = 0, remote = 0;
  for (size_t b = 0; b < q; ++b) {
    if (op.counts[b] < 0 || op.counts[b] > maxLocal)
      return internalError("op '" + op.op->name + "': another partition says that it has " +
                           std::to_string(op.counts[b]) + " rows");
    asked += static_cast<uint64_t>(op.counts[b]);
    remote += static_cast<uint64_t>(op.totals[b]);
  }
  const auto &out = op.op->outputs;
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[2], asked));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[3], q));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[4], q + 1));
  const int64_t *ids = slot.get<int64_t>(op.op->inputs[0]);
  int64_t *at = slot.get<int64_t>(out[2]);
  sends_.clear();
  receives_.clear();
  uint64_t sent = 0;
  for (size_t b = 0; b < q; ++b) {
    op.lists[b] = at;
    const int64_t mine = op.slices[b + 1] - op.slices[b];
    if (b == op.me) {
      std::copy_n(ids + op.slices[b], mine, at);
    } else {
      const int peer = static_cast<int>((*op.collective.participants)[b]);
      sends_.push_back({peer, ids + op.slices[b], bytesOf(mine, sizeof(int64_t))});
      receives_.push_back({peer, at, bytesOf(op.counts[b], sizeof(int64_t)), nullptr});
      sent += static_cast<uint64_t>(mine) * sizeof(int64_t);
    }
    at += op.counts[b];
  }
  HEDDLE_RETURN_IF_ERROR(exchange(op, slot, trafficOf(op.collective.traffic)));
  // What arrives is used to read rows.
  const int64_t first = plan::blockBegin(op.nodes, int64_t(op.me), int64_t(q)),
                end = plan::blockBegin(op.nodes, int64_t(op.me) + 1, int64_t(q));
  for (size_t b = 0; b < q; ++b)
    if (op.counts[b] && (op.lists[b][0] < first || op.lists[b][op.counts[b] - 1] >= end ||
                         !std::is_sorted(op.lists[b], op.lists[b] + op.counts[b])))
      return internalError("op '" + op.op->name + "': partition " +
                           std::to_string((*op.collective.participants)[b]) +
                           " asks for rows that are not kept here; do all workers have one graph?");

  const uint64_t most = asked; // of what is kept
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[0], most));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[1], most * q));
  const uint64_t kept = static_cast<uint64_t>(uniteLists(
      op.lists, op.counts, op.heads, slot.get<int64_t>(out[0]), slot.get<int32_t>(out[1])));
  std::copy(op.counts.begin(), op.counts.end(), slot.get<int64_t>(out[3]));
  std::copy(op.slices.begin(), op.slices.end(), slot.get<int64_t>(out[4]));
  for (auto [symbol, value] :
       {std::pair{op.unionRows, kept}, std::pair{op.gathered, asked}, std::pair{op.remote, remote}})
    if (symbol >= 0)
      slot.symbols[static_cast<size_t>(symbol)] = value;
  if (track)
    track->record({op.op->name.c_str(), op.op->id, slot.step, start, Trace::nowNs(), kept, sent});
  return absl::OkStatus();
}

absl::Status AheadExchange::fetchDense(Op &op, StepSlot &slot, Trace::Track *track) {
  const uint64_t start = track ? Trace::nowNs() : 0;
  const auto &in = op.op->inputs;
  const int64_t *ids = slot.get<int64_t>(in[0]), *asked = slot.get<int64_t>(in[1]),
                *counts = slot.get<int64_t>(in[2]), *slices = slot.get<int64_t>(in[3]);
  const size_t q = op.collective.size();
  const int64_t dim = op.fetch->dim;
  int64_t others = 0;
  for (size_t b = 0; b < q; ++b)
    others += b == op.me ? 0 : counts[b];
  HEDDLE_RETURN_IF_ERROR(
      growSlot(budget_, entry_, slot, op.op->outputs[0], uint64_t(slices[q]) * uint64_t(dim)));
  HEDDLE_RETURN_IF_ERROR(budget_.grow(op.arrived, uint64_t(others) * uint64_t(dim) * sizeof(float),
                                      UINT64_MAX, "feature rows"));
  float *rows = slot.get<float>(op.op->outputs[0]), *out = static_cast<float *>(op.arrived.data());
  auto convert = [&](const int64_t *which, int64_t count, float *to) {
    convertRows(op.dense.data, op.dense.dtype, dim, which, count, to);
  };
  sends_.clear();
  receives_.clear();
  uint64_t sent = 0;
  for (size_t b = 0; b < q; asked += counts[b], ++b) {
    const int64_t mine = slices[b + 1] - slices[b];
    if (b == op.me) {
      convert(ids + slices[b], mine, rows + slices[b] * dim);
      continue;
    }
    const int peer = static_cast<int>((*op.collective.participants)[b]);
    convert(asked, counts[b], out);
    sends_.push_back({peer, out, bytesOf(counts[b] * dim, sizeof(float))});
    receives_.push_back(
        {peer, rows + slices[b] * dim, bytesOf(mine * dim, sizeof(float)), nullptr});
    sent += static_cast<uint64_t>(counts[b] * dim) * sizeof(float);
    out += counts[b] * dim;
  }
  HEDDLE_RETURN_IF_ERROR(exchange(op, slot, trafficOf(op.collective.traffic)));
  if (track)
    track->record({op.op->name.c_str(), op.op->id, slot.step, start, Trace::nowNs(),
                   static_cast<uint64_t>(slices[q]), sent});
  return absl::OkStatus();
}

absl::Status AheadExchange::fetchSparse(Op &op, StepSlot &slot, Trace::Track *track) {
  const uint64_t start = track ? Trace::nowNs() : 0;
  const auto &in = op.op->inputs, &out = op.op->outputs;
  const int64_t *ids = slot.get<int64_t>(in[0]), *asked = slot.get<int64_t>(in[1]),
                *counts = slot.get<int64_t>(in[2]), *slices = slot.get<int64_t>(in[3]);
  const size_t q = op.collective.size();
  const int64_t rows = slices[q], *indptr = op.sparse.indptr;
  int64_t askedRows = 0;
  for (size_t b = 0; b < q; ++b)
    askedRows += counts[b];
  auto room = [&](HugeMemory &memory, int64_t elements) {
    return budget_.grow(memory, uint64_t(elements) * 4, UINT64_MAX, "sparse feature rows");
  };
  auto peerOf = [&](size_t b) { return static_cast<int>((*op.collective.participants)[b]); };

  // How many entries each row has.
  HEDDLE_RETURN_IF_ERROR(room(op.lengths, rows));
  HEDDLE_RETURN_IF_ERROR(room(op.outLengths, askedRows));
  int32_t *lengths = static_cast<int32_t *>(op.lengths.data()),
          *outLengths = static_cast<int32_t *>(op.outLengths.data());
  sends_.clear();
  receives_.clear();
  uint64_t sent = 0, sentEntries = 0;
  int64_t at = 0;
  for (size_t b = 0; b < q; ++b) {
    const int64_t mine = slices[b + 1] - slices[b];
    for (int64_t i = 0; i < counts[b]; ++i) {
      outLengths[at + i] = static_cast<int32_t>(indptr[asked[at + i] + 1] - indptr[asked[at + i]]);
      sentEntries += b == op.me ? 0 : static_cast<uint64_t>(outLengths[at + i]);
    }
    if (b == op.me) {
      std::copy_n(outLengths + at, mine, lengths + slices[b]);
    } else {
      sends_.push_back({peerOf(b), outLengths + at, bytesOf(counts[b], 4)});
      receives_.push_back({peerOf(b), lengths + slices[b], bytesOf(mine, 4), nullptr});
      sent += static_cast<uint64_t>(counts[b]) * 4;
    }
    at += counts[b];
  }
  HEDDLE_RETURN_IF_ERROR(exchange(op, slot, trafficOf(op.collective.traffic)));
  int64_t nnz = 0;
  for (int64_t i = 0; i < rows; ++i) {
    if (lengths[i] < 0)
      return internalError("op '" + op.op->name + "': a row has fewer than 0 entries");
    nnz += lengths[i];
  }
  if (nnz > maxLocal)
    return absl::ResourceExhaustedError(absl::string_view(
        "op '" + op.op->name + "' has " + std::to_string(nnz) +
        " entries in one batch, more than 2^31 - 1; use a smaller batch_size or fanout"));

  // The entries, where they belong.
  for (size_t output : {1, 2, 4, 5})
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[output], uint64_t(nnz)));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[0], uint64_t(rows) + 1));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[3], uint64_t(op.fetch->dim) + 1));
  HEDDLE_RETURN_IF_ERROR(room(op.idx, out[1] >= 0 ? 0 : nnz));
  HEDDLE_RETURN_IF_ERROR(room(op.val, out[2] >= 0 ? 0 : nnz));
  HEDDLE_RETURN_IF_ERROR(room(op.outIdx, int64_t(sentEntries)));
  HEDDLE_RETURN_IF_ERROR(room(op.outVal, int64_t(sentEntries)));
  int32_t *idx = out[1] >= 0 ? slot.get<int32_t>(out[1]) : static_cast<int32_t *>(op.idx.data());
  float *val = out[2] >= 0 ? slot.get<float>(out[2]) : static_cast<float *>(op.val.data());
  int32_t *outIdx = static_cast<int32_t *>(op.outIdx.data());
  float *outVal = static_cast<float *>(op.outVal.data());
  auto copyRow = [&](int64_t id, int32_t *toIdx, float *toVal) {
    const int64_t first = indptr[id], count = indptr[id + 1] - first;
    for (int64_t e = 0; e < count; ++e) {
      toIdx[e] = static_cast<int32_t>(op.sparse.indices[first + e]);
      toVal[e] = op.sparse.values ? op.sparse.values[first + e] : 1.0f;
    }
    return count;
  };
  sends_.clear();
  receives_.clear();
  int64_t begin = 0;
  for (size_t b = 0; b < q; asked += counts[b], ++b) {
    int64_t mine = 0;
    for (int64_t i = slices[b]; i < slices[b + 1]; ++i)
      mine += lengths[i];
    if (b == op.me) {
      int64_t to = begin;
      for (int64_t i = slices[b]; i < slices[b + 1]; ++i)
        to += copyRow(ids[i], idx + to, val + to);
    } else {
      int64_t entries = 0;
      for (int64_t i = 0; i < counts[b]; ++i)
        entries += copyRow(asked[i], outIdx + entries, outVal + entries);
      sends_.push_back({peerOf(b), outIdx, bytesOf(entries, 4)});
      sends_.push_back({peerOf(b), outVal, bytesOf(entries, 4)});
      receives_.push_back({peerOf(b), idx + begin, bytesOf(mine, 4), nullptr});
      receives_.push_back({peerOf(b), val + begin, bytesOf(mine, 4), nullptr});
      sent += static_cast<uint64_t>(entries) * 8;
      outIdx += entries;
      outVal += entries;
    }
    begin += mine;
  }
  HEDDLE_RETURN_IF_ERROR(exchange(op, slot, trafficOf(op.collective.traffic)));
  for (int64_t e = 0; e < nnz; ++e)
    if (idx[e] < 0 || idx[e] >= int64_t(op.fetch->dim))
      return internalError("op '" + op.op->name +
                           "': an entry of another partition is outside the "
                           "feature's columns; do all workers have one graph?");

  // What all together have sent: nobody knows it alone, and the plan's formula asks for it.
  op.totals[op.me] = static_cast<int64_t>(sentEntries);
  sends_.clear();
  receives_.clear();
  for (size_t b = 0; b < q; ++b)
    if (b != op.me) {
      sends_.push_back({peerOf(b), &op.totals[op.me], sizeof(int64_t)});
      receives_.push_back({peerOf(b), &op.totals[b], sizeof(int64_t), nullptr});
    }
  HEDDLE_RETURN_IF_ERROR(exchange(op, slot, transport::Traffic::Control));
  int64_t remote = 0;
  for (int64_t total : op.totals)
    remote += total;
  if (op.nnz >= 0)
    slot.symbols[static_cast<size_t>(op.nnz)] = static_cast<uint64_t>(nnz);
  if (op.remote >= 0)
    slot.symbols[static_cast<size_t>(op.remote)] = static_cast<uint64_t>(remote);

  if (int32_t *ptr = slot.get<int32_t>(out[0])) {
    ptr[0] = 0;
    for (int64_t i = 0; i < rows; ++i)
      ptr[i + 1] = ptr[i] + lengths[i];
  }
  if (out[3] >= 0 || out[4] >= 0 || out[5] >= 0) {
    HEDDLE_RETURN_IF_ERROR(room(op.columns, out[3] >= 0 ? 0 : int64_t(op.fetch->dim) + 1));
    transpose(op, slot, rows, idx, val);
  }
  if (track)
    track->record({op.op->name.c_str(), op.op->id, slot.step, start, Trace::nowNs(),
                   static_cast<uint64_t>(rows), sent});
  return absl::OkStatus();
}

void AheadExchange::transpose(Op &op, StepSlot &slot, int64_t rows, const int32_t *idx,
                              const float *val) {
  const auto &out = op.op->outputs;
  const int64_t dim = op.fetch->dim;
  const int32_t *lengths = static_cast<const int32_t *>(op.lengths.data());
  int32_t *ends =
      out[3] >= 0 ? slot.get<int32_t>(out[3]) : static_cast<int32_t *>(op.columns.data());
  int32_t *tRow = slot.get<int32_t>(out[4]);
  float *tVal = slot.get<float>(out[5]);
  int64_t entries = 0;
  for (int64_t i = 0; i < rows; ++i)
    entries += lengths[i];
  std::memset(ends, 0, (static_cast<size_t>(dim) + 1) * sizeof(int32_t));
  for (int64_t e = 0; e < entries; ++e)
    ++ends[idx[e]];
  int32_t sum = 0;
  for (int64_t c = 0; c <= dim; ++c) {
    sum += ends[c];
    ends[c] = sum;
  }
  // From the last entry to the first, each column's end moves down to its start.
  for (int64_t i = rows - 1; i >= 0; --i)
    for (int64_t k = 0; k < lengths[i]; ++k) {
      --entries;
      const int32_t to = --ends[idx[entries]];
      if (tRow)
        tRow[to] = static_cast<int32_t>(i);
      if (tVal)
        tVal[to] = val[entries];
    }
}

} // namespace heddle::exec
