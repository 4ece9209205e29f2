//===- AvailableMemory.cpp - what the system can still give ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/AvailableMemory.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace heddle {
namespace {

/// The number that a file begins with; `otherwise` where it has none ("max"), or there is no file.
uint64_t numberIn(const std::string &file, uint64_t otherwise) {
  std::ifstream in(file);
  uint64_t number = 0;
  return in >> number ? number : otherwise;
}

/// The number behind a word that a line of the file begins with, or 0.
uint64_t numberAfter(const std::string &file, const std::string &word) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string first;
    uint64_t number = 0;
    if (words >> first >> number && first == word)
      return number;
  }
  return 0;
}

} // namespace

uint64_t availableMemory(const std::string &root) {
  uint64_t available = numberAfter(root + "/proc/meminfo", "MemAvailable:") * 1024;
  // A group's limit holds for all groups in it, so those above count as well.
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string group; std::getline(groups, group);) {
    if (group.rfind("0::/", 0) != 0)
      continue;
    for (group.erase(0, 3);; group.resize(group.find_last_of('/'))) {
      const std::string folder = root + "/sys/fs/cgroup" + group;
      const uint64_t limit = numberIn(folder + "/memory.max", UINT64_MAX),
                     // pages of files count as used, but are given back first
          used = numberIn(folder + "/memory.current", 0) -
                 numberAfter(folder + "/memory.stat", "inactive_file");
      if (limit != UINT64_MAX)
        available = std::min(available, limit > used ? limit - used : 0);
      if (group.empty())
        break;
    }
  }
  return available;
}

} // namespace heddle
