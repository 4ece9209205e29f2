//===- Bandwidth.cpp - what a device moves in a second --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/devices/Bandwidth.h"

#include "runtime/cuda/Session.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace heddle {

absl::Status printBandwidth(int ordinal) {
  using namespace cuda;
  HEDDLE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::open(ordinal));
  HEDDLE_RETURN_IF_ERROR(session->enter());
  const Driver &driver = session->driver();
  size_t free = 0, total = 0;
  HEDDLE_RETURN_IF_ERROR(driver.check(driver.cuMemGetInfo_v2(&free, &total), "memory"));
  // Well over any cache, where there is room.
  const uint64_t bytes = std::min<uint64_t>(uint64_t(1) << 29, free / 4);
  DeviceMemory from(*session), to(*session);
  PinnedMemory host(*session);
  HEDDLE_RETURN_IF_ERROR(from.reserve(bytes, "copied", Room::Exact));
  HEDDLE_RETURN_IF_ERROR(to.reserve(bytes, "copied", Room::Exact));
  HEDDLE_RETURN_IF_ERROR(host.reserve(bytes, "copied", Room::Exact));
  double within = 0, hosts = 0;
  for (int round = 0; round < 8; ++round)
    for (bool fromHost : {false, true}) {
      HEDDLE_RETURN_IF_ERROR(session->synchronize("copying"));
      const auto start = std::chrono::steady_clock::now();
      HEDDLE_RETURN_IF_ERROR(
          fromHost ? session->toDevice(to.data(), host.data(), bytes)
                   : driver.check(driver.cuMemcpyDtoDAsync_v2(to.data(), from.data(), bytes,
                                                              session->stream()),
                                  "copying"));
      HEDDLE_RETURN_IF_ERROR(session->synchronize("copying"));
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      double &best = fromHost ? hosts : within;
      best = std::max(best, double(bytes) * (fromHost ? 1 : 2) / seconds);
    }
  std::printf("%s\n", nlohmann::json{{"device", session->name()},
                                     {"copy_bytes_per_second", within},
                                     {"host_bytes_per_second", hosts}}
                          .dump()
                          .c_str());
  return absl::OkStatus();
}

} // namespace heddle
