//===- RecordFile.h - rows on disk that are written again --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CACHE_RECORDFILE_H
#define HEDDLE_RUNTIME_CACHE_RECORDFILE_H

#include "runtime/base/FileDescriptor.h"
#include "runtime/base/Status.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace heddle::cache {

/// A record of equal size for each row, in a file without a name: it is gone with the process,
/// however that ends. Through the page cache: a row is written soon after it was read, and several
/// are of one block. Thread-safe for calls about different rows.
class RecordFile {
public:
  /// Takes the room in `folder` where the file system can. `what` is for errors, which name the
  /// folder.
  static absl::StatusOr<RecordFile> create(const std::string &folder, int64_t rows,
                                           int64_t recordBytes, const std::string &what);

  int64_t rows() const { return rows_; }
  int64_t recordBytes() const { return recordBytes_; }
  const std::string &folder() const { return folder_; }
  /// Whether the row was ever written.
  bool has(int64_t row) const { return written_[size_t(row) >> 6] >> (row & 63) & 1; }
  /// As if none was.
  void forget() { written_.assign(written_.size(), 0); }

  /// `bytes` from the start of a row's record on; they may reach into the rows after it. What was
  /// never written is anything.
  absl::Status read(int64_t row, int64_t bytes, void *out) const;
  /// Writes everything to disk and gives the system's memory of it back, so that reads are of the
  /// disk.
  absl::Status giveBack();
  /// Whole records of rows that follow each other.
  absl::Status write(int64_t row, int64_t count, const void *records);

private:
  std::string folder_, what_;
  FileDescriptor file_;
  int64_t rows_ = 0, recordBytes_ = 0;
  std::vector<uint64_t> written_; ///< a bit for each row
};

} // namespace heddle::cache

#endif // HEDDLE_RUNTIME_CACHE_RECORDFILE_H
