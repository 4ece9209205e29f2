//===- Choose.h - words that options take --------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TOOLS_SUPPORT_CHOOSE_H
#define HEDDLE_TOOLS_SUPPORT_CHOOSE_H

#include "runtime/base/Status.h"
#include "runtime/base/Suggest.h"

#include <string>
#include <utility>
#include <vector>

namespace heddle {

/// The value that `name` stands for.
template <typename T>
absl::Status choose(const std::string &option, const std::string &name,
                    const std::vector<std::pair<std::string, T>> &choices, T &value) {
  std::vector<std::string> names;
  for (const auto &[known, meaning] : choices) {
    if (known == name) {
      value = meaning;
      return absl::OkStatus();
    }
    names.push_back(known);
  }
  return invalidArgument(option + ": unknown value '" + name + "'" + suggestion(name, names));
}

} // namespace heddle

#endif // HEDDLE_TOOLS_SUPPORT_CHOOSE_H
