//===- Collective.h - what all kinds of collectives share --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_COLLECTIVE_H
#define HEDDLE_RUNTIME_PLAN_COLLECTIVE_H

#include "runtime/plan/plan_generated.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace heddle::plan {

/// Ids from here on tag exchanges that are in no plan: handshakes of the executor and of workers.
inline constexpr uint32_t firstReservedCollective = 0xFFFFFF00u;

/// The part of an op's attributes that every collective has.
struct Collective {
  uint32_t id = 0;
  const std::vector<uint32_t> *participants = nullptr; ///< null: the op is no collective
  Traffic traffic = Traffic::Control;
  int64_t leader = -1; ///< -1: none

  explicit operator bool() const { return participants != nullptr; }
  size_t size() const { return participants->size(); }
  bool has(uint32_t partition) const {
    return std::binary_search(participants->begin(), participants->end(), partition);
  }
  /// Place of the partition among the participants.
  size_t indexOf(uint32_t partition) const {
    return static_cast<size_t>(
        std::lower_bound(participants->begin(), participants->end(), partition) -
        participants->begin());
  }
};

/// Valid while the op lives.
inline Collective collectiveOf(const OpT &op) {
  auto of = [](const auto *a, int64_t leader) {
    return Collective{a->collective, &a->participants, a->traffic, leader};
  };
  if (const auto *a = op.attrs.AsMergeAllAttrs())
    return of(a, -1);
  if (const auto *a = op.attrs.AsMergeToAttrs())
    return of(a, int64_t(a->leader));
  if (const auto *a = op.attrs.AsBroadcastAttrs())
    return of(a, int64_t(a->leader));
  if (const auto *a = op.attrs.AsUnionRowsAttrs())
    return of(a, -1);
  if (const auto *a = op.attrs.AsExchangeRowsAttrs())
    return of(a, -1);
  if (const auto *a = op.attrs.AsRequestRowsAttrs())
    return of(a, -1);
  if (const auto *a = op.attrs.AsFetchRemoteAttrs())
    return of(a, -1);
  if (const auto *a = op.attrs.AsFetchRemoteRowsAttrs())
    return of(a, -1);
  if (const auto *a = op.attrs.AsPushRowsAttrs())
    return of(a, -1);
  if (const auto *a = op.attrs.AsGatherBlocksAttrs())
    return of(a, -1);
  return {};
}

/// How an op's terms are merged; those of other collectives are sums.
inline MergeKind mergeOf(const OpT &op, size_t term) {
  if (const auto *a = op.attrs.AsMergeAllAttrs())
    return term < a->merges.size() ? a->merges[term] : MergeKind::Sum;
  const auto *a = op.attrs.AsMergeToAttrs();
  return a ? a->merge : MergeKind::Sum;
}

/// Of how many heads a term is; 1 where it is no softmax.
inline uint32_t headsOf(const OpT &op, size_t term) {
  if (const auto *a = op.attrs.AsMergeAllAttrs())
    return term < a->heads.size() ? a->heads[term] : 1;
  const auto *a = op.attrs.AsMergeToAttrs();
  return a ? a->heads : 1;
}

/// The first unit of a MergeAll's term that participant b of q sums, the first seed of its block, and the
/// first row that it keeps of those that are spread: units * b / q, where the product may be too large.
inline int64_t blockBegin(int64_t units, int64_t b, int64_t q) {
  return units / q * b + units % q * b / q;
}

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_COLLECTIVE_H
