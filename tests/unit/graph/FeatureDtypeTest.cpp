//===- FeatureDtypeTest.cpp - floats stored as other floats -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/graph/ConvertFloats.h"
#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphCheck.h"
#include "runtime/graph/GraphCopy.h"
#include "runtime/graph/GraphStore.h"
#include "tests/unit/support/TestSupport.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace heddle::graph {
namespace {

using test::TemporaryDirectory;
using test::valueOf;

std::unique_ptr<GraphBuilder> builderAt(const std::string &path, const std::string &floats) {
  GraphBuilderOptions options;
  options.output = path;
  options.sync = false;
  options.floats = floats;
  return valueOf(GraphBuilder::create(options));
}

template <class T> std::string bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T)};
}

/// Bits of numbers that all three dtypes hold, so that converting loses nothing.
struct Number {
  float value;
  uint16_t half, bfloat;
};
const std::vector<Number> exact = {{0.0f, 0, 0},
                                   {-0.0f, 0x8000, 0x8000},
                                   {1.0f, 0x3C00, 0x3F80},
                                   {-2.5f, 0xC100, 0xC020},
                                   {0x1p-20f, 0x0010, 0x3580}, // subnormal as half
                                   {-65280.0f, 0xFBF8, 0xC77F},
                                   {INFINITY, 0x7C00, 0x7F80},
                                   {-INFINITY, 0xFC00, 0xFF80}};

std::string encoded(const std::string &dtype) {
  std::string out;
  for (const Number &n : exact)
    out += dtype == "float32"    ? bytesOf(std::vector<float>{n.value})
           : dtype == "float64"  ? bytesOf(std::vector<double>{n.value})
           : dtype == "bfloat16" ? bytesOf(std::vector<uint16_t>{n.bfloat})
                                 : bytesOf(std::vector<uint16_t>{n.half});
  return out;
}

TEST(FeatureDtype, FromAndToEveryFloat) {
  for (const char *from : {"float64", "float32", "float16", "bfloat16"})
    for (const std::string &to : storageDtypes()) {
      std::string out(encoded(to).size(), '#');
      EXPECT_EQ(convertFloats(encoded(from).data(), from, int64_t(exact.size()), to, out.data()),
                -1);
      EXPECT_EQ(out, encoded(to)) << from << " to " << to;
    }
}

TEST(FeatureDtype, RoundsAndRefuses) {
  auto as = [](double value, const std::string &dtype) -> int64_t {
    uint16_t bits = 0xAAAA;
    int64_t bad = convertFloats(&value, "float64", 1, dtype, &bits);
    return bad < 0 ? bits : -1 - bad;
  };
  EXPECT_EQ(as(1 + 0x1p-8, "bfloat16"), 0x3F80);           // tie: to even
  EXPECT_EQ(as(1 + 0x3p-8, "bfloat16"), 0x3F82);           // tie: to even
  EXPECT_EQ(as(1 + 0x1p-8 + 0x1p-50, "bfloat16"), 0x3F81); // no tie, but as a float
  EXPECT_EQ(as(1 + 0x1p-11, "float16"), 0x3C00);
  EXPECT_EQ(as(0x1p-25, "float16"), 0);
  EXPECT_EQ(as(0x1.8p-25, "float16"), 1);
  EXPECT_EQ(as(0x1p-133, "bfloat16"), 1); // subnormal
  EXPECT_EQ(as(65519, "float16"), 0x7BFF);
  EXPECT_EQ(as(65520, "float16"), -1);
  EXPECT_EQ(as(70000, "bfloat16"), 0x4789);
  EXPECT_EQ(as(3.4e38, "bfloat16"), -1);
  EXPECT_EQ(as(-1e300, "bfloat16"), -1);
  EXPECT_EQ(as(NAN, "float16") & 0x7C00, 0x7C00);
  EXPECT_NE(as(NAN, "bfloat16") & 0x7F, 0);
  double large = 1e300;
  float single;
  EXPECT_EQ(convertFloats(&large, "float64", 1, "float32", &single), 0);
}

