//===- RowFile.cpp - rows of equal size in a file ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cache/RowFile.h"

#include "runtime/base/FileError.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <unistd.h>

namespace heddle::cache {
namespace {

/// A disk moves so much in the time that it takes to begin another read.
constexpr int64_t maxGap = 16 << 10;
/// Enough to make a read long; more would leave threads without one.
constexpr int64_t maxPiece = 256 << 10;

constexpr int64_t block = RowFile::alignment;
int64_t down(int64_t bytes) { return bytes / block * block; }
int64_t up(int64_t bytes) { return down(bytes + block - 1); }

int openWith(const std::string &path, int flags) {
  // O_NONBLOCK: a FIFO that nobody writes to is no reason to hang.
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
}

} // namespace

absl::StatusOr<RowFile> RowFile::open(const std::string &path, int64_t offset, int64_t rowBytes,
                                      int64_t rows) {
  RowFile out;
  out.path_ = path;
  out.offset_ = offset;
  out.rowBytes_ = rowBytes;
  out.bufferBytes_ = static_cast<size_t>(std::max(maxPiece, up(rowBytes)) + 2 * block);
  out.file_ = FileDescriptor(openWith(path, 0));
  if (!out.file_.valid())
    return cannotOpen(path, errno);
  struct stat info;
  if (::fstat(out.file_.get(), &info) != 0)
    return invalidArgument(path + ": cannot stat: " + std::strerror(errno));
  if (!S_ISREG(info.st_mode))
    return notAFile(path);
  out.size_ = info.st_size;
  if (out.size_ < offset + rows * rowBytes)
    return invalidArgument(path + ": has " + std::to_string(out.size_) + " bytes, " +
                           std::to_string(offset + rows * rowBytes) +
                           " are expected; the copy is incomplete, or import again");
  FileDescriptor direct(openWith(path, O_DIRECT));
  if (!direct.valid())
    return out;
  // Some file systems open such a file and then refuse to read it.
  std::unique_ptr<std::byte[], void (*)(std::byte *)> probe(
      static_cast<std::byte *>(
          ::operator new(static_cast<size_t>(block), std::align_val_t(block), std::nothrow)),
      [](std::byte *p) { ::operator delete(p, std::align_val_t(block)); });
  if (probe && ::pread(direct.get(), probe.get(), static_cast<size_t>(block), 0) >= 0) {
    out.file_ = std::move(direct);
    out.direct_ = true;
  }
  return out;
}

void RowFile::cut(std::span<const int64_t> ids, std::vector<Piece> &pieces) const {
  pieces.clear();
  int64_t end = 0, endRow = 0; // of the last piece, in rows' bytes
  for (size_t i = 0; i < ids.size(); ++i) {
    const int64_t begin = offset_ + ids[i] * rowBytes_;
    if (!pieces.empty() && begin >= endRow && begin - endRow <= maxGap &&
        begin + rowBytes_ - pieces.back().begin <= maxPiece) {
      pieces.back().last = i + 1;
    } else {
      pieces.push_back({i, i + 1, down(begin), 0});
    }
    endRow = begin + rowBytes_;
    end = up(endRow);
    pieces.back().bytes = end - pieces.back().begin;
  }
}

absl::StatusOr<int64_t> RowFile::readSome(int64_t begin, int64_t bytes, std::byte *buffer) const {
  for (;;) {
    const ssize_t n = ::pread(file_.get(), buffer, static_cast<size_t>(bytes), begin);
    if (n >= 0)
      return n;
    if (errno != EINTR)
      return internalError(path_ + ": cannot read at byte " + std::to_string(begin) + ": " +
                           std::strerror(errno));
  }
}

absl::Status RowFile::read(const Piece &piece, std::byte *buffer) const {
  const int64_t needed = std::min(piece.begin + piece.bytes, size_) - piece.begin;
  for (int64_t done = 0; done < needed;) {
    HEDDLE_ASSIGN_OR_RETURN(int64_t n,
                            readSome(piece.begin + done, piece.bytes - done, buffer + done));
    if (n == 0)
      return internalError(path_ + ": the file shrank while it was read");
    done += n;
    if (direct_ && done < needed) // what follows begins with a block
      done = down(done);
    if (direct_ && n < block && done < needed)
      return internalError(path_ + ": the file shrank while it was read");
  }
  if (!direct_)
    (void)::posix_fadvise(file_.get(), piece.begin, piece.bytes, POSIX_FADV_DONTNEED);
  return absl::OkStatus();
}

} // namespace heddle::cache
