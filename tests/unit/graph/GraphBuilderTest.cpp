//===- GraphBuilderTest.cpp - build, open, compare ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphStore.h"
#include "tests/unit/support/TestSupport.h"

#include "runtime/graph/GraphCheck.h"

#include <limits>

namespace heddle::graph {
namespace {

using test::TemporaryDirectory;
using test::valueOf;

TEST(GraphBuilder, SmallGraphRoundTrip) {
  TemporaryDirectory dir;
  auto builder = valueOf(GraphBuilder::create({dir / "g", false, 1 << 20, {}, true}));
  int a = valueOf(builder->addNodeType("b-type", 3));
  int b = valueOf(builder->addNodeType("a-type", 2));
  ASSERT_OK(builder->setStringIds(a, {"x", "y", "日本"}));
  ASSERT_OK(builder->setInt64Ids(b, {10, -7}));
  ASSERT_OK(builder->setDisplayNames(a, {"X", "", "Japan"}));
  int f = valueOf(builder->addDenseFeature(a, "f", "float32", 2));
  float rows[6] = {1, 2, 3, 4, 5, 6};
  ASSERT_OK(builder->appendDenseRows(f, rows, 2));
  ASSERT_OK(builder->appendDenseRows(f, rows + 4, 1));
  int sparse = valueOf(builder->addSparseFeature(b, "s", 5));
  ASSERT_OK(builder->appendSparseRow(sparse, {4, 1}, {2.0f, 3.0f}));
  ASSERT_OK(builder->appendSparseRow(sparse, {}, {}));
  int label = valueOf(builder->addLabel(a, "class", {"u", "v"}, {1, -1, 0}));
  ASSERT_OK(builder->addSplit(label, "main", {2}, {0}, {}));
  int r = valueOf(builder->addRelation("b-type", "to", "a-type"));
  int64_t src[4] = {2, 0, 2, 1}, dst[4] = {1, 1, 1, 0};
  ASSERT_OK(builder->addEdges(r, src, dst, 4));
  ASSERT_OK(builder->addReverse(r, "rev_to"));
  builder->count("rows skipped", 3);
  std::string report = valueOf(builder->finish());
  EXPECT_NE(report.find("rows skipped: 3"), std::string::npos) << report;
  SCOPED_TRACE(report);

  auto store = valueOf(GraphStore::open(dir / "g", true));
  const GraphSchema &schema = store->schema();
  ASSERT_EQ(schema.nodeTypes.size(), 2u);
  EXPECT_EQ(schema.nodeTypes[0].name, "a-type");
  EXPECT_EQ(store->originalId(1, 2), "日本");
  EXPECT_EQ(store->originalId(0, 1), "-7");
  EXPECT_EQ(store->displayName(1, 2), "Japan");
  EXPECT_EQ(store->originalId(1, 3), "");
  auto dense = valueOf(store->denseFeature(1, "f"));
  EXPECT_EQ(static_cast<const float *>(dense.data)[5], 6.0f);
  auto sp = valueOf(store->sparseFeature(0, "s"));
  EXPECT_EQ(sp.indices[0], 1);
  EXPECT_EQ(sp.values[0], 3.0f);
  EXPECT_EQ(sp.indptr[2], 2);
  int base = schema.relationId("b-type", "to", "a-type");
  int view = schema.relationId("a-type", "rev_to", "b-type");
  EXPECT_EQ(base, 1);
  EXPECT_EQ(view, 0);
  const RelationView &in = store->relation(base);
  EXPECT_EQ(in.inPtr[1], 1);
  EXPECT_EQ(in.inSources[0], 1);
  EXPECT_EQ(in.inSources[1], 0);
  EXPECT_EQ(in.inSources[3], 2);
  EXPECT_EQ(store->relation(view).inEdgeData[0], 1);
}

std::unique_ptr<GraphBuilder> builderAt(const std::string &path, bool force = false) {
  GraphBuilderOptions options;
  options.output = path;
  options.force = force;
  options.sync = false;
  return valueOf(GraphBuilder::create(options));
}

TEST(GraphBuilder, EmptyGraph) {
  TemporaryDirectory dir;
  ASSERT_OK(builderAt(dir / "g")->finish().status());
  ASSERT_OK(checkGraph(dir / "g").status());
}

TEST(GraphBuilder, TypesWithoutNodesAndRelationsWithoutEdges) {
  TemporaryDirectory dir;
  auto builder = builderAt(dir / "g");
  int none = valueOf(builder->addNodeType("none", 0));
  int some = valueOf(builder->addNodeType("some", 3));
  ASSERT_OK(builder->setStringIds(none, {}));
  ASSERT_OK(builder->setDisplayNames(none, {}));
  valueOf(builder->addDenseFeature(none, "f", "int8", 3));
  valueOf(builder->addSparseFeature(none, "s", 3));
  int label = valueOf(builder->addLabel(none, "l", {}, {}));
  ASSERT_OK(builder->addSplit(label, "s", {}, {}, {}));
  valueOf(builder->addMultiLabel(none, "m", {"x"}, {}));
  for (auto [a, b] : {std::pair("none", "none"), {"none", "some"}, {"some", "none"}, {"some", "some"}})
    ASSERT_OK(builder->addReverse(valueOf(builder->addRelation(a, "r", b)), "v"));
  std::string report = valueOf(builder->finish());
  ASSERT_OK(checkGraph(dir / "g").status());
  auto store = valueOf(GraphStore::open(dir / "g"));
  for (int r = 0; r < 8; ++r) {
    const RelationView &view = store->relation(r);
    EXPECT_EQ(view.numEdges, 0);
    EXPECT_EQ(view.inPtr[view.numDestinations], 0);
    EXPECT_EQ(view.outPtr[view.numSources], 0);
  }
  EXPECT_EQ(store->originalId(some, 2), "2");
}

TEST(GraphBuilder, EveryDtype) {
  TemporaryDirectory dir;
  auto builder = builderAt(dir / "g");
  int type = valueOf(builder->addNodeType("t", 2));
  std::vector<std::pair<std::string, int64_t>> dtypes = {
      {"float16", 2}, {"float32", 4}, {"float64", 8}, {"int8", 1},   {"int16", 2},
      {"int32", 4},   {"int64", 8},   {"uint8", 1},   {"uint16", 2}, {"uint32", 4},
      {"uint64", 8},  {"bool", 1},    {"bfloat16", 2}};
  std::string bytes;
  for (int i = 0; i < 48; ++i)
    bytes += static_cast<char>(i);
  for (const auto &[dtype, size] : dtypes) {
    int f = valueOf(builder->addDenseFeature(type, dtype, dtype, 3));
    ASSERT_OK(builder->appendDenseRows(f, bytes.data(), 2));
  }
  ASSERT_OK(builder->finish().status());
  auto store = valueOf(GraphStore::open(dir / "g", true));
  for (const auto &[dtype, size] : dtypes) {
    auto view = valueOf(store->denseFeature(0, dtype));
    EXPECT_EQ(view.dtype, dtype);
    EXPECT_EQ(std::string(static_cast<const char *>(view.data), static_cast<size_t>(6 * size)),
              bytes.substr(0, static_cast<size_t>(6 * size)));
  }
}

TEST(GraphBuilder, ErrorsNameTheThing) {
  TemporaryDirectory dir;
  auto b = builderAt(dir / "g");
  int t = valueOf(b->addNodeType("paper", 3));
  EXPECT_FAILS(b->addNodeType("paper", 1), "'paper' is declared twice");
  EXPECT_FAILS(b->addNodeType("", 1), "without a name");
  EXPECT_FAILS(b->addNodeType("\xff", 1), "not UTF-8");
  EXPECT_FAILS(b->addNodeType("a\nb", 1), "control character");
  EXPECT_FAILS(b->addNodeType("x", -1), "'x'", "-1 nodes");
  EXPECT_FAILS(b->addNodeType("x", int64_t(1) << 48), "'x'");
  EXPECT_FAILS(b->setStringIds(t, {"a", "b"}), "2 ids for 3 nodes");
  EXPECT_FAILS(b->setStringIds(t, {"a", "b", "a"}), "'a' stands at rows 0 and 2");
  EXPECT_FAILS(b->setInt64Ids(t, {5, 5, 1}), "'5' stands at rows 0 and 1");
  EXPECT_FAILS(b->setInt64Ids(7, {}), "handle 7");
  ASSERT_OK(b->setStringIds(t, {"a", "b", "c"}));
  EXPECT_FAILS(b->setInt64Ids(t, {1, 2, 3}), "twice");
  EXPECT_FAILS(b->addDenseFeature(t, "f", "float33", 1), "'f'", "did you mean 'float32'");
  EXPECT_FAILS(b->addDenseFeature(t, "f", "float32", 0), "0 columns");
  int f = valueOf(b->addDenseFeature(t, "f", "float32", 1));
  EXPECT_FAILS(b->addSparseFeature(t, "f", 1), "'f' is declared twice");
  float rows[4] = {};
  EXPECT_FAILS(b->appendDenseRows(f, rows, 4), "feature 'f'", "more rows than the 3 nodes");
  EXPECT_FAILS(b->appendSparseRow(f, {}, {}), "mixed up");
  int s = valueOf(b->addSparseFeature(t, "s", 4));
  EXPECT_FAILS(b->appendSparseRow(s, {4}, {}), "row 0: column 4", "width 4");
  EXPECT_FAILS(b->appendSparseRow(s, {-1}, {}), "column -1");
  EXPECT_FAILS(b->appendSparseRow(s, {1, 1}, {}), "column 1 appears twice");
  EXPECT_FAILS(b->appendSparseRow(s, {1, 2}, {1.0f}), "2 columns but 1 values");
  EXPECT_FAILS(b->addLabel(t, "l", {"x", "x"}, {0, 0, 0}), "the class 'x' appears twice");
  EXPECT_FAILS(b->addLabel(t, "l", {"x"}, {0, 1, 0}), "node 1 (id 'b') has class 1");
  EXPECT_FAILS(b->addLabel(t, "l", {"x"}, {0}), "1 values for 3 nodes");
  EXPECT_FAILS(b->addMultiLabel(t, "m", {"x", "y"}, {0, 1, 2, 0, 0, 0}), "node 1 (id 'b')");
  EXPECT_FAILS(b->addMultiLabel(t, "m", {"x", "y"}, {0, 1, 255, 0, 0, 0}), "node 1 (id 'b')");
  EXPECT_FAILS(b->addMultiLabel(t, "m", {"x", "y"}, {0, 1}), "2 values");
  int l = valueOf(b->addLabel(t, "l", {"x", "y"}, {0, -1, 1}));
  EXPECT_FAILS(b->addSplit(l, "s", {3}, {}, {}), "split 's', train: node 3 is out of range");
  EXPECT_FAILS(b->addSplit(l, "s", {0, 0}, {}, {}), "node 0 (id 'a') appears twice");
  EXPECT_FAILS(b->addSplit(l, "s", {0}, {}, {2, 0}), "node 0 (id 'a') is in train and in test");
  EXPECT_FAILS(b->addSplit(l, "s", {0}, {1}, {}), "valid: node 1 (id 'b') has no label");
  EXPECT_FAILS(b->addRelation("paper", "r", "papers"), "'papers'", "did you mean 'paper'");
  int r = valueOf(b->addRelation("paper", "r", "paper"));
  EXPECT_FAILS(b->addRelation("paper", "r", "paper"), "paper:r:paper", "twice");
  EXPECT_FAILS(b->addReverse(r, "r"), "paper:r:paper", "twice");
  ASSERT_OK(b->addReverse(r, "v"));
  EXPECT_FAILS(b->addReverse(r + 1, "w"), "reverse view");
  int64_t good[2] = {0, 2}, bad[2] = {1, 3};
  EXPECT_FAILS(b->addEdges(r, good, bad, 2), "paper:r:paper", "edge 1: destination 3", "3 nodes");
  EXPECT_FAILS(b->addEdges(r, bad, good, 2), "edge 2: source 3");
  EXPECT_FAILS(b->finish(), "feature 'f': 0 rows for 3 nodes");
  b.reset();
  EXPECT_TRUE(std::filesystem::is_empty(dir.path())) << "something was left behind";
}

TEST(GraphBuilder, ExistingOutputIsRefusedAndKept) {
  TemporaryDirectory dir;
  ASSERT_OK(builderAt(dir / "g")->finish().status());
  std::string old = test::readAll(dir / "g/graph.json");
  GraphBuilderOptions options;
  options.output = dir / "g";
  EXPECT_FAILS(GraphBuilder::create(options), "already exists", "--force");
  auto builder = builderAt(dir / "g", true);
  valueOf(builder->addNodeType("t", 1));
  EXPECT_EQ(test::readAll(dir / "g/graph.json"), old);
  ASSERT_OK(builder->finish().status());
  EXPECT_NE(test::readAll(dir / "g/graph.json"), old);
  EXPECT_FAILS(builder->finish(), "finished");
  EXPECT_FAILS(builder->setDisplayNames(0, {"x"}), "finished");
}

TEST(GraphBuilder, ReportTellsWhatAPersonAsks) {
  TemporaryDirectory dir;
  auto b = builderAt(dir / "g");
  int t = valueOf(b->addNodeType("t", 5));
  int f = valueOf(b->addDenseFeature(t, "f", "float32", 1));
  float rows[5] = {1, std::numeric_limits<float>::quiet_NaN(), 2,
                   -std::numeric_limits<float>::infinity(), 0};
  ASSERT_OK(b->appendDenseRows(f, rows, 5));
  int l = valueOf(b->addLabel(t, "l", {"u", "v"}, {0, 1, 1, 1, -1}));
  ASSERT_OK(b->addSplit(l, "main", {0, 1, 2}, {3}, {}));
  int keep = valueOf(b->addRelation("t", "keep", "t")), drop = valueOf(b->addRelation("t", "drop", "t"));
  ASSERT_OK(b->setDropDuplicates(drop, true));
  int64_t from[4] = {0, 0, 0, 1}, to[4] = {1, 1, 1, 0};
  ASSERT_OK(b->addEdges(keep, from, to, 4));
  ASSERT_OK(b->addEdges(drop, from, to, 4));
  b->count("skipped", 2);
  b->count("skipped", 3);
  std::string text = valueOf(b->finish());
  for (const char *part : {"2 dropped", "2 kept", "skipped: 5", "missing on 1 of 5 nodes",
                           "2 NaN or infinite", "train  3  (v 66.7%, u 33.3%)"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  std::string json = test::readAll(dir / "g/report.json");
  for (const char *part : {"\"isolated\": 3", "\"duplicates\": 2", "\"duplicates_dropped\": true",
                           "\"skipped\": 5", "\"missing\": 1", "\"class_counts\": [1, 2]"})
    EXPECT_NE(json.find(part), std::string::npos) << part << " is not in\n" << json;
}

} // namespace
} // namespace heddle::graph
