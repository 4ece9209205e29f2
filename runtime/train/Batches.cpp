//===- Batches.cpp - which seeds a step takes ---------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Batches.h"

#include "runtime/base/Keys.h"

#include <algorithm>
#include <utility>

namespace heddle::train {

std::vector<int64_t> epochOrder(std::span<const int64_t> ids, uint64_t seed, uint32_t epoch) {
  std::vector<std::pair<uint64_t, int64_t>> keyed;
  keyed.reserve(ids.size());
  for (int64_t id : ids)
    keyed.emplace_back(keys::shuffleKey(seed, epoch, uint64_t(id)), id);
  std::sort(keyed.begin(), keyed.end());
  std::vector<int64_t> order;
  order.reserve(ids.size());
  for (const auto &[key, id] : keyed)
    order.push_back(id);
  return order;
}

std::vector<std::vector<int64_t>> cutBatches(std::span<const int64_t> ids, uint64_t batchSize) {
  std::vector<std::vector<int64_t>> batches;
  size_t step = batchSize == 0 ? ids.size() : size_t(batchSize);
  for (size_t at = 0; at < ids.size(); at += step) {
    auto batch = ids.subspan(at, std::min(step, ids.size() - at));
    batches.emplace_back(batch.begin(), batch.end());
    if (step >= ids.size() - at)
      break;
  }
  return batches;
}

uint64_t numBatches(uint64_t count, uint64_t batchSize) {
  if (count == 0)
    return 0;
  return batchSize == 0 ? 1 : (count - 1) / batchSize + 1;
}

} // namespace heddle::train
