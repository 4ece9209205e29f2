//===- IdMap.h - original ids to rows ----------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Ids are integers while all of them are written as integers are (no leading zero, no plus sign),
// and strings from the first one that is not: nobody has to say which. Rows are given in the order
// of first insertion. Takes about 24 bytes an integer id, and 24 plus its length a string id.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_IDMAP_H
#define HEDDLE_RUNTIME_IMPORT_IDMAP_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::importing {

/// The number that `text` spells in its only canonical way, if it does.
std::optional<int64_t> canonicalInteger(std::string_view text);

class IdMap {
public:
  IdMap() = default;
  /// The ids 0..count-1, held without a table.
  static IdMap range(int64_t count);

  int64_t size() const { return size_; }
  /// Row of `id`, -1 if absent.
  int64_t find(std::string_view id) const;
  /// Row of `id` and whether it is new.
  std::pair<int64_t, bool> insert(std::string_view id);
  std::string idOf(int64_t row) const;

  bool isRange() const { return isRange_; }
  bool hasStrings() const { return strings_; }
  const std::vector<int64_t> &integers() const { return integers_; }
  std::vector<std::string> allStrings() const;

private:
  std::string_view stringAt(int64_t row) const {
    return std::string_view(bytes_).substr(offsets_[row], offsets_[row + 1] - offsets_[row]);
  }
  void becomeStrings();
  void grow();
  template <typename Same> size_t probe(uint64_t hash, const Same &same) const;

  bool isRange_ = false, strings_ = false;
  int64_t size_ = 0;
  std::vector<int64_t> integers_;  ///< integer ids by row
  std::string bytes_;              ///< string ids, joined
  std::vector<size_t> offsets_{0}; ///< [rows + 1] into bytes_
  std::vector<int64_t> slots_;     ///< open addressing, row or -1; a power of two long
};

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_IDMAP_H
