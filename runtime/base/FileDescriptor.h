//===- FileDescriptor.h - an owned file descriptor ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_FILEDESCRIPTOR_H
#define HEDDLE_RUNTIME_BASE_FILEDESCRIPTOR_H

#include <unistd.h>
#include <utility>

namespace heddle {

/// Closes what it owns. Assigning an empty one closes at once.
class FileDescriptor {
public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor &operator=(FileDescriptor &&other) noexcept {
    reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~FileDescriptor() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = -1;
  }

private:
  int fd_ = -1;
};

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_FILEDESCRIPTOR_H
