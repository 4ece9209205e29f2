//===- Lines.cpp - text line by line ---------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Lines.h"

#include <cstring>

namespace heddle::importing {

LineReader::LineReader(std::unique_ptr<ByteSource> source, std::string name)
    : source_(std::move(source)), name_(std::move(name)), buffer_(size_t(1) << 17) {}

std::string LineReader::place(int64_t column) const {
  std::string text = name_ + ":" + std::to_string(number_);
  return column > 0 ? text + ":" + std::to_string(column) : text;
}

absl::Status LineReader::error(const std::string &what) const {
  return invalidArgument(place() + ": " + what);
}

absl::StatusOr<bool> LineReader::fill() {
  HEDDLE_ASSIGN_OR_RETURN(int64_t n, source_->read(buffer_.data(), int64_t(buffer_.size())));
  at_ = 0;
  end_ = size_t(n);
  if (number_ == 1 && joined_.empty()) { // the first fill of all
    std::string_view start(buffer_.data(), end_);
    if (start.substr(0, 2) == "\xFF\xFE" || start.substr(0, 2) == "\xFE\xFF")
      return error("the file is UTF-16; convert it to UTF-8");
    if (start.substr(0, 3) == "\xEF\xBB\xBF")
      at_ = 3;
  }
  return at_ < end_;
}

absl::StatusOr<bool> LineReader::next() {
  joined_.clear();
  ++number_;
  for (;;) {
    if (at_ == end_) {
      HEDDLE_ASSIGN_OR_RETURN(bool any, fill());
      if (!any) {
        if (joined_.empty())
          return false;
        line_ = joined_;
        break;
      }
    }
    const char *begin = buffer_.data() + at_;
    const char *feed = static_cast<const char *>(std::memchr(begin, '\n', end_ - at_));
    std::string_view part(begin, feed ? size_t(feed - begin) : end_ - at_);
    at_ += part.size() + (feed ? 1 : 0);
    if (joined_.size() + part.size() > maxLineBytes)
      return error("the line is longer than " + std::to_string(maxLineBytes >> 20) +
                   " MiB; check that the file is text");
    if (feed && joined_.empty()) {
      line_ = part;
      break;
    }
    joined_ += part;
    if (feed) {
      line_ = joined_;
      break;
    }
  }
  if (!line_.empty() && line_.back() == '\r')
    line_.remove_suffix(1);
  return true;
}

std::string shownField(std::string_view text) {
  std::string out(text.substr(0, 40));
  for (char &c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      c = '?';
  return text.size() > 40 ? out + "..." : out;
}

} // namespace heddle::importing
