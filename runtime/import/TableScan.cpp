//===- TableScan.cpp - the records of several files ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/TableScan.h"

#include "runtime/base/Suggest.h"

#include <algorithm>

#include <sys/stat.h>

namespace heddle::importing {

namespace {

int64_t fileBytes(const std::string &path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 ? int64_t(info.st_size) : 0;
}

} // namespace

TableScan::TableScan(std::vector<std::string> files, TableFormat format, std::string what,
                     ProgressFunction progress)
    : files_(std::move(files)), format_(std::move(format)), what_(std::move(what)),
      progress_(std::move(progress)) {
  for (const std::string &file : files_)
    bytesTotal_ += fileBytes(file);
}

int TableScan::want(const std::string &column) {
  auto it = std::find(columns_.begin(), columns_.end(), column);
  if (it == columns_.end())
    it = columns_.insert(it, column);
  return static_cast<int>(it - columns_.begin());
}

absl::Status TableScan::openNext() {
  if (nextFile_ > 0)
    bytesBefore_ += fileBytes(files_[nextFile_ - 1]);
  const std::string &file = files_[nextFile_++];
  HEDDLE_ASSIGN_OR_RETURN(reader_, TableReader::open(file, format_));
  index_.clear();
  for (const std::string &column : columns_) {
    int index = reader_->columnIndex(column);
    if (index < 0)
      return invalidArgument(file + ":1: no column is named '" + column + "'" +
                             suggestion(column, reader_->header()));
    index_.push_back(index);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> TableScan::next() {
  for (;;) {
    if (reader_) {
      HEDDLE_ASSIGN_OR_RETURN(bool any, reader_->next());
      if (any) {
        if ((++records_ & 0xFFF) == 0 && progress_)
          progress_(what_, std::min(bytesBefore_ + reader_->position(), bytesTotal_), bytesTotal_);
        return true;
      }
    }
    if (nextFile_ == files_.size()) {
      if (progress_)
        progress_(what_, bytesTotal_, bytesTotal_);
      return false;
    }
    HEDDLE_RETURN_IF_ERROR(openNext());
  }
}

absl::Status TableScan::error(int wanted, const std::string &what) const {
  return invalidArgument(place(wanted) + ": " + what);
}

} // namespace heddle::importing
