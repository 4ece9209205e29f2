//===- DescribeCaches.cpp - what caches are expected to be worth ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/DescribeText.h"

#include "runtime/base/Format.h"

#include <cmath>

namespace heddle::plan {

std::string cachesSection(const PlanT &plan) {
  if (plan.caches.empty())
    return "";
  using Align = TextTable::Align;
  std::string out = heading("Features that can go through a cache (heddle-run --cache)");
  std::vector<TextTable::Column> columns = {{"feature", Align::Left, 26},
                                            {"rows", Align::Right},
                                            {"size", Align::Right},
                                            {"asked/step", Align::Right}};
  // The compiler writes the same shares for all.
  const std::vector<CachePoint> &shares = plan.caches.front()->points;
  for (const CachePoint &point : shares)
    columns.push_back({percent(point.kept(), 1), Align::Right});
  TextTable table(columns);
  for (const auto &cache : plan.caches) {
    const double rows = double(plan.node_types[cache->node_type]->num_nodes);
    std::vector<std::string> cells = {
        typeName(plan, cache->node_type) + "." + cache->feature, formatCount(rows),
        formatBytes(rows * cache->number_bytes * cache->dim), formatCount(cache->requested)};
    for (size_t i = 0; i < shares.size(); ++i)
      cells.push_back(i < cache->points.size() && cache->points[i].kept() == shares[i].kept()
                          ? percent(cache->points[i].hits(), 1)
                          : "-");
    table.addRow(cells);
  }
  return out + table.str(2) +
         wrapped("The last columns: the share of the rows asked for in training that is expected "
                 "to be found "
                 "where so many of the feature's rows are kept, the hottest.",
                 100, "  ", "  ");
}

} // namespace heddle::plan
