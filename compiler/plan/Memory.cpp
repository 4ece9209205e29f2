//===- Memory.cpp - which buffers share a piece of the arena --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/Memory.h"

#include "compiler/cost/SizeModel.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numeric>
#include <tuple>

namespace heddle::compiler {

namespace {

uint64_t roundedUp(uint64_t bytes) {
  return bytes > UINT64_MAX - 63 ? UINT64_MAX : (bytes + 63) / 64 * 64;
}

struct Region {
  /// Whether no member lives while another buffer does. Members' lives do not overlap.
  bool isFree(const Lifetime &life) const {
    auto next = lives.upper_bound(life.last);
    return next == lives.begin() || std::prev(next)->second < life.first;
  }
  std::vector<uint32_t> members;
  std::map<uint32_t, uint32_t> lives; ///< of the members: first wave, last wave
  double expected = 0;
  uint64_t bound = 0;
  int64_t shape = -1; ///< of the first, that is in most cases the largest, member
};

std::vector<Region> colour(const std::vector<ArenaBuffer> &buffers,
                           const std::vector<uint32_t> &order) {
  std::vector<Region> regions;
  for (uint32_t b : order) {
    const ArenaBuffer &buffer = buffers[b];
    // Growth of the expected size, another shape, growth of the bound, room left over.
    using Cost = std::tuple<double, bool, uint64_t, double>;
    Cost bestCost;
    Region *best = nullptr;
    for (Region &region : regions) {
      double growth = std::max(0.0, buffer.expectedBytes - region.expected);
      Cost cost{growth, region.shape != buffer.shape,
                buffer.boundBytes > region.bound ? buffer.boundBytes - region.bound : 0,
                std::max(0.0, region.expected - buffer.expectedBytes)};
      if ((!best || cost < bestCost) && region.isFree(buffer.life)) {
        best = &region;
        bestCost = cost;
      }
    }
    if (!best) {
      regions.push_back({{}, {}, 0, 0, buffer.shape});
      best = &regions.back();
    }
    best->members.push_back(b);
    if (buffer.life.first <= buffer.life.last)
      best->lives.emplace(buffer.life.first, buffer.life.last);
    best->expected = std::max(best->expected, buffer.expectedBytes);
    best->bound = std::max(best->bound, buffer.boundBytes);
  }
  return regions;
}

} // namespace

ArenaPlan planArena(const std::vector<ArenaBuffer> &buffers) {
  std::vector<uint32_t> bySize(buffers.size());
  std::iota(bySize.begin(), bySize.end(), 0);
  std::vector<uint32_t> byTime = bySize;
  std::sort(bySize.begin(), bySize.end(), [&](uint32_t a, uint32_t b) {
    return std::tuple(-buffers[a].expectedBytes, ~buffers[a].boundBytes, buffers[a].life.first, a) <
           std::tuple(-buffers[b].expectedBytes, ~buffers[b].boundBytes, buffers[b].life.first, b);
  });
  std::sort(byTime.begin(), byTime.end(), [&](uint32_t a, uint32_t b) {
    return std::tuple(buffers[a].life.first, -buffers[a].expectedBytes, a) <
           std::tuple(buffers[b].life.first, -buffers[b].expectedBytes, b);
  });
  auto total = [](const std::vector<Region> &regions) {
    double expected = 0;
    uint64_t bound = 0;
    for (const Region &region : regions) {
      expected += region.expected;
      bound = addSaturated(bound, roundedUp(region.bound));
    }
    return std::tuple(expected, bound, regions.size());
  };
  std::vector<Region> regions = colour(buffers, bySize);
  if (std::vector<Region> other = colour(buffers, byTime); total(other) < total(regions))
    regions = std::move(other);

  ArenaPlan plan;
  plan.region.assign(buffers.size(), 0);
  for (Region &region : regions)
    std::sort(region.members.begin(), region.members.end(), [&](uint32_t a, uint32_t b) {
      return std::tuple(buffers[a].life.first, a) < std::tuple(buffers[b].life.first, b);
    });
  for (uint32_t r = 0; r < regions.size(); ++r) {
    for (uint32_t b : regions[r].members)
      plan.region[b] = r;
    plan.regions.push_back(std::move(regions[r].members));
  }
  std::tie(plan.expectedBytes, plan.boundBytes, std::ignore) = total(regions);
  for (const ArenaBuffer &buffer : buffers) {
    plan.sumExpectedBytes += buffer.expectedBytes;
    plan.sumBoundBytes = addSaturated(plan.sumBoundBytes, roundedUp(buffer.boundBytes));
  }
  return plan;
}

} // namespace heddle::compiler
