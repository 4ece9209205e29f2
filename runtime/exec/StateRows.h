//===- StateRows.h - a state that is not in memory as a whole ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_STATEROWS_H
#define HEDDLE_RUNTIME_EXEC_STATEROWS_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>

namespace heddle::exec {

/// The rows of a state, row-major, wherever each is. Between runs; one caller at a time.
class StateRows {
public:
  virtual ~StateRows() = default;
  /// Rows [first, first + count).
  virtual absl::Status read(int64_t first, int64_t count, void *out) = 0;
  virtual absl::Status write(int64_t first, int64_t count, const void *rows) = 0;
  /// False: the row has its initial value, and needs not be looked at by whoever copies.
  virtual bool touched(int64_t row) const = 0;
  /// Makes `copy` equal to this; a copy that was made before is used again. It is on disk where
  /// this is.
  virtual absl::Status copyTo(std::unique_ptr<StateRows> &copy) = 0;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_STATEROWS_H
