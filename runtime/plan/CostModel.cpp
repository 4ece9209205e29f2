//===- CostModel.cpp - how long an op of a plan may take -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/CostModel.h"

#include "runtime/plan/PlanFacts.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/RowTerms.h"

#include <cstdio>
#include <map>

namespace heddle::plan {
namespace {

/// Calls `found` with each buffer that a sample writes in an order that has nothing to do with the rows
/// it points to: in_src, out_dst or out_edge; until it gives true. All other positions ascend.
template <class Found> bool findRandomPositions(const EntryT &entry, const Found &found) {
  for (const auto &op : entry.ops) {
    if (op->queue == Queue::Compute)
      break; // samples stand before
    if (op->attrs.type == OpAttrs::SampleAttrs)
      for (size_t output : {2, 5, 6})
        if (output < op->outputs.size() && found(op->outputs[output]))
          return true;
  }
  return false;
}

/// Whether most of the op's traffic is rows at random places.
bool gathers(const OpT &op, const EntryT &entry, const std::vector<bool> *random) {
  switch (op.attrs.type) {
  case OpAttrs::SampleAttrs:
  case OpAttrs::FrontierAttrs:
  case OpAttrs::FetchDenseAttrs:
  case OpAttrs::FetchEdgeAttrs:
  case OpAttrs::FetchSparseAttrs:
  case OpAttrs::FetchLabelsAttrs:
  case OpAttrs::FetchRowsAttrs:
  case OpAttrs::FetchRemoteAttrs:
  case OpAttrs::FetchRemoteRowsAttrs:
    return true;
  case OpAttrs::KernelAttrs:
    for (int32_t b : op.inputs)
      if (b >= 0 && size_t(b) < entry.buffers.size() &&
          entry.buffers[size_t(b)]->space == Space::Slot &&
          entry.buffers[size_t(b)]->dtype == DType::I32 &&
          (random ? (*random)[size_t(b)]
                  : findRandomPositions(entry, [&](int32_t buffer) { return buffer == b; })))
        return true;
    return false;
  default:
    return false;
  }
}

/// Rounds of messages, each of which starts when the one before has ended.
int roundsOf(const OpT &op) {
  switch (op.attrs.type) {
  case OpAttrs::MergeAllAttrs:  // blocks, then sums
  case OpAttrs::UnionRowsAttrs: // counts, then ids
  case OpAttrs::RequestRowsAttrs:
    return 2;
  case OpAttrs::FetchRemoteAttrs: // rows and lengths; entries of sparse ones, and their number
    for (const RemoteFeatureT &feature : featuresOf(*op.attrs.AsFetchRemoteAttrs()))
      if (feature.sparse)
        return 3;
    return 1;
  case OpAttrs::MergeToAttrs:
  case OpAttrs::BroadcastAttrs:
  case OpAttrs::ExchangeRowsAttrs:
  case OpAttrs::FetchRemoteRowsAttrs:
  case OpAttrs::PushRowsAttrs:
  case OpAttrs::GatherBlocksAttrs:
    return 1;
  default:
    return 0;
  }
}

/// The part of all bytes that this partition sends, for ops that send own rows to all others; an
/// equal part where the plan does not say.
double shareOf(const OpT &op, const EntryT &entry, size_t participants, double all) {
  double own = 0;
  for (size_t t = 0; t < rowTermsOf(op); ++t) {
    int32_t rows = op.inputs[t * inputsOfRowTerm(op.attrs.type)];
    if (rows < 0 || size_t(rows) >= entry.buffers.size() || !entry.buffers[size_t(rows)]->rows)
      return 1.0 / double(participants);
    const BufferT &buffer = *entry.buffers[size_t(rows)];
    own += expectedValue(*buffer.rows, entry) * double(buffer.width) * double(sizeOf(buffer.dtype));
  }
  return own > 0 && all > 0 ? std::min(1.0, own * double(participants - 1) / all)
                            : 1.0 / double(participants);
}

} // namespace

double linkBytesOf(const OpT &op, const EntryT &entry) {
  Collective collective = collectiveOf(op);
  if (!collective || collective.participants->size() < 2)
    return 0;
  size_t participants = collective.participants->size();
  double all = expectedValue(op.wire, entry), others = double(participants) - 1;
  switch (op.attrs.type) {
  case OpAttrs::MergeToAttrs:
  case OpAttrs::BroadcastAttrs: // all of it passes the leader
    return int64_t(entry.partition) == collective.leader ? all : all / others;
  case OpAttrs::UnionRowsAttrs:
  case OpAttrs::ExchangeRowsAttrs: {
    double share = shareOf(op, entry, participants, all);
    return std::max(all * share, all * (1 - share) / others);
  }
  default:
    return all / double(participants);
  }
}

std::vector<bool> randomPositions(const EntryT &entry) {
  std::vector<bool> random(entry.buffers.size());
  findRandomPositions(entry, [&](int32_t buffer) {
    if (buffer >= 0 && size_t(buffer) < random.size())
      random[size_t(buffer)] = true;
    return false;
  });
  return random;
}

double secondsOf(const OpT &op, const EntryT &entry, double bytes, double flops,
                 const MachineRates &rates, const std::vector<bool> *random) {
  double own = rates.seconds(bytes, flops, rates.known() && gathers(op, entry, random),
                             op.attrs.type == OpAttrs::GemmAttrs ||
                                 op.attrs.type == OpAttrs::GemmGroupAttrs);
  int rounds = roundsOf(op);
  Collective collective = collectiveOf(op);
  if (!rates.known() || rounds == 0 || !collective || collective.participants->size() < 2)
    return own;
  return own + rounds * rates.messageSeconds + linkBytesOf(op, entry) / rates.linkBytesPerSecond;
}

double stepSeconds(const PlanT &plan, EntryKind kind, const MachineRates &rates) {
  std::map<uint32_t, double> seconds;
  for (const auto &entry : plan.entries)
    if (entry->kind == kind)
      seconds[entry->partition] += factsOf(*entry, rates).total.seconds;
  double slowest = 0;
  for (const auto &[partition, taken] : seconds)
    slowest = std::max(slowest, taken);
  return slowest;
}

std::string describeRates(const MachineRates &rates) {
  char text[200];
  std::snprintf(text, sizeof text,
                "%.3g GB/s gathered, %.3g GB/s streamed, %.3g GFLOP/s in dense products, "
                "%.3g GFLOP/s in kernels, %.3g us a wave",
                rates.bytesPerSecond / 1e9, rates.streamRate() / 1e9, rates.flopsPerSecond / 1e9,
                rates.elementRate() / 1e9, rates.waveSeconds * 1e6);
  return text;
}

std::string describeLinkRates(const MachineRates &rates) {
  char text[100];
  std::snprintf(text, sizeof text, "%.3g GB/s and %.3g us a message between workers",
                rates.linkBytesPerSecond / 1e9, rates.messageSeconds * 1e6);
  return text;
}

} // namespace heddle::plan
