//===- NodeRows.h - features, labels and parts of synthetic nodes -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_SYNTHETIC_NODEROWS_H
#define HEDDLE_RUNTIME_SYNTHETIC_NODEROWS_H

#include "runtime/base/ThreadPool.h"
#include "runtime/synthetic/Communities.h"

#include <array>
#include <string>

namespace heddle::synthetic {

/// Dense rows: the centre of the row's community plus bell-shaped noise, with variance 1 over all.
class FeatureRows {
public:
  /// `signal`: distance of two centres along the line between them, in standard deviations of the
  /// noise. `dtype`: float32 or float16.
  FeatureRows(const CommunityLine &line, int64_t width, const std::string &dtype, double signal,
              uint64_t stream);
  int64_t rowBytes() const { return width_ * (half_ ? 2 : 4); }
  void fill(int64_t row, char *out) const;

private:
  const CommunityLine &line_;
  int64_t width_;
  bool half_;
  float unit_;
  uint64_t stream_;
  std::vector<int32_t> centres_; ///< [communities, width], times the signal, in 1 / noiseUnit
};

/// Sizes of train, valid and test: nodes * part / full, rounded so that parts which cover the type
/// still do; at least one each where there are nodes enough.
std::array<int64_t, 3> scaledParts(const std::array<int64_t, 3> &parts, int64_t full,
                                   int64_t nodes);

/// Labels and parts of the target type.
struct NodeLabels {
  std::vector<int32_t> community;            ///< the labelled community, -1: unlabelled
  std::array<std::vector<int64_t>, 3> parts; ///< ascending rows of train, valid, test
};
/// `noise`: share of the labelled nodes whose label is that of a random node's community.
NodeLabels drawLabels(const CommunityLine &line, const std::array<int64_t, 3> &parts, double noise,
                      uint64_t stream, ThreadPool &pool);

} // namespace heddle::synthetic

#endif // HEDDLE_RUNTIME_SYNTHETIC_NODEROWS_H
