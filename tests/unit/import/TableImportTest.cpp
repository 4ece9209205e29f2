//===- TableImportTest.cpp ------------------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "ImportFixture.h"

#include "runtime/import/HashSplit.h"
#include "runtime/import/IdMap.h"

#include <cmath>
#include <limits>
#include <random>

using namespace heddle;
using namespace heddle::importing;
using namespace heddle::testing_import;

namespace {

using Edges = std::vector<std::pair<int64_t, int64_t>>;
using Ints = std::vector<int64_t>;
using Strings = std::vector<std::string>;

class TableImport : public ImportFixture {
protected:
  void SetUp() override {
    dir.write("a.csv", "id,x,y,kind,tags,part,when\n"
                       "a1,1,10,red,u|v,train,2026-01-01\n"
                       "a2,3,,blue,,valid,2026-06-01\n"
                       "a3,5,30,,|,test,2026-07-15T12:00:00Z\n"
                       "a4,7,20,red,v,,\n");
    dir.write("e.csv", "s,t\na1,b1\na2,b1\na1,b2\na1,b1\n");
  }
  /// One node type over a.csv with `more` keys.
  static std::string nodeA(const std::string &more) {
    return R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": ["a.csv"])" +
           (more.empty() ? "" : ", " + more) + "}]";
  }
  static std::string feature(const std::string &text) {
    return nodeA("\"features\": [" + text + "]");
  }
  static std::string label(const std::string &text) { return nodeA("\"labels\": [" + text + "]"); }
  /// a over a.csv, b from edges, a:r:b over e.csv with `more` keys.
  static std::string edgeAB(const std::string &more = "", const std::string &root = "") {
    return root + R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": ["a.csv"]},
                               {"node_type": "b", "from_edges": true}],
           "edges": [{"relation": ["a", "r", "b"], "source_id_col": "s", "dest_id_col": "t",
                      "files": ["e.csv"])" +
           (more.empty() ? "" : ", " + more) + "}]";
  }
};

TEST_F(TableImport, NodesAndEdgesFromEdges) {
  expectOk(edgeAB());
  EXPECT_EQ(builder.type("a").strings, (Strings{"a1", "a2", "a3", "a4"}));
  EXPECT_EQ(builder.type("b").strings, (Strings{"b1", "b2"}));
  EXPECT_EQ(builder.relation("a:r:b").edges, (Edges{{0, 0}, {1, 0}, {0, 1}, {0, 0}}));
  EXPECT_EQ(builder.relation("a:r:b").reverse, "rev_r");
  EXPECT_FALSE(builder.relation("a:r:b").dropDuplicates);
  expectOk(edgeAB("", "\"add_reverse_edges\": false, "));
  EXPECT_EQ(builder.relation("a:r:b").reverse, "");
  expectOk(edgeAB("\"add_reverse_edges\": false"));
  EXPECT_EQ(builder.relation("a:r:b").reverse, "");
}

TEST_F(TableImport, IntegerIdsUntilOneIsNot) {
  dir.write("n.csv", "id\n5\n-3\n0\n9223372036854775807\n");
  std::string body = R"("nodes": [{"node_type": "n", "node_id_col": "id", "files": ["n.csv"]}])";
  expectOk(body);
  EXPECT_EQ(builder.type("n").ints, (Ints{5, -3, 0, 9223372036854775807}));
  EXPECT_TRUE(builder.type("n").strings.empty());
  for (const char *odd : {"05", "+5", "x", "9223372036854775808", "-0", " 5", "5.0"}) {
    dir.write("n.csv", std::string("id\n5\n7\n") + odd + "\n6\n");
    expectOk(body);
    EXPECT_EQ(builder.type("n").strings, (Strings{"5", "7", odd, "6"}));
  }
}

TEST_F(TableImport, NumNodesAndAbsentRelations) {
  dir.write("e.csv", "s,t\n2,0\n0,2\n");
  expectOk(R"("nodes": [{"node_type": "n", "num_nodes": 3}, {"node_type": "none", "num_nodes": 0},
                        {"node_type": "also none", "from_edges": true}],
              "edges": [{"relation": ["n", "r", "n"], "source_id_col": "s", "dest_id_col": "t",
                         "files": "e.csv"}])");
  EXPECT_EQ(builder.type("n").numNodes, 3);
  EXPECT_TRUE(builder.type("n").ints.empty());
  EXPECT_EQ(builder.type("none").numNodes, 0);
  EXPECT_EQ(builder.type("also none").numNodes, 0);
  EXPECT_EQ(builder.relation("n:r:n").edges, (Edges{{2, 0}, {0, 2}}));
  dir.write("e.csv", "s,t\n2,3\n");
  expectError(R"("on_dangling_id": "add", "nodes": [{"node_type": "n", "num_nodes": 3}],
              "edges": [{"relation": ["n", "r", "n"], "source_id_col": "s", "dest_id_col": "t",
                         "files": "e.csv"}])",
              "e.csv:2:3: id '3' is not among the nodes of 'n'");
}

