//===- ObjectReader.cpp - typed values out of JSON objects -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Json.h"

#include "runtime/base/Suggest.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace heddle {

using Json = nlohmann::json;

struct ObjectReader::Shared {
  std::string file;
  std::shared_ptr<const Json> root;
  absl::Status first;
};

namespace {

const char *kindOf(const Json &value) {
  switch (value.type()) {
  case Json::value_t::null:
    return "null";
  case Json::value_t::object:
    return "an object";
  case Json::value_t::array:
    return "an array";
  case Json::value_t::string:
    return "a string";
  case Json::value_t::boolean:
    return "a boolean";
  case Json::value_t::number_integer:
  case Json::value_t::number_unsigned:
    return "an integer";
  case Json::value_t::number_float:
    return "a number";
  default:
    return "an unknown value";
  }
}

std::string numberText(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  // The shortest spelling that reads back the same.
  for (int digits = 1; digits < 17; ++digits) {
    char shorter[40];
    std::snprintf(shorter, sizeof shorter, "%.*g", digits, value);
    if (std::strtod(shorter, nullptr) == value)
      return shorter;
  }
  return text;
}

template <typename T> std::string rangeText(T min, T max, std::string (*print)(T)) {
  bool low = min != std::numeric_limits<T>::lowest(), high = max != std::numeric_limits<T>::max();
  if (low && high)
    return "from " + print(min) + " to " + print(max);
  return low ? "at least " + print(min) : "at most " + print(max);
}

std::string integerText(int64_t value) { return std::to_string(value); }

} // namespace

ObjectReader::ObjectReader(const JsonDocument &document)
    : shared_(std::make_shared<Shared>()), value_(document.root.get()) {
  shared_->file = document.file;
  shared_->root = document.root;
  if (!value_ || !value_->is_object()) {
    fail("", std::string("expected an object, found ") + (value_ ? kindOf(*value_) : "nothing"));
    value_ = nullptr;
  }
}

ObjectReader::ObjectReader(std::shared_ptr<Shared> shared, const Json *value, std::string pointer)
    : shared_(std::move(shared)), value_(value), pointer_(std::move(pointer)) {
  if (value_ && !value_->is_object()) {
    fail("", std::string("expected an object, found ") + kindOf(*value_));
    value_ = nullptr;
  }
}

const std::string &ObjectReader::file() const { return shared_->file; }
const absl::Status &ObjectReader::status() const { return shared_->first; }

void ObjectReader::failAt(const std::string &relative, const std::string &message) {
  if (shared_->first.ok())
    shared_->first =
        invalidArgument(shared_->file + ": " + pointer_ + "/" + relative + ": " + message);
}

void ObjectReader::fail(const std::string &key, const std::string &message) {
  if (!shared_->first.ok())
    return;
  std::string place = key.empty() ? pointer_ : jsonPointerAppend(pointer_, key);
  shared_->first =
      invalidArgument(shared_->file + ": " + (place.empty() ? "/" : place) + ": " + message);
}

const Json *ObjectReader::find(const std::string &key) {
  known_.insert(key);
  if (!value_)
    return nullptr;
  auto at = value_->find(key);
  return at == value_->end() ? nullptr : &*at;
}

const Json *ObjectReader::require(const std::string &key) {
  const Json *value = find(key);
  if (value && !value->is_null())
    return value;
  if (value_) {
    // A misspelt key is the likeliest reason: say so instead of only "missing".
    std::string hint;
    for (const auto &[present, ignored] : value_->items())
      if (!known_.count(present) && nearestName(present, {key}) == key)
        hint = " (found '" + present + "')";
    fail("", "missing key '" + key + "'" + hint);
  }
  return nullptr;
}

bool ObjectReader::has(const std::string &key) {
  const Json *value = find(key);
  return value && !value->is_null();
}

std::vector<std::string> ObjectReader::keys() {
  std::vector<std::string> names;
  if (value_)
    for (const auto &[key, ignored] : value_->items())
      names.push_back(key);
  allow(names);
  return names;
}

void ObjectReader::allow(const std::vector<std::string> &keys) {
  known_.insert(keys.begin(), keys.end());
}

const Json *ObjectReader::raw(const std::string &key) { return find(key); }

