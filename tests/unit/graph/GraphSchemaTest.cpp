//===- GraphSchemaTest.cpp - graph.json ---------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphSchema.h"
#include "tests/unit/graph/RandomGraph.h"

#include "runtime/base/Json.h"

#include <nlohmann/json.hpp>

namespace heddle::graph {
namespace {

using test::TemporaryDirectory;
using test::valueOf;
using Json = nlohmann::ordered_json;

// Written by hand, as a person would for the compiler: out of canonical order, without arrays.
Json handWritten() {
  return Json::parse(R"({"format": "heddle-graph", "version": "1.0",
    "node_types": [
      {"node_type": "txn", "num_nodes": 100,
       "features": [{"name": "b", "kind": "numeric", "dtype": "float16", "dim": 3},
                    {"name": "a", "kind": "sparse", "dim": 9, "nnz": 20, "max_row_nnz": 4}],
       "labels": [{"name": "fraud", "task_type": "classification", "classes": ["0", "1"],
                   "splits": {"time": {"num_train": 60, "num_valid": 20, "num_test": 20,
                                       "train_class_counts": [50, 10]},
                              "random": {"num_train": 1, "num_valid": 0, "num_test": 0}}}]},
      {"node_type": "merchant", "num_nodes": 10, "ids_kind": "string"},
      {"node_type": "absent", "num_nodes": 0}],
    "relations": [
      {"relation": ["txn", "rev_receives", "merchant"], "reverse_of": 2},
      {"relation": ["txn", "next", "txn"], "num_edges": 7},
      {"relation": ["merchant", "receives", "txn"], "num_edges": 100,
       "degree": {"in": {"max": 1, "p50": 1, "p99": 1, "nonzero": 100, "log2_hist": [0, 100]},
                  "out": {"max": 10, "log2_hist": [0, 0, 0, 0, 10]}}}]})");
}

absl::StatusOr<GraphSchema> parse(const Json &json) {
  return parseGraphSchema(json.dump(), "graph.json");
}

TEST(GraphSchema, HandWrittenIsPutInCanonicalOrder) {
  GraphSchema schema = valueOf(parse(handWritten()));
  ASSERT_EQ(schema.nodeTypes.size(), 3u);
  EXPECT_EQ(schema.nodeTypeId("absent"), 0);
  EXPECT_EQ(schema.nodeTypeId("merchant"), 1);
  EXPECT_EQ(schema.nodeTypeId("txn"), 2);
  EXPECT_EQ(schema.nodeTypeId("tx"), -1);
  EXPECT_EQ(schema.relationId("merchant", "receives", "txn"), 0);
  EXPECT_EQ(schema.relationId("txn", "next", "txn"), 1);
  EXPECT_EQ(schema.relationId("txn", "rev_receives", "merchant"), 2);
  EXPECT_EQ(schema.relationId("txn", "receives", "merchant"), -1);
  const RelationSchema &view = schema.relations[2];
  EXPECT_EQ(view.reverseOf, 0);
  EXPECT_EQ(view.numEdges, 100);
  EXPECT_EQ(view.in.max, 10);
  EXPECT_EQ(view.out.log2Hist, (std::vector<int64_t>{0, 100}));
  const NodeTypeSchema &txn = schema.nodeTypes[2];
  EXPECT_EQ(txn.features[0].name, "a");
  EXPECT_EQ(txn.features[1].dtype, "float16");
  EXPECT_EQ(txn.labels[0].splits[0].name, "random");
  EXPECT_TRUE(txn.labels[0].trainClassCounts.empty()); // "random" says none
  EXPECT_EQ(txn.labels[0].splits[1].trainClassCounts, (std::vector<int64_t>{50, 10}));
}

TEST(GraphSchema, PrintedReadsBackTheSame) {
  for (uint64_t seed = 1; seed < 20; ++seed) {
    TemporaryDirectory dir;
    ASSERT_OK(test::build(test::randomGraph(seed), dir / "g", 1 << 20, 0).status());
    GraphSchema schema = valueOf(readGraphSchema(dir / "g"));
    EXPECT_EQ(printGraphSchema(schema), test::readAll(dir / "g/graph.json"));
    EXPECT_EQ(schema.schemaFingerprint, computeSchemaFingerprint(schema));
    GraphSchema direct = valueOf(readGraphSchema(dir / "g/graph.json"));
    EXPECT_EQ(direct.directory, schema.directory);
    for (const auto &[what, path] : listArrays(schema))
      EXPECT_TRUE(schema.files.count(path)) << what << " " << path;
    EXPECT_EQ(listArrays(schema).size(), schema.files.size());
  }
  GraphSchema hand = valueOf(parse(handWritten()));
  EXPECT_EQ(printGraphSchema(valueOf(parseGraphSchema(printGraphSchema(hand), "x"))),
            printGraphSchema(hand));
}

TEST(GraphSchema, FingerprintSeesTheSchemaAndNotTheCounts) {
  std::string base = valueOf(parse(handWritten())).schemaFingerprint;
  EXPECT_EQ(base.size(), 16u);
  auto with = [&](const char *pointer, Json value) {
    Json json = handWritten();
    json[Json::json_pointer(pointer)] = std::move(value);
    return valueOf(parse(json)).schemaFingerprint;
  };
  EXPECT_EQ(with("/node_types/0/num_nodes", 100), base);
  EXPECT_EQ(with("/relations/1/num_edges", 8), base);
  EXPECT_EQ(with("/node_types/0/features/1/nnz", 21), base);
  EXPECT_NE(with("/node_types/2/node_type", "absence"), base);
  EXPECT_NE(with("/node_types/0/features/0/dim", 4), base);
  EXPECT_NE(with("/node_types/0/features/0/dtype", "float32"), base);
  EXPECT_NE(with("/node_types/0/features/0/name", "c"), base);
  EXPECT_NE(with("/node_types/0/labels/0/classes/1", "2"), base);
  EXPECT_NE(with("/node_types/0/labels/0/multilabel", true), base);
  EXPECT_NE(with("/relations/1/relation/1", "then"), base);
  Json swapped = handWritten();
  std::swap(swapped["node_types"][0], swapped["node_types"][2]);
  EXPECT_EQ(valueOf(parse(swapped)).schemaFingerprint, base);
}

TEST(GraphSchema, EveryFieldIsChecked) {
  auto fails = [](const char *pointer, Json value, std::initializer_list<const char *> texts) {
    Json json = handWritten();
    json[Json::json_pointer(pointer)] = std::move(value);
    SCOPED_TRACE(pointer);
    test::expectFails(parse(json).status(), texts, __FILE__, __LINE__);
  };
  fails("/format", "heddle-import", {"graph.json: /format: "});
  fails("/version", "2.0", {"/version: ", "2.0", "import again"});
  fails("/version", "1.1", {"/version: "});
  fails("/nodetypes", 1, {"unknown key 'nodetypes'", "did you mean 'node_types'"});
  fails("/node_types/0/num_nodes", -1, {"/node_types/0/num_nodes: "});
  fails("/node_types/0/num_nodes", int64_t(1) << 48, {"/node_types/0/num_nodes: "});
  fails("/node_types/0/num_nodes", 1.5, {"/node_types/0/num_nodes: "});
  fails("/node_types/0/node_type", "", {"/node_types/0/node_type: the name is empty"});
  fails("/node_types/1/node_type", "txn", {"/node_types", "'txn' appears twice"});
  fails("/node_types/0/features/0/dim", 0, {"/node_types/0/features/0/dim: "});
  fails("/node_types/0/features/0/dim", int64_t(1) << 31, {"/node_types/0/features/0/dim: "});
  fails("/node_types/0/features/0/dtype", "flaot32", {"dtype", "did you mean 'float32'"});
  fails("/node_types/0/features/0/kind", "numerics", {"kind", "did you mean 'numeric'"});
  fails("/node_types/0/features/0/name", "a", {"/node_types/0/features", "twice"});
  fails("/node_types/0/features/1/max_row_nnz", 10, {"max_row_nnz"});
  for (const char *path : {"/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "", ".."})
    if (*path)
      fails("/node_types/0/features/0/file", path, {"/features/0/file: ", "inside"});
  fails("/node_types/0/labels/0/classes/1", "0", {"the class '0' appears twice"});
  fails("/node_types/0/labels/0/missing", 3, {"/missing: "});
  fails("/node_types/0/labels/0/splits/time/num_train", 90, {"/splits/time", "more nodes"});
  fails("/node_types/0/labels/0/splits/time/num_train", 101, {"/splits/time/num_train"});
  fails("/node_types/0/labels/0/splits/time/train_class_counts", {1}, {"one number per class"});
  fails("/node_types/1/ids_kind", "uuid", {"/node_types/1/ids_kind"});
  fails("/node_types/2/ids", "nodes/2/ids", {"/node_types/2/ids: ", "ids_kind"});
  fails("/relations/0/reverse_of", 3, {"/relations/0/reverse_of: "});
  fails("/relations/0/reverse_of", 0, {"/relations/0/reverse_of: ", "itself"});
  fails("/relations/0/reverse_of", 1, {"/relations/0/reverse_of: ", "does not run against"});
  fails("/relations/1/relation", {"txn", "next"}, {"/relations/1/relation: "});
  fails("/relations/1/relation/0", "txm", {"/relations/1/relation: ", "did you mean 'txn'"});
  fails("/relations/1/relation", {"merchant", "receives", "txn"}, {"appears twice"});
  fails("/relations/1/relation/0", "absent", {"/relations/1/num_edges", "without nodes"});
  fails("/relations/1/num_edges", -1, {"/relations/1/num_edges"});
  fails("/relations/1/reverse_off", 1, {"unknown key 'reverse_off'"});
  fails("/relations/2/degree/in/log2_hist", {0, 99}, {"log2_hist", "add up"});
  fails("/relations/2/degree/in/log2_hist", Json(std::vector<int>(50)), {"49"});
  fails("/relations/2/degree/in/p99", 2, {"/relations/2/degree/in/p99"});
  fails("/schema_fingerprint", "0000000000000000", {"/schema_fingerprint", "changed"});
  fails("/data_fingerprint", "0000000000000000", {"/data_fingerprint", "changed"});
  fails("/files", {{"../x", {{"bytes", 1}, {"checksum", "0000000000000000"}}}},
        {"/files/..~1x: ", "inside"});
  fails("/files", {{"x", {{"bytes", 1}, {"checksum", "00"}}}}, {"/files/x/checksum: "});
  fails("/files", {{"x", {{"bytes", -1}, {"checksum", "0000000000000000"}}}}, {"/files/x/bytes"});
}

TEST(GraphSchema, AbsentDirectoriesAreExplained) {
  TemporaryDirectory dir;
  EXPECT_FAILS(readGraphSchema(dir / "absent"), "absent: ", "heddle-import");
  EXPECT_FAILS(readGraphSchema(dir.path()), "no graph.json", "heddle-import");
}

/// Any replacement of any value by another kind of value is read or refused, never more.
TEST(GraphSchema, MutatedValuesNeverCrash) {
  Json base = handWritten();
  std::vector<Json> replacements = {nullptr, true, -1, 3, 1e300, "x", Json::array(), Json::object(),
                                    {1, "x", nullptr}, {{"k", 1}}, uint64_t(1) << 63};
  Json flat = base.flatten();
  for (const auto &[pointer, ignored] : flat.items())
    for (std::string at = pointer; !at.empty(); at = at.substr(0, at.rfind('/')))
      for (const Json &value : replacements) {
        Json json = base;
        json[Json::json_pointer(at)] = value;
        auto schema = parse(json);
        if (!schema.ok())
          EXPECT_NE(messageOf(schema.status()).find("graph.json: /"), std::string::npos);
      }
}

TEST(DegreeStats, OfCounts) {
  DegreeStats none = degreeStatsOf({});
  EXPECT_EQ(none.max, 0);
  EXPECT_TRUE(none.log2Hist.empty());
  DegreeStats stats = degreeStatsOf({{0, 98}, {1, 1}, {1000, 1}});
  EXPECT_EQ(stats.p50, 0);
  EXPECT_EQ(stats.p99, 1);
  EXPECT_EQ(stats.max, 1000);
  EXPECT_EQ(stats.nonZero, 2);
  ASSERT_EQ(stats.log2Hist.size(), 11u);
  EXPECT_EQ(stats.log2Hist[10], 1); // [512, 1024)
}

} // namespace
} // namespace heddle::graph
