//===- Restore.h - weights of an earlier run ----------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_RESTORE_H
#define HEDDLE_RUNTIME_TRAIN_RESTORE_H

#include "runtime/exec/Executor.h"

#include <string>
#include <unordered_map>

namespace heddle::train {

struct Restored {
  std::string file;     ///< that was read
  int64_t tensors = 0;  ///< states that were filled
  int64_t rows = 0;     ///< learnable rows among them that an earlier run left
  int64_t newRows = 0;  ///< of nodes that it did not know: they keep their initial values
};

/// The rows of a node type by the user's ids.
std::unordered_map<std::string, int64_t> rowsById(const graph::GraphStore &graph, int nodeType);

/// The weights that `path` means: a file, a folder with weights.safetensors (best/, last/), or a run
/// folder, whose best/ it is. Error: none is there.
absl::StatusOr<std::string> weightsFileOf(const std::string &path);

/// Fills every weight of `executor` from `weightsFileOf(path)`, by name; learnable rows by the ids of
/// their nodes. The graph that the run was trained on is known by the fingerprint in the file; where it
/// is another one than `graph` and there are learnable rows, it is opened to tell whose they are:
/// `trainedOn`, or else the directory that the run folder names. Errors (kInvalidArgument,
/// kFailedPrecondition): weights that are missing, of another shape or dtype, or that the plan does not
/// have; a graph that is not the one of the file.
absl::StatusOr<Restored> restoreWeights(const std::string &path, const graph::GraphStore &graph,
                                        const std::string &trainedOn, exec::Executor &executor);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_RESTORE_H
