//===- MalformedTest.cpp - every wrong input gets one good line ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "ImportFixture.h"

#include <cmath>

using namespace heddle;
using namespace heddle::importing;
using namespace heddle::testing_import;

namespace {

class Malformed : public ImportFixture {
protected:
  void SetUp() override {
    dir.write("a.csv", "id,x,l\n1,0.5,p\n2,inf,q\n3,abc,q\n4,-1,p\n");
    dir.write("e.csv", "s,t\n1,2\n");
    writeNpy<float>("f.npy", "float32", {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
    writeNpy<float>("short.npy", "float32", {3, 2}, {1, 2, 3, 4, 5, 6});
    writeNpy<float>("nan.npy", "float32", {4, 1}, {1, NAN, 3, 4});
    writeNpy<float>("cube.npy", "float32", {4, 1, 1}, {1, 2, 3, 4});
    writeNpy<double>("big.npy", "float64", {4}, {1, 2, 3, 300});
    writeNpy<int64_t>("p.npy", "int64", {5}, {0, 1, 1, 2, 3});
    writeNpy<int64_t>("falling.npy", "int64", {5}, {0, 2, 1, 2, 3});
    writeNpy<int64_t>("i.npy", "int64", {3}, {0, 1, 5});
    std::string text;
    {
      std::ifstream in(dir.file("f.npy"), std::ios::binary);
      text.assign(std::istreambuf_iterator<char>(in), {});
    }
    dir.write("cut.npy", std::string_view(text).substr(0, text.size() - 4));
    dir.write("text.npy", "this is no array");
    std::string pickled = text;
    if (size_t at = pickled.find("<f4"); at != std::string::npos)
      pickled.replace(at, 3, "|O ");
    dir.write("object.npy", pickled);
  }
  static std::string node(const std::string &more) {
    return R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": ["a.csv"])" +
           (more.empty() ? "" : ", " + more) + "}]";
  }
  static std::string feature(const std::string &text) {
    return node("\"features\": [{" + text + "}]");
  }
  static std::string label(const std::string &text) { return node("\"labels\": [{" + text + "}]"); }
  static std::string edge(const std::string &relation, const std::string &more = "") {
    return node("") + R"(, "edges": [{"relation": )" + relation +
           R"(, "source_id_col": "s", "dest_id_col": "t", "files": "e.csv")" +
           (more.empty() ? "" : ", " + more) + "}]";
  }
};

TEST_F(Malformed, Descriptors) {
  struct Case {
    std::string body, expected;
  } cases[] = {
      {R"("nodes": [)", "d.json:1:"},
      {R"("nodes": [], "nodes": [])", "d.json:1:"},
      {R"("node": [])", "d.json: /: unknown key 'node'; did you mean 'nodes'?"},
      {R"("nodes": [])", "d.json: /nodes: no node type"},
      {R"("nodes": {})", "d.json: /nodes"},
      {R"("nodes": [{}])", "d.json: /nodes/0: missing key 'node_type'"},
      {R"("nodes": [{"node_type": ""}])", "d.json: /nodes/0/node_type: is empty"},
      {R"("nodes": [{"node_type": "a"}])",
       "d.json: /nodes/0: the nodes of a type come from one of files"},
      {R"("nodes": [{"node_type": "a", "num_nodes": -1}])", "d.json: /nodes/0/num_nodes"},
      {R"("nodes": [{"node_type": "a", "num_nodes": 1, "from_edges": true}])",
       "d.json: /nodes/0: the nodes of a type come from one of files"},
      {R"("nodes": [{"node_type": "a", "num_nodes": 1}, {"node_type": "a", "num_nodes": 2}])",
       "d.json: /nodes/1/node_type: 'a' is there already"},
      {R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": "none*.csv"}])",
       "d.json: /nodes/0/files: no file matches 'none*.csv'"},
      {R"("nodes": [{"node_type": "a", "node_id_col": "id", "files": []}])",
       "d.json: /nodes/0/files: no file"},
      {R"("nodes": [{"node_type": "a", "id_col": "id", "files": ["a.csv"]}])",
       "did you mean 'node_id_col'"},
      {R"("nodes": [{"node_type": "a", "files": ["a.csv"]}])",
       "d.json: /nodes/0: missing key 'node_id_col'"},
      {R"("nodes": [{"node_type": "a", "node_id_col": "ID", "files": ["a.csv"]}])",
       "a.csv:1: no column is named 'ID'; did you mean 'id'?"},
      {R"("on_null_id": "ignore", )" + node(""), "did you mean 'skip'"},
      {R"("on_duplicate_id": "keep", )" + node(""), "d.json: /on_duplicate_id"},
      {node(R"("format": {"name": "parquet"})"), "d.json: /nodes/0/format/name"},
      {node(R"("format": {"name": "csv", "separator": "::"})"),
       "d.json: /nodes/0/format/separator"},
      {node(R"("format": {"name": "csv", "delimiter": ";"})"), "did you mean 'separator'"},
      {node(R"("time_col": "x")"), "d.json: /nodes/0/time_col: no split is by time"},
      {feature(R"("feature_name": "f")"),
       "d.json: /nodes/0/features/0: a feature comes from one of"},
      {feature(R"("feature_col": [])"), "d.json: /nodes/0/features/0"},
      {feature(R"("feature_col": ["x", "id"])"),
       "d.json: /nodes/0/features/0: missing key 'feature_name'"},
      {feature(R"("feature_col": "x", "transform": {"name": "standard"})"),
       "did you mean 'zscore'"},
      {feature(R"("feature_col": "x", "transform": {"name": "zscore"}, "out_dtype": "int8")"),
       "d.json: /nodes/0/features/0/out_dtype: the transform gives fractions"},
      {feature(R"("feature_col": "x", "out_dtype": "float31")"),
       "d.json: /nodes/0/features/0/out_dtype"},
      // Keys that this kind of feature, split or type has no use for.
      {feature(R"("feature_col": "x", "dim": 3)"), "unknown key 'dim'"},
      {feature(R"("feature_col": "l", "transform": {"name": "categorical", "log1p": true})"),
       "d.json: /nodes/0/features/0/transform: unknown key 'log1p'"},
      {feature(R"("feature_col": "l", "transform": {"name": "categorical"}, "out_dtype": "int8")"),
       "unknown key 'out_dtype'"},
      {feature(
           R"("feature_name": "f", "files": "f.npy", "row_order_of": "files", "transform": {"name": "none"})"),
       "unknown key 'transform'"},
      {label(R"("label_col": "l", "splits": {"s": {"split_col": "l", "seed": 1}})"),
       "unknown key 'seed'"},
      {R"("nodes": [{"node_type": "a", "num_nodes": 1, "display_col": "x"}])",
       "unknown key 'display_col'"},
      {feature(R"("feature_col": "x"}, {"feature_col": "x")"), "two features are named 'x'"},
      {feature(R"("feature_name": "f", "files": "f.npy")"),
       "d.json: /nodes/0/features/0: missing key 'row_order_of'"},
      {R"("nodes": [{"node_type": "a", "from_edges": true, "features": [{"feature_name": "f",
          "files": "f.npy", "row_order_of": "files"}]}])",
       "rows of a type known from edges have no order"},
      {label(R"("label_col": "l", "task_type": "regression")"),
       "d.json: /nodes/0/labels/0/task_type"},
      {label(R"("label_col": "l", "split_pct": [0.8, 0.3, 0.1])"),
       "d.json: /nodes/0/labels/0/split_pct"},
      {label(R"("label_col": "l", "split_pct": [0.8])"), "d.json: /nodes/0/labels/0/split_pct"},
      {label(R"("label_col": "l", "splits": {"s": {}})"),
       "d.json: /nodes/0/labels/0/splits/s: a split is given by one of"},
      {label(
           R"("label_col": "l", "splits": {"s": {"by": "x", "valid_from": "soon", "test_from": 1}})"),
       "d.json: /nodes/0/labels/0/splits/s/valid_from: 'soon' is no time"},
      {label(R"("label_col": "l", "splits": {"s": {"by": "x", "valid_from": 2, "test_from": 1}})"),
       "d.json: /nodes/0/labels/0/splits/s/test_from: is before valid_from"},
      {label(
           R"("label_col": "l", "splits": {"s": {"by": "x", "valid_from": "2026-01-01", "test_from": 1}})"),
       "one bound is a date and the other a number"},
      {label(R"("label_col": "l", "custom_split_filenames": {})"), "no part; give train"},
      {edge(R"(["a", "r"])"), "d.json: /edges/0/relation: must be [source type"},
      {edge(R"(["a", "r", "b"])"), "d.json: /edges/0/relation: node type 'b' is not among nodes"},
      {edge(R"(["a", "", "a"])"), "d.json: /edges/0/relation: the relation's name is empty"},
      {edge(R"(["a", "r", "a"])", R"("time_col": "x")"), "d.json: /edges/0/time_col"},
      {edge(R"(["a", "r", "a"])", R"("features": {})"), "d.json: /edges/0/features"},
      {edge(R"(["a", "r", "a"])", R"("features": [{}])"),
       "d.json: /edges/0/features/0: a feature comes from one of"},
      {edge(R"(["a", "r", "a"])", R"("features": [{"feature_col": "x"}, {"feature_col": "x"}])"),
       "d.json: /edges/0/features: two features are named 'x'"},
      {edge(R"(["a", "r", "a"])",
            R"("features": [{"feature_col": "x", "transform": {"name": "categorical"}}])"),
       "d.json: /edges/0/features/0/transform: categorical features are sparse, and edges have "
       "dense ones only; write a numeric column"},
      {edge(
           R"(["a", "r", "a"])",
           R"("features": [{"feature_col": "x", "transform": {"name": "zscore", "fit_on": "train"}}])"),
       "d.json: /edges/0/features/0/transform: fits on train, but edges are in no split"},
      {edge(R"(["a", "r", "a"])", R"("features": [{"feature_name": "f", "indptr": "e.csv",
            "indices": "e.csv", "dim": 3, "row_order_of": "files"}])"),
       "d.json: /edges/0/features/0/indptr: edges have dense features only; remove it"},
      {edge(R"(["a", "r", "a"])", R"("features": [{"feature_col": "t", "weight": 1}])"),
       "d.json: /edges/0/features/0: unknown key 'weight'"},
      {edge(R"(["a", "r", "a"])", R"("dst_id_col": "x")"), "did you mean 'dest_id_col'"},
      {edge(R"(["a", "r", "a"])", R"("on_dangling_id": "warn")"),
       "d.json: /edges/0/on_dangling_id"},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.body);
    expectError(c.body, c.expected);
  }
  dir.write("d.json", R"({"version": "gconstruct-v0.1", "nodes": []})");
  expectMessage(readDescriptor(dir.file("d.json")).status(),
                "d.json: /version: 'gconstruct-v0.1' is not known; write \"1.0\"");
  EXPECT_EQ(exitCodeOf(readDescriptor(dir.file("absent.json")).status()), 2);
  // Two entries of one relation, a reverse view in the way.
  std::string entries = node("") + R"(, "edges": [
      {"relation": ["a", "r", "a"], "source_id_col": "s", "dest_id_col": "t", "files": "e.csv"},
      {"relation": ["a", "NAME", "a"], "source_id_col": "s", "dest_id_col": "t", "files": "e.csv", "on_duplicate_edge": "skip"}])";
  auto named = [&](const std::string &name) {
    std::string text = entries;
    return text.replace(text.find("NAME"), 4, name);
  };
  expectError(named("r"),
              "d.json: /edges/1: the relation's other entry has another on_duplicate_edge");
  expectError(named("rev_r"), "d.json: /edges/0/relation: its reverse view 'rev_r' is an entry");
}

