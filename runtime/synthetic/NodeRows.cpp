//===- NodeRows.cpp - features, labels and parts of synthetic nodes --------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/synthetic/NodeRows.h"

#include "runtime/base/Keys.h"
#include "runtime/base/SmallFloats.h"

#include <cmath>
#include <cstring>

namespace heddle::synthetic {

namespace {

/// The sum of a word's four bytes, less its mean: nearly normal, and integers give the same bits
/// everywhere, which logarithms and cosines would not.
int32_t bell(uint32_t word) {
  return static_cast<int32_t>((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) +
                              (word >> 24)) -
         510;
}
constexpr double bellDeviation = 147.79885; // sqrt(4 (256^2 - 1) / 12)
constexpr int32_t noiseUnit = 1024;

} // namespace

FeatureRows::FeatureRows(const CommunityLine &line, int64_t width, const std::string &dtype,
                         double signal, uint64_t stream)
    : line_(line), width_(width), half_(dtype == "float16"),
      stream_(keys::generatorStream(stream, "noise")) {
  // Two centres differ by sqrt(2 width) deviations of one entry.
  double entry = signal / std::sqrt(2.0 * static_cast<double>(width));
  auto weight = static_cast<int32_t>(std::min(entry, 64.0) * noiseUnit);
  double ratio = static_cast<double>(weight) / noiseUnit;
  unit_ = static_cast<float>(1 / (bellDeviation * noiseUnit * std::sqrt(1 + ratio * ratio)));
  uint64_t centres = keys::generatorStream(stream, "centres");
  centres_.reserve(static_cast<size_t>(line.communities() * width));
  for (int64_t c = 0; c < line.communities(); ++c) {
    keys::Words words{};
    for (int64_t i = 0; i < width; ++i) {
      if (i % 4 == 0)
        words =
            keys::generatorDraw(centres, static_cast<uint64_t>(c), static_cast<uint32_t>(i / 4));
      centres_.push_back(weight * bell(words[static_cast<size_t>(i % 4)]));
    }
  }
}

void FeatureRows::fill(int64_t row, char *out) const {
  const int32_t *centre = centres_.data() + line_.communityOf(row) * width_;
  for (int64_t i = 0; i < width_; i += 4) {
    auto words =
        keys::generatorDraw(stream_, static_cast<uint64_t>(row), static_cast<uint32_t>(i / 4));
    for (int64_t j = i; j < std::min(i + 4, width_); ++j) {
      // Below 2^26 in size: the sum is exact as an integer, and the float is rounded once or twice.
      float value =
          static_cast<float>(centre[j] + noiseUnit * bell(words[static_cast<size_t>(j - i)])) *
          unit_;
      if (half_) {
        uint16_t bits = floatToHalf(value);
        std::memcpy(out + 2 * j, &bits, 2);
      } else {
        std::memcpy(out + 4 * j, &value, 4);
      }
    }
  }
}

std::array<int64_t, 3> scaledParts(const std::array<int64_t, 3> &parts, int64_t full,
                                   int64_t nodes) {
  std::array<int64_t, 3> scaled{};
  int64_t before = 0, sum = 0;
  for (size_t p = 0; p < 3; ++p) {
    sum += parts[p];
    auto upTo = static_cast<int64_t>(
        ((unsigned __int128)sum * static_cast<uint64_t>(nodes) + static_cast<uint64_t>(full) / 2) /
        static_cast<uint64_t>(full));
    scaled[p] = upTo - before;
    before = upTo;
  }
  // A part that is not empty at full scale takes a node that is in none, or one of the largest
  // part.
  for (size_t p = 0; p < 3; ++p)
    if (parts[p] > 0 && scaled[p] == 0) {
      auto largest = std::max_element(scaled.begin(), scaled.end());
      if (before < nodes)
        ++before;
      else if (*largest > 1)
        --*largest;
      else
        continue;
      scaled[p] = 1;
    }
  return scaled;
}

NodeLabels drawLabels(const CommunityLine &line, const std::array<int64_t, 3> &parts, double noise,
                      uint64_t stream, ThreadPool &pool) {
  constexpr int64_t block = 1 << 14;
  int64_t nodes = line.nodes();
  uint64_t noises = keys::generatorStream(stream, "noise");
  auto w = keys::generatorDraw(keys::generatorStream(stream, "parts"), 0, 0);
  KeyedPermutation order(nodes, uint64_t(w[1]) << 32 | w[0]);
  auto partOf = [&](int64_t row) {
    int64_t place = order(row), end = 0;
    for (int part = 0; part < 3; ++part)
      if (place < (end += parts[static_cast<size_t>(part)]))
        return part;
    return -1;
  };
  NodeLabels labels;
  labels.community.resize(static_cast<size_t>(nodes));
  pool.parallelFor((nodes + block - 1) / block, [&](int64_t task, int) {
    for (int64_t row = task * block; row < std::min(nodes, (task + 1) * block); ++row) {
      int64_t community = -1;
      if (partOf(row) >= 0) {
        auto draw = keys::generatorDraw(noises, static_cast<uint64_t>(row), 0);
        bool noisy = draw[2] * 0x1p-32 < noise;
        community = noisy ? line.communityAt(static_cast<int64_t>(
                                keys::bounded(draw[0], draw[1], static_cast<uint64_t>(nodes))))
                          : line.communityOf(row);
      }
      labels.community[static_cast<size_t>(row)] = static_cast<int32_t>(community);
    }
  });
  for (size_t p = 0; p < 3; ++p)
    labels.parts[p].reserve(static_cast<size_t>(parts[p]));
  for (int64_t row = 0; row < nodes; ++row)
    if (int part = partOf(row); part >= 0)
      labels.parts[static_cast<size_t>(part)].push_back(row);
  return labels;
}

} // namespace heddle::synthetic