TEST_F(TableImport, EmptyTables) {
  dir.write("a.csv", "id,x,kind\n");
  dir.write("e.csv", "s,t\n");
  expectOk(R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": ["a.csv"],
                         "features": [{"feature_col": "x", "transform": {"name": "zscore"}},
                                      {"feature_col": "kind", "transform": {"name": "categorical"}}]},
                        {"node_type": "b", "from_edges": true}],
              "edges": [{"relation": ["a", "r", "b"], "source_id_col": "s", "dest_id_col": "t",
                         "files": ["e.csv"]}])");
  EXPECT_EQ(builder.type("a").numNodes, 0);
  EXPECT_EQ(builder.feature("x").dim, 1);
  EXPECT_EQ(builder.feature("kind").dim, 1); // the bucket
  EXPECT_TRUE(builder.relation("a:r:b").edges.empty());
}

TEST_F(TableImport, UnicodeNamesEverywhere) {
  std::filesystem::create_directory(dir.file("données [1]"));
  dir.write("données [1]/ノード.tsv",
            "識別子\tнаправо\nß\t\xF0\x9F\xA7\xB5\n\xF0\x9F\xA7\xB5\tß\n");
  dir.write("données [1]/d.json", R"({"version": "1.0",
      "nodes": [{"node_type": "型 a", "node_id_col": "識別子", "format": {"name": "tsv"},
                 "files": ["*.tsv"], "features": []}],
      "edges": [{"relation": ["型 a", "к", "型 a"], "source_id_col": "識別子", "dest_id_col": "направо",
                 "format": {"name": "tsv"}, "files": ["*.tsv"]}]})");
  auto descriptor = readDescriptor(dir.file("données [1]/d.json"));
  ASSERT_TRUE(descriptor.ok()) << messageOf(descriptor.status());
  ASSERT_TRUE(importTables(*descriptor, builder).ok());
  EXPECT_EQ(builder.type("型 a").strings, (Strings{"ß", "\xF0\x9F\xA7\xB5"}));
  EXPECT_EQ(builder.relation("型 a:к:型 a").edges, (Edges{{0, 1}, {1, 0}}));
}

TEST_F(TableImport, SeveralFilesInOrderWithTheirOwnHeaders) {
  dir.write("p10.csv", "x,id\n10,c\n");
  dir.write("p2.csv", "id,x\nd,20\n");
  dir.write("q.csv", "id,x\ne,30\n");
  expectOk(R"("nodes": [{"node_type": "p", "node_id_col": "id", "files": ["q.csv", "p*.csv"],
                         "features": [{"feature_col": "x"}]}])");
  EXPECT_EQ(builder.type("p").strings, (Strings{"e", "c", "d"}));
  EXPECT_EQ(builder.feature("x").rows, (std::vector<std::vector<double>>{{30}, {10}, {20}}));
}

TEST_F(TableImport, SameRelationInTwoEntries) {
  dir.write("e2.csv", "s,t\na4,b2\n");
  expectOk(R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": ["a.csv"]},
                        {"node_type": "b", "from_edges": true}],
              "edges": [{"relation": ["a", "r", "b"], "source_id_col": "s", "dest_id_col": "t", "files": "e.csv"},
                        {"relation": ["a", "r", "b"], "source_id_col": "s", "dest_id_col": "t", "files": "e2.csv"},
                        {"relation": ["b", "r", "a"], "source_id_col": "t", "dest_id_col": "s", "files": "e2.csv"}])");
  ASSERT_EQ(builder.relations.size(), 2u);
  EXPECT_EQ(builder.relation("a:r:b").edges.size(), 5u);
  EXPECT_EQ(builder.relation("b:r:a").edges, (Edges{{1, 3}}));
}

//===----------------------------------------------------------------------===//
// Features of edges
//===----------------------------------------------------------------------===//

using Values = std::vector<std::vector<double>>;

