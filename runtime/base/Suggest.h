//===- Suggest.h - "did you mean" --------------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_SUGGEST_H
#define HEDDLE_RUNTIME_BASE_SUGGEST_H

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace heddle {

/// The known name nearest to `word` by Damerau-Levenshtein distance (at most a third of its length,
/// at least 1; case ignored), or "" if none is near. `aliases` (other tools' names -> ours) win.
std::string nearestName(std::string_view word, const std::vector<std::string> &known,
                        const std::map<std::string, std::string> &aliases = {});

/// "; did you mean 'fanout'?" or, with nothing near, "; known: a, b, c" (at most 12), or "".
std::string suggestion(std::string_view word, const std::vector<std::string> &known,
                       const std::map<std::string, std::string> &aliases = {});

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_SUGGEST_H
