//===- RowFile.h - rows of equal size in a file ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CACHE_ROWFILE_H
#define HEDDLE_RUNTIME_CACHE_ROWFILE_H

#include "runtime/base/FileDescriptor.h"
#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace heddle::cache {

/// Reads rows past the page cache (O_DIRECT); where the file system has no such reads, what was read is
/// given back to the system at once. Thread-safe.
class RowFile {
public:
  /// Of what a buffer's address is a multiple.
  static constexpr size_t alignment = 4096;

  /// Row i is at byte `offset` + i * `rowBytes`. Errors name the path.
  static absl::StatusOr<RowFile> open(const std::string &path, int64_t offset, int64_t rowBytes,
                                      int64_t rows);

  /// One read: it has the rows [first, last) of a list.
  struct Piece {
    size_t first = 0, last = 0;
    int64_t begin = 0, bytes = 0; ///< in the file
  };
  /// Cuts a list of rows into pieces. Rows that follow each other closely are read together, so
  /// ascending ids make the fewest pieces.
  void cut(std::span<const int64_t> ids, std::vector<Piece> &pieces) const;

  /// Bytes of a buffer that has room for any piece.
  size_t bufferBytes() const { return bufferBytes_; }
  absl::Status read(const Piece &piece, std::byte *buffer) const;
  /// A row of a piece that was read into `buffer`.
  const std::byte *row(const Piece &piece, const std::byte *buffer, int64_t id) const {
    return buffer + (offset_ + id * rowBytes_ - piece.begin);
  }

  bool direct() const { return direct_; } ///< past the page cache

private:
  absl::StatusOr<int64_t> readSome(int64_t begin, int64_t bytes, std::byte *buffer) const;

  std::string path_;
  FileDescriptor file_;
  bool direct_ = false;
  int64_t offset_ = 0, rowBytes_ = 0, size_ = 0;
  size_t bufferBytes_ = 0;
};

} // namespace heddle::cache

#endif // HEDDLE_RUNTIME_CACHE_ROWFILE_H
