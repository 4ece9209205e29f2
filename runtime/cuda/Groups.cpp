//===- Groups.cpp - ops of a step that are one launch ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Groups.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace heddle::cuda {

std::vector<std::vector<size_t>> groupOps(const std::vector<Accesses> &ops,
                                          const std::vector<int64_t> &functions, size_t cut) {
  const auto before = dependencies(ops);
  // As early as what an op depends on allows: ops of one level do not depend on each other.
  std::vector<size_t> levels(ops.size());
  std::vector<std::vector<size_t>> groups;
  std::map<std::tuple<bool, size_t, int64_t>, size_t> open; // part, level, function: the group
  std::vector<std::pair<bool, size_t>> places;
  for (size_t i = 0; i < ops.size(); ++i) {
    for (size_t other : before[i])
      if (other >= cut || i < cut)
        levels[i] = std::max(levels[i], levels[other] + 1);
    const std::pair<bool, size_t> place(i >= cut, levels[i]);
    const auto key = std::make_tuple(place.first, place.second, functions[i]);
    auto found = functions[i] < 0 ? open.end() : open.find(key);
    if (found == open.end() || groups[found->second].size() == mostTogether) {
      open[key] = groups.size();
      groups.emplace_back();
      places.push_back(place);
      groups.back().push_back(i);
    } else {
      groups[found->second].push_back(i);
    }
  }
  std::vector<size_t> order(groups.size());
  for (size_t g = 0; g < order.size(); ++g)
    order[g] = g;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return places[a] != places[b] ? places[a] < places[b] : a < b;
  });
  std::vector<std::vector<size_t>> sorted;
  for (size_t g : order)
    sorted.push_back(std::move(groups[g]));
  return sorted;
}

} // namespace heddle::cuda
