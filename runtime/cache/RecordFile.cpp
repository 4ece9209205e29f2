//===- RecordFile.cpp - rows on disk that are written again --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cache/RecordFile.h"

#include "runtime/base/Format.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace heddle::cache {
namespace {

constexpr const char *elsewhere = "; name a folder on another disk with --cache-folder";

absl::Status noRoom(const std::string &folder, int64_t bytes, const std::string &what, int error) {
  const std::string message = folder + ": no room for " + formatBytes(uint64_t(bytes)) + " of " +
                              what + ": " + std::strerror(error) + elsewhere;
  return absl::ResourceExhaustedError(absl::string_view(message.data(), message.size()));
}

} // namespace

absl::StatusOr<RecordFile> RecordFile::create(const std::string &folder, int64_t rows,
                                              int64_t recordBytes, const std::string &what) {
  RecordFile out;
  out.folder_ = folder;
  out.what_ = what;
  out.rows_ = rows;
  out.recordBytes_ = recordBytes;
  out.written_.resize(size_t(rows) / 64 + 1);
  std::string name = folder + "/.heddle-rows.XXXXXX";
  out.file_ = FileDescriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (!out.file_.valid()) {
    // A folder that somebody named: wrong use.
    const std::string message = folder + ": cannot make a file for " + what + ": " +
                                std::strerror(errno) +
                                "; name a folder that can be written with --cache-folder";
    return invalidArgument(message);
  }
  ::unlink(name.c_str());
  const int64_t bytes = rows * recordBytes;
  if (bytes == 0 || ::fallocate(out.file_.get(), 0, 0, bytes) == 0)
    return out;
  if (errno != EOPNOTSUPP && errno != ENOSYS)
    return noRoom(folder, bytes, what, errno);
  // Room is taken as rows are written; what is wrong then is said then.
  if (::ftruncate(out.file_.get(), bytes) != 0)
    return noRoom(folder, bytes, what, errno);
  return out;
}

absl::Status RecordFile::read(int64_t row, int64_t bytes, void *out) const {
  char *to = static_cast<char *>(out);
  for (int64_t done = 0; done < bytes;) {
    const ssize_t n =
        ::pread(file_.get(), to + done, size_t(bytes - done), row * recordBytes_ + done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return internalError(folder_ + ": cannot read " + what_ + " (row " + std::to_string(row) +
                           "): " + (n == 0 ? "the file has shrunk" : std::strerror(errno)));
    done += n;
  }
  return absl::OkStatus();
}

absl::Status RecordFile::giveBack() {
  if (::fdatasync(file_.get()) != 0)
    return noRoom(folder_, rows_ * recordBytes_, what_, errno);
  (void)::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
  return absl::OkStatus();
}

absl::Status RecordFile::write(int64_t row, int64_t count, const void *records) {
  const char *from = static_cast<const char *>(records);
  const int64_t bytes = count * recordBytes_;
  for (int64_t done = 0; done < bytes;) {
    const ssize_t n =
        ::pwrite(file_.get(), from + done, size_t(bytes - done), row * recordBytes_ + done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return noRoom(folder_, bytes - done, what_, n == 0 ? ENOSPC : errno);
    done += n;
  }
  // Rows of a word may be written by several threads.
  for (int64_t r = row; r < row + count; ++r)
    std::atomic_ref<uint64_t>(written_[size_t(r) >> 6])
        .fetch_or(uint64_t(1) << (r & 63), std::memory_order_relaxed);
  return absl::OkStatus();
}

} // namespace heddle::cache
