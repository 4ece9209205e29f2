//===- FileError.cpp - why a file cannot be opened, and what to do ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/FileError.h"

#include "runtime/base/Suggest.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace fs = std::filesystem;

namespace heddle {
namespace {

/// A folder of more names than this is not searched for a near one.
constexpr size_t maxSearched = 4096;

/// The path of a file beside `path` whose name is nearly the same, or "".
std::string nearPath(const fs::path &path) {
  fs::path folder = path.parent_path();
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder.empty() ? "." : folder, error), end; !error && at != end;
       at.increment(error)) {
    if (names.size() == maxSearched)
      return "";
    names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  std::string near = nearestName(path.filename().string(), names);
  return near.empty() ? "" : (folder / near).string();
}

} // namespace

std::string openRemedy(const std::string &path, int error, const std::string &otherwise) {
  std::error_code ignored;
  switch (error) {
  case ENOENT: {
    if (path.empty())
      return "the name is empty";
    fs::path at(path), parent = at.parent_path();
    // The highest folder that is missing is what went wrong.
    fs::path missing;
    for (; !parent.empty() && !fs::exists(parent, ignored); parent = parent.parent_path()) {
      missing = parent;
      if (!parent.has_relative_path())
        break;
    }
    if (!missing.empty()) {
      std::string near = nearPath(missing);
      return "there is no folder '" + missing.string() + "'" +
             (near.empty() ? "" : "; did you mean '" + near + "'?");
    }
    if (fs::is_symlink(at, ignored))
      return "it is a link to '" + fs::read_symlink(at, ignored).string() + "', which is not there";
    std::string near = nearPath(at);
    return near.empty() ? otherwise : "did you mean '" + near + "'?";
  }
  case ENOTDIR:
    return "a part of the path is a file, not a folder; check the name";
  case EISDIR:
    return "it is a folder; name a file in it";
  case EACCES:
  case EPERM:
    return "you may not read it; check the permissions of the file and of its folders";
  case ELOOP:
    return "its links go round in a circle";
  case EMFILE:
  case ENFILE:
    return "too many files are open; raise the limit with ulimit -n";
  default:
    return otherwise;
  }
}

absl::Status cannotOpen(const std::string &path, int error, const std::string &otherwise) {
  std::string message =
      path + ": cannot open: " + std::strerror(error) + "; " + openRemedy(path, error, otherwise);
  return error == ENOENT ? notFound(message) : invalidArgument(message);
}

absl::Status notAFile(const std::string &path) {
  std::error_code ignored;
  fs::path inside = fs::path(path) / "graph.json";
  std::string remedy = !fs::is_directory(path, ignored) ? "name a file"
                       : fs::exists(inside, ignored)
                           ? "it is a graph directory; its description is '" + inside.string() + "'"
                           : "it is a folder; name a file in it";
  return invalidArgument(path + ": not a regular file; " + remedy);
}

} // namespace heddle
