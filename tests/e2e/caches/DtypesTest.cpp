//===- DtypesTest.cpp - features of other dtypes through all tiers ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A graph whose features hold what bfloat16 (or float16) holds gives the same weights, moments,
// losses and predictions, bit for bit, stored so and stored as float32: mapped, from disk, with any
// cache, and in any number of partitions.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/caches/Results.h"
#include "tests/e2e/caches/ToolRun.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <map>

namespace heddle::e2e {
namespace {

using Json = nlohmann::json;
using test::readAll;
using test::TemporaryDirectory;

/// A safetensors file without what it says of the graph and the plan.
std::string tensorsOf(const std::string &file) {
  uint64_t length;
  std::memcpy(&length, file.data(), sizeof length);
  Json header = Json::parse(file.substr(8, length));
  header.erase("__metadata__");
  return header.dump() + file.substr(8 + length);
}

/// Graphs "float32" and `small`, which holds the same numbers, and plans for both.
struct Scene {
  TemporaryDirectory folder;
  std::string in(const std::string &name) const { return folder / name; }

  explicit Scene(const std::string &small) {
    // What is drawn has more digits: narrowed, widened, and narrowed again.
    good(folder, "heddle-import",
         {"--generate=igb-het", "--scale=0.00001", "--features=24", "--feature-dtype", small, "-o",
          in(small)});
    good(folder, "heddle-import", {"--feature-dtype=float32", in(small), "-o", in("float32")});
    good(folder, "heddle-import", {"--feature-dtype", small, in("float32"), "-o", in("again")});
    EXPECT_EQ(readAll(in("again/graph.json")), readAll(in(small + "/graph.json")));
    test::writeAll(in("model.json"),
                   R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "label_19"},
      "inputs": {"*": {"features": "all", "learnable": true}},
      "model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 8, "dropout": 0.2},
      "sampling": {"fanout": [4, 3]}, "train": {"batch_size": 300, "num_epochs": 2}})");
    for (const std::string &graph : {std::string("float32"), small})
      for (auto [name, more] :
           std::map<std::string, Arguments>{{"one", {}},
                                            {"raf", {"--partitions=2", "--order=raf"}},
                                            {"vanilla", {"--partitions=2", "--order=vanilla"}}}) {
        Arguments arguments = {"--graph",        in(graph), "--model",
                               in("model.json"), "-o",      in(graph + "-" + name + ".plan")};
        arguments.insert(arguments.end(), more.begin(), more.end());
        good(folder, "heddle-compile", arguments);
      }
  }

  /// A run of a graph; its results and what run.json says of caches.
  std::pair<std::map<std::string, std::string>, Json>
  train(const std::string &graph, const std::string &plan, Arguments more) const {
    const std::string output = in("run");
    Arguments arguments = {in(graph + "-" + plan + ".plan"),
                           "--graph",
                           in(graph),
                           "-o",
                           output,
                           "--threads",
                           "2",
                           "--force"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    good(folder, "heddle-run", arguments);
    auto results = resultsOf(output);
    for (auto &[name, bytes] : results)
      if (name.find(".safetensors") != std::string::npos)
        bytes = tensorsOf(bytes);
    return {results, Json::parse(readAll(output + "/run.json"))["result"]["caches"]};
  }
};

class Dtypes : public ::testing::TestWithParam<const char *> {};

TEST_P(Dtypes, TheBitsOfFloat32) {
  const std::string small = GetParam();
  Scene scene(small);
  for (const std::string plan : {"one", "raf", "vanilla"}) {
    auto [wanted, none] = scene.train("float32", plan, {});
    ASSERT_GE(wanted.size(), 4u);
    EXPECT_FALSE(wanted["losses"].empty());
    for (const Arguments &cache : std::vector<Arguments>{
             {},
             {"--cache=none"},
             {"--cache=greedy", "--cache-memory=20KiB"},
             {"--cache=uniform", "--cache-memory=20KiB", "--cache-hotness=presampled"},
             {"--cache=greedy", "--cache-memory=1GiB"}}) {
      auto [got, caches] = scene.train(small, plan, cache);
      ASSERT_EQ(got.size(), wanted.size());
      for (const auto &[name, bytes] : wanted)
        EXPECT_TRUE(got[name] == bytes)
            << name << ", " << plan << " " << (cache.empty() ? "" : cache[0]);
      for (const Json &feature : caches)
        EXPECT_EQ(feature["row_bytes"], 24 * 2) << feature;
    }
  }
  // The same bytes keep twice the rows.
  const Arguments little = {"--cache=uniform", "--cache-memory=9600"};
  Json wide = scene.train("float32", "one", little).second;
  Json narrow = scene.train(small, "one", little).second;
  ASSERT_EQ(wide.size(), narrow.size());
  for (size_t i = 0; i < wide.size(); ++i) {
    EXPECT_GT(wide[i]["kept_rows"], 0);
    EXPECT_EQ(int64_t(narrow[i]["kept_rows"]),
              std::min(2 * int64_t(wide[i]["kept_rows"]), int64_t(wide[i]["rows"])));
  }
  // A plan is for the dtypes that it was made for.
  ToolRun other =
      run(scene.folder, "heddle-run",
          {scene.in("float32-one.plan"), "--graph", scene.in(small), "-o", scene.in("no")});
  EXPECT_EQ(other.code, 2) << other.out;
  EXPECT_NE(other.err.find("recompile"), std::string::npos) << other.err;
  // heddle-dump shows sizes as stored.
  std::string dumps[2];
  for (int i : {0, 1})
    dumps[i] = good(scene.folder, "heddle-dump",
                    {scene.in((i ? small : "float32") + "-one.plan"), "--json"});
  const Json whole = Json::parse(dumps[0])["caches"], half = Json::parse(dumps[1])["caches"];
  ASSERT_EQ(half.size(), 4u);
  for (size_t i = 0; i < half.size(); ++i) {
    EXPECT_EQ(whole[i]["number_bytes"], 4);
    EXPECT_EQ(half[i]["number_bytes"], 2);
  }
}
INSTANTIATE_TEST_SUITE_P(Of, Dtypes, ::testing::Values("bfloat16", "float16"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
} // namespace heddle::e2e
