//===- RunFolder.cpp - where a run's results go -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/RunFolder.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

namespace heddle::train {
namespace {

namespace fs = std::filesystem;

std::string cleaned(std::string target) {
  while (target.size() > 1 && target.back() == '/')
    target.pop_back();
  return target;
}

bool isRun(const std::string &path) {
  std::error_code error;
  return fs::is_empty(path, error) || fs::exists(path + "/" + RunFolder::marker, error);
}

absl::Status checkOne(const std::string &path, bool force, const std::string &what,
                      const std::string &remedy) {
  std::error_code error;
  fs::file_status status = fs::symlink_status(path, error);
  if (!fs::exists(status))
    return absl::OkStatus();
  if (!force)
    return alreadyExists(path + ": " + what + "; " + remedy);
  if (!fs::is_directory(status))
    return alreadyExists(path + ": is not a directory; --force does not replace it");
  if (!isRun(path))
    return alreadyExists(path + ": is a directory without '" + RunFolder::marker +
                         "'; --force does not replace it, remove it yourself");
  return absl::OkStatus();
}

} // namespace

std::string RunFolder::partialOf(const std::string &target) { return cleaned(target) + ".partial"; }

absl::Status RunFolder::check(const std::string &given, bool force) {
  std::string target = cleaned(given);
  std::string name = fs::path(target).filename().string();
  if (name.empty() || name == "." || name == "..")
    return invalidArgument("'" + given + "': not a name for a run folder");
  HEDDLE_RETURN_IF_ERROR(checkOne(target, force, "already exists",
                                  "choose another name or pass --force"));
  return checkOne(partialOf(target), force, "a run is under way there or was cut off",
                  "choose another name or pass --force to replace it");
}

absl::StatusOr<std::unique_ptr<RunFolder>> RunFolder::create(const std::string &given, bool force) {
  HEDDLE_RETURN_IF_ERROR(check(given, force));
  std::unique_ptr<RunFolder> out(new RunFolder());
  out->target_ = cleaned(given);
  out->path_ = partialOf(out->target_);
  out->force_ = force;
  std::error_code error;
  fs::create_directories(out->path_, error);
  if (error)
    return invalidArgument(out->path_ + ": cannot create: " + error.message());
  // The lock goes with the process, so that a crashed run never blocks a later one.
  out->lock_ = ::open(out->path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (out->lock_ < 0)
    return invalidArgument(out->path_ + ": cannot open: " + std::strerror(errno));
  if (::flock(out->lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return alreadyExists(out->path_ + ": another process is writing this run; choose another name");
  for (fs::directory_iterator at(out->path_, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    fs::remove_all(at->path(), ignored);
  }
  return out;
}

RunFolder::~RunFolder() {
  if (lock_ >= 0)
    ::close(lock_);
}

absl::Status RunFolder::makeFolder(const std::string &name) const {
  std::error_code error;
  fs::create_directories(file(name), error);
  if (error)
    return internalError(file(name) + ": cannot create: " + error.message());
  return absl::OkStatus();
}

absl::Status RunFolder::finish() {
  std::string older;
  std::error_code error;
  if (fs::exists(fs::symlink_status(target_, error))) {
    HEDDLE_RETURN_IF_ERROR(withPrefix(check(target_, force_), "results stay in " + path_ + ": "));
    older = target_ + ".replaced-" + std::to_string(::getpid());
    if (std::rename(target_.c_str(), older.c_str()) != 0)
      return internalError(target_ + ": cannot move away: " + std::strerror(errno) +
                           "; results stay in " + path_);
  }
  if (std::rename(path_.c_str(), target_.c_str()) != 0) {
    int reason = errno;
    if (!older.empty())
      std::rename(older.c_str(), target_.c_str());
    return internalError(target_ + ": cannot rename into place: " + std::strerror(reason) +
                         "; results stay in " + path_);
  }
  if (!older.empty())
    fs::remove_all(older, error);
  path_ = target_;
  return absl::OkStatus();
}

} // namespace heddle::train
