//===- GraphBuilderTest.cpp - build, open, compare ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphStore.h"
#include "tests/unit/support/TestSupport.h"

namespace heddle::graph {
namespace {

using test::TemporaryDirectory;
using test::valueOf;

TEST(GraphBuilder, SmallGraphRoundTrip) {
  TemporaryDirectory dir;
  auto builder = valueOf(GraphBuilder::create({dir / "g", false, 1 << 20, {}}));
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

} // namespace
} // namespace heddle::graph
