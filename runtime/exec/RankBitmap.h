//===- RankBitmap.h - sorted unique ids without sorting ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A set of node ids as one bit per node. Reading the bits in order gives the sorted unique ids; the
// number of bits before a node's is its row. It takes an eighth of a byte per node and half as much
// again for the ranks, so look-ups hit the cache where a table of rows would not; a summary of
// blocks with members makes the cost of a small set independent of the number of nodes.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_RANKBITMAP_H
#define HEDDLE_RUNTIME_EXEC_RANKBITMAP_H

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace heddle::exec {

class RankBitmap {
public:
  explicit RankBitmap(int64_t nodes)
      : words_((static_cast<size_t>(nodes) + 63) / 64 + 1), ranks_(words_.size()),
        dirty_(words_.size() / (64 * blockWords) + 1) {}

  /// Ids below this are in its range.
  int64_t range() const { return static_cast<int64_t>((words_.size() - 1) * 64); }

  void insert(int64_t id) {
    uint64_t &word = words_[size_t(id) >> 6];
    uint64_t bit = uint64_t(1) << (id & 63);
    if (word & bit)
      return;
    if (!word)
      dirty_[size_t(id) >> (6 + blockShift + 6)] |= uint64_t(1) << ((size_t(id) >> (6 + blockShift)) & 63);
    word |= bit;
  }

  /// The same while other threads insert.
  void insertShared(int64_t id) {
    std::atomic_ref<uint64_t> word(words_[size_t(id) >> 6]);
    uint64_t bit = uint64_t(1) << (id & 63);
    uint64_t old = word.load(std::memory_order_relaxed);
    if (old & bit)
      return;
    old = word.fetch_or(bit, std::memory_order_relaxed);
    if (!old) {
      std::atomic_ref<uint64_t> dirty(dirty_[size_t(id) >> (6 + blockShift + 6)]);
      dirty.fetch_or(uint64_t(1) << ((size_t(id) >> (6 + blockShift)) & 63),
                     std::memory_order_relaxed);
    }
  }

  /// Numbers the members in ascending order; returns how many there are.
  int64_t number() {
    uint64_t rank = 0;
    forEachBlock([&](size_t word) {
      for (size_t w = word; w < word + blockWords && w < words_.size(); ++w) {
        ranks_[w] = static_cast<uint32_t>(rank);
        rank += static_cast<uint64_t>(std::popcount(words_[w]));
      }
    });
    return static_cast<int64_t>(rank);
  }

  /// Calls fn(id) for the members in ascending order.
  template <class Fn> void forEach(Fn fn) const {
    forEachBlock([&](size_t word) {
      for (size_t w = word; w < word + blockWords && w < words_.size(); ++w)
        for (uint64_t bits = words_[w]; bits; bits &= bits - 1)
          fn(static_cast<int64_t>(w * 64 + static_cast<size_t>(std::countr_zero(bits))));
    });
  }

  /// Writes the members in ascending order.
  void list(int64_t *ids) const {
    forEach([&](int64_t id) { *ids++ = id; });
  }

  bool contains(int64_t id) const { return words_[size_t(id) >> 6] >> (id & 63) & 1; }

  /// The number of a member; call number() before.
  int32_t rank(int64_t id) const {
    size_t w = size_t(id) >> 6;
    uint64_t below = words_[w] & ((uint64_t(1) << (id & 63)) - 1);
    return static_cast<int32_t>(ranks_[w] + static_cast<uint32_t>(std::popcount(below)));
  }

  void clear() {
    forEachBlock([&](size_t word) {
      for (size_t w = word; w < word + blockWords && w < words_.size(); ++w)
        words_[w] = 0;
    });
    for (uint64_t &d : dirty_)
      d = 0;
  }

private:
  static constexpr size_t blockShift = 6, blockWords = size_t(1) << blockShift;

  /// Calls fn(first word) for each block of words with a member, ascending.
  template <class Fn> void forEachBlock(Fn fn) const {
    for (size_t d = 0; d < dirty_.size(); ++d)
      for (uint64_t bits = dirty_[d]; bits; bits &= bits - 1)
        fn((d * 64 + static_cast<size_t>(std::countr_zero(bits))) * blockWords);
  }

  std::vector<uint64_t> words_;
  std::vector<uint32_t> ranks_;
  std::vector<uint64_t> dirty_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_RANKBITMAP_H
