//===- Batches.h - which seeds a step takes ----------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Pure functions of (ids, seed, epoch, batch size): never of workers, threads or what ran before.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_BATCHES_H
#define HEDDLE_RUNTIME_TRAIN_BATCHES_H

#include <cstdint>
#include <span>
#include <vector>

namespace heddle::train {

/// `ids` in the order of `epoch` (0-based): by (keys::shuffleKey(seed, epoch, id), id).
std::vector<int64_t> epochOrder(std::span<const int64_t> ids, uint64_t seed, uint32_t epoch);

/// `ids` cut into batches of `batchSize` in order; the last one may be short and is kept. 0 = all in
/// one batch. No ids: no batches.
std::vector<std::vector<int64_t>> cutBatches(std::span<const int64_t> ids, uint64_t batchSize);

/// Batches that cutBatches makes of `count` ids.
uint64_t numBatches(uint64_t count, uint64_t batchSize);

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_BATCHES_H