TEST_F(TableImport, FeaturesOfEdgesFollowTheirEdges) {
  dir.write("e.csv",
            "s,t,w,u\na1,b1,1,2\na2,b1,2,\n,b1,40,40\na1,b2,3,6\nz,b1,50,50\na1,b1,4,10\n");
  const std::string skip = R"("on_null_id": "skip", "on_dangling_id": "skip", )";
  expectOk(edgeAB(R"("features": [{"feature_col": "w"},
                                  {"feature_col": ["u", "w"], "feature_name": "uw", "out_dtype": "float64",
                                   "transform": {"name": "min_max", "missing": "zero+flag"}}])",
                  skip));
  ASSERT_EQ(builder.relation("a:r:b").edges, (Edges{{0, 0}, {1, 0}, {0, 1}, {0, 0}}));
  EXPECT_TRUE(builder.feature("w").ofEdges);
  EXPECT_EQ(builder.feature("w").type, 0);
  EXPECT_EQ(builder.feature("w").rows, (Values{{1}, {2}, {3}, {4}}));
  // Measured over the edges that are kept: u from 2 to 10, w from 1 to 4.
  EXPECT_EQ(builder.feature("uw").dim, 4);
  EXPECT_EQ(builder.feature("uw").rows,
            (Values{{0, 0, 0, 0}, {0, 1.0 / 3, 1, 0}, {0.5, 2.0 / 3, 0, 0}, {1, 1, 0, 0}}));
  expectError(
      edgeAB(R"("features": [{"feature_col": "u"}])", skip),
      "e.csv:3:9: the value of 'u' is missing; fill it, or set transform.missing of feature 'u'");
  expectError(edgeAB(R"("features": [{"feature_col": "W"}])", skip), "did you mean 'w'");
  // An edge that is an error adds no row.
  expectError(edgeAB(R"("features": [{"feature_col": "w"}], "on_duplicate_edge": "error")", skip),
              "e.csv:7:1: the edge 'a1' to 'b1' is there already");
  expectOk(edgeAB(R"("features": [{"feature_col": "w"}], "on_duplicate_edge": "skip")", skip));
  EXPECT_TRUE(builder.relation("a:r:b").dropDuplicates); // the builder drops edge and row
  EXPECT_EQ(builder.feature("w").rows.size(), 4u);
}

TEST_F(TableImport, ArraysOfEdgesHaveARowForEachRecord) {
  dir.write("e.csv", "s,t\na1,b1\n,b1\na1,b2\n");
  dir.write("e2.csv", "s,t\na2,b2\n");
  writeNpy<float>("f.npy", "float32", {2, 2}, {1, 2, 3, 4});
  writeNpy<float>("g.npy", "float32", {2, 2}, {5, 6, 7, 8});
  auto body = [&](const char *files) {
    std::string text = edgeAB(R"("features": [{"feature_name": "f", "files": )" +
                                  std::string(files) + R"(, "row_order_of": "files"}])",
                              R"("on_null_id": "skip", )");
    return text.replace(text.find("[\"e.csv\"]"), 9, "[\"e.csv\", \"e2.csv\"]");
  };
  expectOk(body(R"(["f.npy", "g.npy"])"));
  EXPECT_EQ(builder.relation("a:r:b").edges, (Edges{{0, 0}, {0, 1}, {1, 1}}));
  EXPECT_EQ(builder.feature("f").rows, (Values{{1, 2}, {5, 6}, {7, 8}}));
  expectError(body(R"("f.npy")"), "d.json: /edges/0/features/0/files: have 2 rows, but the edges' "
                                  "files have 4 records");
}

TEST_F(TableImport, FeaturesOfARelationAreInOneEntry) {
  expectError(
      R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": ["a.csv"]},
                        {"node_type": "b", "from_edges": true}],
              "edges": [{"relation": ["a", "r", "b"], "source_id_col": "s", "dest_id_col": "t", "files": "e.csv"},
                        {"relation": ["a", "r", "b"], "source_id_col": "s", "dest_id_col": "t", "files": "e.csv",
                         "features": [{"feature_col": "s"}]}])",
      "d.json: /edges/1: the relation has another entry, and features are of all its edges; "
      "list all files in one entry");
}

TEST_F(TableImport, EmptyRelationsHaveFeaturesToo) {
  dir.write("e.csv", "s,t,w\n");
  writeNpy<float>("f.npy", "float32", {0, 3}, {});
  expectOk(edgeAB(R"("features": [{"feature_col": "w", "transform": {"name": "zscore"}},
                                  {"feature_name": "f", "files": "f.npy", "row_order_of": "files"}])"));
  EXPECT_TRUE(builder.feature("w").ofEdges);
  EXPECT_EQ(builder.feature("f").dim, 3);
  EXPECT_TRUE(builder.feature("f").rows.empty());
}

//===----------------------------------------------------------------------===//
// Policies
//===----------------------------------------------------------------------===//

TEST_F(TableImport, NullAndDuplicateNodeIds) {
  dir.write("a.csv", "id,x\nk,1\n,2\nl,3\nk,4\nm,5\n");
  expectError(nodeA(""), "a.csv:3:1: the id of node type 'a' is null");
  expectError(nodeA("\"on_null_id\": \"skip\""),
              "a.csv:5:1: id 'k' of node type 'a' is there already");
  expectOk(R"("on_null_id": "skip", "on_duplicate_id": "skip", )" +
           feature(R"({"feature_col": "x"})"));
  EXPECT_EQ(builder.type("a").strings, (Strings{"k", "l", "m"}));
  EXPECT_EQ(builder.feature("x").rows, (std::vector<std::vector<double>>{{1}, {3}, {5}}));
  EXPECT_EQ(builder.counts["a: records skipped, null id"], 1);
  EXPECT_EQ(builder.counts["a: records skipped, id is there already"], 1);
  // The entry's own policy wins.
  expectError("\"on_null_id\": \"skip\", \"on_duplicate_id\": \"skip\", " +
                  nodeA("\"on_null_id\": \"error\""),
              "is null");
}

