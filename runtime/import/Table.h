//===- Table.h - streaming CSV and TSV ---------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// RFC 4180: quoted fields hold separators, line breaks and doubled quotes; records end in LF or
// CRLF; the first record names the columns. Input is UTF-8 (a byte order mark is skipped), plain or
// gzip. One record is in memory at a time. Errors are "file:line:column: what is wrong; remedy"
// (columns count bytes from 1) and no input, however broken, does anything else.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_TABLE_H
#define HEDDLE_RUNTIME_IMPORT_TABLE_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::importing {

struct TableFormat {
  char separator = ',';
  bool quoting = true;                 ///< false: '"' is a character like any other
  std::vector<std::string> nullValues; ///< besides the empty field
};

/// Bytes of a plain or gzip file, or of a string.
class ByteSource {
public:
  virtual ~ByteSource() = default;
  /// Up to `capacity` bytes; 0 at the end.
  virtual absl::StatusOr<int64_t> read(char *buffer, int64_t capacity) = 0;
  /// Bytes of the file (compressed, if it is) consumed so far.
  virtual int64_t position() const = 0;
};
absl::StatusOr<std::unique_ptr<ByteSource>> openBytes(const std::string &path);
std::unique_ptr<ByteSource> bytesOf(std::string text);

class TableReader {
public:
  /// Longest record; a longer one is an unclosed quote or no table.
  static constexpr int64_t maxRecordBytes = int64_t(64) << 20;

  /// Opens the file and reads the header.
  static absl::StatusOr<std::unique_ptr<TableReader>> open(const std::string &path,
                                                           const TableFormat &format);
  /// The same of an open source; `name` is what errors call it.
  static absl::StatusOr<std::unique_ptr<TableReader>>
  read(std::unique_ptr<ByteSource> source, const std::string &name, const TableFormat &format);

  const std::vector<std::string> &header() const { return header_; }
  int columnIndex(std::string_view name) const; ///< -1 if absent

  /// Goes to the next record; false at the end. Empty lines are passed over. Every record has as
  /// many fields as the header.
  absl::StatusOr<bool> next();
  /// Field `i` of the record, valid until next().
  std::string_view field(int i) const {
    return std::string_view(text_).substr(fields_[i].begin, fields_[i].size);
  }
  /// Empty, or one of the format's null values.
  bool isNull(int i) const;
  /// "file:line:column" of field `i`.
  std::string place(int i) const;
  /// Bytes of the file consumed so far, for progress.
  int64_t position() const { return source_->position(); }

private:
  struct Field {
    size_t begin = 0, size = 0;
    int64_t line = 0, column = 0;
  };
  TableReader(std::unique_ptr<ByteSource> source, const std::string &name,
              const TableFormat &format)
      : source_(std::move(source)), name_(name), format_(format) {}
  int peek() { return at_ < end_ ? static_cast<unsigned char>(buffer_[at_]) : fill(); }
  void take() {
    ++at_;
    ++column_;
  }
  int fill();
  absl::StatusOr<bool> readRecord();
  absl::Status readQuoted(Field &field);
  absl::Status checkText() const;
  absl::Status error(int64_t line, int64_t column, const std::string &what) const;

  std::unique_ptr<ByteSource> source_;
  std::string name_;
  TableFormat format_;
  std::vector<std::string> header_;
  std::string text_; ///< the fields of the record, unquoted, one after the other
  std::vector<Field> fields_;
  std::vector<char> buffer_;
  size_t at_ = 0, end_ = 0;
  int64_t line_ = 1, column_ = 1;
  absl::Status readError_; ///< of the source; fill() has no other way to say it
};

/// Byte offset of the first byte that is not UTF-8 (or is NUL), or npos.
size_t findInvalidText(std::string_view text);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_TABLE_H
