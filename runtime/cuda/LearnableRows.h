//===- LearnableRows.h - learnable tables in a GPU's tiers -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A learnable row is its weight and what the optimizer keeps beside it. Of a table in tiers all
// rows are in the host's memory, where the device reaches them over the bus; the device keeps some,
// and for as long as a step runs the others that it uses (StepRows.h). While steps run the rows
// that are kept are newer on the device than with the host.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_LEARNABLEROWS_H
#define HEDDLE_RUNTIME_CUDA_LEARNABLEROWS_H

#include "runtime/cuda/KernelModule.h"
#include "runtime/cuda/kernels/TableRows.h"
#include "runtime/exec/ChooseRows.h"
#include "runtime/exec/States.h"
#include "runtime/exec/TableLists.h"

#include <memory>
#include <vector>

namespace heddle::cuda {

class LearnableRows {
public:
  /// One state of a table.
  struct Part {
    size_t state = 0;
    int64_t rowBytes = 0;
    PinnedMemory all;  ///< [rows]
    DeviceMemory pool; ///< [slots]: what is kept, then what a step uses
  };
  struct Table {
    explicit Table(const Session &session) : places(session), keptIds(session), hits(session) {}
    std::vector<Part> parts; ///< the weights first
    int64_t rows = 0, kept = 0, slots = 0;
    bool resident = false; ///< what is kept has its values
    DeviceMemory places;   ///< i32 [rows]: the slot, or -1
    DeviceMemory keptIds;  ///< i64 [kept]
    DeviceMemory hits;     ///< u64 [2]: of other steps, of training steps
    exec::CacheUse use;
  };

  explicit LearnableRows(const Session &session) : session_(session), kernels_(session) {}

  /// Gives the states of those that go through tiers memory of the host. Errors: no memory.
  absl::Status create(const plan::PlanT &plan, std::span<const exec::LearnableTable> tables,
                      exec::States &states);
  /// What chooseRows() has to know of each, with what a miss costs. The states hold nothing yet.
  absl::StatusOr<std::vector<exec::CachedFeature>> describe(const plan::PlanT &plan);
  /// Once: the rows of each that stay on the device. Errors: no memory there.
  absl::Status keep(std::span<const std::vector<int64_t>> rows,
                    std::span<const exec::CachedFeature> chosen);

  /// The table of a state, or -1: it goes through no tiers.
  int find(int32_t state) const;
  Table &table(size_t number) { return *tables_[number]; }
  size_t numTables() const { return tables_.size(); }
  /// Room for `rows` beside those that are kept; pools may move.
  absl::Status makeRoom(Table &table, int64_t rows);

  /// Launches. `tasks.count` and the starts are set here.
  absl::Status place(std::span<const kernels::Place> tasks, Stream stream) const;
  absl::Status move(std::span<const kernels::Move> tasks, Stream stream) const;

  /// The rows that are kept, to the device and back.
  absl::Status upload();
  absl::Status download() const;
  /// Of all learnable tables, also of those that are wholly on the device.
  std::vector<exec::CacheUse> use() const;

private:
  absl::Status copyKept(const Table &table, bool out) const;
  /// Of all its states. `slots` 0: row i is in slot i.
  absl::Status moveAll(const Table &table, DevicePointer ids, DevicePointer slots, int64_t rows,
                       bool out) const;
  absl::Status measure(Table &table);

  const Session &session_;
  KernelModule kernels_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<exec::CacheUse> whole_;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_LEARNABLEROWS_H
