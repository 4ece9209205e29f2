//===- Reduce.h - merges of what partitions sent -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Transports move bytes; what is added up is added up here, in the participants' order, so that
// every partition that adds the same terms gets the same bits.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_REDUCE_H
#define HEDDLE_RUNTIME_EXEC_REDUCE_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <span>

namespace heddle::exec {

/// out[i] = terms[0][i] + terms[1][i] + ..., from left to right, for i in [begin, end). At least
/// two terms; `out` overlaps none of them.
void sumInOrder(std::span<const float *const> terms, float *out, int64_t begin, int64_t end);

/// Rows [begin, end) of what `kind` makes of the terms' rows, from left to right (plan.fbs says
/// what a row of `width` numbers holds, of a softmax of `heads`). A row depends on that row of the
/// terms alone, so any cut gives the same bits. At least one term; `out` overlaps none of them.
/// `kind` is not Sum.
void mergeRows(plan::MergeKind kind, std::span<const float *const> terms, int64_t width, float *out,
               int64_t begin, int64_t end, int64_t heads = 1);

/// out[u] = sum over the participants, in order, of row table[u][k] of part k; -1: it has none. For
/// u in [begin, end). table is [union, parts.size()]. Where exactly one has the row, its bits are
/// kept.
void sumRows(std::span<const float *const> parts, const int32_t *table, int64_t width, float *out,
             int64_t begin, int64_t end);

/// The union of ascending lists without repetitions, ascending. `ids` [union] and `table`
/// [union, lists.size()], the place in each list or -1, are filled where they are not null. `heads`
/// is room for one number per list. Returns the size of the union.
int64_t uniteLists(std::span<const int64_t *const> lists, std::span<const int64_t> counts,
                   std::span<int64_t> heads, int64_t *ids, int32_t *table);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_REDUCE_H