TEST_F(TableImport, NullEdgeEnds) {
  dir.write("e.csv", "s,t\na1,b1\n,b1\na2,\na2,b2\n");
  expectError(edgeAB(), "e.csv:3:1: the id at this end of the edge is null");
  expectOk(edgeAB("\"on_null_id\": \"skip\""));
  EXPECT_EQ(builder.relation("a:r:b").edges, (Edges{{0, 0}, {1, 1}}));
  EXPECT_EQ(builder.counts["a:r:b: edges skipped, null id"], 2);
  dir.write("e.csv", "s,t\na1,b1\nNA,b1\n");
  expectOk(edgeAB(R"("on_null_id": "skip", "format": {"name": "csv", "null_values": ["NA"]})"));
  EXPECT_EQ(builder.relation("a:r:b").edges, (Edges{{0, 0}}));
}

TEST_F(TableImport, DanglingIds) {
  dir.write("e.csv", "s,t\na1,b1\nzz,b2\na2,b1\n");
  expectError(edgeAB(), "e.csv:3:1: id 'zz' is not among the nodes of 'a'");
  expectOk(edgeAB("\"on_dangling_id\": \"skip\""));
  EXPECT_EQ(builder.relation("a:r:b").edges, (Edges{{0, 0}, {1, 0}}));
  EXPECT_EQ(builder.counts["a:r:b: edges skipped, dangling id"], 1);
  expectOk(edgeAB("", "\"on_dangling_id\": \"add\", "));
  EXPECT_EQ(builder.type("a").strings, (Strings{"a1", "a2", "a3", "a4", "zz"}));
  EXPECT_EQ(builder.relation("a:r:b").edges, (Edges{{0, 0}, {4, 1}, {1, 0}}));
  EXPECT_EQ(builder.counts["a: nodes added, only edges name them"], 1);
}

TEST_F(TableImport, AddedNodesHaveMissingFeaturesAndNoLabels) {
  dir.write("e.csv", "s,t\nzz,b1\n");
  writeNpy<float>("f.npy", "float32", {4, 1}, {1, 2, 3, 4});
  auto body = [](const std::string &missing) {
    return R"("on_dangling_id": "add", "nodes": [
        {"node_type": "a", "node_id_col": "id", "display_col": "kind", "files": ["a.csv"],
         "features": [{"feature_col": "x", "transform": {"name": "none", "missing": ")" +
           missing + R"("}},
                      {"feature_col": "kind", "transform": {"name": "categorical"}},
                      {"feature_name": "f", "files": "f.npy", "row_order_of": "files"}],
         "labels": [{"label_col": "kind"}]},
        {"node_type": "b", "from_edges": true}],
      "edges": [{"relation": ["a", "r", "b"], "source_id_col": "s", "dest_id_col": "t", "files": "e.csv"}])";
  };
  expectOk(body("mean+flag"));
  EXPECT_EQ(builder.feature("x").rows.back(), (std::vector<double>{4, 1}));
  EXPECT_EQ(builder.feature("x").rows[0], (std::vector<double>{1, 0}));
  EXPECT_TRUE(builder.feature("kind").sparseRows.back().empty());
  EXPECT_EQ(builder.feature("f").rows.back(), (std::vector<double>{0}));
  EXPECT_EQ(builder.labels[0].single, (std::vector<int32_t>{1, 0, -1, 1, -1}));
  EXPECT_EQ(builder.type("a").display, (Strings{"red", "blue", "", "red", ""}));
  expectError(body("error"), "/nodes/0/features/0: node 'zz', which only edges name, has no value");
}

TEST_F(TableImport, DuplicateEdges) {
  expectError(edgeAB("\"on_duplicate_edge\": \"error\""),
              "e.csv:5:1: the edge 'a1' to 'b1' is there already");
  expectOk(edgeAB("\"on_duplicate_edge\": \"skip\""));
  EXPECT_TRUE(builder.relation("a:r:b").dropDuplicates);
  dir.write("e.csv", "s,t\na1,b1\na2,b1\na1,b2\n");
  expectOk(edgeAB("\"on_duplicate_edge\": \"error\""));
}

//===----------------------------------------------------------------------===//
// Features
//===----------------------------------------------------------------------===//

