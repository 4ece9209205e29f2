//===- SamplingOps.h - the ops of an entry that sample -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What the plan says of the ops Sample and Frontier, looked up once for whoever runs them: threads
// (Sampler.h) or a GPU (runtime/cuda/DeviceSampler.h).
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_SAMPLINGOPS_H
#define HEDDLE_RUNTIME_EXEC_SAMPLINGOPS_H

#include "runtime/exec/StepSlot.h"
#include "runtime/graph/GraphStore.h"
#include "runtime/plan/PlanFile.h"

#include <limits>

namespace heddle::exec {

/// Rows and edges of one batch are numbered in 32 bits.
inline constexpr int64_t maxLocal = std::numeric_limits<int32_t>::max();

struct SampleInfo {
  const plan::OpT *op = nullptr;
  uint32_t relation = 0, hop = 0;
  int64_t fanout = -1;
  uint32_t block = 0, blocks = 1;
  const graph::RelationView *view = nullptr;
  int32_t rowsSymbol = -1, edgesSymbol = -1, activeSymbol = -1, uniqueSymbol = -1;
  bool unique = false;      ///< sources are numbered among the distinct ones
  bool wideIds = false;     ///< sources do not fit in 32 bits
  bool needSources = false; ///< a frontier reads them
  bool transposed = false;  ///< an output by source is read
  bool numbered = false;    ///< sources are wanted as rows
  std::string name;
};

struct FrontierInfo {
  const plan::OpT *op = nullptr;
  uint32_t type = 0, hop = 0;
  int64_t nodes = 0;
  bool selfLink = false;
  int32_t rowsSymbol = -1, previousSymbol = -1;
  std::vector<size_t> samples; ///< indices of the ops whose sources it joins
};

/// By op index; op is null for ops of other kinds.
struct SamplingOps {
  std::vector<SampleInfo> samples;
  std::vector<FrontierInfo> frontiers;
};
SamplingOps samplingOps(const plan::PlanT &plan, const plan::EntryT &entry,
                        const graph::GraphStore &graph);

/// The symbol of an entry, or -1.
int32_t findSymbol(const plan::EntryT &entry, plan::SymbolKind kind, uint32_t hop, uint32_t index);
/// Symbol -1: nothing.
void setSymbol(StepSlot &slot, int32_t symbol, int64_t value);

/// The error of a batch with more than maxLocal of `what`.
absl::Status tooMany(const std::string &what, int64_t count);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_SAMPLINGOPS_H
