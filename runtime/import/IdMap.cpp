//===- IdMap.cpp - original ids to rows ------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/IdMap.h"

#include "runtime/base/Keys.h"

#include <charconv>

namespace heddle::importing {

namespace {

/// The finaliser of MurmurHash3: FNV's low bits alone cluster in a power-of-two table.
uint64_t mix(uint64_t h) {
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return h ^ (h >> 33);
}

} // namespace

std::optional<int64_t> canonicalInteger(std::string_view text) {
  std::string_view digits = text;
  if (!digits.empty() && digits[0] == '-')
    digits.remove_prefix(1);
  if (digits.empty() || (digits[0] == '0' && text.size() > 1))
    return std::nullopt;
  int64_t value;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

IdMap IdMap::range(int64_t count) {
  IdMap map;
  map.isRange_ = true;
  map.size_ = count;
  return map;
}

/// The slot of the row for which same(row) holds, or the free one where it belongs.
template <typename Same> size_t IdMap::probe(uint64_t hash, const Same &same) const {
  size_t mask = slots_.size() - 1, slot = hash & mask;
  while (slots_[slot] >= 0 && !same(slots_[slot]))
    slot = (slot + 1) & mask;
  return slot;
}

int64_t IdMap::find(std::string_view id) const {
  if (isRange_) {
    auto value = canonicalInteger(id);
    return value && *value >= 0 && *value < size_ ? *value : -1;
  }
  if (slots_.empty())
    return -1;
  if (strings_)
    return slots_[probe(mix(keys::hashName(id)), [&](int64_t row) { return stringAt(row) == id; })];
  auto value = canonicalInteger(id);
  if (!value)
    return -1;
  return slots_[probe(mix(uint64_t(*value)),
                      [&](int64_t row) { return integers_[row] == *value; })];
}

std::pair<int64_t, bool> IdMap::insert(std::string_view id) {
  if (isRange_)
    return {find(id), false};
  std::optional<int64_t> value;
  if (!strings_ && !(value = canonicalInteger(id)))
    becomeStrings();
  if (size_t(size_ + 1) * 3 > slots_.size() * 2)
    grow();
  size_t slot =
      strings_
          ? probe(mix(keys::hashName(id)), [&](int64_t row) { return stringAt(row) == id; })
          : probe(mix(uint64_t(*value)), [&](int64_t row) { return integers_[row] == *value; });
  if (slots_[slot] >= 0)
    return {slots_[slot], false};
  slots_[slot] = size_;
  if (strings_) {
    bytes_.append(id);
    offsets_.push_back(bytes_.size());
  } else {
    integers_.push_back(*value);
  }
  return {size_++, true};
}

void IdMap::grow() {
  std::vector<int64_t>(slots_.empty() ? 64 : slots_.size() * 2, -1).swap(slots_);
  auto distinct = [](int64_t) { return false; };
  for (int64_t row = 0; row < size_; ++row) {
    uint64_t hash = strings_ ? mix(keys::hashName(stringAt(row))) : mix(uint64_t(integers_[row]));
    slots_[probe(hash, distinct)] = row;
  }
}

void IdMap::becomeStrings() {
  for (int64_t value : integers_) {
    bytes_ += std::to_string(value);
    offsets_.push_back(bytes_.size());
  }
  std::vector<int64_t>().swap(integers_);
  strings_ = true;
  if (size_ > 0) {
    slots_.resize(slots_.size() / 2);
    grow();
  }
}

std::string IdMap::idOf(int64_t row) const {
  if (isRange_)
    return std::to_string(row);
  return strings_ ? std::string(stringAt(row)) : std::to_string(integers_[row]);
}

std::vector<std::string> IdMap::allStrings() const {
  std::vector<std::string> all;
  all.reserve(size_t(size_));
  for (int64_t row = 0; row < size_; ++row)
    all.emplace_back(stringAt(row));
  return all;
}

} // namespace heddle::importing