TEST_F(TableImport, NumericColumns) {
  expectOk(feature(R"({"feature_col": "x"})"));
  EXPECT_EQ(builder.feature("x").dtype, "float32");
  EXPECT_EQ(builder.feature("x").rows, (std::vector<std::vector<double>>{{1}, {3}, {5}, {7}}));
  for (const char *dtype : {"float16", "bfloat16", "float64", "int8", "int64", "uint16"}) {
    expectOk(feature(R"({"feature_col": ["x", "x"], "feature_name": "n", "out_dtype": ")" +
                     std::string(dtype) + "\"}"));
    EXPECT_EQ(builder.feature("n").dtype, dtype);
    EXPECT_EQ(builder.feature("n").rows[3], (std::vector<double>{7, 7}));
  }
}

TEST_F(TableImport, ZScoreAndMinMax) {
  expectOk(feature(R"({"feature_col": "x", "transform": {"name": "zscore"}})"));
  double deviation = std::sqrt(5.0); // of 1, 3, 5, 7 about 4
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(builder.feature("x").rows[size_t(i)][0], (2 * i + 1 - 4) / deviation, 1e-6);
  expectOk(feature(R"({"feature_col": "x", "transform": {"name": "min_max"}})"));
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(builder.feature("x").rows[size_t(i)][0], i / 3.0, 1e-6);
  expectOk(feature(R"({"feature_col": "x", "transform": {"name": "none", "log1p": true}})"));
  EXPECT_NEAR(builder.feature("x").rows[3][0], std::log(8.0), 1e-6);
  dir.write("a.csv", "id,x\na,4\nb,4\n"); // constant: zeros, not a division by zero
  for (const char *name : {"zscore", "min_max"}) {
    expectOk(
        feature(R"({"feature_col": "x", "transform": {"name": ")" + std::string(name) + "\"}}"));
    EXPECT_EQ(builder.feature("x").rows, (std::vector<std::vector<double>>{{0}, {0}}));
  }
}

TEST_F(TableImport, MissingNumbers) {
  auto y = [](const std::string &transform) {
    return feature(R"({"feature_col": "y", "transform": {)" + transform + "}}");
  };
  expectError(feature(R"({"feature_col": "y"})"), "a.csv:3:6: the value of 'y' is missing");
  expectOk(y(R"("name": "none", "missing": "zero")"));
  EXPECT_EQ(builder.feature("y").rows[1], (std::vector<double>{0}));
  expectOk(y(R"("name": "none", "missing": "mean")"));
  EXPECT_EQ(builder.feature("y").rows[1], (std::vector<double>{20}));
  expectOk(y(R"("name": "min_max", "missing": "mean+flag")"));
  EXPECT_EQ(builder.feature("y").rows,
            (std::vector<std::vector<double>>{{0, 0}, {0.5, 1}, {1, 0}, {0.5, 0}}));
  expectOk(y(R"("name": "zscore", "missing": "mean")"));
  EXPECT_EQ(builder.feature("y").rows[1], (std::vector<double>{0}));
  expectOk(y(R"("name": "min_max", "missing": "zero+flag")"));
  EXPECT_EQ(builder.feature("y").rows[1], (std::vector<double>{0, 1}));
  EXPECT_EQ(builder.counts["a: missing values filled in feature 'y'"], 1);
}

TEST_F(TableImport, FitOnTrainSeesNoOtherRows) {
  dir.write("a.csv", "id,x,c,kind,part\n1,0,p,k,train\n2,10,q,k,train\n3,1000,r,k,test\n");
  expectOk(nodeA(R"("features": [
       {"feature_col": "x", "transform": {"name": "min_max", "fit_on": "train"}},
       {"feature_col": "c", "transform": {"name": "categorical", "fit_on": "train"}}],
       "labels": [{"label_col": "kind", "splits": {"s": {"split_col": "part"}}}])"));
  EXPECT_EQ(builder.feature("x").rows, (std::vector<std::vector<double>>{{0}, {1}, {100}}));
  EXPECT_EQ(builder.feature("c").dim, 3);
  EXPECT_EQ(builder.feature("c").sparseRows[2][0].first, 2); // the bucket
  expectError(
      feature(R"({"feature_col": "x", "transform": {"name": "zscore", "fit_on": "train"}})"),
      "d.json: /nodes/0/features: 'x' fits on train, but this node type has no label");
}

