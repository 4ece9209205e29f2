//===- Values.cpp - numbers and times out of table cells -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Values.h"

#include "runtime/base/SmallFloats.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace heddle::importing {

namespace {

/// Days since 1970-01-01 of a date of the Gregorian calendar.
int64_t daysFromCivil(int64_t y, int m, int d) {
  y -= m <= 2;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t yearOfEra = y - era * 400;
  int64_t dayOfYear = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  int64_t dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}

/// Takes `digits` digits from the front of `text`.
bool takeDigits(std::string_view &text, size_t digits, int &out) {
  if (text.size() < digits)
    return false;
  out = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9')
      return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool takeChar(std::string_view &text, char c) {
  if (text.empty() || text[0] != c)
    return false;
  text.remove_prefix(1);
  return true;
}

bool equalsIgnoringCase(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size())
    return false;
  for (size_t i = 0; i < a.size(); ++i)
    if ((a[i] >= 'A' && a[i] <= 'Z' ? a[i] - 'A' + 'a' : a[i]) != lower[i])
      return false;
  return true;
}

std::optional<TimeValue> parseDate(std::string_view text) {
  int year, month, day, hour = 0, minute = 0, second = 0;
  double fraction = 0;
  if (!takeDigits(text, 4, year) || !takeChar(text, '-') || !takeDigits(text, 2, month) ||
      !takeChar(text, '-') || !takeDigits(text, 2, day))
    return std::nullopt;
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (month < 1 || month > 12 || day < 1 || day > kDays[month - 1] + (month == 2 && leap))
    return std::nullopt;
  double offset = 0;
  if (!text.empty()) {
    if (!takeChar(text, 'T') && !takeChar(text, ' '))
      return std::nullopt;
    if (!takeDigits(text, 2, hour) || !takeChar(text, ':') || !takeDigits(text, 2, minute))
      return std::nullopt;
    if (takeChar(text, ':')) {
      if (!takeDigits(text, 2, second))
        return std::nullopt;
      if (takeChar(text, '.')) {
        double scale = 0.1;
        int digit;
        if (text.empty() || text[0] < '0' || text[0] > '9')
          return std::nullopt;
        while (takeDigits(text, 1, digit)) {
          fraction += digit * scale;
          scale /= 10;
        }
      }
    }
    if (hour > 23 || minute > 59 || second > 60)
      return std::nullopt;
    if (!takeChar(text, 'Z') && !text.empty()) {
      double sign = text[0] == '-' ? -1 : text[0] == '+' ? 1 : 0;
      text.remove_prefix(1);
      int hours, minutes = 0;
      if (sign == 0 || !takeDigits(text, 2, hours))
        return std::nullopt;
      (void)takeChar(text, ':');
      if (!text.empty() && !takeDigits(text, 2, minutes))
        return std::nullopt;
      if (hours > 23 || minutes > 59)
        return std::nullopt;
      offset = sign * (hours * 3600 + minutes * 60);
    }
    if (!text.empty())
      return std::nullopt;
  }
  double seconds = double(daysFromCivil(year, month, day)) * 86400 + hour * 3600 + minute * 60 +
                   second + fraction - offset;
  return TimeValue{seconds, true};
}

template <typename T> bool store(double value, char *out) {
  T number;
  if constexpr (std::numeric_limits<T>::is_integer) {
    // 2^63 and 2^64 are doubles and out of range; the largest integers are not doubles.
    if (!(value >= double(std::numeric_limits<T>::min())) ||
        !(value < std::ldexp(1.0, std::numeric_limits<T>::digits)) || value != std::trunc(value))
      return false;
    number = static_cast<T>(value);
  } else {
    number = static_cast<T>(value);
    if (!std::isfinite(number))
      return false;
  }
  std::memcpy(out, &number, sizeof number);
  return true;
}

template <typename T> double load(const char *data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * int64_t(sizeof(T)), sizeof value);
  return static_cast<double>(value);
}

} // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

std::optional<double> parseNumber(std::string_view text) {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-')
    text.remove_prefix(1);
  double value;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end == text.data() + text.size() && !text.empty()) {
    if (error == std::errc())
      return value;
    if (error == std::errc::result_out_of_range) // 1e-400 is 0, 1e400 is inf
      return std::strtod(std::string(text).c_str(), nullptr);
  }
  if (equalsIgnoringCase(text, "true"))
    return 1;
  if (equalsIgnoringCase(text, "false"))
    return 0;
  return std::nullopt;
}

std::optional<TimeValue> parseTime(std::string_view text) {
  text = trimmed(text);
  if (auto date = parseDate(text))
    return date;
  auto number = parseNumber(text);
  if (!number || !std::isfinite(*number) || equalsIgnoringCase(text, "true") ||
      equalsIgnoringCase(text, "false"))
    return std::nullopt;
  return TimeValue{*number, false};
}

bool encodeNumber(double value, std::string_view dtype, char *out) {
  if (dtype == "float32")
    return store<float>(value, out);
  if (dtype == "float64")
    return store<double>(value, out);
  if (dtype == "float16" || dtype == "bfloat16") {
    const bool half = dtype == "float16";
    const float odd = roundToOdd(value);
    const uint16_t bits = half ? floatToHalf(odd) : floatToBfloat(odd);
    const uint16_t exponent = half ? 0x7C00 : 0x7F80;
    std::memcpy(out, &bits, sizeof bits);
    return (bits & exponent) != exponent;
  }
  if (dtype == "int8")
    return store<int8_t>(value, out);
  if (dtype == "int16")
    return store<int16_t>(value, out);
  if (dtype == "int32")
    return store<int32_t>(value, out);
  if (dtype == "int64")
    return store<int64_t>(value, out);
  if (dtype == "uint8")
    return store<uint8_t>(value, out);
  if (dtype == "uint16")
    return store<uint16_t>(value, out);
  if (dtype == "uint32")
    return store<uint32_t>(value, out);
  if (dtype == "uint64")
    return store<uint64_t>(value, out);
  if (dtype == "bool" && (value == 0 || value == 1))
    return store<uint8_t>(value, out);
  return false;
}

double decodeNumber(const char *data, std::string_view dtype, int64_t index) {
  if (dtype == "float32")
    return load<float>(data, index);
  if (dtype == "float64")
    return load<double>(data, index);
  if (dtype == "float16" || dtype == "bfloat16") {
    uint16_t bits;
    std::memcpy(&bits, data + index * 2, sizeof bits);
    return dtype == "float16" ? halfToFloat(bits) : bfloatToFloat(bits);
  }
  if (dtype == "int8")
    return load<int8_t>(data, index);
  if (dtype == "int16")
    return load<int16_t>(data, index);
  if (dtype == "int32")
    return load<int32_t>(data, index);
  if (dtype == "int64")
    return load<int64_t>(data, index);
  if (dtype == "uint16")
    return load<uint16_t>(data, index);
  if (dtype == "uint32")
    return load<uint32_t>(data, index);
  if (dtype == "uint64")
    return load<uint64_t>(data, index);
  return load<uint8_t>(data, index); // uint8 and bool
}

} // namespace heddle::importing
