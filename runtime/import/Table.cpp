//===- Table.cpp - streaming CSV and TSV -----------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Table.h"

#include "runtime/base/FileError.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include <sys/stat.h>
#include <zlib.h>

namespace heddle::importing {

namespace {

constexpr int kEnd = -1;

/// zlib reads plain files through the same calls.
class GzipSource : public ByteSource {
public:
  GzipSource(gzFile file, std::string path) : file_(file), path_(std::move(path)) {
    gzbuffer(file_, 1 << 17);
  }
  ~GzipSource() override { gzclose_r(file_); }

  absl::StatusOr<int64_t> read(char *buffer, int64_t capacity) override {
    unsigned wanted = static_cast<unsigned>(std::min<int64_t>(capacity, 1 << 30));
    int n = gzread(file_, buffer, wanted);
    int code = Z_OK;
    const char *text = gzerror(file_, &code);
    if (n < 0 || code == Z_BUF_ERROR) {
      if (code == Z_ERRNO)
        return unavailable(path_ + ": reading failed: " + std::strerror(errno) +
                           "; check the disk");
      return invalidArgument(path_ + ": gzip data is truncated or damaged" +
                             (n < 0 && text && *text ? std::string(" (") + text + ")" : "") +
                             "; compress or copy the file again");
    }
    return n;
  }
  int64_t position() const override { return std::max<int64_t>(gzoffset(file_), 0); }

private:
  gzFile file_;
  std::string path_;
};

class StringSource : public ByteSource {
public:
  explicit StringSource(std::string text) : text_(std::move(text)) {}
  absl::StatusOr<int64_t> read(char *buffer, int64_t capacity) override {
    int64_t n = std::min<int64_t>(capacity, int64_t(text_.size()) - at_);
    std::memcpy(buffer, text_.data() + at_, size_t(n));
    at_ += n;
    return n;
  }
  int64_t position() const override { return at_; }

private:
  std::string text_;
  int64_t at_ = 0;
};

} // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> openBytes(const std::string &path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0)
    return cannotOpen(path, errno);
  if (S_ISDIR(info.st_mode))
    return notAFile(path);
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file)
    return cannotOpen(path, errno);
  return std::unique_ptr<ByteSource>(new GzipSource(file, path));
}

std::unique_ptr<ByteSource> bytesOf(std::string text) {
  return std::make_unique<StringSource>(std::move(text));
}

size_t findInvalidText(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t i = 0, n = text.size();
  while (i < n) {
    unsigned char c = byte(i);
    if (c < 0x80) {
      if (c == 0)
        return i;
      ++i;
      continue;
    }
    size_t more = c >= 0xC2 && c <= 0xDF   ? 1
                  : (c & 0xF0) == 0xE0     ? 2
                  : c >= 0xF0 && c <= 0xF4 ? 3
                                           : 0;
    if (more == 0 || i + more >= n)
      return i;
    // Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte.
    unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (byte(i + 1) < low || byte(i + 1) > high)
      return i;
    for (size_t k = 2; k <= more; ++k)
      if ((byte(i + k) & 0xC0) != 0x80)
        return i;
    i += more + 1;
  }
  return std::string_view::npos;
}

absl::Status TableReader::error(int64_t line, int64_t column, const std::string &what) const {
  return invalidArgument(name_ + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " +
                         what);
}

std::string TableReader::place(int i) const {
  return name_ + ":" + std::to_string(fields_[i].line) + ":" + std::to_string(fields_[i].column);
}

bool TableReader::isNull(int i) const {
  std::string_view text = field(i);
  return text.empty() || (!format_.nullValues.empty() &&
                          std::find(format_.nullValues.begin(), format_.nullValues.end(), text) !=
                              format_.nullValues.end());
}

int TableReader::columnIndex(std::string_view name) const {
  auto it = std::find(header_.begin(), header_.end(), name);
  return it == header_.end() ? -1 : static_cast<int>(it - header_.begin());
}

int TableReader::fill() {
  if (!readError_.ok())
    return kEnd;
  auto n = source_->read(buffer_.data(), int64_t(buffer_.size()));
  if (!n.ok()) {
    readError_ = n.status();
    return kEnd;
  }
  at_ = 0;
  end_ = size_t(*n);
  return end_ ? static_cast<unsigned char>(buffer_[0]) : kEnd;
}

absl::StatusOr<std::unique_ptr<TableReader>> TableReader::open(const std::string &path,
                                                               const TableFormat &format) {
  HEDDLE_ASSIGN_OR_RETURN(auto source, openBytes(path));
  return read(std::move(source), path, format);
}

absl::StatusOr<std::unique_ptr<TableReader>> TableReader::read(std::unique_ptr<ByteSource> source,
                                                               const std::string &name,
                                                               const TableFormat &format) {
  std::unique_ptr<TableReader> reader(new TableReader(std::move(source), name, format));
  reader->buffer_.resize(1 << 16);
  int first = reader->peek();
  auto starts = [&](std::string_view mark) {
    return reader->end_ >= mark.size() &&
           std::memcmp(reader->buffer_.data(), mark.data(), mark.size()) == 0;
  };
  if (first != kEnd) {
    if (starts("\xFF\xFE") || starts("\xFE\xFF"))
      return reader->error(1, 1, "the file is UTF-16; convert it to UTF-8");
    if (starts("\xEF\xBB\xBF"))
      reader->at_ += 3;
  }
  HEDDLE_ASSIGN_OR_RETURN(bool any, reader->readRecord());
  if (!any)
    return reader->error(1, 1, "the file is empty; the first line must name the columns");
  std::set<std::string_view> seen;
  for (size_t i = 0; i < reader->fields_.size(); ++i)
    reader->header_.emplace_back(reader->field(int(i)));
  for (size_t i = 0; i < reader->header_.size(); ++i)
    if (!reader->header_[i].empty() && !seen.insert(reader->header_[i]).second)
      return reader->error(reader->fields_[i].line, reader->fields_[i].column,
                           "two columns are named '" + reader->header_[i] + "'; rename one");
  return reader;
}