TEST_F(TableImport, Categories) {
  auto kind = [](const std::string &more) {
    return feature(R"({"feature_col": "kind", "transform": {"name": "categorical")" + more + "}}");
  };
  expectOk(kind(""));
  const RecordedFeature *f = &builder.feature("kind");
  EXPECT_TRUE(f->sparse);
  EXPECT_EQ(f->dim, 3); // blue, red, bucket
  EXPECT_EQ(f->sparseRows[0], (std::vector<std::pair<int64_t, float>>{{1, 1.0f}}));
  EXPECT_EQ(f->sparseRows[1], (std::vector<std::pair<int64_t, float>>{{0, 1.0f}}));
  EXPECT_TRUE(f->sparseRows[2].empty());
  expectOk(kind(R"(, "min_count": 2)"));
  EXPECT_EQ(builder.feature("kind").dim, 2);
  EXPECT_EQ(builder.feature("kind").sparseRows[1][0].first, 1);
  EXPECT_EQ(builder.counts["a: unknown categories in feature 'kind'"], 1);
  expectOk(kind(R"(, "min_count": 2, "unknown": "zero")"));
  EXPECT_EQ(builder.feature("kind").dim, 1);
  EXPECT_TRUE(builder.feature("kind").sparseRows[1].empty());
  expectError(kind(R"(, "min_count": 2, "unknown": "error")"),
              "a.csv:3:7: category 'blue' is unknown");
  expectError(kind(R"(, "missing": "error")"), "a.csv:4:9: the value of 'kind' is missing");
  expectError(kind(R"(, "min_count": 9, "unknown": "zero")"), "has no category");
  expectOk(feature(
      R"({"feature_col": "tags", "transform": {"name": "categorical", "separator": "|"}})"));
  EXPECT_EQ(builder.feature("tags").dim, 3);
  EXPECT_EQ(builder.feature("tags").sparseRows[0].size(), 2u);
  EXPECT_TRUE(builder.feature("tags").sparseRows[2].empty());
}

TEST_F(TableImport, DenseArraysOfEveryType) {
  std::string body =
      feature(R"({"feature_name": "f", "files": ["f?.npy"], "row_order_of": "files"})");
  auto check = [&](const std::string &dtype, auto zero) {
    using T = decltype(zero);
    writeNpy<T>("f0.npy", dtype, {1, 2}, {T(1), T(0)});
    writeNpy<T>("f1.npy", dtype, {3, 2}, {T(1), T(1), T(0), T(1), T(1), T(1)});
    expectOk(body);
    EXPECT_EQ(builder.feature("f").dtype, dtype);
    EXPECT_EQ(builder.feature("f").rows,
              (std::vector<std::vector<double>>{{1, 0}, {1, 1}, {0, 1}, {1, 1}}))
        << dtype;
  };
  check("float32", 0.0f);
  check("float64", 0.0);
  check("int8", int8_t());
  check("int16", int16_t());
  check("int32", int32_t());
  check("int64", int64_t());
  check("uint8", uint8_t());
  check("uint16", uint16_t());
  check("uint32", uint32_t());
  check("uint64", uint64_t());
  check("bool", uint8_t());
  writeNpy<uint16_t>("f0.npy", "float16", {1, 2}, {0x3C00, 0});
  writeNpy<uint16_t>("f1.npy", "float16", {3, 2}, {0x3C00, 0x3C00, 0, 0x3C00, 0x3C00, 0x4000});
  expectOk(body);
  EXPECT_EQ(builder.feature("f").rows[3], (std::vector<double>{1, 2}));
  // A vector is a column; the dtype can be changed.
  std::filesystem::remove(dir.file("f1.npy"));
  writeNpy<double>("f0.npy", "float64", {4}, {1.5, 2, -3, 0.1});
  expectOk(feature(
      R"({"feature_name": "f", "files": "f0.npy", "row_order_of": "files", "out_dtype": "float16"})"));
  EXPECT_EQ(builder.feature("f").dim, 1);
  EXPECT_EQ(builder.feature("f").rows[0], (std::vector<double>{1.5}));
  EXPECT_NEAR(builder.feature("f").rows[3][0], 0.1, 1e-4);
}

TEST_F(TableImport, ArraysFollowRecordsThatAreSkipped) {
  dir.write("a.csv", "id\nk\n\"\"\nl\nk\nm\n");
  writeNpy<int32_t>("f.npy", "int32", {5}, {0, 1, 2, 3, 4});
  writeNpy<int64_t>("p.npy", "int64", {6}, {0, 1, 2, 2, 3, 5});
  writeNpy<int32_t>("i.npy", "int32", {5}, {0, 1, 3, 4, 2});
  writeNpy<double>("v.npy", "float64", {5}, {0.5, 1, 3, 4, 2});
  expectOk(R"("on_null_id": "skip", "on_duplicate_id": "skip", )" +
           feature(R"({"feature_name": "f", "files": "f.npy", "row_order_of": "files"},
                      {"feature_name": "s", "indptr": "p.npy", "indices": "i.npy", "values": "v.npy",
                       "dim": 5, "row_order_of": "files"})"));
  EXPECT_EQ(builder.feature("f").rows, (std::vector<std::vector<double>>{{0}, {2}, {4}}));
  using Row = std::vector<std::pair<int64_t, float>>;
  EXPECT_EQ(builder.feature("s").sparseRows,
            (std::vector<Row>{{{0, 0.5f}}, {}, {{4, 4.0f}, {2, 2.0f}}}));
}

TEST_F(TableImport, ArraysOfATypeWithACountOnly) {
  writeNpy<float>("f.npy", "float32", {3, 1}, {1, 2, 3});
  writeNpy<int32_t>("p.npy", "int32", {4}, {0, 1, 1, 2});
  writeNpy<uint8_t>("i.npy", "uint8", {2}, {7, 0});
  expectOk(R"("nodes": [{"node_type": "n", "num_nodes": 3, "features": [
        {"feature_name": "f", "files": "f.npy", "row_order_of": "files"},
        {"feature_name": "s", "indptr": "p.npy", "indices": "i.npy", "dim": 8, "row_order_of": "files"}]}])");
  EXPECT_EQ(builder.feature("f").rows.size(), 3u);
  EXPECT_EQ(builder.feature("s").sparseRows[0][0], (std::pair<int64_t, float>(7, 1.0f)));
}

