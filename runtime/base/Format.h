//===- Format.h - figures and tables for people ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Everything the tools print for people goes through here: counts, bytes, seconds, names from
// files (which may hold any bytes) and tables whose columns line up on a terminal.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_FORMAT_H
#define HEDDLE_RUNTIME_BASE_FORMAT_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heddle {

/// "9,812", "12.3k", "4.56M", "1.20G"; a value that is not finite is "unbounded".
std::string formatCount(double value);
/// With every digit: "1,234,567".
std::string formatInteger(uint64_t value);
/// "512 B", "12.3 KiB", "4.56 MiB"; the largest 64-bit value is "unbounded".
std::string formatBytes(uint64_t bytes);
std::string formatBytes(double bytes);
/// The inverse for options: "4GiB", "512 MiB", "1.5g", "4096". Units are powers of 1024; "GB" and "G"
/// count as "GiB". Error: not a size, negative or beyond 2^63.
absl::StatusOr<uint64_t> parseBytes(std::string_view text);
/// "850 ns", "12.3 us", "4.56 ms", "1.20 s", "3 min 20 s".
std::string formatSeconds(double seconds);

/// `text` safe to print on a terminal: control characters and broken UTF-8 become "\xNN".
std::string printable(std::string_view text);
/// Terminal columns of UTF-8 text: 2 for wide (CJK, emoji), 0 for combining characters.
size_t displayWidth(std::string_view text);
/// `text` cut to at most `columns` columns, ending in "..." when something was cut.
std::string ellipsize(std::string_view text, size_t columns);

/// A table with a header, aligned columns and two spaces between them. Cells are made printable;
/// trailing spaces are not written.
class TextTable {
public:
  enum class Align { Left, Right };
  struct Column {
    std::string title;
    Align align = Align::Right;
    size_t maxWidth = 48; ///< longer cells are ellipsized
  };
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// Missing cells are empty; more cells than columns are dropped.
  void addRow(std::vector<std::string> cells);
  size_t rows() const { return rows_.size(); }
  /// Every line starts with `indent` spaces and ends with a newline. Columns whose every cell is
  /// empty are left out.
  std::string str(size_t indent = 0) const;

private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_FORMAT_H
