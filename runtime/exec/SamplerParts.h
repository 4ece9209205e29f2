//===- SamplerParts.h - what the sampler keeps for each op ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_SAMPLERPARTS_H
#define HEDDLE_RUNTIME_EXEC_SAMPLERPARTS_H

#include "runtime/exec/Sampler.h"
#include "runtime/exec/SamplingOps.h"

namespace heddle::exec {

/// The rows of one hop, as a set.
struct Sampler::AskedRows {
  explicit AskedRows(int64_t nodes) : set(nodes) {}
  RankBitmap set;
  const StepSlot *of = nullptr; ///< whose rows these are; null where they are no longer
};

struct Sampler::SampleOp : SampleInfo {
  explicit SampleOp(SampleInfo &&info) : SampleInfo(std::move(info)) {}

  const BusyDestinations *busy = nullptr; ///< null: all rows are asked
  AskedRows *asked = nullptr;             ///< where `busy` is not
  // Of the batch.
  bool asksBusy = false;                       ///< only rows that have edges are asked
  int64_t visits = 0;                          ///< rows that are asked
  std::vector<BusyDestinations::Row> busyRows; ///< which, where asksBusy
  std::vector<int64_t> work, begins;           ///< of blocks; empty where there is but one
  int64_t firstRow = 0, endRow = 0;            ///< of the batch: the rows that have edges here
  HugeMemory sources;                          ///< global ids where output 2 cannot hold them
  HugeMemory rows, inPtr, outPtr; ///< in place of absent outputs 2, 1, 4 for the transposition
  struct Count {
    int64_t active = 0, edges = 0;
  };
  std::vector<Count> counts;
  int64_t edges = 0, active = 0, uniqueSources = 0;

  struct Visit {
    int64_t row, first, degree; ///< of a row, its first edge and how many it has
  };
  Visit visit(int64_t number, const int64_t *ids) const {
    if (asksBusy) {
      const BusyDestinations::Row at = busyRows[size_t(number)];
      const int64_t first = busy->begin(at.busy);
      return {at.row, first, busy->begin(int64_t(at.busy) + 1) - first};
    }
    const int64_t *ptr = view->inPtr + ids[number];
    return {number, ptr[0], ptr[1] - ptr[0]};
  }
  int32_t *inPtrOf(StepSlot &slot) const {
    int32_t out = op->outputs[1];
    return out >= 0 ? slot.get<int32_t>(out)
                    : static_cast<int32_t *>(transposed ? inPtr.data() : nullptr);
  }
  /// Sources as rows of the frontier.
  int32_t *rowsOf(StepSlot &slot) const {
    int32_t out = op->outputs[2];
    return out >= 0 ? slot.get<int32_t>(out)
                    : static_cast<int32_t *>(wideIds ? rows.data() : sources.data());
  }
};

struct Sampler::FrontierOp : FrontierInfo {
  explicit FrontierOp(FrontierInfo &&info) : FrontierInfo(std::move(info)) {}

  std::vector<SampleOp *> joined; ///< samples
  RankBitmap *set = nullptr;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_SAMPLERPARTS_H
