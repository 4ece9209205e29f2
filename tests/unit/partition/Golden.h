//===- Golden.h - what torch_geometric gives for a small graph ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// tests/golden/attention/*.json hold what RGCNConv, GATConv, HGTConv, SAGEConv, GATv2Conv and
// HANConv of torch_geometric 2.8 and restatements of Simple-HGN and of R-GCN with weighted means
// give for copied weights, and all gradients; make.py beside them recorded it.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_PARTITION_GOLDEN_H
#define HEDDLE_TESTS_UNIT_PARTITION_GOLDEN_H

#include "tests/unit/partition/Cut.h"

#include <nlohmann/json.hpp>

#include <fstream>
#include <functional>

namespace heddle::test {

using nlohmann::json;

inline NumericArray arrayOf(const json &value) {
  NumericArray array;
  for (const json *level = &value; level->is_array(); level = &(*level)[0])
    array.shape.push_back(int64_t(level->size()));
  std::function<void(const json &)> add = [&](const json &part) {
    if (part.is_array())
      for (const json &each : part)
        add(each);
    else
      array.data.push_back(part.get<double>());
  };
  add(value);
  return array;
}

class Golden : public Cut {
protected:
  /// What torch_geometric gave; its graph is `store` from here on.
  json readGolden(const std::string &name) {
    std::ifstream file(HEDDLE_SOURCE_DIR "/tests/golden/attention/" + name + ".json");
    json golden = json::parse(file);
    buildGraphOf(golden);
    return golden;
  }
  void buildGraphOf(const json &golden) {
    auto builder = valueOf(graph::GraphBuilder::create({directory / "golden", false, 1 << 20, {}}));
    std::map<std::string, int> types;
    for (const auto &[name, count] : golden["nodes"].items())
      types[name] = valueOf(builder->addNodeType(name, count.get<int64_t>()));
    std::vector<int32_t> classes = golden["labels"].get<std::vector<int32_t>>();
    int label = valueOf(builder->addLabel(types["paper"], "y", {"a", "b", "c"}, classes));
    ASSERT_TRUE(builder->addSplit(label, "main", {0, 1, 2, 4, 5}, {3}, {}).ok());
    std::map<std::vector<std::string>, int> stored;
    for (const json &relation : golden["relations"]) {
      if (relation.contains("view_of"))
        continue;
      auto triple = relation["triple"].get<std::vector<std::string>>();
      auto from = relation["edges"][0].get<std::vector<int64_t>>();
      auto to = relation["edges"][1].get<std::vector<int64_t>>();
      int id = valueOf(builder->addRelation(triple[0], triple[1], triple[2]));
      stored[triple] = id;
      ASSERT_TRUE(builder->addEdges(id, from.data(), to.data(), int64_t(from.size())).ok());
      if (!relation.contains("e"))
        continue;
      int64_t dim = relation["dim"];
      int rows = valueOf(builder->addEdgeFeature(id, "e", "float64", dim));
      if (!from.empty())
        ASSERT_TRUE(
            builder->appendDenseRows(rows, arrayOf(relation["e"]).data.data(), int64_t(from.size()))
                .ok());
    }
    for (const json &relation : golden["relations"])
      if (relation.contains("view_of"))
        ASSERT_TRUE(
            builder->addReverse(stored.at(relation["view_of"]), relation["triple"][1]).ok());
    ASSERT_TRUE(builder->finish().status().ok());
    store = valueOf(graph::GraphStore::open(directory / "golden"));
  }
  static double apart(const NumericArray &got, const NumericArray &wanted) {
    if (got.data.size() != wanted.data.size())
      return std::numeric_limits<double>::infinity();
    double worst = 0;
    for (size_t i = 0; i < got.data.size(); ++i)
      worst = std::max(worst, std::abs(got.data[i] - wanted.data[i]));
    return worst;
  }
  /// The spec of its model with these keys of training, resolved. A program's layer is the
  /// example's.
  spec::ModelSpec specOf(const json &golden, const std::string &train) {
    std::string encoder = golden["encoder"].get<std::string>(), more = golden["model"].dump();
    if (encoder == "gatv2")
      encoder = HEDDLE_SOURCE_DIR "/examples/layers/gatv2.mlir";
    more = more == "{}" ? "}" : ", " + more.substr(1);
    spec::ModelSpec spec = valueOf(spec::parseModelSpec(
        R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "y"},
            "inputs": {"*": {"learnable": true}}, "model": {"encoder": ")" +
            encoder + R"(", "num_layers": 2, "hidden_size": )" + golden["hidden_size"].dump() +
            more + R"(, "sampling": {"fanout": -1}, "train": {"batch_size": "all")" + train + "}}",
        "model.json"));
    return valueOf(spec::resolve(spec, store->schema())).spec;
  }
  static NumericArrays statesOf(const json &golden) {
    NumericArrays states;
    for (const auto &[name, value] : golden["states"].items())
      states[name] = arrayOf(value);
    for (const auto &[type, rows] : golden["rows"].items())
      states["embeddings." + type + ".weight"] = arrayOf(rows);
    return states;
  }
};

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_PARTITION_GOLDEN_H