TEST_F(Malformed, TablesAndArrays) {
  auto dense = [](const std::string &file, const std::string &more = "") {
    return feature("\"feature_name\": \"f\", \"row_order_of\": \"files\", \"files\": \"" + file +
                   "\"" + more);
  };
  auto sparse = [](const std::string &indptr, const std::string &indices, const std::string &more) {
    return feature(R"("feature_name": "f", "row_order_of": "files", "indptr": ")" + indptr +
                   R"(", "indices": ")" + indices + "\", " + more);
  };
  struct Case {
    std::string body, expected;
  } cases[] = {
      {feature(R"("feature_col": "x")"), "a.csv:3:3: the value is not finite"},
      {feature(R"("feature_col": "id", "out_dtype": "bool")"),
       "a.csv:3:1: '2' does not fit into bool"},
      {feature(R"("feature_col": "l")"), "a.csv:2:7: 'p' is no number"},
      {feature(R"("feature_col": "X")"), "a.csv:1: no column is named 'X'; did you mean 'x'?"},
      {label(R"("label_col": "label")"), "a.csv:1: no column is named 'label'"},
      {edge(R"(["a", "r", "a"])", R"("format": {"name": "tsv"})"),
       "e.csv:1: no column is named 's'"},
      {dense("short.npy"),
       "/nodes/0/features/0/files: have 3 rows, but the nodes' files have 4 records"},
      {dense("nan.npy"), "nan.npy: element [1, 0] does not fit into float32 (or is not finite)"},
      {dense("cube.npy"), "cube.npy: has 3 dimensions"},
      {dense("big.npy", ", \"out_dtype\": \"uint8\""),
       "big.npy: element [3, 0] does not fit into uint8"},
      {dense("cut.npy"), "cut.npy"},
      {dense("text.npy"), "text.npy"},
      {dense("object.npy"), "object.npy"},
      {dense("f*.npy"), "files of a feature have one dtype and width"},
      {sparse("falling.npy", "i.npy", "\"dim\": 9"), "falling.npy: elements 1 and 2 are 2 and 1"},
      {sparse("i.npy", "i.npy", "\"dim\": 9"), "i.npy: has 3 elements, but 4 records need 5"},
      {sparse("p.npy", "i.npy", "\"dim\": 5"), "i.npy: element 2 is 5, outside of dim 5"},
      {sparse("p.npy", "p.npy", "\"dim\": 9"), "they must rise from 0 to 5"},
      {sparse("p.npy", "f.npy", "\"dim\": 9"), "f.npy"},
      {sparse("p.npy", "i.npy", "\"dim\": 9, \"values\": \"p.npy\""),
       "p.npy: has 5 values for 3 indices"},
      {sparse("none.npy", "i.npy", "\"dim\": 9"), "d.json: /nodes/0/features/0/indptr"},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.body);
    expectError(c.body, c.expected);
  }
  dir.write("a.csv", "id,l\n1,\n2,\n");
  expectError(label(R"("label_col": "l")"), "column 'l' holds no label at all");
  dir.write("a.csv", "id,x\n1,\"oops\n2,3\n");
  expectError(node(""), "a.csv:2:3: the quote that opens here is never closed");
  dir.write("a.csv", "id,x\n1,9007199254740993\n");
  expectError(feature(R"("feature_col": "x", "out_dtype": "int64")"),
              "a.csv:2:3: integers beyond 2^53");
  dir.write("a.csv", "id,x\n1,-1\n");
  expectError(feature(R"("feature_col": "x", "transform": {"name": "none", "log1p": true})"),
              "a.csv:2:3: log1p of -1 does not exist");
  dir.write("a.csv", "");
  expectError(node(""), "a.csv:1:1: the file is empty");
}

} // namespace
