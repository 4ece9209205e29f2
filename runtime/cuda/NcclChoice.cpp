//===- NcclChoice.cpp - which way collectives of GPUs go -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/NcclChoice.h"

#include "runtime/cuda/NcclTransport.h"
#include "runtime/cuda/kernels/Merge.h"

#include <cstdlib>
#include <cstring>
#include <random>

namespace heddle::cuda {
namespace {

using transport::ConnectionPair;
using transport::Traffic;

constexpr uint32_t choiceOp = 0xFFFFFFFEu; // no op of a plan
constexpr int64_t choiceStep = -3;

std::string pairText(size_t a, size_t b) {
  return "ranks " + std::to_string(a) + " and " + std::to_string(b);
}

/// The first two ranks for which `same`, as text; empty: there are none.
template <class Same> std::string firstPair(std::span<const RankFacts> ranks, const Same &same) {
  for (size_t b = 1; b < ranks.size(); ++b)
    for (size_t a = 0; a < b; ++a)
      if (same(ranks[a], ranks[b]))
        return pairText(a, b);
  return "";
}

bool sameDevice(const RankFacts &a, const RankFacts &b) {
  return std::memcmp(a.device, b.device, sizeof a.device) == 0;
}

/// Why there is no NCCL for these ranks, wherever they are; empty: there is.
std::string missing(std::span<const RankFacts> ranks) {
  if (ranks.size() > kernels::maxParts)
    return "kernels of collectives take at most " + std::to_string(kernels::maxParts) +
           " partitions, and there are " + std::to_string(ranks.size());
  for (size_t rank = 0; rank < ranks.size(); ++rank)
    if (ranks[rank].nccl == 0)
      return "rank " + std::to_string(rank) + ": " + ranks[rank].problem;
  for (size_t rank = 1; rank < ranks.size(); ++rank)
    if (ranks[rank].nccl != ranks[0].nccl)
      return "rank 0 has NCCL " + ncclVersionText(ranks[0].nccl) + ", rank " +
             std::to_string(rank) + " NCCL " + ncclVersionText(ranks[rank].nccl);
  return "";
}

uint64_t processNumber() {
  static const uint64_t number = [] {
    std::random_device random;
    return uint64_t(random()) << 32 | random();
  }();
  return number;
}

absl::StatusOr<RankFacts> factsOf(const Driver &driver, int ordinal, TransportChoice choice) {
  RankFacts facts;
  facts.choice = choice;
  facts.process = processNumber();
  DeviceNumber device = 0;
  DeviceUuid uuid{};
  HEDDLE_RETURN_IF_ERROR(driver.check(driver.cuDeviceGet(&device, ordinal), "device"));
  HEDDLE_RETURN_IF_ERROR(driver.check(driver.cuDeviceGetUuid_v2(&uuid, device), "device"));
  std::memcpy(facts.device, uuid.bytes, sizeof facts.device);
  auto nccl = choice == TransportChoice::Host ? absl::StatusOr<const Nccl *>(cancelled("not asked"))
                                              : Nccl::get();
  if (nccl.ok())
    facts.nccl = (*nccl)->version;
  else
    std::strncpy(facts.problem, messageOf(nccl.status()).c_str(), sizeof facts.problem - 1);
  return facts;
}

absl::StatusOr<ChosenTransport> putOn(ConnectionPair &pair, const DeviceChoice &choice,
                                      TransportChoice wanted, uint32_t partition) {
  HEDDLE_ASSIGN_OR_RETURN(const Driver *driver, Driver::get());
  HEDDLE_ASSIGN_OR_RETURN(int ordinal, ordinalOf(choice, partition));
  HEDDLE_ASSIGN_OR_RETURN(RankFacts own, factsOf(*driver, ordinal, wanted));
  const size_t size = size_t(pair.compute->size());
  std::vector<RankFacts> all(size);
  const std::vector<int64_t> bytes(size, int64_t(sizeof(RankFacts)));
  HEDDLE_RETURN_IF_ERROR(pair.compute->allGather(pair.compute->tag(choiceStep, choiceOp),
                                                 Traffic::Control, &own, all.data(), bytes));
  HEDDLE_ASSIGN_OR_RETURN(TransportVerdict verdict, chooseTransport(all));
  if (!verdict.nccl)
    return ChosenTransport{"", verdict.remark};
  // NCCL looks at it once, when its first communicator is made.
  if (verdict.apart)
    setenv("NCCL_HOSTID", ("heddle-rank-" + std::to_string(pair.compute->rank())).c_str(), 0);
  HEDDLE_ASSIGN_OR_RETURN(const Nccl *nccl, Nccl::get());
  HEDDLE_ASSIGN_OR_RETURN(pair.compute,
                          makeNcclTransport(std::move(pair.compute), *driver, *nccl, ordinal));
  return ChosenTransport{"NCCL " + ncclVersionText(nccl->version), verdict.remark};
}

} // namespace

absl::StatusOr<TransportVerdict> chooseTransport(std::span<const RankFacts> ranks) {
  for (size_t rank = 1; rank < ranks.size(); ++rank)
    if (ranks[rank].choice != ranks[0].choice)
      return failedPrecondition("the workers do not fit together: rank " + std::to_string(rank) +
                                " was given another --transport than rank 0; give all workers the "
                                "same command line");
  TransportVerdict verdict;
  if (ranks.size() < 2 || ranks[0].choice == TransportChoice::Host)
    return verdict;
  const bool insists = ranks[0].choice == TransportChoice::Nccl;
  const std::string lacks = missing(ranks),
                    oneProcess =
                        firstPair(ranks, [](const RankFacts &a,
                                            const RankFacts &b) { return a.process == b.process; }),
                    oneDevice = firstPair(ranks, sameDevice),
                    both = firstPair(ranks, [](const RankFacts &a, const RankFacts &b) {
                      return a.process == b.process && sameDevice(a, b);
                    });
  if (insists) {
    if (!lacks.empty())
      return failedPrecondition("--transport nccl: " + lacks);
    if (!both.empty())
      return failedPrecondition(
          "--transport nccl: " + both +
          " share a GPU and a process, which NCCL refuses; give each partition a "
          "process with --workers, or run with --transport host");
    verdict.nccl = true;
    verdict.apart = !oneDevice.empty();
    if (verdict.apart)
      verdict.remark = oneDevice +
                       " share a GPU: NCCL is told that they are on hosts of their own, "
                       "and goes through sockets";
    return verdict;
  }
  const std::string why = !oneDevice.empty()    ? oneDevice + " share a GPU"
                          : !oneProcess.empty() ? oneProcess + " share a process (--workers gives "
                                                               "each partition one)"
                                                : lacks;
  verdict.nccl = why.empty();
  if (!verdict.nccl)
    verdict.remark = "collectives go through the host's memory, not by NCCL: " + why;
  return verdict;
}

absl::StatusOr<ChosenTransport> putNcclOn(ConnectionPair &pair, const DeviceChoice &device,
                                          TransportChoice choice, uint32_t partition) {
  auto chosen = putOn(pair, device, choice, partition);
  if (!chosen.ok())
    pair.ahead->abort(chosen.status()); // of both lines; the other may be gone
  return chosen;
}

} // namespace heddle::cuda
