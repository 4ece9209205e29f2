//===- Collectives.h - in what order partitions meet -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A collective of the IR becomes a plan op, or a term of one: merges, fetches, pushes and exchanges of
// rows that do not wait for each other travel together. A message costs more than a few thousand
// bytes, and a step has one merge for each parameter and one fetch and one push for each table. What
// travels together, and in what order, must be the same in all partitions, so it is decided for
// all entries of one kind at once. Bytes are counted by class, so those of two classes stay apart.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_COLLECTIVES_H
#define HEDDLE_COMPILER_PLAN_COLLECTIVES_H

#include "dialects/hgnn/Hgnn.h"

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
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

  /// The group of a collective by the id of the IR's op. Requests and fetches of features run ahead,
  /// on a line of their own, and are numbered from 0, too.
  const Group &group(int64_t id) const { return groups_[groupOf_.at(id)]; }

  /// How many groups there are.
  size_t size() const { return groups_.size(); }

  /// The number of the op that numbers rows together for the exchange with this id, on the line
  /// ahead: one op for all rows of the same partitions and class.
  uint32_t rowsNumber(int64_t id) const { return rows_.at(id); }

private:
  std::vector<Group> groups_;
  std::map<int64_t, size_t> groupOf_;
  std::map<int64_t, uint32_t> rows_; ///< by the id of the exchange
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_COLLECTIVES_H
