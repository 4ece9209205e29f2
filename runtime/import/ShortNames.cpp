//===- ShortNames.cpp - readable names for IRIs ----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/ShortNames.h"

#include <algorithm>
#include <map>
#include <string_view>

namespace heddle::importing {

namespace {

constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
    {"http://www.w3.org/1999/02/22-rdf-syntax-ns#", "rdf/"},
    {"http://www.w3.org/2000/01/rdf-schema#", "rdfs/"},
    {"http://www.w3.org/2002/07/owl#", "owl/"},
    {"http://www.w3.org/2001/XMLSchema#", "xsd/"},
};

/// The parts of an IRI, last first.
std::vector<std::string> partsOf(std::string_view iri) {
  std::string text(iri);
  for (auto [space, prefix] : kKnown)
    if (iri.size() > space.size() && iri.substr(0, space.size()) == space)
      text = std::string(prefix) + std::string(iri.substr(space.size()));
  std::vector<std::string> parts;
  std::string part;
  for (char c : text + "/") {
    bool separates = c == '#' || c == '/' || c == ':';
    if (separates && !part.empty())
      parts.push_back(std::move(part));
    if (separates)
      part.clear();
    else
      part += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '_' : c;
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::string joined(const std::vector<std::string> &parts, size_t count) {
  std::string name;
  for (size_t i = std::min(count, parts.size()); i-- > 0;)
    name += (name.empty() ? "" : ".") + parts[i];
  return name;
}

} // namespace

std::vector<std::string> shortNames(const std::vector<std::string> &iris,
                                    const std::set<std::string> &taken) {
  std::vector<std::vector<std::string>> parts;
  for (const std::string &iri : iris)
    parts.push_back(partsOf(iri));
  std::vector<size_t> used(iris.size(), 1);
  std::vector<std::string> names(iris.size());
  for (bool changed = true; changed;) {
    changed = false;
    std::map<std::string, int> count;
    for (size_t i = 0; i < iris.size(); ++i)
      ++count[names[i] = joined(parts[i], used[i])];
    for (size_t i = 0; i < iris.size(); ++i) {
      const std::string &name = names[i];
      bool clashes = count[name] > 1 || taken.count(name) ||
                     (name.substr(0, 4) == "rev_" && count.count(name.substr(4)));
      if (clashes && used[i] < parts[i].size()) {
        // Names that only differ far in front take the whole IRI at once.
        used[i] = used[i] < 8 ? used[i] + 1 : parts[i].size();
        changed = true;
      }
    }
  }
  // IRIs that differ in nothing but separators get numbers, in the order of the IRIs.
  std::vector<size_t> order(iris.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return iris[a] < iris[b]; });
  std::set<std::string> all(names.begin(), names.end()), given;
  for (size_t i : order) {
    std::string name = names[i].empty() ? "unnamed" : names[i];
    bool isReverse = name.substr(0, 4) == "rev_" && all.count(name.substr(4));
    if (isReverse || taken.count(name) || given.count(name)) {
      int number = 2;
      auto numbered = [&] { return name + "." + std::to_string(number); };
      while (taken.count(numbered()) || given.count(numbered()) || all.count(numbered()))
        ++number;
      name = numbered();
      if (isReverse)
        name = "of." + name;
    }
    given.insert(name);
    names[i] = name;
  }
  return names;
}

} // namespace heddle::importing
