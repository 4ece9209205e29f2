//===- Format.cpp - figures and tables for people -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Format.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <limits>

namespace heddle {
namespace {

/// `value` with three significant digits and at least the digits before the point.
std::string threeDigits(double value) {
  int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  return buffer;
}

struct Scale {
  double factor;
  const char *unit;
};

/// The largest scale that leaves at least 1, after rounding to three digits.
template <size_t N> std::string scaled(double value, const Scale (&scales)[N]) {
  size_t i = 0;
  while (i + 1 < N && value / scales[i].factor >= 999.5 &&
         value / scales[i + 1].factor >= 0.9995)
    ++i;
  return threeDigits(value / scales[i].factor) + scales[i].unit;
}

/// The code point at `i`, advancing it; -1 for a broken sequence (one byte consumed).
int32_t decode(std::string_view text, size_t &i) {
  unsigned char lead = static_cast<unsigned char>(text[i++]);
  if (lead < 0x80)
    return lead;
  int more = lead >= 0xF0 && lead < 0xF5 ? 3 : lead >= 0xE0 && lead < 0xF0 ? 2 : lead >= 0xC2 && lead < 0xE0 ? 1 : 0;
  if (more == 0 || i + more > text.size())
    return -1;
  int32_t code = lead & (0x3F >> more);
  for (int k = 0; k < more; ++k) {
    unsigned char next = static_cast<unsigned char>(text[i + k]);
    if ((next & 0xC0) != 0x80)
      return -1;
    code = (code << 6) | (next & 0x3F);
  }
  constexpr int32_t smallest[] = {0, 0x80, 0x800, 0x10000};
  if (code < smallest[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
    return -1;
  i += more;
  return code;
}

struct Range {
  int32_t first, last;
};
constexpr Range zeroWidth[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},
                               {0x064B, 0x065F}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A},
                               {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F},
                               {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
constexpr Range wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                          {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                          {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                          {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

template <size_t N> bool contains(const Range (&ranges)[N], int32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](Range r) { return code >= r.first && code <= r.last; });
}

size_t widthOf(int32_t code) {
  if (code < 0)
    return 1;
  return contains(zeroWidth, code) ? 0 : contains(wide, code) ? 2 : 1;
}

bool isControl(int32_t code) {
  // Bidirectional overrides reorder what a reader sees, so they count as controls.
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

} // namespace

std::string formatInteger(uint64_t value) {
  std::string digits = std::to_string(value), out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0)
      out += ',';
    out += digits[i];
  }
  return out;
}

std::string formatCount(double value) {
  if (!std::isfinite(value) || value >= double(std::numeric_limits<uint64_t>::max()))
    return "unbounded";
  if (value < 0)
    return "-" + formatCount(-value);
  if (value < 9999.5)
    return value == std::floor(value) || value >= 99.95 ? formatInteger(uint64_t(std::llround(value)))
                                                        : threeDigits(value);
  constexpr Scale scales[] = {{1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}, {1e15, "P"}};
  return scaled(value, scales);
}

std::string formatBytes(double bytes) {
  if (!std::isfinite(bytes) || bytes >= double(std::numeric_limits<uint64_t>::max()))
    return "unbounded";
  if (bytes < 1023.5)
    return std::to_string(uint64_t(std::llround(std::max(bytes, 0.0)))) + " B";
  constexpr Scale scales[] = {{1024.0, " KiB"},
                              {1048576.0, " MiB"},
                              {1073741824.0, " GiB"},
                              {1099511627776.0, " TiB"},
                              {1125899906842624.0, " PiB"}};
  return scaled(bytes, scales);
}

std::string formatBytes(uint64_t bytes) {
  return bytes == std::numeric_limits<uint64_t>::max() ? "unbounded" : formatBytes(double(bytes));
}

absl::StatusOr<uint64_t> parseBytes(std::string_view text) {
  auto bad = [&] {
    return invalidArgument("'" + printable(text) + "' is not a size; write for example 4GiB");
  };
  std::string copy(text);
  char *end = nullptr;
  double value = std::strtod(copy.c_str(), &end);
  // strtod also reads "inf", "nan" and hexadecimal numbers.
  if (end == copy.c_str() || copy.find_first_of("0123456789.") != 0 ||
      copy.find_first_of("xXpP") != std::string::npos || !std::isfinite(value))
    return bad();
  std::string unit;
  for (; *end; ++end)
    if (*end != ' ')
      unit += char(std::tolower(static_cast<unsigned char>(*end)));
  static const std::vector<std::string> units = {"", "k", "m", "g", "t", "p"};
  if (unit == "b")
    unit = "";
  if (unit.size() == 3 && unit.compare(1, 2, "ib") == 0)
    unit.resize(1);
  if (unit.size() == 2 && unit[1] == 'b')
    unit.resize(1);
  auto found = std::find(units.begin(), units.end(), unit);
  if (found == units.end())
    return bad();
  value *= std::pow(1024.0, double(found - units.begin()));
  if (value >= 0x1p63)
    return bad();
  return uint64_t(value);
}

std::string formatSeconds(double seconds) {
  if (!std::isfinite(seconds))
    return "unbounded";
  if (seconds >= 119.5) {
    uint64_t whole = uint64_t(std::llround(seconds));
    if (whole >= 7200)
      return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  }
  if (!(seconds > 0))
    return "0 s";
  constexpr Scale scales[] = {{1e-9, " ns"}, {1e-6, " us"}, {1e-3, " ms"}, {1.0, " s"}};
  return scaled(seconds, scales);
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    size_t start = i;
    int32_t code = decode(text, i);
    if (code >= 0 && !isControl(code)) {
      out.append(text.substr(start, i - start));
      continue;
    }
    for (size_t k = start; k < i; ++k) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\x%02X", static_cast<unsigned char>(text[k]));
      out += buffer;
    }
  }
  return out;
}

size_t displayWidth(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size();)
    width += widthOf(decode(text, i));
  return width;
}

