//===- AheadFeatures.cpp - features from their keepers -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// First the rows of all dense features and the lengths of the rows of all sparse ones, then the
// entries of the sparse ones, then how many of them went between partitions.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/AheadExchange.h"

#include "runtime/exec/ConvertRows.h"
#include "runtime/exec/FeatureTiers.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace heddle::exec {

namespace {
constexpr int64_t maxLocal = std::numeric_limits<int32_t>::max();
/// Bytes of a number, of a row's length, and of the column or the number of an entry.
constexpr int64_t wordBytes = 4;

int64_t bytesOf(int64_t words) { return words * wordBytes; }
int64_t packed(int64_t words) { return PeerBlocks::packed(bytesOf(words)); }
} // namespace

int32_t *AheadExchange::columnsOf(const Term &term, StepSlot &slot) {
  return term.out[1] >= 0 ? slot.get<int32_t>(term.out[1])
                          : static_cast<int32_t *>(term.idx.data());
}

float *AheadExchange::numbersOf(const Term &term, StepSlot &slot) {
  return term.out[2] >= 0 ? slot.get<float>(term.out[2]) : static_cast<float *>(term.val.data());
}

int64_t AheadExchange::rowsOf(const Op &op, const Term &term, StepSlot &slot) {
  return slot.get<int64_t>(term.request[2])[op.collective.size()];
}

absl::Status AheadExchange::lookUp(const Op &op, Term &term, const plan::PlanT &plan,
                                   const graph::GraphStore &graph) {
  const plan::RemoteFeatureT &a = term.feature;
  auto mismatch = [&](const std::string &what) {
    return failedPrecondition("op '" + op.op->name + "': node type '" +
                              plan.node_types[a.node_type]->name + "': feature '" + a.feature +
                              "' has " + what + "; recompile for this graph");
  };
  int64_t dim = 0;
  if (a.sparse) {
    HEDDLE_ASSIGN_OR_RETURN(term.sparse,
                            graph.sparseFeature(static_cast<int>(a.node_type), a.feature));
    dim = term.sparse.dim;
    for (size_t output : {1, 2, 4, 5})
      if (term.out[output] >= 0)
        term.nnz = entry_.buffers[size_t(term.out[output])]->rows->symbol();
  } else {
    HEDDLE_ASSIGN_OR_RETURN(term.dense,
                            graph.denseFeature(static_cast<int>(a.node_type), a.feature));
    dim = term.dense.dim;
    term.tier = tiers_ ? tiers_->find(a.node_type, a.feature) : -1;
    if (!knownFeatureDtype(term.dense.dtype))
      return mismatch("the dtype " + term.dense.dtype);
  }
  if (dim != int64_t(a.dim))
    return mismatch(std::to_string(dim) + " columns, the plan " + std::to_string(a.dim));
  return absl::OkStatus();
}

absl::Status AheadExchange::fetch(Op &op, StepSlot &slot, Trace::Track *track) {
  const uint64_t start = track ? Trace::nowNs() : 0;
  uint64_t sent = 0;
  HEDDLE_RETURN_IF_ERROR(fetchRows(op, slot, sent));
  if (op.anySparse) {
    HEDDLE_RETURN_IF_ERROR(fetchEntries(op, slot, sent));
    HEDDLE_RETURN_IF_ERROR(sumTotals(op, slot));
    for (Term &term : op.terms)
      if (term.feature.sparse)
        HEDDLE_RETURN_IF_ERROR(finishSparse(term, rowsOf(op, term, slot), slot));
  }
  if (track) {
    uint64_t rows = 0;
    for (const Term &term : op.terms)
      rows += static_cast<uint64_t>(rowsOf(op, term, slot));
    track->record({op.op->name.c_str(), op.op->id, slot.step, start, Trace::nowNs(), rows, sent});
  }
  return absl::OkStatus();
}

