//===- MappedFile.cpp - a file read as memory --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/MappedFile.h"

#include "runtime/base/FileError.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace heddle {

namespace {

constexpr int64_t copyBelow = int64_t(64) << 10;
constexpr std::align_val_t alignment{64};

absl::Status readAll(int fd, std::byte *out, int64_t size, const std::string &path) {
  int64_t done = 0;
  while (done < size) {
    ssize_t n = ::pread(fd, out + done, static_cast<size_t>(size - done), done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return invalidArgument(path + ": cannot read: " + std::strerror(errno));
    if (n == 0)
      return invalidArgument(path + ": the file shrank while it was read");
    done += n;
  }
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<MappedFile> MappedFile::open(const std::string &path) {
  // O_NONBLOCK: opening a FIFO nobody writes to must fail below, not hang here.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return cannotOpen(path, errno);
  MappedFile file;
  struct stat info;
  absl::Status status;
  if (::fstat(fd, &info) != 0)
    status = invalidArgument(path + ": cannot stat: " + std::strerror(errno));
  else if (!S_ISREG(info.st_mode))
    status = notAFile(path);
  else if (info.st_size > 0 && info.st_size < copyBelow) {
    auto *bytes = static_cast<std::byte *>(
        ::operator new(static_cast<size_t>(info.st_size), alignment, std::nothrow));
    if (!bytes) {
      status = absl::ResourceExhaustedError("out of memory");
    } else {
      file.data_ = bytes;
      file.size_ = info.st_size;
      status = readAll(fd, bytes, info.st_size, path);
    }
  } else if (info.st_size > 0) {
    void *address =
        ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
      status = internalError(path + ": cannot map: " + std::strerror(errno));
    } else {
      file.data_ = static_cast<const std::byte *>(address);
      file.size_ = info.st_size;
      file.mapped_ = true;
    }
  }
  ::close(fd);
  if (!status.ok())
    return status;
  return file;
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, false)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!data_)
    return;
  void *address = const_cast<std::byte *>(data_);
  if (mapped_)
    ::munmap(address, static_cast<size_t>(size_));
  else
    ::operator delete(address, alignment);
}

void MappedFile::advise(Advice advice) const {
  if (!mapped_)
    return;
  int value = MADV_NORMAL;
  switch (advice) {
  case Advice::Normal:
    break;
  case Advice::Sequential:
    value = MADV_SEQUENTIAL;
    break;
  case Advice::Random:
    value = MADV_RANDOM;
    break;
  case Advice::WillNeed:
    value = MADV_WILLNEED;
    break;
  case Advice::HugePages:
    value = MADV_HUGEPAGE;
    break;
  }
  ::madvise(const_cast<std::byte *>(data_), static_cast<size_t>(size_), value);
}

} // namespace heddle
