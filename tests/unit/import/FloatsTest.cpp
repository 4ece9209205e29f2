//===- FloatsTest.cpp - features of tables as other floats ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "ImportFixture.h"

namespace heddle::testing_import {
namespace {

using Rows = std::vector<std::vector<double>>;

class Floats : public ImportFixture {
protected:
  void SetUp() override {
    dir.write("a.csv", "id,x,n\na1,0.1,1\na2,70000,2\n");
    dir.write("e.csv", "s,t,w\na1,a2,0.1\n");
  }
  /// Nodes over a.csv, or edges over e.csv, with features.
  static std::string nodes(const std::string &features) {
    return R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": ["a.csv"], "features": [)" +
           features + "]}]";
  }
  static std::string dense(const std::string &more = "") {
    return nodes(R"({"feature_name": "f", "files": "f.npy", "row_order_of": "files")" + more + "}");
  }
};

TEST_F(Floats, OfColumns) {
  floats = "bfloat16";
  expectOk(nodes(R"({"feature_col": "x"}, {"feature_col": "n", "out_dtype": "int8"},
                    {"feature_col": "x", "feature_name": "y", "out_dtype": "float32"},
                    {"feature_col": "x", "feature_name": "z", "transform": {"name": "min_max"}},
                    {"feature_col": "n", "feature_name": "c",
                     "transform": {"name": "categorical"}})"));
  EXPECT_EQ(builder.feature("x").dtype, "bfloat16");
  EXPECT_EQ(builder.feature("x").rows, (Rows{{0x1.9Ap-4}, {70144}}));
  EXPECT_EQ(builder.feature("z").dtype, "bfloat16");
  EXPECT_EQ(builder.feature("z").rows, (Rows{{0}, {1}}));
  EXPECT_EQ(builder.feature("n").dtype, "int8");
  EXPECT_EQ(builder.feature("y").dtype, "float32");
  EXPECT_EQ(builder.feature("y").rows[0][0], double(0.1f));
  EXPECT_EQ(builder.feature("c").dtype, "float32"); // sparse
  floats = "float16";
  expectError(nodes(R"({"feature_col": "x"})"),
              "'70000' does not fit into float16; set out_dtype of feature 'x' (bfloat16 has");
}

TEST_F(Floats, OfEdges) {
  floats = "float16";
  expectOk(R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": ["a.csv"]}],
              "edges": [{"relation": ["a", "r", "a"], "source_id_col": "s", "dest_id_col": "t",
                         "files": ["e.csv"], "features": [{"feature_col": "w"}]}])");
  EXPECT_EQ(builder.feature("w").dtype, "float16");
  EXPECT_EQ(builder.feature("w").rows, (Rows{{0x1.998p-4}}));
}

TEST_F(Floats, OfArrays) {
  floats = "bfloat16";
  // A tie between two bfloat16 but for what a float would lose.
  writeNpy<double>("f.npy", "float64", {2, 2}, {1 + 0x1p-8, 1 + 0x1p-8 + 0x1p-50, -3, 1e-45});
  expectOk(dense());
  EXPECT_EQ(builder.feature("f").dtype, "bfloat16");
  EXPECT_EQ(builder.feature("f").rows, (Rows{{1, 1 + 0x1p-7}, {-3, 0}}));
  expectOk(dense(R"(, "out_dtype": "float64")"));
  EXPECT_EQ(builder.feature("f").dtype, "float64");
  writeNpy<int32_t>("f.npy", "int32", {2, 1}, {70000, -1});
  expectOk(dense());
  EXPECT_EQ(builder.feature("f").dtype, "int32");
  expectOk(dense(R"(, "out_dtype": "bfloat16")"));
  EXPECT_EQ(builder.feature("f").rows, (Rows{{70144}, {-1}}));
  // An array that is bfloat16 already, as another and as it is.
  writeNpy<uint16_t>("f.npy", "bfloat16", {2, 1}, {0x3F80, 0x4789});
  expectOk(dense());
  EXPECT_EQ(builder.feature("f").rows, (Rows{{1}, {70144}}));
  floats = "float32";
  expectOk(dense());
  EXPECT_EQ(builder.feature("f").dtype, "float32");
  EXPECT_EQ(builder.feature("f").rows, (Rows{{1}, {70144}}));
  floats = "";
  expectOk(dense());
  EXPECT_EQ(builder.feature("f").dtype, "bfloat16");
  floats = "float16";
  expectError(dense(),
              "f.npy: element [1, 0] does not fit into float16 (or is not finite); correct "
              "it, or set out_dtype (bfloat16 has");
  for (uint16_t bits : {0x7F80, 0xFF80, 0x7FC0}) { // no feature has them, in any dtype
    writeNpy<uint16_t>("f.npy", "bfloat16", {2, 1}, {0x3F80, bits});
    for (const char *to : {"", "float16", "float32", "bfloat16"}) {
      floats = to;
      expectError(dense(), "f.npy: element [1, 0]");
    }
  }
}

} // namespace
} // namespace heddle::testing_import
