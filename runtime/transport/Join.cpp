//===- Join.cpp - do these workers belong together? --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/transport/Join.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

namespace heddle::transport {
namespace {

using Json = nlohmann::json;

constexpr int64_t maxTextBytes = 64 << 10;
constexpr uint32_t joinOp = 0xFFFFFFFFu; // no op of a plan
constexpr int64_t infoStep = -2, verdictStep = -1;

std::string encode(const JoinInfo &info) {
  return Json{{"protocol", info.protocol},
              {"plan", info.planHash},
              {"graph", info.graphFingerprint},
              {"partitions", info.partitions},
              {"cpu_levels", info.cpuLevels}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// What cannot be read stays at its default, and differs.
JoinInfo decode(const std::string &text) {
  JoinInfo info;
  info.protocol = -1;
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return info;
  auto string = [&](const char *key) {
    auto at = json.find(key);
    return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  auto number = [&](const char *key) {
    auto at = json.find(key);
    return at != json.end() && at->is_number_integer() ? at->get<int64_t>() : int64_t(-1);
  };
  info.protocol = number("protocol");
  info.planHash = string("plan");
  info.graphFingerprint = string("graph");
  info.partitions = number("partitions");
  if (auto at = json.find("cpu_levels"); at != json.end() && at->is_array())
    for (const Json &level : *at)
      if (level.is_string())
        info.cpuLevels.push_back(level.get<std::string>());
  return info;
}

std::string levelsText(const JoinInfo &info) {
  std::string text;
  for (const std::string &level : info.cpuLevels)
    text += (text.empty() ? "" : ", ") + level;
  return text.empty() ? "none" : text;
}

absl::Status differs(const std::vector<JoinInfo> &workers, const char *what, const char *remedy,
                     const std::function<std::string(const JoinInfo &)> &valueOf) {
  std::string expected = valueOf(workers[0]), text;
  for (size_t rank = 1; rank < workers.size(); ++rank)
    if (std::string value = valueOf(workers[rank]); value != expected)
      text += ", rank " + std::to_string(rank) + " has " + value;
  if (text.empty())
    return absl::OkStatus();
  return failedPrecondition("the workers do not fit together: " + std::string(what) +
                            ": rank 0 has " + expected + text + "; " + remedy);
}

} // namespace

absl::StatusOr<JoinAgreement> compareWorkers(const std::vector<JoinInfo> &workers) {
  HEDDLE_RETURN_IF_ERROR(
      differs(workers, "protocol version", "run the same build of the program on all workers",
              [](const JoinInfo &info) { return std::to_string(info.protocol); }));
  HEDDLE_RETURN_IF_ERROR(differs(workers, "plan hash", "give all workers the same plan file",
                                 [](const JoinInfo &info) { return info.planHash; }));
  HEDDLE_RETURN_IF_ERROR(differs(workers, "graph fingerprint",
                                 "give all workers the same graph directory",
                                 [](const JoinInfo &info) { return info.graphFingerprint; }));
  HEDDLE_RETURN_IF_ERROR(
      differs(workers, "number of partitions", "give all workers the same plan file",
              [](const JoinInfo &info) { return std::to_string(info.partitions); }));
  for (const std::string &level : workers[0].cpuLevels)
    if (std::all_of(workers.begin(), workers.end(), [&](const JoinInfo &info) {
          return std::find(info.cpuLevels.begin(), info.cpuLevels.end(), level) !=
                 info.cpuLevels.end();
        }))
      return JoinAgreement{level};
  std::string text;
  for (size_t rank = 0; rank < workers.size(); ++rank)
    text +=
        (rank ? "; rank " : "rank ") + std::to_string(rank) + " runs " + levelsText(workers[rank]);
  return failedPrecondition("the workers do not fit together: no CPU level is common to all: " +
                            text + "; recompile the plan for a level that all of them run");
}

absl::StatusOr<JoinAgreement> joinWorkers(Transport &transport, const JoinInfo &self) {
  Tag infoTag = transport.tag(infoStep, joinOp), verdictTag = transport.tag(verdictStep, joinOp);
  std::string buffer(static_cast<size_t>(maxTextBytes), '\0');
  int64_t received = 0;
  if (transport.rank() > 0) {
    std::string text = encode(self);
    HEDDLE_RETURN_IF_ERROR(transport.send(infoTag, Traffic::Control, 0, text.data(),
                                          static_cast<int64_t>(text.size())));
    HEDDLE_RETURN_IF_ERROR(
        transport.receive(verdictTag, Traffic::Control, 0, buffer.data(), maxTextBytes, &received));
    buffer.resize(static_cast<size_t>(received));
    if (buffer.substr(0, 3) == "ok ")
      return JoinAgreement{buffer.substr(3)};
    return failedPrecondition(buffer);
  }
  std::vector<JoinInfo> workers{self};
  for (int rank = 1; rank < transport.size(); ++rank) {
    HEDDLE_RETURN_IF_ERROR(
        transport.receive(infoTag, Traffic::Control, rank, buffer.data(), maxTextBytes, &received));
    workers.push_back(decode(buffer.substr(0, static_cast<size_t>(received))));
  }
  auto verdict = compareWorkers(workers);
  std::string text = verdict.ok() ? "ok " + verdict->cpuLevel : messageOf(verdict.status());
  text.resize(std::min(text.size(), static_cast<size_t>(maxTextBytes)));
  for (int rank = 1; rank < transport.size(); ++rank)
    HEDDLE_RETURN_IF_ERROR(transport.send(verdictTag, Traffic::Control, rank, text.data(),
                                          static_cast<int64_t>(text.size())));
  return verdict;
}

} // namespace heddle::transport
