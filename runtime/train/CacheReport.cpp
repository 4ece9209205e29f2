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
constexpr size_t words = 10;

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
  // What may have gone through a cache: the same list for all.
  std::vector<CacheUse> all;
  for (const auto &cache : plan.caches) {
    CacheUse &use = all.emplace_back();
    use.nodeType = plan.node_types[cache->node_type]->name;
    use.feature = cache->feature;
  }
  for (const auto &state : plan.states)
    if (state->role == plan::StateRole::EmbeddingRows && state->rows_type >= 0) {
      CacheUse &use = all.emplace_back();
      use.nodeType = plan.node_types[size_t(state->rows_type)]->name;
      use.state = state->name;
    }
  if (all.empty())
    return out;
  const std::vector<CacheUse> uses = executor.cacheUse();
  std::vector<int64_t> numbers;
  for (CacheUse &one : all) {
    auto use = std::find_if(uses.begin(), uses.end(), [&](const CacheUse &u) {
      return u.nodeType == one.nodeType && u.feature == one.feature && u.state == one.state;
    });
    const CacheUse own = use == uses.end() ? CacheUse() : *use;
    one.inMemory = own.inMemory;
    for (int64_t number :
         {own.rows, own.rowBytes, own.keptRows, int64_t(own.training.requested),
          int64_t(own.training.hits), int64_t(own.other.requested), int64_t(own.other.hits),
          int64_t(own.readBytes), int64_t(own.writtenBytes),
          int64_t(std::llround(own.secondsSaved() * 1e9))})
      numbers.push_back(number);
  }
  HEDDLE_ASSIGN_OR_RETURN(auto collected, team.collect(numbers));
  for (size_t c = 0; c < all.size() && team.leads(); ++c) {
    CacheReport sum;
    sum.use = all[c];
    int64_t nanoseconds = 0;
    for (const std::vector<int64_t> &of : collected) {
      const int64_t *n = of.data() + c * words;
      sum.use.rows = std::max(sum.use.rows, n[0]);
      sum.use.rowBytes = std::max(sum.use.rowBytes, n[1]);
      sum.use.keptRows += n[2];
      sum.use.training.requested += uint64_t(n[3]);
      sum.use.training.hits += uint64_t(n[4]);
      sum.use.other.requested += uint64_t(n[5]);
      sum.use.other.hits += uint64_t(n[6]);
      sum.use.readBytes += uint64_t(n[7]);
      sum.use.writtenBytes += uint64_t(n[8]);
      nanoseconds += n[9];
    }
    if (sum.use.rowBytes == 0)
      continue; // mapped everywhere
    if (!sum.use.state.empty() && plan.partitions > 1) // partition 0 may not have it
      sum.use.inMemory = CacheUse::severalPartitions;
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
  TextTable table({{"cached rows", Align::Left},
                   {"rows kept", Align::Right},
                   {"of", Align::Right},
                   {"memory", Align::Right},
                   {"asked in training", Align::Right},
                   {"hits", Align::Right},
                   {"in evaluations", Align::Right},
                   {"hits", Align::Right},
                   {"read", Align::Right},
                   {"written", Align::Right},
                   {"saved", Align::Right}});
  std::string inMemory;
  size_t rows = 0;
  for (const CacheReport &cache : caches) {
    const CacheUse &use = cache.use;
    if (!use.inMemory.empty()) {
      inMemory += "  Learnable rows '" + use.state + "' are in memory (" +
                  formatBytes(uint64_t(use.rows) * uint64_t(use.rowBytes)) + "): " + use.inMemory +
                  ".\n";
      continue;
    }
    ++rows;
    table.addRow(
        {use.state.empty() ? use.nodeType + "." + use.feature : "learnable " + use.state,
         formatInteger(uint64_t(use.keptRows)), formatInteger(uint64_t(use.rows)),
         formatBytes(uint64_t(use.keptRows) * uint64_t(use.rowBytes)),
         formatInteger(use.training.requested), percent(use.training.hits, use.training.requested),
         formatInteger(use.other.requested), percent(use.other.hits, use.other.requested),
         formatBytes(use.readBytes), use.state.empty() ? "-" : formatBytes(use.writtenBytes),
         formatSeconds(cache.secondsSaved)});
  }
  std::string out = "\n";
  if (rows > 0)
    out += table.str(2) +
           "  Saved: what rows found in memory would have kept the fetches waiting, at "
           "what missed bytes took.\n";
  return out + inMemory;
}

std::string cachesJson(const std::vector<CacheReport> &caches) {
  Json out = Json::array();
  for (const CacheReport &cache : caches) {
    const CacheUse &use = cache.use;
    Json one = {{"node_type", use.nodeType}};
    if (use.state.empty())
      one["feature"] = use.feature;
    else
      one["learnable"] = use.state;
    one.update({{"rows", use.rows},
                {"kept_rows", use.keptRows},
                {"row_bytes", use.rowBytes},
                {"training", countJson(use.training)},
                {"evaluation", countJson(use.other)},
                {"read_bytes", use.readBytes},
                {"written_bytes", use.writtenBytes},
                {"miss_seconds_per_byte", use.missSecondsPerByte},
                {"seconds_saved", cache.secondsSaved}});
    if (!use.inMemory.empty())
      one["in_memory"] = use.inMemory;
    out.push_back(std::move(one));
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
