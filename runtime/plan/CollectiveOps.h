//===- CollectiveOps.h - what all collectives have ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_COLLECTIVEOPS_H
#define HEDDLE_RUNTIME_PLAN_COLLECTIVEOPS_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace heddle::plan {

/// What partitions agree on before they meet.
struct CollectiveFacts {
  uint32_t number = 0; ///< on the communicator of the op's queue
  Traffic traffic = Traffic::Control;
  const std::vector<uint32_t> *participants = nullptr; ///< ascending; part of the op
};

/// Of a collective; nothing for other ops.
inline std::optional<CollectiveFacts> collectiveOf(const OpT &op) {
  std::optional<CollectiveFacts> out;
  auto take = [&](const auto *attrs) {
    if (attrs)
      out = CollectiveFacts{attrs->collective, attrs->traffic, &attrs->participants};
  };
  take(op.attrs.AsMergeAllAttrs());
  take(op.attrs.AsMergeToAttrs());
  take(op.attrs.AsBroadcastAttrs());
  take(op.attrs.AsUnionRowsAttrs());
  take(op.attrs.AsExchangeRowsAttrs());
  return out;
}

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_COLLECTIVEOPS_H