absl::Status AheadExchange::fetchRows(Op &op, StepSlot &slot, uint64_t &sent) {
  const size_t q = op.collective.size();
  auto width = [](const Term &term) { return term.feature.sparse ? 1 : int64_t(term.feature.dim); };
  for (Term &term : op.terms) {
    const int64_t *counts = slot.get<int64_t>(term.request[1]),
                  *slices = slot.get<int64_t>(term.request[2]);
    int64_t asked = 0;
    for (size_t b = 0; b < q; ++b)
      asked += b == op.me ? 0 : counts[b];
    const uint64_t numbers = static_cast<uint64_t>(slices[q]) * static_cast<uint64_t>(width(term));
    if (term.feature.sparse)
      HEDDLE_RETURN_IF_ERROR(
          budget_.grow(term.lengths, numbers * wordBytes, UINT64_MAX, "sparse feature rows"));
    else
      HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, term.out[0], numbers));
    HEDDLE_RETURN_IF_ERROR(budget_.grow(term.feature.sparse ? term.outLengths : term.arrived,
                                        static_cast<uint64_t>(bytesOf(asked * width(term))),
                                        UINT64_MAX, "feature rows"));
    term.entries = term.sentEntries = 0;
    term.nextAsked = term.nextOut = 0;
  }
  HEDDLE_RETURN_IF_ERROR(start(op, [&](const Term &term, size_t b) {
    const int64_t *slices = slot.get<int64_t>(term.request[2]);
    return std::pair(packed(slot.get<int64_t>(term.request[1])[b] * width(term)),
                     packed((slices[b + 1] - slices[b]) * width(term)));
  }));
  absl::Status fetched;
  // Rows `which` of the term's feature, or their lengths; their entries are returned.
  auto put = [&](const Term &term, const int64_t *which, int64_t count, void *to) {
    if (term.tier >= 0) {
      fetched.Update(tiers_->fetch(term.tier, which, count, static_cast<float *>(to)));
      return int64_t(0);
    }
    if (!term.feature.sparse) {
      convertRows(term.dense.data, term.dense.dtype, term.feature.dim, which, count,
                  static_cast<float *>(to));
      return int64_t(0);
    }
    int64_t entries = 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t length = term.sparse.indptr[which[i] + 1] - term.sparse.indptr[which[i]];
      static_cast<int32_t *>(to)[i] = static_cast<int32_t>(length);
      entries += length;
    }
    return entries;
  };
  for (size_t b = 0; b < q; ++b) {
    blocks_.peer(op.peer(b));
    for (Term &term : op.terms) {
      const int64_t *slices = slot.get<int64_t>(term.request[2]);
      const int64_t count = slot.get<int64_t>(term.request[1])[b], mine = slices[b + 1] - slices[b],
                    begin = slices[b] * width(term);
      int32_t *lengths = static_cast<int32_t *>(term.lengths.data());
      void *rows = term.feature.sparse ? static_cast<void *>(lengths + begin)
                                       : static_cast<void *>(slot.get<float>(term.out[0]) + begin);
      if (b == op.me) {
        put(term, slot.get<int64_t>(term.ids) + slices[b], mine, rows);
      } else {
        HugeMemory &room = term.feature.sparse ? term.outLengths : term.arrived;
        void *to = blocks_.write(static_cast<char *>(room.data()) + bytesOf(term.nextOut),
                                 bytesOf(count * width(term)));
        term.sentEntries +=
            put(term, slot.get<int64_t>(term.request[0]) + term.nextAsked, count, to);
        term.nextOut += count * width(term);
        blocks_.receiveInto(rows, bytesOf(mine * width(term)));
      }
      term.nextAsked += count;
    }
  }
  if (!fetched.ok())
    return withPrefix(fetched, "op '" + op.op->name + "': ");
  return exchange(op, slot, trafficOf(op.collective.traffic), sent);
}

