//===- SpecReaders.cpp - what several parts of a spec are read with -------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/SpecReaders.h"

#include "compiler/spec/SpecKeys.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace heddle::spec {

using nlohmann::json;

void finish(ObjectReader &reader) { (void)reader.finish(keyAliases(reader.pointer())); }

bool isInteger(const json &value, int64_t min, int64_t max) {
  if (value.is_number_unsigned())
    return value.get<uint64_t>() <= uint64_t(max) && int64_t(value.get<uint64_t>()) >= min;
  return value.is_number_integer() && value.get<int64_t>() >= min && value.get<int64_t>() <= max;
}

std::string shortText(const json &value) {
  if (value.is_object())
    return "an object";
  if (value.is_number_float() && std::abs(value.get<double>()) < 1e15 &&
      value.get<double>() == std::floor(value.get<double>()))
    return std::to_string(int64_t(value.get<double>()));
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= 40)
    return text;
  size_t cut = 40;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80)
    --cut; // not within a character
  return text.substr(0, cut) + "...";
}

double numberBelow(ObjectReader &reader, const std::string &key, double fallback, double low,
                   double high, bool open) {
  double value = reader.numberOr(key, fallback);
  if (value < low || value >= high || (open && value <= low)) {
    reader.fail(key, std::string("expected a number ") + (open ? "above " : "of at least ") +
                         shortText(low) + " and below " + shortText(high) + ", found " +
                         shortText(value));
  }
  return value;
}

Triple readTriple(ObjectReader &reader, const std::string &place, const json &value) {
  if (value.is_array() && value.size() == 3 && value[0].is_string() && value[1].is_string() &&
      value[2].is_string())
    return {value[0].get<std::string>(), value[1].get<std::string>(), value[2].get<std::string>()};
  reader.failAt(place, "expected a relation [\"source\", \"relation\", \"destination\"]");
  return {};
}

} // namespace heddle::spec