std::string ellipsize(std::string_view text, size_t columns) {
  if (displayWidth(text) <= columns)
    return std::string(text);
  size_t room = columns > 3 ? columns - 3 : 0, width = 0, end = 0;
  for (size_t i = 0; i < text.size(); end = i) {
    width += widthOf(decode(text, i));
    if (width > room)
      break;
  }
  return std::string(text.substr(0, end)) + std::string(std::min<size_t>(3, columns), '.');
}

void TextTable::addRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (size_t c = 0; c < cells.size(); ++c)
    cells[c] = ellipsize(printable(cells[c]), columns_[c].maxWidth);
  rows_.push_back(std::move(cells));
}

std::string TextTable::str(size_t indent) const {
  std::vector<size_t> widths(columns_.size(), 0);
  for (const auto &row : rows_)
    for (size_t c = 0; c < row.size(); ++c)
      widths[c] = std::max(widths[c], displayWidth(row[c]));
  std::vector<size_t> shown;
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (widths[c] == 0 && !rows_.empty())
      continue;
    widths[c] = std::max(widths[c], displayWidth(columns_[c].title));
    shown.push_back(c);
  }
  std::string out;
  auto line = [&](auto &&cell) {
    std::string text(indent, ' ');
    for (size_t k = 0; k < shown.size(); ++k) {
      size_t c = shown[k];
      const std::string &value = cell(c);
      std::string pad(widths[c] - displayWidth(value), ' ');
      text += (k ? "  " : "") + (columns_[c].align == Align::Right ? pad + value : value + pad);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line([&](size_t c) -> const std::string & { return columns_[c].title; });
  for (const auto &row : rows_)
    line([&](size_t c) -> const std::string & { return row[c]; });
  return out;
}

} // namespace heddle