//===----------------------------------------------------------------------===//
// Typed values
//===----------------------------------------------------------------------===//

std::string ObjectReader::stringOf(const std::string &key, const Json *value) {
  if (value->is_string())
    return value->get_ref<const std::string &>();
  fail(key, std::string("expected a string, found ") + kindOf(*value));
  return {};
}

int64_t ObjectReader::integerOf(const std::string &key, const Json *value, int64_t min,
                                int64_t max) {
  // What a getter returns after an error lies within the range, so that the caller may go on.
  int64_t safe = std::clamp<int64_t>(0, min, max);
  int64_t result = 0;
  if (value->is_number_unsigned()) {
    uint64_t v = value->get<uint64_t>();
    if (v > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      fail(key, "the number " + std::to_string(v) + " is too large");
      return safe;
    }
    result = static_cast<int64_t>(v);
  } else if (value->is_number_integer()) {
    result = value->get<int64_t>();
  } else if (value->is_number_float() && std::floor(value->get<double>()) == value->get<double>() &&
             std::fabs(value->get<double>()) < 9e15) {
    result = static_cast<int64_t>(value->get<double>()); // 1e6, 20.0
  } else {
    fail(key, std::string("expected an integer, found ") +
                  (value->is_number() ? numberText(value->get<double>()) : kindOf(*value)));
    return safe;
  }
  if (result >= min && result <= max)
    return result;
  fail(key, "expected an integer " + rangeText<int64_t>(min, max, integerText) + ", found " +
                std::to_string(result));
  return safe;
}

double ObjectReader::numberOf(const std::string &key, const Json *value, double min, double max) {
  double safe = std::clamp(0.0, min, max);
  if (!value->is_number()) {
    fail(key, std::string("expected a number, found ") + kindOf(*value));
    return safe;
  }
  double result = value->get<double>();
  if (result >= min && result <= max)
    return result;
  fail(key, "expected a number " + rangeText<double>(min, max, numberText) + ", found " +
                numberText(result));
  return safe;
}

bool ObjectReader::booleanOf(const std::string &key, const Json *value) {
  if (value->is_boolean())
    return value->get<bool>();
  fail(key, std::string("expected true or false, found ") + kindOf(*value));
  return false;
}

const Json *ObjectReader::arrayOf(const std::string &key, const Json *value) {
  if (value->is_array())
    return value;
  fail(key, std::string("expected an array, found ") + kindOf(*value));
  return nullptr;
}

std::vector<ObjectReader> ObjectReader::objectsOf(const std::string &key, const Json *value) {
  std::vector<ObjectReader> readers;
  if (const Json *array = arrayOf(key, value)) {
    std::string base = jsonPointerAppend(pointer_, key);
    readers.reserve(array->size());
    for (size_t i = 0; i < array->size(); ++i)
      readers.push_back(ObjectReader(shared_, &(*array)[i], base + "/" + std::to_string(i)));
  }
  return readers;
}

std::vector<std::string> ObjectReader::stringsOf(const std::string &key, const Json *value) {
  std::vector<std::string> out;
  const Json *array = arrayOf(key, value);
  for (size_t i = 0; array && i < array->size(); ++i) {
    ObjectReader element(shared_, nullptr, jsonPointerAppend(pointer_, key));
    out.push_back(element.stringOf(std::to_string(i), &(*array)[i]));
  }
  return out;
}

std::vector<int64_t> ObjectReader::integersOf(const std::string &key, const Json *value,
                                              int64_t min, int64_t max) {
  std::vector<int64_t> out;
  const Json *array = arrayOf(key, value);
  for (size_t i = 0; array && i < array->size(); ++i) {
    ObjectReader element(shared_, nullptr, jsonPointerAppend(pointer_, key));
    out.push_back(element.integerOf(std::to_string(i), &(*array)[i], min, max));
  }
  return out;
}

std::string ObjectReader::string(const std::string &key) {
  const Json *value = require(key);
  return value ? stringOf(key, value) : std::string();
}

int64_t ObjectReader::integer(const std::string &key, int64_t min, int64_t max) {
  const Json *value = require(key);
  return value ? integerOf(key, value, min, max) : std::clamp<int64_t>(0, min, max);
}