absl::StatusOr<bool> TableReader::next() {
  HEDDLE_ASSIGN_OR_RETURN(bool any, readRecord());
  if (any && fields_.size() != header_.size())
    return error(fields_[0].line, 1,
                 "the record has " + std::to_string(fields_.size()) + " fields and the header " +
                     std::to_string(header_.size()) +
                     "; check the separator and quote fields that hold it");
  return any;
}

/// After the opening quote has been taken.
absl::Status TableReader::readQuoted(Field &field) {
  for (;;) {
    int c = peek();
    if (c == kEnd) {
      HEDDLE_RETURN_IF_ERROR(readError_);
      return error(field.line, field.column, "the quote that opens here is never closed; close it");
    }
    if (int64_t(text_.size()) > maxRecordBytes)
      return error(field.line, field.column,
                   "the quoted field that opens here is longer than " +
                       std::to_string(maxRecordBytes >> 20) + " MiB; close its quote");
    take();
    if (c == '"') {
      if (peek() != '"')
        return absl::OkStatus();
      take();
    } else if (c == '\n') {
      ++line_;
      column_ = 1;
    }
    text_ += static_cast<char>(c);
  }
}

absl::StatusOr<bool> TableReader::readRecord() {
  text_.clear();
  fields_.clear();
  int c = peek();
  while (c == '\n' || c == '\r') { // empty lines
    take();
    if (c == '\r' && peek() != '\n')
      return error(line_, column_ - 1,
                   "a carriage return without a line feed; end lines in LF or CRLF");
    if (c == '\n') {
      ++line_;
      column_ = 1;
    }
    c = peek();
  }
  if (c == kEnd) {
    HEDDLE_RETURN_IF_ERROR(readError_);
    return false;
  }
  for (;;) {
    Field field;
    field.begin = text_.size();
    field.line = line_;
    field.column = column_;
    if (format_.quoting && c == '"') {
      take();
      HEDDLE_RETURN_IF_ERROR(readQuoted(field));
      c = peek();
      if (c != kEnd && c != format_.separator && c != '\n' && c != '\r')
        return error(line_, column_,
                     "text after a closing quote; double the quotes inside a quoted "
                     "field, or set format.quoting to false");
    } else {
      while (c != kEnd && c != format_.separator && c != '\n' && c != '\r') {
        if (c == '"' && format_.quoting)
          return error(line_, column_,
                       "a quote inside an unquoted field; quote the field and double "
                       "the quotes inside, or set format.quoting to false");
        text_ += static_cast<char>(c);
        take();
        c = peek();
      }
      if (int64_t(text_.size()) > maxRecordBytes)
        return error(field.line, field.column,
                     "a record longer than " + std::to_string(maxRecordBytes >> 20) +
                         " MiB; check that the file is a text table");
    }
    field.size = text_.size() - field.begin;
    fields_.push_back(field);
    if (c == format_.separator) {
      take();
      c = peek();
      // Fields take more memory than their text does.
      if (fields_.size() > (size_t(1) << 20))
        return error(field.line, field.column,
                     "a record of more than 1048576 fields; check that "
                     "the file is a text table");
      continue;
    }
    if (c == '\r') {
      take();
      c = peek();
      if (c != '\n' && c != kEnd)
        return error(line_, column_ - 1,
                     "a carriage return inside an unquoted field; quote the "
                     "field, or end lines in LF or CRLF");
    }
    if (c == '\n') {
      take();
      ++line_;
      column_ = 1;
    }
    break;
  }
  HEDDLE_RETURN_IF_ERROR(readError_);
  HEDDLE_RETURN_IF_ERROR(checkText());
  return true;
}

absl::Status TableReader::checkText() const {
  size_t bad = findInvalidText(text_);
  // Fields lie side by side: a character that a separator cuts in two looks whole.
  for (size_t i = 1; i < fields_.size() && bad == std::string_view::npos; ++i)
    if (fields_[i].size && (static_cast<unsigned char>(text_[fields_[i].begin]) & 0xC0) == 0x80)
      bad = fields_[i].begin;
  if (bad == std::string_view::npos)
    return absl::OkStatus();
  auto it = std::upper_bound(fields_.begin(), fields_.end(), bad,
                             [](size_t at, const Field &f) { return at < f.begin; });
  // Empty fields share their begin with the next one; upper_bound passed them all.
  const Field &field = *std::prev(it);
  return error(field.line, field.column,
               text_[bad] == 0 ? "the field holds a NUL byte; check that the file is a text table"
                               : "the field is not UTF-8; convert the file to UTF-8");
}

} // namespace heddle::importing
