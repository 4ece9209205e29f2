//===- TableScan.h - the records of several files ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_TABLESCAN_H
#define HEDDLE_RUNTIME_IMPORT_TABLESCAN_H

#include "runtime/import/Table.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace heddle::importing {

/// (what, done, total), as GraphBuilderOptions::progress; here in bytes of the files.
using ProgressFunction = std::function<void(std::string_view, int64_t, int64_t)>;

/// Reads files one after the other as one table. Columns go by name: every file has the wanted
/// ones, in any order and among others.
class TableScan {
public:
  TableScan(std::vector<std::string> files, TableFormat format, std::string what,
            ProgressFunction progress);

  /// Asks for a column before the first next(); returns its number here.
  int want(const std::string &column);

  absl::StatusOr<bool> next();
  std::string_view cell(int wanted) const { return reader_->field(index_[wanted]); }
  bool isNull(int wanted) const { return reader_->isNull(index_[wanted]); }
  /// "file:line:column"
  std::string place(int wanted) const { return reader_->place(index_[wanted]); }
  /// An error at a cell of the record.
  absl::Status error(int wanted, const std::string &what) const;
  int64_t records() const { return records_; } ///< so far, the current one included

private:
  absl::Status openNext();

  std::vector<std::string> files_;
  TableFormat format_;
  std::string what_;
  ProgressFunction progress_;
  std::vector<std::string> columns_;
  std::vector<int> index_; ///< of each wanted column in the open file
  std::unique_ptr<TableReader> reader_;
  size_t nextFile_ = 0;
  int64_t records_ = 0, bytesBefore_ = 0, bytesTotal_ = 0;
};

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_TABLESCAN_H
