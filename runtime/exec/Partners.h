//===- Partners.h - a partition among the others -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_PARTNERS_H
#define HEDDLE_RUNTIME_EXEC_PARTNERS_H

#include "runtime/exec/Executor.h"
#include "runtime/plan/Collective.h"
#include "runtime/transport/Transport.h"

namespace heddle::exec {

/// Ops of exchanges that are in no plan.
inline constexpr uint32_t verdictOp = plan::firstReservedCollective,
                          countsOp = plan::firstReservedCollective + 1,
                          statesOp = plan::firstReservedCollective + 2;

inline transport::Traffic trafficOf(plan::Traffic traffic) {
  using transport::Traffic;
  static_assert(int(Traffic::Activations) == int(plan::Traffic::Activations) &&
                int(Traffic::DenseGradients) == int(plan::Traffic::DenseGradients) &&
                int(Traffic::EmbeddingRows) == int(plan::Traffic::EmbeddingRows) &&
                int(Traffic::RemoteFeatures) == int(plan::Traffic::RemoteFeatures) &&
                int(Traffic::Control) == int(plan::Traffic::Control));
  return static_cast<Traffic>(traffic);
}

/// Which partition this is, and how it reaches the others.
struct Partners {
  uint32_t partition = 0, partitions = 1;
  Connections connections = {};

  bool alone() const { return partitions == 1; }
  /// Ends what the others wait for; they are told the reason. The first one counts.
  void abort(const absl::Status &reason) const {
    if (alone())
      return;
    connections.compute->abort(reason);
    connections.ahead->abort(reason);
  }
};

/// Whether they run against each other: entries of one kind and layer, one for each partition.
inline bool runTogether(const plan::EntryT &a, const plan::EntryT &b) {
  return a.kind == b.kind && a.layer == b.layer;
}

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_PARTNERS_H