//===----------------------------------------------------------------------===//
// Labels and splits
//===----------------------------------------------------------------------===//

TEST_F(TableImport, ClassesAreSorted) {
  expectOk(label(R"({"label_col": "kind", "label_name": "colour"})"));
  EXPECT_EQ(builder.labels[0].name, "colour");
  EXPECT_EQ(builder.labels[0].classes, (Strings{"blue", "red"}));
  EXPECT_EQ(builder.labels[0].single, (std::vector<int32_t>{1, 0, -1, 1}));
  dir.write("a.csv", "id,kind\n1,10\n2,9\n3,-1\n");
  expectOk(label(R"({"label_col": "kind"})"));
  EXPECT_EQ(builder.labels[0].classes, (Strings{"-1", "9", "10"}));
}

TEST_F(TableImport, MultiLabel) {
  expectOk(label(R"({"label_col": "tags", "separator": "|"})"));
  EXPECT_TRUE(builder.labels[0].multi);
  EXPECT_EQ(builder.labels[0].classes, (Strings{"u", "v"}));
  EXPECT_EQ(builder.labels[0].rows, (std::vector<uint8_t>{1, 1, 255, 255, 0, 0, 0, 1}));
}

TEST_F(TableImport, SplitByColumn) {
  expectOk(label(R"({"label_col": "x", "splits": {"s": {"split_col": "part"}}})"));
  const auto &split = builder.labels[0].splits[0];
  EXPECT_EQ(split.name, "s");
  EXPECT_EQ(split.parts[0], (Ints{0}));
  EXPECT_EQ(split.parts[1], (Ints{1}));
  EXPECT_EQ(split.parts[2], (Ints{2}));
  EXPECT_EQ(builder.counts["a: rows outside split 's', no part in 'part'"], 1);
  expectError(label(R"({"label_col": "x", "splits": {"s": {"split_col": "kind"}}})"),
              "a.csv:2:9: 'red' is no part of a split");
}

TEST_F(TableImport, SplitByTime) {
  for (const char *by : {R"("time")", R"("when")"}) {
    expectOk(
        nodeA(R"("time_col": "when", "labels": [{"label_col": "x", "splits": {"t": {"by": )" +
              std::string(by) +
              R"(, "valid_from": "2026-06-01", "test_from": "2026-07-15T12:00:00+00:00"}}}])"));
    const auto &split = builder.labels[0].splits[0];
    EXPECT_EQ(split.parts[0], (Ints{0}));
    EXPECT_EQ(split.parts[1], (Ints{1}));
    EXPECT_EQ(split.parts[2], (Ints{2}));
  }
  expectOk(label(
      R"({"label_col": "kind", "splits": {"t": {"by": "x", "valid_from": 3, "test_from": 3.5}}})"));
  EXPECT_EQ(builder.labels[0].splits[0].parts[0], (Ints{0}));
  EXPECT_EQ(builder.labels[0].splits[0].parts[1], (Ints{1}));
  EXPECT_EQ(builder.labels[0].splits[0].parts[2], (Ints{3})); // a3 has no kind
  expectError(
      label(
          R"({"label_col": "x", "splits": {"t": {"by": "kind", "valid_from": 3, "test_from": 4}}})"),
      "a.csv:2:9: 'red' is no time");
  expectError(
      label(
          R"({"label_col": "x", "splits": {"t": {"by": "when", "valid_from": 3, "test_from": 4}}})"),
      "a.csv:2:23: a date, but valid_from is a number");
}

