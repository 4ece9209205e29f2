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

#include "tests/unit/support/SchemaWalk.h"

using namespace heddle;
using namespace heddle::test;
using nlohmann::json;

namespace {

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
  const json schema = json::parse(sourceText("examples/schemas/model.schema.json"));
  std::set<std::string> words;
  addWords(sourceText("compiler/spec/ModelSpec.cpp"), words);
  ASSERT_GT(words.size(), 60u);
  forEachObject(schema, schema, "", [&](const std::string &, const json &object) {
    for (const auto &[key, child] : object["properties"].items())
      words.insert(key);
  });
  int objects = 0;
  forEachObject(schema, schema, "", [&](const std::string &place, const json &object) {
    ++objects;
    EXPECT_EQ(object.value("additionalProperties", json(true)), json(false)) << place;
    for (const std::string &word : words)
      EXPECT_EQ(accepts(place, word), object["properties"].contains(word))
          << "key '" << word << "' of '" << place << "'";
  });
  EXPECT_EQ(objects, 14);
}

TEST(SpecSchema, DefaultsAreTheReaders) {
  const json schema = json::parse(sourceText("examples/schemas/model.schema.json"));
  const json printed = json::parse(spec::printModelSpec(spec::defaultModelSpec()));
  int compared = 0;
  forEachObject(schema, schema, "", [&](const std::string &place, const json &object) {
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