/// Nodes and edges with features of all kinds, and types and relations without rows.
absl::Status build(GraphBuilder &builder) {
  HEDDLE_ASSIGN_OR_RETURN(int a, builder.addNodeType("作者", 4));
  HEDDLE_ASSIGN_OR_RETURN(int none, builder.addNodeType("leer", 0));
  HEDDLE_ASSIGN_OR_RETURN(int f, builder.addDenseFeature(a, "x", "float32", 2));
  std::vector<float> values;
  for (const Number &n : exact)
    values.push_back(n.value);
  HEDDLE_RETURN_IF_ERROR(builder.appendDenseRows(f, values.data(), 1)); // rows in two parts
  HEDDLE_RETURN_IF_ERROR(builder.appendDenseRows(f, values.data() + 2, 3));
  HEDDLE_ASSIGN_OR_RETURN(int g, builder.addDenseFeature(a, "y/\"ü\"", "float64", 1));
  const double doubles[] = {0.1, -2.5, 3, NAN};
  HEDDLE_RETURN_IF_ERROR(builder.appendDenseRows(g, doubles, 4));
  HEDDLE_ASSIGN_OR_RETURN(int count, builder.addDenseFeature(a, "n", "int16", 1));
  const int16_t counts[] = {1, -2, 300, 4};
  HEDDLE_RETURN_IF_ERROR(builder.appendDenseRows(count, counts, 4));
  HEDDLE_ASSIGN_OR_RETURN(int flags, builder.addDenseFeature(a, "flag", "bool", 1));
  HEDDLE_RETURN_IF_ERROR(builder.appendDenseRows(flags, "\0\1\0\1", 4));
  HEDDLE_RETURN_IF_ERROR(builder.addDenseFeature(none, "z", "float32", 3).status());
  HEDDLE_ASSIGN_OR_RETURN(int r, builder.addRelation("作者", "r", "作者"));
  HEDDLE_RETURN_IF_ERROR(builder.setDropDuplicates(r, true));
  HEDDLE_RETURN_IF_ERROR(builder.addReverse(r, "v"));
  HEDDLE_ASSIGN_OR_RETURN(int w, builder.addEdgeFeature(r, "w", "float32", 1));
  const int64_t from[] = {3, 0, 3, 1}, to[] = {2, 1, 2, 0}; // the third is the first again
  const float weights[] = {1.0f, 2.0f, 9.0f, 0.1f};
  HEDDLE_RETURN_IF_ERROR(builder.appendDenseRows(w, weights, 4));
  HEDDLE_RETURN_IF_ERROR(builder.addEdges(r, from, to, 4));
  HEDDLE_ASSIGN_OR_RETURN(int empty, builder.addRelation("leer", "e", "作者"));
  return builder.addEdgeFeature(empty, "w", "float64", 2).status();
}

std::string bytesOf(const DenseFeatureView &view) {
  return view.rows == 0
             ? ""
             : std::string(static_cast<const char *>(view.data), size_t(view.rows * view.dim * 2));
}

TEST(FeatureDtype, OfNodesAndEdges) {
  for (const std::string floats : {"bfloat16", "float16"}) {
    TemporaryDirectory dir;
    auto builder = builderAt(dir / "g", floats);
    ASSERT_OK(build(*builder));
    std::string report = valueOf(builder->finish());
    EXPECT_NE(report.find("x (" + floats + " x 2)"), std::string::npos) << report;
    EXPECT_NE(report.find("has 1 NaN"), std::string::npos) << report; // NaN of y
    ASSERT_OK(checkGraph(dir / "g").status());
    auto store = valueOf(GraphStore::open(dir / "g", true));
    const int type = store->schema().nodeTypeId("作者");
    auto x = valueOf(store->denseFeature(type, "x"));
    EXPECT_EQ(x.dtype, floats);
    EXPECT_EQ(bytesOf(x), encoded(floats));
    auto y = valueOf(store->denseFeature(type, "y/\"ü\""));
    EXPECT_EQ(bytesOf(y).substr(0, 2),
              bytesOf(std::vector<uint16_t>{uint16_t(floats == "float16" ? 0x2E66 : 0x3DCD)}));
    EXPECT_EQ(valueOf(store->denseFeature(type, "n")).dtype, "int16");
    EXPECT_EQ(valueOf(store->denseFeature(type, "flag")).dtype, "bool");
    EXPECT_EQ(valueOf(store->denseFeature(store->schema().nodeTypeId("leer"), "z")).dtype, floats);
    // In the order of the destinations: 1 -> 0, 0 -> 1, 3 -> 2.
    const int r = store->schema().relationId("作者", "r", "作者");
    auto w = valueOf(store->denseEdgeFeature(r, "w"));
    EXPECT_EQ(w.dtype, floats);
    EXPECT_EQ(bytesOf(w),
              bytesOf(floats == "float16" ? std::vector<uint16_t>{0x2E66, 0x4000, 0x3C00}
                                          : std::vector<uint16_t>{0x3DCD, 0x4000, 0x3F80}));
  }
}

