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

/// Which regions are in use at some wave of a range: rows of bits in a tree over the waves. Of very many
/// waves only some are looked at, so one that is not in use here may be so in between.
class UseByWave {
public:
  explicit UseByWave(uint32_t waves) : stride_(waves / 1024 + 1), leaves_(waves / stride_ + 1) {
    within_.resize(2 * leaves_);
    throughout_.resize(2 * leaves_);
  }
  void add(uint32_t region, const Lifetime &life) {
    forNodes(
        life, [&](size_t node) { set(within_[node], region), set(throughout_[node], region); },
        [&](size_t above) { set(within_[above], region); });
  }
  /// Sets `bits` to those in use.
  void find(const Lifetime &life, std::vector<uint64_t> &bits) const {
    std::fill(bits.begin(), bits.end(), 0);
    auto gather = [&](const std::vector<uint64_t> &row) {
      bits.resize(std::max(bits.size(), row.size()));
      for (size_t w = 0; w < row.size(); ++w)
        bits[w] |= row[w];
    };
    forNodes(
        life, [&](size_t node) { gather(within_[node]); },
        [&](size_t above) { gather(throughout_[above]); });
  }

private:
  static void set(std::vector<uint64_t> &row, uint32_t bit) {
    row.resize(std::max<size_t>(row.size(), bit / 64 + 1));
    row[bit / 64] |= uint64_t(1) << bit % 64;
  }
  /// The nodes that make up the life, and all nodes above its ends.
  template <class Part, class Above>
  void forNodes(const Lifetime &life, const Part &part, const Above &above) const {
    size_t low = (life.first + stride_ - 1) / stride_ + leaves_;
    size_t high = life.last / stride_ + 1 + leaves_;
    if (life.first > life.last || low >= high)
      return;
    size_t first = low, last = high - 1;
    for (; low < high; low /= 2, high /= 2) {
      if (low % 2)
        part(low++);
      if (high % 2)
        part(--high);
    }
    for (first /= 2, last /= 2; first > 0; first /= 2, last /= 2) {
      above(first);
      if (last != first)
        above(last);
    }
  }

  uint32_t stride_;
  size_t leaves_;
  /// By node: in use at some of its waves; at all of them, as far as no node above says so.
  std::vector<std::vector<uint64_t>> within_, throughout_;
};

/// Gives each buffer, in the order in which they come, the region that is free and costs the least: by
/// growth of the expected size, another shape, growth of the bound, room left over; the first of equal
/// ones. Regions that are alike in what decides are kept together, since there are many of them where
/// there are many relations.
class Colouring {
public:
  explicit Colouring(const std::vector<ArenaBuffer> &buffers)
      : buffers_(buffers), use_(wavesOf(buffers)) {}

  std::vector<Region> run(const std::vector<uint32_t> &order) {
    for (uint32_t b : order)
      place(b);
    return std::move(regions_);
  }

private:
  using Alike = std::vector<uint32_t>; ///< regions, ascending
  using ByBound = std::map<uint64_t, Alike>;
  using BySize = std::map<double, ByBound>; ///< by expected size, then by bound
  static constexpr uint32_t none = UINT32_MAX;

  static uint32_t wavesOf(const std::vector<ArenaBuffer> &buffers) {
    uint32_t waves = 1;
    for (const ArenaBuffer &buffer : buffers)
      waves = std::max(waves, buffer.life.last + 1);
    return waves;
  }

  /// The first of the regions that is free, or `none`; those in use_ are not.
  uint32_t firstFree(const Alike &alike, const Lifetime &life) const {
    for (uint32_t region : alike)
      if ((region / 64 >= inUse_.size() || !(inUse_[region / 64] >> region % 64 & 1)) &&
          regions_[region].isFree(life))
        return region;
    return none;
  }

