//===- CostModel.h - how long an op of a plan may take -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// One model for the compiler's decisions and for what heddle-dump shows. An op takes the slower of
// its memory traffic and its arithmetic; what it overlaps with elsewhere is not its business.
// Traffic and arithmetic are of two kinds each, because machines differ most between them:
//   gathered    rows at random places: sampled edges lead a kernel to them, ids a sampler or a fetch
//   streamed    arrays from end to end: everything else
//   products    dense products on tiles, with fused multiply-adds
//   elements    generated kernels: no fused multiply-adds, polynomials for exp and tanh
// Caches are not modelled: an array that the op before has just written counts as read from memory.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_COSTMODEL_H
#define HEDDLE_RUNTIME_PLAN_COSTMODEL_H

#include "runtime/plan/plan_generated.h"

#include <string>

namespace heddle::plan {

/// What all threads together can do; 0 = unknown.
struct MachineRates {
  double bytesPerSecond = 0;        ///< gathered
  double flopsPerSecond = 0;        ///< products
  double streamBytesPerSecond = 0;  ///< streamed; unknown: as gathered
  double elementFlopsPerSecond = 0; ///< elements; unknown: half of the products'
  double waveSeconds = 10e-6;       ///< starting a wave on all threads and waiting for the last

  bool known() const { return bytesPerSecond > 0 && flopsPerSecond > 0; }
  double streamRate() const {
    return streamBytesPerSecond > 0 ? streamBytesPerSecond : bytesPerSecond;
  }
  double elementRate() const {
    return elementFlopsPerSecond > 0 ? elementFlopsPerSecond : flopsPerSecond / 2;
  }
};

/// Seconds of an op that moves `bytes` and computes `flops`; 0 while the rates are unknown.
double secondsOf(const OpT &op, const EntryT &entry, double bytes, double flops,
                 const MachineRates &rates);

/// "20 GB/s gathered, 30 GB/s streamed, 200 GFLOP/s in dense products, ...": every rate that the
/// estimates assume.
std::string describeRates(const MachineRates &rates);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_COSTMODEL_H