absl::Status AheadExchange::growEntries(const Op &op, Term &term, StepSlot &slot) {
  const int64_t rows = rowsOf(op, term, slot);
  const int32_t *lengths = static_cast<const int32_t *>(term.lengths.data());
  for (int64_t i = 0; i < rows; ++i) {
    if (lengths[i] < 0)
      return internalError("op '" + op.op->name + "': a row has fewer than 0 entries");
    term.entries += lengths[i];
  }
  if (term.entries > maxLocal)
    return absl::ResourceExhaustedError(absl::string_view(
        "op '" + op.op->name + "' has " + std::to_string(term.entries) +
        " entries in one batch, more than 2^31 - 1; use a smaller batch_size or fanout"));
  const int32_t *out = term.out;
  auto room = [&](HugeMemory &memory, int64_t elements) {
    return budget_.grow(memory, static_cast<uint64_t>(bytesOf(elements)), UINT64_MAX,
                        "sparse feature rows");
  };
  for (size_t output : {1, 2, 4, 5})
    HEDDLE_RETURN_IF_ERROR(
        growSlot(budget_, entry_, slot, out[output], static_cast<uint64_t>(term.entries)));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[0], static_cast<uint64_t>(rows) + 1));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[3], uint64_t(term.feature.dim) + 1));
  HEDDLE_RETURN_IF_ERROR(room(term.idx, out[1] >= 0 ? 0 : term.entries));
  HEDDLE_RETURN_IF_ERROR(room(term.val, out[2] >= 0 ? 0 : term.entries));
  HEDDLE_RETURN_IF_ERROR(room(term.outIdx, term.sentEntries));
  return room(term.outVal, term.sentEntries);
}

absl::Status AheadExchange::fetchEntries(Op &op, StepSlot &slot, uint64_t &sent) {
  const size_t q = op.collective.size();
  for (Term &term : op.terms) {
    if (!term.feature.sparse)
      continue;
    HEDDLE_RETURN_IF_ERROR(growEntries(op, term, slot));
    term.nextAsked = term.nextOut = term.nextEntry = 0;
    // How many entries come from each keeper, and how many it is sent.
    const int64_t *asked = slot.get<int64_t>(term.request[0]),
                  *counts = slot.get<int64_t>(term.request[1]),
                  *slices = slot.get<int64_t>(term.request[2]), *indptr = term.sparse.indptr;
    const int32_t *lengths = static_cast<const int32_t *>(term.lengths.data());
    for (size_t b = 0; b < q; asked += counts[b], ++b) {
      term.counts[b] = term.totals[b] = 0;
      for (int64_t i = slices[b]; i < slices[b + 1]; ++i)
        term.counts[b] += lengths[i];
      for (int64_t i = 0; b != op.me && i < counts[b]; ++i)
        term.totals[b] += indptr[asked[i] + 1] - indptr[asked[i]];
    }
  }
  HEDDLE_RETURN_IF_ERROR(start(op, [&](const Term &term, size_t b) {
    // Columns and numbers are blocks of their own.
    const auto both = [&](int64_t entries) {
      return term.feature.sparse ? 2 * packed(entries) : 0;
    };
    return std::pair(both(term.totals[b]), both(term.counts[b]));
  }));
  auto copyRow = [](const Term &term, int64_t id, int32_t *toIdx, float *toVal) {
    const int64_t first = term.sparse.indptr[id], count = term.sparse.indptr[id + 1] - first;
    for (int64_t e = 0; e < count; ++e) {
      toIdx[e] = static_cast<int32_t>(term.sparse.indices[first + e]);
      toVal[e] = term.sparse.values ? term.sparse.values[first + e] : 1.0f;
    }
    return count;
  };
  for (size_t b = 0; b < q; ++b) {
    blocks_.peer(op.peer(b));
    for (Term &term : op.terms) {
      if (!term.feature.sparse)
        continue;
      const int64_t *slices = slot.get<int64_t>(term.request[2]),
                    count = slot.get<int64_t>(term.request[1])[b];
      int32_t *idx = columnsOf(term, slot) + term.nextEntry;
      float *val = numbersOf(term, slot) + term.nextEntry;
      if (b == op.me) {
        const int64_t *ids = slot.get<int64_t>(term.ids);
        int64_t to = 0;
        for (int64_t i = slices[b]; i < slices[b + 1]; ++i)
          to += copyRow(term, ids[i], idx + to, val + to);
      } else {
        const int64_t *asked = slot.get<int64_t>(term.request[0]) + term.nextAsked,
                      entries = term.totals[b];
        int32_t *outIdx = static_cast<int32_t *>(blocks_.write(
            static_cast<int32_t *>(term.outIdx.data()) + term.nextOut, bytesOf(entries)));
        float *outVal = static_cast<float *>(blocks_.write(
            static_cast<float *>(term.outVal.data()) + term.nextOut, bytesOf(entries)));
        int64_t to = 0;
        for (int64_t i = 0; i < count; ++i)
          to += copyRow(term, asked[i], outIdx + to, outVal + to);
        blocks_.receiveInto(idx, bytesOf(term.counts[b]));
        blocks_.receiveInto(val, bytesOf(term.counts[b]));
        term.nextOut += entries;
      }
      term.nextAsked += count;
      term.nextEntry += term.counts[b];
    }
  }
  HEDDLE_RETURN_IF_ERROR(exchange(op, slot, trafficOf(op.collective.traffic), sent));
  for (Term &term : op.terms) {
    const int32_t *idx = term.feature.sparse ? columnsOf(term, slot) : nullptr;
    for (int64_t e = 0; e < term.entries; ++e)
      if (idx[e] < 0 || idx[e] >= int64_t(term.feature.dim))
        return internalError("op '" + op.op->name +
                             "': an entry of another partition is outside the "
                             "feature's columns; do all workers have one graph?");
  }
  return absl::OkStatus();
}