TEST(FeatureDtype, IsInTheFingerprintAndCopiesKeepIt) {
  TemporaryDirectory dir;
  std::map<std::string, std::string> prints;
  for (const std::string floats : {"", "bfloat16", "float16"}) {
    auto builder = builderAt(dir / ("g" + floats), floats);
    ASSERT_OK(build(*builder));
    ASSERT_OK(builder->finish().status());
    prints[floats] = valueOf(readGraphSchema(dir / ("g" + floats))).schemaFingerprint;
  }
  EXPECT_NE(prints[""], prints["bfloat16"]);
  EXPECT_NE(prints["float16"], prints["bfloat16"]);
  auto copied = [&](const std::string &source, const std::string &floats) {
    auto store = valueOf(GraphStore::open(dir / source));
    const std::string name = source + "-as-" + floats;
    auto builder = builderAt(dir / name, floats);
    EXPECT_TRUE(copyGraph(*store, *builder, {}).ok());
    EXPECT_TRUE(builder->finish().ok());
    return valueOf(readGraphSchema(dir / name));
  };
  const GraphSchema direct = valueOf(readGraphSchema(dir / "gbfloat16"));
  // What is converted from a copy, or copied from what was converted, is the same as at once.
  EXPECT_EQ(copied("g", "bfloat16").dataFingerprint, direct.dataFingerprint);
  const GraphSchema again = copied("gbfloat16", "");
  EXPECT_EQ(again.dataFingerprint, direct.dataFingerprint);
  EXPECT_EQ(again.schemaFingerprint, direct.schemaFingerprint);
}

TEST(FeatureDtype, ErrorsNameTheRow) {
  TemporaryDirectory dir;
  EXPECT_FAILS(GraphBuilder::create([&] {
                 GraphBuilderOptions options;
                 options.output = dir / "bad";
                 options.floats = "bfloat15";
                 return options;
               }()),
               "'bfloat15'; did you mean 'bfloat16'");
  std::vector<float> rows(3 * 1000, 1.0f);
  rows[3 * 700 + 2] = -70000.0f;
  auto append = [&](const std::string &floats, float value) {
    TemporaryDirectory own;
    auto builder = builderAt(own / "g", floats);
    int type = valueOf(builder->addNodeType("paper", 1500));
    int feature = valueOf(builder->addDenseFeature(type, "x", "float32", 3));
    rows[3 * 700 + 2] = value;
    EXPECT_TRUE(builder->appendDenseRows(feature, rows.data(), 500).ok());
    return builder->appendDenseRows(feature, rows.data(), 1000);
  };
  EXPECT_FAILS(append("float16", -70000.0f),
               "node type 'paper': feature 'x': row 1200, column 2: -70000",
               "too large for float16", "bfloat16");
  EXPECT_FAILS(append("bfloat16", 3.4e38f), "row 1200", "too large for bfloat16", "float32");
  ASSERT_OK(append("bfloat16", -70000.0f));
  ASSERT_OK(append("float16", INFINITY));
  ASSERT_OK(append("float16", NAN));
}

} // namespace
} // namespace heddle::graph
