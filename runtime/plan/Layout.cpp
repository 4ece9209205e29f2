//===- Layout.cpp - sizes and offsets from symbol values ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/PlanFile.h"

#include <algorithm>
#include <limits>

namespace heddle::plan {

namespace {
constexpr uint64_t saturated = std::numeric_limits<uint64_t>::max();

uint64_t addSaturated(uint64_t a, uint64_t b) {
  uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? saturated : sum;
}
uint64_t multiplySaturated(uint64_t a, uint64_t b) {
  uint64_t product;
  return __builtin_mul_overflow(a, b, &product) ? saturated : product;
}
} // namespace

bool keepsState(const StateT &state, uint32_t partition) {
  return state.partitions.empty() ||
         std::binary_search(state.partitions.begin(), state.partitions.end(), partition);
}

int64_t sizeOf(DType dtype) {
  switch (dtype) {
  case DType::I8:
  case DType::U8:
    return 1;
  case DType::F16:
  case DType::BF16:
  case DType::I16:
  case DType::U16:
    return 2;
  case DType::F32:
  case DType::I32:
  case DType::U32:
    return 4;
  case DType::F64:
  case DType::I64:
  case DType::U64:
    return 8;
  }
  return 0;
}

uint64_t evaluate(const Extent &extent, const std::vector<uint64_t> &symbolValues) {
  uint64_t value = 0;
  if (extent.symbol() >= 0 && static_cast<size_t>(extent.symbol()) < symbolValues.size())
    value = symbolValues[static_cast<size_t>(extent.symbol())];
  uint64_t divisor = std::max<uint64_t>(extent.divisor(), 1);
  uint64_t quotient = value / divisor + (value % divisor != 0);
  return addSaturated(multiplySaturated(extent.scale(), quotient), extent.constant());
}

uint64_t bufferBytes(const BufferT &buffer, const std::vector<uint64_t> &symbolValues) {
  uint64_t rows = buffer.rows ? evaluate(*buffer.rows, symbolValues) : 0;
  return multiplySaturated(multiplySaturated(rows, buffer.width),
                           static_cast<uint64_t>(sizeOf(buffer.dtype)));
}

uint64_t layoutArena(const EntryT &entry, const std::vector<uint64_t> &symbolValues,
                     std::vector<uint64_t> &offsets) {
  offsets.resize(entry.regions.size());
  uint64_t total = 0;
  for (size_t r = 0; r < entry.regions.size(); ++r) {
    uint64_t bytes = 0;
    for (uint32_t b : entry.regions[r]->buffers)
      bytes = std::max(bytes, bufferBytes(*entry.buffers[b], symbolValues));
    offsets[r] = total;
    // A size that cannot be rounded up stays saturated: the executor refuses it by its limit.
    total = addSaturated(total, bytes > saturated - 63 ? saturated : (bytes + 63) / 64 * 64);
  }
  return total;
}

} // namespace heddle::plan
