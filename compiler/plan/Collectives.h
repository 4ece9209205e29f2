//===- Collectives.h - in what order partitions meet -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A collective of the IR becomes a plan op. Merges that do not wait for each other travel together:
// a message costs more than a few thousand bytes, and a step has one merge for each parameter. What
// travels together, and in what order, must be the same in all partitions, so it is decided for
// all entries of one kind at once.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_COLLECTIVES_H
#define HEDDLE_COMPILER_PLAN_COLLECTIVES_H

#include "dialects/hgnn/Hgnn.h"

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace heddle::compiler {

/// The collectives of the entries of one kind (one per partition).
class Collectives {
public:
  /// Collectives that travel together: one op of the plan.
  struct Group {
    uint32_t number = 0;          ///< of the plan's op, in the order in which all run them
    std::vector<int64_t> members; ///< ids of the IR's ops, ascending
  };

  /// A collective that depends on one of its own results is an error.
  static mlir::FailureOr<Collectives> of(llvm::ArrayRef<hgnn::EntryOp> entries);

  /// The group of a collective by the id of the IR's op.
  const Group &group(int64_t id) const { return groups_[groupOf_.at(id)]; }
  /// How many there are besides those that number rows together.
  size_t size() const { return groups_.size(); }

  /// The number of the op that numbers the rows of (hop, type) over these partitions. Those
  /// run ahead, on a line of their own, and are numbered from 0, too.
  uint32_t rowsNumber(int64_t hop, llvm::StringRef type, llvm::ArrayRef<int64_t> partitions) const;
  /// The number of a request or fetch of features by the id of the IR's op: in the order of the program,
  /// which is that of the fetch queue.
  uint32_t aheadNumber(int64_t id) const { return ahead_.at(id); }

private:
  using RowsKey = std::tuple<int64_t, std::string, std::vector<int64_t>>;
  std::vector<Group> groups_;
  std::map<int64_t, size_t> groupOf_;
  std::map<RowsKey, uint32_t> rows_;
  std::map<int64_t, uint32_t> ahead_;
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_COLLECTIVES_H
