//===- SpecSchemaTest.cpp - the JSON Schema names what the reader reads ---===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The reader has no list of its keys, so it is asked: a known key with the value null reads as
// missing, an unknown one is refused. The words to ask with are every string of the reader's source
// and every property of the schema, so neither side can gain a key alone.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/ModelSpec.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <sstream>

using namespace heddle;
using nlohmann::json;

namespace {

std::string contents(const std::string &path) {
  std::ifstream file(HEDDLE_SOURCE_DIR "/" + path);
  EXPECT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Visits each object of fixed keys with its place, "*" for a key of the user's choice.
void forEachObject(const json &schema, const std::string &place,
                   const std::function<void(const std::string &, const json &)> &visit) {
  if (schema.contains("properties")) {
    visit(place, schema);
    for (const auto &[key, child] : schema["properties"].items())
      forEachObject(child, place + "/" + key, visit);
  }
  if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object())
    forEachObject(schema["additionalProperties"], place + "/user", visit);
  if (schema.contains("items"))
    forEachObject(schema["items"], place + "/0", visit);
  for (const char *choice : {"anyOf", "oneOf"})
    if (schema.contains(choice))
      for (const json &child : schema[choice])
        forEachObject(child, place, visit);
}

/// Whether the reader knows `key` in the object at `place`.
bool accepts(const std::string &place, const std::string &key) {
  json document = {{"version", "1.0"}};
  json &object = document[json::json_pointer(place)];
  if (object.is_null())
    object = json::object();
  if (place.rfind("/sampling/overrides", 0) == 0) {
    // An array, and its required keys.
    document["sampling"]["overrides"] =
        json::array({{{"relation", {"a", "b", "c"}}, {"fanout", 1}}});
    if (key == "relation" || key == "fanout")
      return spec::parseModelSpec(document.dump(), "s").ok();
    document["sampling"]["overrides"][0][key] = nullptr;
  } else if (place == "/inputs/user") {
    object["learnable"] = true;
    if (key != "learnable")
      object[key] = nullptr;
  } else if (!(place.empty() && key == "version")) {
    object[key] = nullptr;
  }
  auto parsed = spec::parseModelSpec(document.dump(), "s");
  if (parsed.ok())
    return true;
  EXPECT_NE(messageOf(parsed.status()).find("unknown key"), std::string::npos)
      << parsed.status() << "\n"
      << document;
  return false;
}

} // namespace

TEST(SpecSchema, NamesTheKeysThatTheReaderReads) {
  const json schema = json::parse(contents("examples/schemas/model.schema.json"));
  std::set<std::string> words;
  const std::string source = contents("compiler/spec/ModelSpec.cpp");
  const std::regex quoted("\"([$a-z_0-9]+)\"");
  for (auto at = std::sregex_iterator(source.begin(), source.end(), quoted);
       at != std::sregex_iterator(); ++at)
    words.insert((*at)[1]);
  ASSERT_GT(words.size(), 60u);
  forEachObject(schema, "", [&](const std::string &, const json &object) {
    for (const auto &[key, child] : object["properties"].items())
      words.insert(key);
  });
  int objects = 0;
  forEachObject(schema, "", [&](const std::string &place, const json &object) {
    ++objects;
    EXPECT_EQ(object.value("additionalProperties", json(true)), json(false)) << place;
    for (const std::string &word : words)
      EXPECT_EQ(accepts(place, word), object["properties"].contains(word))
          << "key '" << word << "' of '" << place << "'";
  });
  EXPECT_EQ(objects, 13);
}

TEST(SpecSchema, DefaultsAreTheReaders) {
  const json schema = json::parse(contents("examples/schemas/model.schema.json"));
  const json printed = json::parse(spec::printModelSpec(spec::defaultModelSpec()));
  int compared = 0;
  forEachObject(schema, "", [&](const std::string &place, const json &object) {
    for (const auto &[key, child] : object["properties"].items()) {
      json::json_pointer pointer(place + "/" + key);
      if (!child.contains("default") || !printed.contains(pointer))
        continue; // keys of another optimizer or schedule
      ++compared;
      EXPECT_EQ(printed[pointer], child["default"]) << pointer;
    }
  });
  EXPECT_GE(compared, 25);
}