absl::Status AheadExchange::sumTotals(Op &op, StepSlot &slot) {
  const size_t q = op.collective.size(), n = op.terms.size();
  const int64_t bytes = static_cast<int64_t>(n * sizeof(int64_t));
  for (size_t t = 0; t < n; ++t)
    op.outTotals[t] = op.terms[t].sentEntries;
  blocks_.start(false, nullptr, nullptr);
  for (size_t b = 0; b < q; ++b)
    if (b != op.me) {
      blocks_.peer(op.peer(b));
      blocks_.send(op.outTotals.data(), bytes);
      blocks_.receiveInto(op.inTotals.data() + b * n, bytes);
    }
  std::copy(op.outTotals.begin(), op.outTotals.end(),
            op.inTotals.begin() + static_cast<ptrdiff_t>(op.me * n));
  uint64_t sent = 0; // of no class
  HEDDLE_RETURN_IF_ERROR(exchange(op, slot, transport::Traffic::Control, sent));
  for (size_t t = 0; t < n; ++t) {
    int64_t remote = 0;
    for (size_t b = 0; b < q; ++b)
      remote += op.inTotals[b * n + t];
    if (op.terms[t].feature.sparse && op.terms[t].remote >= 0)
      slot.symbols[static_cast<size_t>(op.terms[t].remote)] = static_cast<uint64_t>(remote);
  }
  return absl::OkStatus();
}

absl::Status AheadExchange::finishSparse(Term &term, int64_t rows, StepSlot &slot) {
  const int32_t *out = term.out, *lengths = static_cast<const int32_t *>(term.lengths.data());
  if (term.nnz >= 0)
    slot.symbols[static_cast<size_t>(term.nnz)] = static_cast<uint64_t>(term.entries);
  if (int32_t *ptr = slot.get<int32_t>(out[0])) {
    ptr[0] = 0;
    for (int64_t i = 0; i < rows; ++i)
      ptr[i + 1] = ptr[i] + lengths[i];
  }
  if (out[3] < 0 && out[4] < 0 && out[5] < 0)
    return absl::OkStatus();
  HEDDLE_RETURN_IF_ERROR(budget_.grow(
      term.columns, static_cast<uint64_t>(bytesOf(out[3] >= 0 ? 0 : int64_t(term.feature.dim) + 1)),
      UINT64_MAX, "sparse feature rows"));
  transpose(term, slot, rows, columnsOf(term, slot), numbersOf(term, slot));
  return absl::OkStatus();
}

void AheadExchange::transpose(Term &term, StepSlot &slot, int64_t rows, const int32_t *idx,
                              const float *val) {
  const int32_t *out = term.out;
  const int64_t dim = term.feature.dim;
  const int32_t *lengths = static_cast<const int32_t *>(term.lengths.data());
  int32_t *ends =
      out[3] >= 0 ? slot.get<int32_t>(out[3]) : static_cast<int32_t *>(term.columns.data());
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
