//===- VerifyCaches.cpp - what is said of caches -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/VerifyContext.h"

#include "runtime/plan/RowTerms.h"

#include <set>
#include <utility>

namespace heddle::plan::verify {
namespace {

/// Whether an op fetches the cache's feature, with as many columns.
bool isFetched(const PlanT &plan, const CacheT &cache) {
  for (const auto &entry : plan.entries)
    for (const auto &op : entry->ops) {
      if (const auto *a = op->attrs.AsFetchDenseAttrs();
          a && a->node_type == cache.node_type && a->feature == cache.feature && a->dim == cache.dim)
        return true;
      if (const auto *a = op->attrs.AsFetchRemoteAttrs())
        for (const RemoteFeatureT &f : featuresOf(*a))
          if (!f.sparse && f.node_type == cache.node_type && f.feature == cache.feature &&
              f.dim == cache.dim)
            return true;
    }
  return false;
}

} // namespace

bool checkCaches(Context &c) {
  std::set<std::pair<uint32_t, std::string>> seen;
  for (size_t i = 0; i < c.plan.caches.size(); ++i) {
    std::string place = "cache " + std::to_string(i);
    if (!c.plan.caches[i])
      return c.fail(place, "a table is missing");
    const CacheT &cache = *c.plan.caches[i];
    place += " '" + cache.feature + "'";
    if (cache.node_type >= c.plan.node_types.size())
      return c.fail(place, "node type " + outOf(cache.node_type, c.plan.node_types.size()));
    if (!seen.insert({cache.node_type, cache.feature}).second)
      return c.fail(place, "the feature has another one");
    if (!isFetched(c.plan, cache))
      return c.fail(place, "no op fetches that feature with " + std::to_string(cache.dim) + " columns");
    if (cache.number_bytes < 1 || cache.number_bytes > 8)
      return c.fail(place, "a number of " + std::to_string(cache.number_bytes) + " bytes");
    if (!(cache.requested >= 0 && cache.requested <= double(maxRows) * double(maxNames)))
      return c.fail(place, "the requested rows are no number of rows");
    double kept = 0, hits = 0;
    for (const CachePoint &point : cache.points) {
      if (!(point.kept() >= kept && point.kept() <= 1 && point.hits() >= hits && point.hits() <= 1))
        return c.fail(place, "kept rows and hits are not ascending shares");
      kept = point.kept();
      hits = point.hits();
    }
  }
  return true;
}

} // namespace heddle::plan::verify
