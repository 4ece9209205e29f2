//===- FeatureTiers.h - features on disk, hot rows in memory -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Where a graph's features are larger than memory, mapped arrays leave it to the system which pages
// stay, and it knows no hot rows. Here rows are read from the file when a batch asks for them, past
// the page cache where the file system lets them, sorted, joined to larger reads and by many threads
// at a time; rows that are expected to be asked for most are kept in memory from the start. It is the
// fetch queue that waits for the disk: steps ahead of the computation.
//
// What is kept never changes, so no result depends on it: a row has the same bits from either place.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_FEATURETIERS_H
#define HEDDLE_RUNTIME_EXEC_FEATURETIERS_H

#include "runtime/exec/ChooseRows.h"
#include "runtime/exec/Executor.h"
#include "runtime/exec/Readers.h"

#include <memory>
#include <span>

namespace heddle::exec {

/// The features of one executor that go through tiers. One caller of fetch() at a time.
class FeatureTiers {
public:
  /// Opens the files; no row is kept yet. Errors name a file.
  static absl::StatusOr<std::unique_ptr<FeatureTiers>> create(const plan::PlanT &plan,
                                                              const graph::GraphStore &graph,
                                                              uint32_t partition, Readers &readers);
  ~FeatureTiers();

  /// What chooseRows() has to know of each, with what a miss costs if `measured`.
  absl::StatusOr<std::vector<CachedFeature>> describe(bool measured);
  /// Reads the rows to keep of each. Errors name a file, or the option that asks for more than
  /// there is.
  absl::Status keep(std::span<std::vector<int64_t>> rows, std::span<const CachedFeature> chosen);

  /// The table of a feature, or -1: it is mapped.
  int find(uint32_t nodeType, const std::string &feature) const;
  /// Rows `ids` of a table as f32. Fastest where they ascend.
  absl::Status fetch(int table, const int64_t *ids, int64_t rows, float *out);
  /// Whether the fetches that follow are a training step's.
  void setTraining(bool training) { training_ = training; }
  /// By table.
  std::vector<CacheUse> use() const;

private:
  struct Feature;
  struct Scratch;
  explicit FeatureTiers(Readers &readers);
  absl::Status open(const plan::PlanT &plan, const graph::GraphStore &graph, uint32_t partition);
  absl::Status measure(Feature &feature);
  absl::Status fill(Feature &feature, std::vector<int64_t> ids);
  /// Reads the rows of a list and calls row(bytes, place in the list) for each, on any thread of the
  /// pool; besides, other(task) for each task in [0, tasks).
  template <class Row, class Other>
  absl::Status readRows(const Feature &feature, std::span<const int64_t> ids, const Row &row,
                        int64_t tasks, const Other &other);

  std::vector<std::unique_ptr<Feature>> features_;
  Readers &readers_;
  std::unique_ptr<Scratch> scratch_;
  uint64_t readBytes_ = 0; ///< by the last readRows()
  double readSeconds_ = 0; ///< until the last of them was read
  bool training_ = false;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_FEATURETIERS_H
