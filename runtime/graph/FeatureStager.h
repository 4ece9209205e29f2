//===- FeatureStager.h - rows of a feature while they arrive -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_FEATURESTAGER_H
#define HEDDLE_RUNTIME_GRAPH_FEATURESTAGER_H

#include "runtime/graph/StagedGraph.h"

#include "runtime/base/Npy.h"

#include <optional>
#include <utility>

namespace heddle::graph {

/// Writes a feature's rows to scratch files. The StagedFeature that it fills is handed in each time,
/// since it lies in a vector that grows.
class FeatureStager {
public:
  FeatureStager() = default;
  /// Opens files for the rows of `staged`, whose schema is set. `numRows`: as many as there will
  /// be; none where that is not known yet (dense only). `floats`: not empty: dense rows of a
  /// floating dtype, which they arrive in, are stored in this one (see storageDtypes), and the
  /// schema says so.
  static absl::StatusOr<FeatureStager> create(StagedFeature &staged, std::optional<int64_t> numRows,
                                              const std::string &floats,
                                              const std::function<std::string()> &newPath);
  /// Errors name `place`: a finite number that is too large for the dtype in which it is stored.
  absl::Status appendDense(StagedFeature &staged, const std::function<std::string()> &place,
                           const void *rows, int64_t rowCount);
  /// One row; columns in any order, no values: all 1. Errors name `place`: a column that is not below
  /// the width, or comes twice; values that are not as many.
  absl::Status appendSparse(StagedFeature &staged, const std::function<std::string()> &place,
                            const std::vector<int64_t> &indices, const std::vector<float> &values);
  absl::Status close(StagedFeature &staged);
  int64_t written() const { return written_; } ///< rows

private:
  absl::Status appendConverted(StagedFeature &staged, const std::function<std::string()> &place,
                               const char *rows, int64_t rowCount);

  NpyWriter rows_, indptr_, indices_, values_;
  std::string arrives_;         ///< dense: the dtype of rows that are handed in
  std::vector<char> converted_; ///< dense: scratch
  int64_t written_ = 0;
  bool allOnes_ = true;                        ///< sparse: no value but 1 so far
  std::vector<std::pair<int32_t, float>> row_; ///< sparse: scratch
};

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_FEATURESTAGER_H
