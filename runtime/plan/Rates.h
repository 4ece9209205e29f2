//===- Rates.h - what a machine moves and computes in a second ---*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Traffic and arithmetic are of two kinds each, because machines differ most between them:
//   gathered    rows at random places: sampled edges lead a kernel to them, ids a sampler or a
//   fetch streamed    arrays from end to end: everything else products    dense products on tiles,
//   with fused multiply-adds elements    generated kernels: no fused multiply-adds, polynomials for
//   exp and tanh
//
// Between workers there are a rate and a latency. All rates are those of one worker: where several
// share a machine, each has its share of it.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_RATES_H
#define HEDDLE_RUNTIME_PLAN_RATES_H

#include <algorithm>
#include <string>

namespace heddle::plan {

/// What all threads together can do; 0 = unknown.
struct MachineRates {
  double bytesPerSecond = 0;        ///< gathered
  double flopsPerSecond = 0;        ///< products
  double streamBytesPerSecond = 0;  ///< streamed; unknown: as gathered
  double elementFlopsPerSecond = 0; ///< elements; unknown: half of the products'
  double waveSeconds = 10e-6;       ///< starting a wave on all threads and waiting for the last
  // Processes on one machine that talk by TCP.
  double linkBytesPerSecond = 1e9; ///< what a worker sends to, or receives from, all others
  double messageSeconds = 50e-6;   ///< from the start of a round of messages until one arrives

  bool known() const { return bytesPerSecond > 0 && flopsPerSecond > 0; }
  double streamRate() const {
    return streamBytesPerSecond > 0 ? streamBytesPerSecond : bytesPerSecond;
  }
  double elementRate() const {
    return elementFlopsPerSecond > 0 ? elementFlopsPerSecond : flopsPerSecond / 2;
  }
  /// Seconds of one op: the slower of its memory traffic and its arithmetic; 0 while unknown.
  double seconds(double bytes, double flops, bool gathered, bool product) const {
    if (!known())
      return 0;
    return std::max(bytes / (gathered ? bytesPerSecond : streamRate()),
                    flops / (product ? flopsPerSecond : elementRate()));
  }
};

/// "20 GB/s gathered, 30 GB/s streamed, 200 GFLOP/s in dense products, ...": every rate that the
/// estimates of one partition assume.
std::string describeRates(const MachineRates &rates);
/// "1 GB/s and 50 us a message between workers": what estimates of communication assume besides.
std::string describeLinkRates(const MachineRates &rates);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_RATES_H
