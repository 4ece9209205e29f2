//===- CostModel.cpp - how long an op of a plan may take -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/CostModel.h"

#include <cstdio>

namespace heddle::plan {
namespace {

/// Whether a sample writes `buffer` in an order that has nothing to do with the rows it points to:
/// in_src, out_dst or out_edge. All other positions ascend.
bool holdsRandomPositions(const EntryT &entry, int32_t buffer) {
  for (const auto &op : entry.ops) {
    if (op->queue == Queue::Compute)
      break; // samples stand before
    if (op->attrs.type == OpAttrs::SampleAttrs)
      for (size_t output : {2, 5, 6})
        if (output < op->outputs.size() && op->outputs[output] == buffer)
          return true;
  }
  return false;
}

/// Whether most of the op's traffic is rows at random places.
bool gathers(const OpT &op, const EntryT &entry) {
  switch (op.attrs.type) {
  case OpAttrs::SampleAttrs:
  case OpAttrs::FrontierAttrs:
  case OpAttrs::FetchDenseAttrs:
  case OpAttrs::FetchSparseAttrs:
  case OpAttrs::FetchLabelsAttrs:
  case OpAttrs::FetchRowsAttrs:
    return true;
  case OpAttrs::KernelAttrs:
    for (int32_t b : op.inputs)
      if (b >= 0 && size_t(b) < entry.buffers.size() &&
          entry.buffers[size_t(b)]->space == Space::Slot &&
          entry.buffers[size_t(b)]->dtype == DType::I32 && holdsRandomPositions(entry, b))
        return true;
    return false;
  default:
    return false;
  }
}

} // namespace

double secondsOf(const OpT &op, const EntryT &entry, double bytes, double flops,
                 const MachineRates &rates) {
  return rates.seconds(bytes, flops, rates.known() && gathers(op, entry),
                       op.attrs.type == OpAttrs::GemmAttrs);
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

} // namespace heddle::plan
