//===- CacheReport.cpp - what caches of features were worth --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/CacheReport.h"

#include "runtime/base/Format.h"
#include "runtime/base/Json.h"
#include "runtime/train/Batches.h"

#include "nlohmann/json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace heddle::train {
namespace {

using exec::CacheUse;
using Json = nlohmann::ordered_json;

/// Batches that tell hot rows from cold ones well enough.
constexpr size_t presampled = 256;

/// Numbers of a cache in the team's collection.
constexpr size_t words = 9;

std::string percent(uint64_t part, uint64_t whole) {
  if (whole == 0)
    return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", 100.0 * double(part) / double(whole));
  return text;
}

Json countJson(const CacheUse::Count &count) {
  return {{"requested", count.requested},
          {"hits", count.hits},
          {"hit_rate", count.requested ? Json(double(count.hits) / double(count.requested))
                                       : Json(nullptr)}};
}

} // namespace

absl::StatusOr<std::vector<CacheReport>> collectCaches(const plan::PlanT &plan,
                                                       const exec::Executor &executor, Team &team) {
  std::vector<CacheReport> out;
  if (plan.caches.empty()) // the same for all
    return out;
  const std::vector<CacheUse> uses = executor.cacheUse();
  std::vector<int64_t> numbers;
  for (const auto &cache : plan.caches) {
    auto use = std::find_if(uses.begin(), uses.end(), [&](const CacheUse &u) {
      return u.nodeType == plan.node_types[cache->node_type]->name && u.feature == cache->feature;
    });
    const CacheUse own = use == uses.end() ? CacheUse() : *use;
    for (int64_t number :
         {own.rows, own.rowBytes, own.keptRows, int64_t(own.training.requested),
          int64_t(own.training.hits), int64_t(own.other.requested), int64_t(own.other.hits),
          int64_t(own.readBytes), int64_t(std::llround(own.secondsSaved() * 1e9))})
      numbers.push_back(number);
  }
  HEDDLE_ASSIGN_OR_RETURN(auto all, team.collect(numbers));
  for (size_t c = 0; c < plan.caches.size() && team.leads(); ++c) {
    CacheReport sum;
    int64_t nanoseconds = 0;
    for (const std::vector<int64_t> &of : all) {
      const int64_t *n = of.data() + c * words;
      sum.use.rows = std::max(sum.use.rows, n[0]);
      sum.use.rowBytes = std::max(sum.use.rowBytes, n[1]);
      sum.use.keptRows += n[2];
      sum.use.training.requested += uint64_t(n[3]);
      sum.use.training.hits += uint64_t(n[4]);
      sum.use.other.requested += uint64_t(n[5]);
      sum.use.other.hits += uint64_t(n[6]);
      sum.use.readBytes += uint64_t(n[7]);
      nanoseconds += n[8];
    }
    if (sum.use.rowBytes == 0)
      continue; // mapped everywhere
    sum.use.nodeType = plan.node_types[plan.caches[c]->node_type]->name;
    sum.use.feature = plan.caches[c]->feature;
    sum.secondsSaved = double(nanoseconds) * 1e-9;
    const double hitBytes =
        double(sum.use.training.hits + sum.use.other.hits) * double(sum.use.rowBytes);
    sum.use.missSecondsPerByte = hitBytes > 0 ? sum.secondsSaved / hitBytes : 0;
    out.push_back(std::move(sum));
  }
  return out;
}

std::string describeCaches(const std::vector<CacheReport> &caches) {
  if (caches.empty())
    return "";
  using Align = TextTable::Align;
  TextTable table({{"cached features", Align::Left},
                   {"rows kept", Align::Right},
                   {"of", Align::Right},
                   {"memory", Align::Right},
                   {"asked in training", Align::Right},
                   {"hits", Align::Right},
                   {"in evaluations", Align::Right},
                   {"hits", Align::Right},
                   {"read", Align::Right},
                   {"saved", Align::Right}});
  for (const CacheReport &cache : caches) {
    const CacheUse &use = cache.use;
    table.addRow({use.nodeType + "." + use.feature, formatInteger(uint64_t(use.keptRows)),
                  formatInteger(uint64_t(use.rows)),
                  formatBytes(uint64_t(use.keptRows) * uint64_t(use.rowBytes)),
                  formatInteger(use.training.requested),
                  percent(use.training.hits, use.training.requested),
                  formatInteger(use.other.requested), percent(use.other.hits, use.other.requested),
                  formatBytes(use.readBytes), formatSeconds(cache.secondsSaved)});
  }
  return "\n" + table.str(2) +
         "  Saved: bytes found in memory at the seconds a byte that misses took when the cache was "
         "filled.\n";
}

std::string cachesJson(const std::vector<CacheReport> &caches) {
  Json out = Json::array();
  for (const CacheReport &cache : caches) {
    const CacheUse &use = cache.use;
    out.push_back({{"node_type", use.nodeType},
                   {"feature", use.feature},
                   {"rows", use.rows},
                   {"kept_rows", use.keptRows},
                   {"row_bytes", use.rowBytes},
                   {"training", countJson(use.training)},
                   {"evaluation", countJson(use.other)},
                   {"read_bytes", use.readBytes},
                   {"miss_seconds_per_byte", use.missSecondsPerByte},
                   {"seconds_saved", cache.secondsSaved}});
  }
  return printJson(out);
}

absl::StatusOr<std::vector<std::vector<int64_t>>> presampleBatches(const plan::PlanT &plan,
                                                                   const graph::GraphStore &graph,
                                                                   uint64_t seed) {
  const int entry = exec::findEntry(plan, plan::EntryKind::TrainStep);
  if (entry < 0 || !plan.task)
    return std::vector<std::vector<int64_t>>();
  HEDDLE_ASSIGN_OR_RETURN(graph::SplitView split,
                          graph.split(int(plan.task->node_type), plan.task->label,
                                      plan.task->split));
  auto batches = cutBatches(epochOrder({split.train, size_t(split.numTrain)}, seed, 0),
                            plan.entries[size_t(entry)]->batch_size);
  batches.resize(std::min(batches.size(), presampled));
  return batches;
}

} // namespace heddle::train
