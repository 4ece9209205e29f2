//===- InitialValue.h - the initial value of a state's element ---*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// One specification for the runtime and the reference interpreter. An element of a state has a row
// and a column: a state over nodes (rows_type >= 0) has the node as its row and the flat index into
// the rest of the shape as its column; any other state has the last dimension as its columns and
// the flat index of all dimensions before it as its row (a vector is one row, a scalar one element).
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_INITIALVALUE_H
#define HEDDLE_RUNTIME_PLAN_INITIALVALUE_H

#include "runtime/base/Keys.h"
#include "runtime/plan/plan_generated.h"

#include <cmath>

namespace heddle::plan {

/// Columns of one row of `state` as the keys count them.
inline uint64_t initialColumns(const StateT &state) {
  if (state.rows_type < 0)
    return state.shape.empty() ? 1 : state.shape.back();
  uint64_t columns = 1;
  for (uint64_t extent : state.shape)
    columns *= extent;
  return columns;
}

/// The value of element (row, column) under `seed`, in double; the caller rounds to the dtype.
inline double initialValue(const InitializerT &init, uint64_t seed, std::string_view name,
                           uint64_t row, uint32_t column) {
  switch (init.kind) {
  case InitKind::Zeros:
    return 0;
  case InitKind::Constant:
    return init.a;
  case InitKind::Uniform:
    return init.a + (init.b - init.a) * keys::initUniform(seed, name, row, column);
  case InitKind::Normal: {
    double u = keys::initUniform(seed, name, row, 2 * column);
    double v = keys::initUniform(seed, name, row, 2 * column + 1);
    // 1 - u lies in (0, 1], so that the logarithm is finite.
    return init.a + init.b * std::sqrt(-2 * std::log1p(-u)) * std::cos(2 * 3.14159265358979323846 * v);
  }
  }
  return 0;
}

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_INITIALVALUE_H
