//===- Lines.h - text line by line -------------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// For formats of one record a line. One line is in memory at a time; lines end in LF or CRLF, and a
// UTF-8 byte order mark is skipped.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_LINES_H
#define HEDDLE_RUNTIME_IMPORT_LINES_H

#include "runtime/import/Table.h"

#include <charconv>
#include <optional>

namespace heddle::importing {

class LineReader {
public:
  /// A longer line is no text of lines.
  static constexpr size_t maxLineBytes = size_t(64) << 20;

  /// `name` is what errors call the source.
  LineReader(std::unique_ptr<ByteSource> source, std::string name);

  /// Goes to the next line; false at the end.
  absl::StatusOr<bool> next();
  /// The line without its end; valid until next().
  std::string_view line() const { return line_; }
  int64_t number() const { return number_; } ///< from 1
  /// "name:12", or "name:12:7" with a column (bytes from 1).
  std::string place(int64_t column = 0) const;
  /// kInvalidArgument "name:12: what".
  absl::Status error(const std::string &what) const;
  /// Bytes of the source consumed so far, for progress.
  int64_t position() const { return source_->position(); }

private:
  absl::StatusOr<bool> fill();

  std::unique_ptr<ByteSource> source_;
  std::string name_;
  std::vector<char> buffer_;
  size_t at_ = 0, end_ = 0;
  std::string joined_; ///< a line that lies across two fills
  std::string_view line_;
  int64_t number_ = 0;
};

/// Takes the field before the next `separator` (or the rest) from the front of `rest`; false when
/// there was nothing left to take. "a,,b" has three fields, and "" has none.
class FieldSplitter {
public:
  FieldSplitter(std::string_view text, char separator)
      : rest_(text), separator_(separator), more_(!text.empty()) {}
  bool next(std::string_view &field) {
    if (!more_)
      return false;
    size_t end = rest_.find(separator_);
    field = rest_.substr(0, end);
    more_ = end != std::string_view::npos;
    if (more_)
      rest_.remove_prefix(end + 1);
    return true;
  }
  /// Whether a separator stood after the last field.
  bool more() const { return more_; }
  /// What has not been taken.
  std::string_view rest() const { return more_ ? rest_ : std::string_view(); }

private:
  std::string_view rest_;
  char separator_;
  bool more_;
};

/// A field as errors show it, whatever it holds: at most 40 bytes, and no control characters.
std::string shownField(std::string_view text);

/// A decimal integer of 0 to `max` and nothing else.
inline std::optional<int64_t> wholeNumber(std::string_view text, int64_t max) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0 ||
      value > max)
    return std::nullopt;
  return value;
}

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_LINES_H
