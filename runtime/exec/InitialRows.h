//===- InitialRows.h - rows of a state before training -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_INITIALROWS_H
#define HEDDLE_RUNTIME_EXEC_INITIALROWS_H

#include "runtime/plan/InitialValue.h"
#include "runtime/plan/PlanFile.h"

#include <cstring>

namespace heddle::exec {

/// Writes rows [begin, end) of `state`, as plan/InitialValue.h counts rows and columns, to `out`.
inline void initialRows(const plan::StateT &state, uint64_t seed, int64_t begin, int64_t end,
                        void *out) {
  const plan::InitializerT &init = *state.init;
  const int64_t columns = static_cast<int64_t>(plan::initialColumns(state));
  if (init.kind == plan::InitKind::Zeros) {
    std::memset(out, 0, size_t(end - begin) * size_t(columns) * size_t(plan::sizeOf(state.dtype)));
    return;
  }
  for (int64_t row = begin; row < end; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      const double value = plan::initialValue(init, seed, state.name, static_cast<uint64_t>(row),
                                              static_cast<uint32_t>(column));
      const int64_t at = (row - begin) * columns + column;
      if (state.dtype == plan::DType::F64)
        static_cast<double *>(out)[at] = value;
      else
        static_cast<float *>(out)[at] = static_cast<float>(value);
    }
}

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_INITIALROWS_H
