//===- SchemaWalk.h - the objects that a JSON Schema describes ---*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// For tests that a shipped schema and the reader of the same file name the same keys. The readers
// have no list of their keys, so they are asked: with every word of their source and of the schema.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_SUPPORT_SCHEMAWALK_H
#define HEDDLE_TESTS_UNIT_SUPPORT_SCHEMAWALK_H

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace heddle::test {

/// A file of the source tree.
inline std::string sourceText(const std::string &path) {
  std::ifstream file(HEDDLE_SOURCE_DIR "/" + path);
  EXPECT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Every string of C++ source that could be a key.
inline void addWords(const std::string &source, std::set<std::string> &words) {
  const std::regex quoted("\"([$a-z_0-9]+)\"");
  for (auto at = std::sregex_iterator(source.begin(), source.end(), quoted);
       at != std::sregex_iterator(); ++at)
    words.insert((*at)[1]);
}

using VisitObject = std::function<void(const std::string &place, const nlohmann::json &object)>;

/// Visits each object of fixed keys with its place in a document (a JSON pointer), "user" for a key
/// of the user's choice, 0 for an array's element. Choices (anyOf, oneOf) are visited one after the
/// other.
inline void forEachObject(const nlohmann::json &root, const nlohmann::json &schema,
                          const std::string &place, const VisitObject &visit) {
  if (schema.contains("$ref"))
    forEachObject(root,
                  root[nlohmann::json::json_pointer(schema["$ref"].get<std::string>().substr(1))],
                  place, visit);
  if (schema.contains("properties")) {
    visit(place, schema);
    for (const auto &[key, child] : schema["properties"].items())
      forEachObject(root, child, place + "/" + key, visit);
  }
  if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object())
    forEachObject(root, schema["additionalProperties"], place + "/user", visit);
  if (schema.contains("items"))
    forEachObject(root, schema["items"], place + "/0", visit);
  for (const char *choice : {"anyOf", "oneOf"})
    if (schema.contains(choice))
      for (const nlohmann::json &child : schema[choice])
        forEachObject(root, child, place, visit);
}

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_SUPPORT_SCHEMAWALK_H