double ObjectReader::number(const std::string &key, double min, double max) {
  const Json *value = require(key);
  return value ? numberOf(key, value, min, max) : std::clamp(0.0, min, max);
}

bool ObjectReader::boolean(const std::string &key) {
  const Json *value = require(key);
  return value && booleanOf(key, value);
}

std::string ObjectReader::oneOf(const std::string &key, const std::vector<std::string> &choices,
                                const std::map<std::string, std::string> &aliases) {
  std::string fallback = choices.empty() ? std::string() : choices.front();
  return require(key) ? oneOfOr(key, fallback, choices, aliases) : fallback;
}

ObjectReader ObjectReader::object(const std::string &key) {
  return ObjectReader(shared_, require(key), jsonPointerAppend(pointer_, key));
}

std::vector<ObjectReader> ObjectReader::objects(const std::string &key) {
  const Json *value = require(key);
  return value ? objectsOf(key, value) : std::vector<ObjectReader>();
}

std::vector<std::string> ObjectReader::strings(const std::string &key) {
  const Json *value = require(key);
  return value ? stringsOf(key, value) : std::vector<std::string>();
}

std::vector<int64_t> ObjectReader::integers(const std::string &key, int64_t min, int64_t max) {
  const Json *value = require(key);
  return value ? integersOf(key, value, min, max) : std::vector<int64_t>();
}

std::vector<double> ObjectReader::numbers(const std::string &key) {
  std::vector<double> out;
  const Json *value = require(key);
  const Json *array = value ? arrayOf(key, value) : nullptr;
  for (size_t i = 0; array && i < array->size(); ++i) {
    ObjectReader element(shared_, nullptr, jsonPointerAppend(pointer_, key));
    out.push_back(element.numberOf(std::to_string(i), &(*array)[i],
                                   std::numeric_limits<double>::lowest(),
                                   std::numeric_limits<double>::max()));
  }
  return out;
}

std::string ObjectReader::stringOr(const std::string &key, const std::string &fallback) {
  return has(key) ? stringOf(key, find(key)) : fallback;
}

int64_t ObjectReader::integerOr(const std::string &key, int64_t fallback, int64_t min,
                                int64_t max) {
  return has(key) ? integerOf(key, find(key), min, max) : fallback;
}

double ObjectReader::numberOr(const std::string &key, double fallback, double min, double max) {
  return has(key) ? numberOf(key, find(key), min, max) : fallback;
}

bool ObjectReader::booleanOr(const std::string &key, bool fallback) {
  return has(key) ? booleanOf(key, find(key)) : fallback;
}

std::string ObjectReader::oneOfOr(const std::string &key, const std::string &fallback,
                                  const std::vector<std::string> &choices,
                                  const std::map<std::string, std::string> &aliases) {
  if (!has(key))
    return fallback;
  const Json *value = find(key);
  if (!value->is_string()) {
    stringOf(key, value);
    return fallback;
  }
  const std::string &text = value->get_ref<const std::string &>();
  if (std::find(choices.begin(), choices.end(), text) != choices.end())
    return text;
  fail(key, "unknown value '" + text + "'" + suggestion(text, choices, aliases));
  return fallback;
}

std::vector<ObjectReader> ObjectReader::objectsOr(const std::string &key) {
  return has(key) ? objectsOf(key, find(key)) : std::vector<ObjectReader>();
}

std::vector<std::string> ObjectReader::stringsOr(const std::string &key) {
  return has(key) ? stringsOf(key, find(key)) : std::vector<std::string>();
}

std::vector<int64_t> ObjectReader::integersOr(const std::string &key, int64_t min, int64_t max) {
  return has(key) ? integersOf(key, find(key), min, max) : std::vector<int64_t>();
}

void ObjectReader::done(const std::map<std::string, std::string> &aliases) {
  if (value_)
    for (const auto &[key, ignored] : value_->items())
      if (!known_.count(key))
        fail("", "unknown key '" + key + "'" +
                     suggestion(key, {known_.begin(), known_.end()}, aliases));
}

absl::Status ObjectReader::finish(const std::map<std::string, std::string> &aliases) {
  done(aliases);
  return shared_->first;
}

} // namespace heddle
