//===- Suggest.cpp - "did you mean" -------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Suggest.h"

#include <algorithm>
#include <cstddef>

namespace heddle {
namespace {

/// Names longer than this are not compared: the cost is quadratic and the input may be hostile.
constexpr size_t maxCompared = 128;

/// What the comparison sees: lower case, '-' as '_', without leading dashes, so that options and
/// keys of either spelling meet. Bytes outside ASCII stay as they are.
std::string fold(std::string_view word) {
  size_t start = word.find_first_not_of('-');
  std::string out(start == std::string_view::npos ? std::string_view() : word.substr(start));
  for (char &c : out) {
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
    else if (c == '-')
      c = '_';
  }
  return out;
}

/// Damerau-Levenshtein distance (optimal string alignment), or limit + 1 when it is larger.
size_t distance(const std::string &a, const std::string &b, size_t limit) {
  size_t gap = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (gap > limit)
    return limit + 1;
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min(
          {previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(previous);
    previous.swap(row);
  }
  return std::min(previous[b.size()], limit + 1);
}

} // namespace

std::string nearestName(std::string_view word, const std::vector<std::string> &known,
                        const std::map<std::string, std::string> &aliases) {
  if (word.empty() || word.size() > maxCompared)
    return "";
  const std::string folded = fold(word);
  // An alias leads to a name that is known here, or to a place elsewhere ("/train/optimizer/lr").
  auto reachable = [&](const std::string &target) {
    return (!target.empty() && target[0] == '/') ||
           std::find(known.begin(), known.end(), target) != known.end();
  };
  for (const auto &[other, ours] : aliases)
    if (fold(other) == folded && reachable(ours))
      return ours;

  // A distance as long as the word would make every short name "near".
  size_t limit = std::max<size_t>(1, folded.size() / 3);
  if (folded.size() <= 1)
    limit = 0;
  std::string best;
  size_t bestDistance = limit + 1;
  auto consider = [&](const std::string &name, const std::string &answer) {
    if (name.size() > maxCompared)
      return;
    size_t d = distance(folded, fold(name), limit);
    if (d < bestDistance) {
      bestDistance = d;
      best = answer;
    }
  };
  for (const std::string &name : known)
    consider(name, name);
  for (const auto &[other, ours] : aliases)
    if (reachable(ours))
      consider(other, ours);
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string> &known,
                       const std::map<std::string, std::string> &aliases) {
  std::string near = nearestName(word, known, aliases);
  if (!near.empty())
    return "; did you mean '" + near + "'?";
  if (known.empty())
    return "";
  constexpr size_t shown = 12;
  std::string text = "; known: ";
  for (size_t i = 0; i < known.size() && i < shown; ++i)
    text += (i ? ", " : "") + known[i];
  if (known.size() > shown)
    text += ", ... (" + std::to_string(known.size()) + " in all)";
  return text;
}

} // namespace heddle
