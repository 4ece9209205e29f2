//===- Gemm.h - dense products by oneDNN on fixed tiles ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The library runs on one thread inside a task of our pool and each task is a tile that depends on
// the shape alone, so the bits do not depend on the number of threads. Plain sgemm is used: measured
// on tiles of 256 rows it is as fast as matmul primitives (which call the same kernels) or faster on
// narrow shapes, and it takes the exact size of the last tile.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_GEMM_H
#define HEDDLE_RUNTIME_EXEC_GEMM_H

#include "runtime/base/Status.h"
#include "runtime/plan/PlanFile.h"

#include <cstdint>

namespace heddle::exec {

/// Rows of C in one tile of a RowsParam product.
inline constexpr int64_t gemmTileRows = 256;

/// Makes oneDNN run single-threaded on the calling thread; returns what it was before.
int useOneBlasThread();
/// Undoes useOneBlasThread.
void restoreBlasThreads(int before);

/// Rows [begin, end) of C[m, n] = A[m, k] * B (+ C with accumulate), of each of `heads`. begin is a
/// multiple of gemmTileRows; the rows are computed tile by tile. False: the library had no memory
/// for its copies, and C is not computed.
[[nodiscard]] bool gemmRows(const plan::GemmAttrsT &attrs, const float *a, const float *b, float *c,
                            int64_t begin, int64_t end);

/// Chunk `chunk` of a ParamGrad product of m rows: C[chunk] = A[rows, k]^T * B[rows, n]. False as
/// above.
[[nodiscard]] bool gemmChunk(const plan::GemmAttrsT &attrs, const float *a, const float *b,
                             float *c, int64_t m, int64_t chunk);

/// Makes the library write its code for all products of the plan, rather than in the first steps.
/// It does not survive having no memory for that, which is therefore looked for first. Error: there
/// is none.
absl::Status prepareGemm(const plan::PlanT &plan);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_GEMM_H
