//===- Sampler.h - keyed sampling and frontiers ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_SAMPLER_H
#define HEDDLE_RUNTIME_EXEC_SAMPLER_H

#include "runtime/base/ThreadPool.h"
#include "runtime/exec/BusyDestinations.h"
#include "runtime/exec/RankBitmap.h"
#include "runtime/exec/StepSlot.h"
#include "runtime/graph/GraphStore.h"
#include "runtime/graph/SeedCut.h"
#include "runtime/plan/PlanFile.h"

#include <map>
#include <memory>
#include <vector>

namespace heddle::exec {

/// Chooses `k` of `degree` in-edges of one destination as runtime/base/Keys.h says: ascending
/// offsets in [0, degree) into `chosen` (room for k). Precondition: 0 < k < degree. `bits` is
/// scratch that keeps its capacity.
void sampleOffsets(uint64_t seed, uint32_t step, uint32_t hop, uint32_t relation,
                   int64_t destination, int64_t degree, int64_t k, int64_t *chosen,
                   std::vector<uint64_t> &bits);

/// Runs the ops Seeds, Sample and Frontier of one entry; one batch at a time.
class Sampler {
public:
  Sampler(const plan::PlanT &plan, const plan::EntryT &entry, const graph::GraphStore &graph,
          ThreadPool &pool, MemoryBudget &budget);
  ~Sampler();

  /// Op `index` of the entry for `slot`. Errors: more than 2^31 - 1 rows or edges, memory.
  absl::Status run(size_t index, StepSlot &slot, uint64_t seed);

  /// Edges that a sample op has chosen for `slot`.
  uint64_t edges(const plan::OpT &op, const StepSlot &slot) const;

  /// Checks a sorted batch: ids in range, none twice. `place` names the batch.
  absl::Status checkSeeds(const std::vector<int64_t> &seeds, const std::string &place) const;

  /// The pool of the next run; not larger than the first.
  void usePool(ThreadPool &pool) { pool_ = &pool; }

private:
  struct SampleOp;
  struct FrontierOp;
  struct AskedRows;

  absl::Status seeds(const plan::OpT &op, StepSlot &slot);
  /// The set of `ids`, made once for a batch.
  const RankBitmap &asked(AskedRows &rows, const StepSlot &slot, std::span<const int64_t> ids);
  /// The array of ids in this buffer is another one now.
  void rowsChange(int32_t ids);
  absl::Status sample(SampleOp &op, StepSlot &slot, uint64_t seed);
  template <class SourceIndex, class Id>
  void fillSample(SampleOp &op, StepSlot &slot, uint64_t seed, const SourceIndex *sources, Id *out);
  absl::Status frontier(FrontierOp &op, StepSlot &slot);
  template <class Id>
  void renumber(const SampleOp &op, StepSlot &slot, const Id *ids, bool whole,
                const RankBitmap &set, int64_t begin, int64_t end);
  absl::Status growBySource(SampleOp &op, StepSlot &slot, int64_t sources);
  absl::Status numberUniqueSources(FrontierOp &op, StepSlot &slot, int64_t rows);
  void transpose(const SampleOp &op, StepSlot &slot, int64_t sourceRows, RankBitmap &set);

  const plan::PlanT &plan_;
  const plan::EntryT &entry_;
  const graph::GraphStore &graph_;
  ThreadPool *pool_;
  MemoryBudget &budget_;
  int seedsType_ = -1;
  std::vector<graph::CutLink> cut_; ///< by what a batch is cut into blocks
  std::vector<int64_t> work_;
  std::vector<std::unique_ptr<SampleOp>> samples_;     ///< by op index
  std::vector<std::unique_ptr<FrontierOp>> frontiers_; ///< by op index
  std::map<uint32_t, std::unique_ptr<RankBitmap>>
      sets_;                                      ///< by node type; looked up in the constructor
  std::map<uint32_t, BusyDestinations> busy_;     ///< by relation; looked up in the constructor
  std::vector<std::unique_ptr<AskedRows>> asked_; ///< by buffer of ids; null where no sample asks
  struct Block {
    SampleOp *op;
    int64_t begin, end;
  };
  std::vector<Block> blocks_;
  std::vector<std::vector<uint64_t>> bits_; ///< by thread
  std::vector<RankBitmap> rowSets_; ///< of rows of a frontier, by thread; they grow with the rows
  std::vector<std::vector<int64_t>> chosen_; ///< by thread
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_SAMPLER_H
