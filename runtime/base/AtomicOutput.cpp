//===- AtomicOutput.cpp - all of an output or nothing ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/AtomicOutput.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace heddle {

namespace fs = std::filesystem;

namespace {

absl::Status systemError(const std::string &path, const std::string &what, int error) {
  return internalError(path + ": " + what + ": " + std::strerror(error));
}

absl::Status syncPath(const std::string &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return systemError(path, "cannot open to sync", errno);
  int result = ::fsync(fd), error = errno;
  ::close(fd);
  // Some file systems cannot sync directories; that loses no data of ours.
  if (result != 0 && error != EINVAL && error != ENOTSUP)
    return systemError(path, "cannot sync", error);
  return absl::OkStatus();
}

/// Makes everything below `root` durable. A journalling file system commits once per fsync: for the
/// hundreds of small files of a graph, syncing the file system at once is fifty times faster.
absl::Status syncTree(const std::string &root) {
  std::error_code error;
  if (!fs::is_directory(root, error))
    return syncPath(root);
  int fd = ::open(root.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return systemError(root, "cannot open to sync", errno);
  int result = ::syncfs(fd), saved = errno;
  ::close(fd);
  return result == 0 ? absl::OkStatus() : systemError(root, "cannot sync", saved);
}

/// Why `target` may not be replaced, or ok.
absl::Status checkReplaceable(const std::string &target, AtomicOutput::Kind kind, bool force,
                              const std::string &marker) {
  std::error_code error;
  fs::file_status status = fs::symlink_status(target, error);
  if (!fs::exists(status))
    return absl::OkStatus();
  if (!force)
    return alreadyExists(target + ": already exists; choose another name or pass --force");
  bool directory = fs::is_directory(status);
  if (kind == AtomicOutput::Kind::File)
    return directory ? alreadyExists(target + ": is a directory; --force does not replace it")
                     : absl::OkStatus();
  if (!directory)
    return alreadyExists(target + ": is not a directory; --force does not replace it");
  if (fs::is_empty(target, error) || (!marker.empty() && fs::exists(target + "/" + marker, error)))
    return absl::OkStatus();
  return alreadyExists(target + ": is a directory " +
                       (marker.empty() ? "that is not empty" : "without '" + marker + "'") +
                       "; --force does not replace it, remove it yourself");
}

std::string uniqueSuffix() {
  static std::atomic<int> counter{0};
  return ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
}

/// Renames only if nothing stands at `to`.
int renameNew(const std::string &from, const std::string &to) {
  int result = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (result == 0 || (errno != EINVAL && errno != ENOSYS))
    return result;
  if (::access(to.c_str(), F_OK) == 0) { // a file system without the flag
    errno = EEXIST;
    return -1;
  }
  return std::rename(from.c_str(), to.c_str());
}

} // namespace

AtomicOutput::AtomicOutput(AtomicOutput &&other) noexcept { *this = std::move(other); }

AtomicOutput &AtomicOutput::operator=(AtomicOutput &&other) noexcept {
  target_.swap(other.target_);
  temporary_.swap(other.temporary_);
  marker_.swap(other.marker_);
  std::swap(kind_, other.kind_);
  std::swap(force_, other.force_);
  return *this;
}

AtomicOutput::~AtomicOutput() {
  std::error_code ignored;
  if (!temporary_.empty())
    fs::remove_all(temporary_, ignored);
}

absl::StatusOr<AtomicOutput> AtomicOutput::create(const std::string &target, Kind kind, bool force,
                                                  const std::string &marker) {
  std::string clean = target;
  while (kind == Kind::Directory && clean.size() > 1 && clean.back() == '/')
    clean.pop_back();
  fs::path path(clean);
  std::string name = path.filename().string();
  if (name.empty() || name == "." || name == ".." || clean == "/")
    return invalidArgument("'" + target + "': not a name for an output");
  HEDDLE_RETURN_IF_ERROR(checkReplaceable(clean, kind, force, marker));
  std::error_code error;
  fs::path parent = path.parent_path();
  if (!parent.empty() && !fs::is_directory(parent, error)) {
    fs::create_directories(parent, error);
    if (error)
      return invalidArgument(parent.string() + ": cannot create: " + error.message());
  }
  AtomicOutput output;
  output.target_ = clean;
  output.marker_ = marker;
  output.kind_ = kind;
  output.force_ = force;
  std::string temporary = (parent / ("." + name.substr(0, 200) + uniqueSuffix())).string();
  // A leftover of a killed process that had our process id.
  fs::remove_all(temporary, error);
  if (kind == Kind::Directory && !fs::create_directory(temporary, error))
    return invalidArgument(temporary + ": cannot create: " + error.message());
  if (kind == Kind::File) {
    int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
      return invalidArgument(temporary + ": cannot create: " + std::strerror(errno));
    ::close(fd);
  }
  output.temporary_ = temporary;
  return output;
}

absl::Status AtomicOutput::publish(bool sync) {
  if (temporary_.empty())
    return internalError(target_ + ": published already");
  if (sync)
    HEDDLE_RETURN_IF_ERROR(syncTree(temporary_));
  HEDDLE_RETURN_IF_ERROR(checkReplaceable(target_, kind_, force_, marker_));
  std::string replaced;
  int result = renameNew(temporary_, target_);
  if (result != 0 && errno == EEXIST && force_) {
    if (kind_ == Kind::File) {
      result = std::rename(temporary_.c_str(), target_.c_str());
    } else {
      result = ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(),
                           RENAME_EXCHANGE);
      if (result == 0) {
        replaced = temporary_;
      } else if (errno == EINVAL || errno == ENOSYS) { // two renames where exchange is not known
        replaced = temporary_ + "-old";
        result = std::rename(target_.c_str(), replaced.c_str());
        if (result == 0 && (result = std::rename(temporary_.c_str(), target_.c_str())) != 0) {
          int saved = errno;
          std::rename(replaced.c_str(), target_.c_str());
          errno = saved;
        }
      }
    }
  }
  if (result != 0 && errno == EEXIST)
    return alreadyExists(target_ + ": appeared while this was written; choose another name or "
                                   "pass --force");
  if (result != 0)
    return systemError(target_, "cannot rename into place", errno);
  temporary_.clear();
  std::error_code error;
  if (!replaced.empty())
    fs::remove_all(replaced, error);
  if (!sync)
    return absl::OkStatus();
  std::string parent = fs::path(target_).parent_path().string();
  return syncPath(parent.empty() ? "." : parent);
}

absl::Status writeFile(const std::string &path, std::string_view text) {
  std::FILE *file = std::fopen(path.c_str(), "wbe");
  if (!file)
    return systemError(path, "cannot create", errno);
  bool good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  int error = errno;
  if (std::fclose(file) != 0 && good) {
    good = false;
    error = errno;
  }
  return good ? absl::OkStatus() : systemError(path, "cannot write", error);
}

absl::Status writeFileAtomically(const std::string &path, std::string_view text) {
  HEDDLE_ASSIGN_OR_RETURN(AtomicOutput output,
                          AtomicOutput::create(path, AtomicOutput::Kind::File, /*force=*/true));
  HEDDLE_RETURN_IF_ERROR(writeFile(output.path(), text));
  return output.publish();
}

} // namespace heddle
