//===- Inference.h - layer by layer over all nodes ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A trained model's rows of every node, each layer once for all nodes before the next one begins: no
// neighbourhood is computed twice, and what is in memory is the rows of two layers. With all
// neighbours, as here, it gives what a step over the whole graph gives.
//
// The folder holds
//   run.json               what ran ("heddle-run/1"), restored from what
//   predictions.csv        see Predictions.h
//   logits.npy, logits.ids.csv     f32 [nodes, classes], and whose row each is ("row,id,name")
//   embeddings.TYPE.npy, embeddings.TYPE.ids.csv   the rows that the last layer takes
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_INFERENCE_H
#define HEDDLE_RUNTIME_TRAIN_INFERENCE_H

#include "runtime/train/Run.h"

namespace heddle::train {

struct InferenceOptions {
  std::string restore;      ///< see weightsFileOf
  std::string restoreGraph; ///< directory; empty: the one that the run names
  /// Nodes of the target type: "all", "train", "valid", "test", "none", or a file with an id a line.
  std::string predict = "all";
  std::vector<std::string> embed; ///< node types whose rows before the last layer are written
  int64_t batchSize = 0;          ///< rows of a layer in one step; 0: as the plan says
  /// Rows between layers that are more than this go to a file in the folder; 0: a share of the
  /// machine's memory.
  uint64_t memoryLimit = 0;
};

/// What can be refused without reading data: names of parts, types, and a plan without entries of
/// inference (it was compiled for several partitions).
absl::Status checkInference(const plan::PlanT &plan, const InferenceOptions &options);

/// Restores, infers and writes the folder. Uses of `run`: output, force, progress, activity, and what
/// is written down. `stop` becoming true ends after the current step; the outcome says so, and what was
/// written stays in the partial folder. Memory: states, the rows of two layers, batches in flight.
absl::StatusOr<RunOutcome> runInference(const plan::PlanT &plan, const graph::GraphStore &graph,
                                        exec::Executor &executor, const TrainSettings &settings,
                                        const RunOptions &run, const InferenceOptions &options,
                                        const std::function<bool()> &stop);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_INFERENCE_H