  /// Among those that are large enough: growth of the bound, room left over.
  uint32_t ofLarger(const BySize &sizes, const ArenaBuffer &buffer) const {
    uint32_t best = none;
    uint64_t bestGrowth = UINT64_MAX;
    for (auto at = sizes.lower_bound(buffer.expectedBytes);
         at != sizes.end() && (best == none || bestGrowth > 0); ++at)
      std::tie(bestGrowth, best) =
          std::min(std::pair(bestGrowth, best), ofSize(at->second, buffer, bestGrowth));
    return best;
  }

  /// Of one size, with a growth of the bound below `limit`, unless nothing is known that has it.
  std::pair<uint64_t, uint32_t> ofSize(const ByBound &bounds, const ArenaBuffer &buffer,
                                       uint64_t limit) const {
    std::pair<uint64_t, uint32_t> best{UINT64_MAX, none};
    for (const auto &[bound, alike] : bounds) {
      uint64_t growth = std::min(UINT64_MAX - 1, buffer.boundBytes - std::min(bound, buffer.boundBytes));
      if (growth >= limit || growth > best.first)
        continue;
      if (uint32_t region = firstFree(alike, buffer.life); region != none)
        best = std::min(best, {growth, region});
    }
    return best;
  }

  uint32_t find(const ArenaBuffer &buffer) const {
    // What is large enough and of the same shape is not free if it is not found first.
    auto own = byShape_.find(buffer.shape);
    if (own != byShape_.end())
      if (uint32_t region = ofLarger(own->second, buffer); region != none)
        return region;
    if (uint32_t region = ofLarger(all_, buffer); region != none)
      return region;
    for (auto at = all_.lower_bound(buffer.expectedBytes); at != all_.begin();) {
      --at;
      if (own != byShape_.end())
        if (auto same = own->second.find(at->first); same != own->second.end())
          if (uint32_t region = ofSize(same->second, buffer, UINT64_MAX).second; region != none)
            return region;
      if (uint32_t region = ofSize(at->second, buffer, UINT64_MAX).second; region != none)
        return region;
    }
    return none;
  }

  void place(uint32_t b) {
    const ArenaBuffer &buffer = buffers_[b];
    use_.find(buffer.life, inUse_);
    uint32_t found = find(buffer);
    const bool made = found == none;
    if (made) {
      found = uint32_t(regions_.size());
      regions_.push_back({{}, {}, buffer.expectedBytes, buffer.boundBytes, buffer.shape});
    }
    Region &region = regions_[found];
    double expected = std::max(region.expected, buffer.expectedBytes);
    uint64_t bound = std::max(region.bound, buffer.boundBytes);
    if (made || expected != region.expected || bound != region.bound) {
      for (BySize *sizes : {&all_, &byShape_[region.shape]}) {
        if (!made)
          remove(*sizes, region, found);
        Alike &alike = (*sizes)[expected][bound];
        alike.insert(std::lower_bound(alike.begin(), alike.end(), found), found);
      }
      region.expected = expected;
      region.bound = bound;
    }
    region.members.push_back(b);
    if (buffer.life.first <= buffer.life.last)
      region.lives.emplace(buffer.life.first, buffer.life.last);
    use_.add(found, buffer.life);
  }

  static void remove(BySize &sizes, const Region &region, uint32_t number) {
    auto size = sizes.find(region.expected);
    auto bound = size->second.find(region.bound);
    Alike &alike = bound->second;
    alike.erase(std::lower_bound(alike.begin(), alike.end(), number));
    if (alike.empty())
      size->second.erase(bound);
    if (size->second.empty())
      sizes.erase(size);
  }

  const std::vector<ArenaBuffer> &buffers_;
  UseByWave use_;
  std::vector<uint64_t> inUse_; ///< regions, while the buffer that is placed lives
  std::vector<Region> regions_;
  BySize all_;
  std::map<int64_t, BySize> byShape_;
};

std::vector<Region> colour(const std::vector<ArenaBuffer> &buffers,
                           const std::vector<uint32_t> &order) {
  return Colouring(buffers).run(order);
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
