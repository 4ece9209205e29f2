//===- AttentionOracleTest.cpp - encoders against torch_geometric -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// tests/golden/attention/*.json hold what GATConv, HGTConv, SAGEConv, GATv2Conv and HANConv of
// torch_geometric 2.8 and restatements of Simple-HGN and of R-GCN with weighted means give for copied
// weights, and all gradients; make.py beside them recorded it.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

#include <nlohmann/json.hpp>

#include <fstream>
#include <functional>

namespace heddle::test {
namespace {

using nlohmann::json;

NumericArray arrayOf(const json &value) {
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

class AttentionOracle : public Cut, public testing::WithParamInterface<const char *> {
protected:
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
};

TEST_P(AttentionOracle, GivesWhatTorchGeometricGives) {
  std::ifstream file(HEDDLE_SOURCE_DIR "/tests/golden/attention/" + std::string(GetParam()) +
                     ".json");
  const json golden = json::parse(file);
  buildGraphOf(golden);
  std::string encoder = golden["encoder"].get<std::string>(), more = golden["model"].dump();
  if (encoder == "gatv2") // a program: its layer is the example's
    encoder = HEDDLE_SOURCE_DIR "/examples/layers/gatv2.mlir";
  more = more == "{}" ? "}" : ", " + more.substr(1);
  spec::ModelSpec spec = valueOf(spec::parseModelSpec(
      R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "y"},
          "inputs": {"*": {"learnable": true}}, "model": {"encoder": ")" +
          encoder + R"(", "num_layers": 2, "hidden_size": )" + golden["hidden_size"].dump() + more +
          R"(, "sampling": {"fanout": -1}, "train": {"batch_size": "all"}})",
      "model.json"));
  spec = valueOf(spec::resolve(spec, store->schema())).spec;
  auto module = compiler::buildModel(context, spec, store->schema());
  ASSERT_TRUE(module) << messages;
  InterpreterInput input;
  input.graph = store.get();
  input.seeds = golden["seeds"].get<std::vector<int64_t>>();
  for (const auto &[name, value] : golden["states"].items())
    input.states[name] = arrayOf(value);
  for (const auto &[type, rows] : golden["rows"].items())
    input.states["embeddings." + type + ".weight"] = arrayOf(rows);
  auto check = [&](const InterpreterResult &result) {
    EXPECT_LE(apart(result.outputs.at("logits"), arrayOf(golden["logits"])), 1e-9);
    EXPECT_NEAR(result.outputs.at("loss").data[0], golden["loss"].get<double>(), 1e-9);
  };
  check(interpret(*module, input));
  run(*module, "hgnn-unroll,hgnn-differentiate");
  InterpreterResult step = interpret(*module, input);
  check(step);
  int compared = 0;
  for (const auto &[name, gradient] : golden["gradients"].items()) {
    auto found = step.outputs.find("grad:" + name);
    NumericArray wanted = arrayOf(gradient);
    if (found == step.outputs.end()) { // of the last layer's rows of other types
      for (double x : wanted.data)
        EXPECT_EQ(x, 0) << name;
      continue;
    }
    ++compared;
    EXPECT_LE(apart(found->second, wanted), 1e-9) << name;
  }
  EXPECT_GE(compared, encoder == "rgat" || encoder == "hgt" ? 50 : 15);
  // What only relations without the feature would have is no state.
  EXPECT_EQ(module->lookupSymbol("convs.0.convs.<author___reviews___paper>.lin_edge.weight"),
            nullptr);
}

INSTANTIATE_TEST_SUITE_P(Encoders, AttentionOracle,
                         testing::Values("rgat", "hgt", "rsage", "gatv2", "simplehgn", "han",
                                         "rgat_edges", "rgcn_weighted"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
} // namespace heddle::test
