//===- Join.h - do these workers belong together? ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRANSPORT_JOIN_H
#define HEDDLE_RUNTIME_TRANSPORT_JOIN_H

#include "runtime/transport/Transport.h"

#include <string>
#include <vector>

namespace heddle::transport {

inline constexpr int64_t protocolVersion = 1;

/// What a worker says of itself.
struct JoinInfo {
  int64_t protocol = protocolVersion;
  std::string planHash;
  std::string graphFingerprint;
  int64_t partitions = 0;
  std::vector<std::string> cpuLevels; ///< that it can run, best first (cpuLevels())
};

struct JoinAgreement {
  std::string cpuLevel; ///< the best level of rank 0's that all workers run
};

/// Rank 0's verdict on everyone's words, by rank. kFailedPrecondition: which field differs, and
/// whose values they are.
absl::StatusOr<JoinAgreement> compareWorkers(const std::vector<JoinInfo> &workers);

/// All ranks, as the first call on a transport (or after a re-make): rank 0 compares; every rank
/// gets the same agreement or the same refusal. A refusal leaves the transport usable.
absl::StatusOr<JoinAgreement> joinWorkers(Transport &transport, const JoinInfo &self);

} // namespace heddle::transport

#endif // HEDDLE_RUNTIME_TRANSPORT_JOIN_H
