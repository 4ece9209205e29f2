//===- HgbInfo.h - the names in an HGB data set's info.dat -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// info.dat gives names to the numbers of the other files. Some data sets write it as JSON, others
// as tables under the headings node.dat, link.dat and label.dat; both hold more than names.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_HGBINFO_H
#define HEDDLE_RUNTIME_IMPORT_HGBINFO_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace heddle::importing {

/// Node types, relations and classes are numbers of 0 to this.
inline constexpr int64_t maxHgbNumber = 65534;

struct HgbInfo {
  struct Link {
    int64_t source = -1, destination = -1; ///< node types, -1 if not said
    std::string name;                      ///< may be empty
  };
  std::map<int64_t, std::string> nodeTypes;
  std::map<int64_t, Link> links;
  std::map<std::pair<int64_t, int64_t>, std::string> classes; ///< (node type, class)
};

/// Errors are "FILE:...: what" for JSON that is none, names that are not UTF-8, and numbers beyond
/// maxHgbNumber.
absl::StatusOr<HgbInfo> parseHgbInfo(std::string_view text, const std::string &file);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_HGBINFO_H