TEST_F(TableImport, SplitByHashIsIndependentOfOrderAndType) {
  std::string forward = "id,l\n", backward = "id,l\n";
  std::vector<std::string> ids;
  for (int i = 0; i < 500; ++i)
    ids.push_back(std::to_string(i * 7));
  for (int i = 0; i < 500; ++i) {
    forward += ids[size_t(i)] + ",c\n";
    backward += ids[size_t(499 - i)] + ",c\n";
  }
  std::string body =
      label(R"({"label_col": "l", "splits": {"h": {"split_pct": [0.5, 0.25, 0.25], "seed": 3}}})");
  auto partsById = [&](const std::string &text) {
    dir.write("a.csv", text);
    expectOk(body);
    std::map<int64_t, int> parts;
    for (int part = 0; part < 3; ++part)
      for (int64_t row : builder.labels[0].splits[0].parts[part])
        parts[builder.type("a").ints[size_t(row)]] = part;
    return parts;
  };
  auto parts = partsById(forward);
  EXPECT_EQ(parts.size(), 500u);
  EXPECT_EQ(partsById(backward), parts);
  const double ratio[3] = {0.5, 0.25, 0.25};
  for (const auto &[id, part] : parts)
    EXPECT_EQ(part, hashPart(std::to_string(id), 3, ratio));
  // Short form of GraphStorm.
  body = label(R"({"label_col": "l", "split_pct": [0.5, 0.25, 0.25], "seed": 3})");
  EXPECT_EQ(partsById(forward), parts);
  EXPECT_EQ(builder.labels[0].splits[0].name, "default");
}

TEST_F(TableImport, SplitByFiles) {
  dir.write("train.txt", "a2\r\na1\n\n");
  dir.write("test.csv", "x,node\n1,a4\n");
  auto files = [](const std::string &text) {
    return label(R"({"label_col": "kind", "custom_split_filenames": {)" + text + "}}");
  };
  expectOk(files(R"("train": "train.txt")"));
  EXPECT_EQ(builder.labels[0].splits[0].parts[0], (Ints{1, 0}));
  expectOk(files(R"("test": ["test.csv"], "column": ["node"])"));
  EXPECT_EQ(builder.labels[0].splits[0].parts[2], (Ints{3}));
  dir.write("train.txt", "a2\na9\n");
  expectError(files(R"("train": "train.txt")"), "train.txt:2: no node has the id 'a9'");
  dir.write("train.txt", "a3\n");
  expectError(files(R"("train": "train.txt")"), "train.txt:1: node 'a3' has no label 'kind'");
}

TEST_F(TableImport, OneFileFeedsATypeAndRelations) {
  dir.write("txn.csv", "txn,card,shop\nt1,c1,s1\nt2,c1,s2\n");
  expectOk(R"("nodes": [{"node_type": "txn", "node_id_col": "txn", "files": "txn.csv"},
                        {"node_type": "card", "from_edges": true},
                        {"node_type": "shop", "node_id_col": "shop", "files": "txn.csv"}],
              "edges": [{"relation": ["card", "pays", "txn"], "source_id_col": "card", "dest_id_col": "txn", "files": "txn.csv"},
                        {"relation": ["txn", "at", "shop"], "source_id_col": "txn", "dest_id_col": "shop", "files": "txn.csv"}])");
  EXPECT_EQ(builder.relation("card:pays:txn").edges, (Edges{{0, 0}, {0, 1}}));
  EXPECT_EQ(builder.relation("txn:at:shop").edges, (Edges{{0, 0}, {1, 1}}));
}

//===----------------------------------------------------------------------===//
// IdMap
//===----------------------------------------------------------------------===//

TEST(IdMap, EqualsAMap) {
  std::mt19937_64 random(3);
  for (int strings = 0; strings < 2; ++strings) {
    IdMap map;
    std::map<std::string, int64_t> oracle;
    for (int i = 0; i < 20000; ++i) {
      std::string id = std::to_string(int64_t(random() % 9000) - 4500);
      if (strings && i > 10000)
        id += "x";
      auto [row, isNew] = map.insert(id);
      auto [it, isNewThere] = oracle.insert({id, int64_t(oracle.size())});
      ASSERT_EQ(isNew, isNewThere);
      ASSERT_EQ(row, it->second);
    }
    EXPECT_EQ(map.hasStrings(), strings == 1);
    EXPECT_EQ(map.size(), int64_t(oracle.size()));
    for (const auto &[id, row] : oracle) {
      EXPECT_EQ(map.find(id), row);
      EXPECT_EQ(map.idOf(row), id);
    }
    EXPECT_EQ(map.find("nope"), -1);
    EXPECT_EQ(map.find(""), -1);
    EXPECT_EQ(map.find("99999"), -1);
  }
  EXPECT_EQ(IdMap().find("x"), -1);
  EXPECT_EQ(IdMap::range(3).find("2"), 2);
  EXPECT_EQ(IdMap::range(3).find("3"), -1);
  EXPECT_EQ(IdMap::range(3).find("02"), -1);
}

} // namespace
