//===- ImportSchemaTest.cpp - the JSON Schema names what the reader reads -===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A known key with the value null reads as missing, an unknown one is refused: see SchemaWalk.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Descriptor.h"

#include "tests/unit/support/SchemaWalk.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <vector>

using namespace heddle;
using namespace heddle::test;
using nlohmann::json;

namespace {

const std::string folder = HEDDLE_SOURCE_DIR "/examples/tables";

/// Descriptors that parse, one for each way to give a feature, a split and a label's own split:
/// between them they have an object at every place of the schema.
std::vector<json> descriptors(const std::string &transform) {
  const json lists = {{"train", "papers.csv"}};
  const std::string any = "papers.csv"; // parsing looks at names only
  const std::vector<json> features = {
      {{"feature_col", "x"}, {"transform", {{"name", transform}}}},
      {{"feature_name", "x"}, {"files", any}, {"row_order_of", "files"}},
      {{"feature_name", "x"},
       {"indptr", any},
       {"indices", any},
       {"dim", 3},
       {"row_order_of", "files"}}};
  const std::vector<json> splits = {{{"split_col", "c"}},
                                    {{"split_pct", {0.5, 0.2, 0.3}}},
                                    {{"by", "t"}, {"valid_from", 1}, {"test_from", 2}},
                                    {{"custom_split_filenames", lists}}};
  std::vector<json> all;
  for (size_t i = 0; i < splits.size(); ++i) {
    json label = {{"label_col", "c"}, {"splits", {{"user", splits[i]}}}};
    if (i % 2)
      label["split_pct"] = splits[1]["split_pct"];
    else
      label["custom_split_filenames"] = lists;
    json node = {{"node_type", "a"}, {"node_id_col", "id"}, {"files", any}};
    node["format"]["name"] = "csv";
    node["features"] = json::array({features[i % features.size()]});
    node["labels"] = json::array({label});
    json edge = {{"source_id_col", "s"}, {"dest_id_col", "d"}, {"files", "cites.tsv"}};
    edge["relation"] = {"a", "r", "a"};
    edge["format"]["name"] = "tsv";
    edge["features"] = json::array({features[i % 2]});
    if (i % 2 == 0)
      edge["features"][0]["transform"]["name"] = "min_max";
    all.push_back({{"version", "1.0"}});
    all.back()["nodes"] = json::array({node});
    all.back()["edges"] = json::array({edge});
  }
  return all;
}

std::string errorOf(const json &document) {
  auto read = importing::parseDescriptor(document.dump(), "d.json", folder);
  return read.ok() ? "" : messageOf(read.status());
}

/// Whether the reader takes `key` in the object at `place` of `document`.
bool accepts(json document, const std::string &place, const std::string &key) {
  json &object = document[json::json_pointer(place)];
  if (object.contains(key))
    return true;
  object[key] = nullptr;
  if (errorOf(document).find("unknown key") != std::string::npos)
    return false;
  // Keys that are known only to be refused with a reason.
  object[key] = true;
  std::string error = errorOf(document);
  return error.find("; remove it") == std::string::npos &&
         error.find("; remove them") == std::string::npos;
}

} // namespace

TEST(ImportSchema, NamesTheKeysThatTheReaderReads) {
  const json schema = json::parse(sourceText("examples/schemas/import.schema.json"));
  std::set<std::string> words;
  for (const auto &file : std::filesystem::directory_iterator(HEDDLE_SOURCE_DIR "/runtime/import"))
    if (std::string name = file.path().filename().string(); name.rfind("Descriptor", 0) == 0)
      addWords(sourceText("runtime/import/" + name), words);
  // The keys of the alternatives at one place; those of a transform depend on its name.
  std::map<std::pair<std::string, std::string>, std::set<std::string>> keysOf;
  forEachObject(schema, schema, "", [&](const std::string &place, const json &object) {
    EXPECT_EQ(object.value("additionalProperties", json(true)), json(false)) << place;
    std::string transform;
    if (place == "/nodes/0/features/0/transform") {
      const json &name = object["properties"]["name"];
      transform = name.contains("const") ? name["const"] : name["enum"][1];
    }
    for (const auto &[key, child] : object["properties"].items()) {
      words.insert(key);
      keysOf[{place, transform}].insert(key);
    }
  });
  EXPECT_EQ(keysOf.size(), 14u);
  ASSERT_GT(words.size(), 80u);
  for (const auto &[where, keys] : keysOf) {
    const auto &[place, transform] = where;
    std::vector<json> documents;
    for (const json &document : descriptors(transform.empty() ? "zscore" : transform)) {
      ASSERT_EQ(errorOf(document), "") << document;
      if (document.contains(json::json_pointer(place)))
        documents.push_back(document);
    }
    ASSERT_FALSE(documents.empty()) << place;
    for (const std::string &word : words)
      EXPECT_EQ(std::any_of(documents.begin(), documents.end(),
                            [&, &where = place](const json &document) {
                              return accepts(document, where, word);
                            }),
                keys.count(word) == 1)
          << "key '" << word << "' of '" << place << "' " << transform;
  }
}
