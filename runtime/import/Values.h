//===- Values.h - numbers and times out of table cells -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_VALUES_H
#define HEDDLE_RUNTIME_IMPORT_VALUES_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heddle::importing {

/// `text` without the blanks around it.
std::string_view trimmed(std::string_view text);

/// A decimal number ("1", "-2.5e3", "+4"), "true"/"false" as 1/0, "nan" and "inf" as such.
std::optional<double> parseNumber(std::string_view text);

/// A number, or a date: "2026-06-01", "2026-06-01 12:00", "2026-06-01T12:00:00.5+02:00" (UTC where
/// nothing is said), as seconds since 1970.
struct TimeValue {
  double value = 0;
  bool isDate = false;
};
std::optional<TimeValue> parseTime(std::string_view text);

/// Writes `value` as `dtype` (see dtypeBytes) to `out`, rounded to nearest even where that is a
/// floating one. False if the type does not hold it: out of range, a fraction in an integer, not
/// finite.
bool encodeNumber(double value, std::string_view dtype, char *out);

/// Element `index` of an array of `dtype`, as a double. Integers beyond 2^53 are rounded.
double decodeNumber(const char *data, std::string_view dtype, int64_t index);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_VALUES_H
