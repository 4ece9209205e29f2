//===- ToolTest.cpp - heddle-run --device=cuda, on an emulated device ------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The tools as a user runs them, with the double of NVIDIA's driver (tests/emulator) in the place
// of one, or on a GPU (DeviceScene.h). What a kernel or the queue does wrong on the double (an
// access outside, a race, a wait that is missing) fails the run.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/devices/DeviceScene.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>

namespace heddle::e2e {
namespace {

using Json = nlohmann::json;
using test::readAll;
using Scene = DeviceScene;

void expectNear(const std::vector<double> &got, const std::vector<double> &wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  ASSERT_FALSE(wanted.empty());
  for (size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(got[i], wanted[i], 1e-4 * std::abs(wanted[i])) << i;
}

TEST(EmulatedDevice, LossesAreTheCpus) {
  Scene &scene = Scene::instance();
  for (const std::string plan : {"rgcn", "hgt", "whole"}) {
    ASSERT_EQ(scene.train(plan, plan + "-cpu", {}).code, 0);
    ToolRun got = scene.train(plan, plan + "-gpu", {"--device=cuda"});
    ASSERT_EQ(got.code, 0) << got.err;
    expectNear(lossesOf(scene.in(plan + "-gpu")), lossesOf(scene.in(plan + "-cpu")));
  }
}

TEST(EmulatedDevice, ProductsInTf32) {
  Scene &scene = Scene::instance();
  ASSERT_EQ(scene.train("rgcn", "exact", {"--device=cuda"}).code, 0);
  scene.compile("tf32", scene.rgcn(), {"--gpu-products=tf32"});
  ASSERT_EQ(scene.train("tf32", "rounded", {"--device=cuda"}).code, 0);
  const std::vector<double> exact = lossesOf(scene.in("exact")),
                            rounded = lossesOf(scene.in("rounded"));
  ASSERT_EQ(exact.size(), rounded.size());
  EXPECT_NE(exact, rounded);
  for (size_t i = 0; i < exact.size(); ++i)
    EXPECT_NEAR(exact[i], rounded[i], 0.02 * exact[i]);
}

// Streams and their events: whatever order the device takes, and one op after another while traced
// (which a recorded step is not).
TEST(EmulatedDevice, TheSameBitsInAnyOrder) {
  Scene &scene = Scene::instance();
  for (const std::string plan : {"hgt", "whole"}) {
    ToolRun base = scene.train(plan, plan + "-lazy", {"--device=cuda"});
    ASSERT_EQ(base.code, 0) << base.err;
    const auto wanted = resultsOf(scene.in(plan + "-lazy"));
    ASSERT_GE(wanted.size(), 3u);
    ASSERT_EQ(
        scene.train(plan, plan + "-eager", {"--device=cuda"}, {{"HEDDLE_EMULATOR_ORDER", "eager"}})
            .code,
        0);
    EXPECT_EQ(resultsOf(scene.in(plan + "-eager")), wanted);
    ASSERT_EQ(scene
                  .train(plan, plan + "-traced",
                         {"--device=cuda", "--no-overlap", "--trace", scene.in(plan + ".trace")})
                  .code,
              0);
    EXPECT_EQ(resultsOf(scene.in(plan + "-traced")), wanted);
    EXPECT_TRUE(std::filesystem::exists(scene.in(plan + ".trace")));
  }
}

TEST(EmulatedDevice, TheSameBitsWithAnyCache) {
  Scene &scene = Scene::instance();
  ASSERT_EQ(scene.train("rgcn", "uncached", {"--device=cuda"}).code, 0);
  const auto wanted = resultsOf(scene.in("uncached"));
  int number = 0;
  for (const Arguments &cache : std::vector<Arguments>{{"--cache=none"},
                                                       {"--cache=greedy", "--cache-memory=80"},
                                                       {"--cache=heta", "--cache-memory=20KiB"},
                                                       {"--cache=greedy", "--cache-memory=1GiB"}}) {
    const std::string name = "cached-" + std::to_string(number++);
    Arguments arguments = {"--device=cuda"};
    arguments.insert(arguments.end(), cache.begin(), cache.end());
    ToolRun got = scene.train("rgcn", name, arguments);
    ASSERT_EQ(got.code, 0) << got.err;
    EXPECT_EQ(resultsOf(scene.in(name)), wanted) << cache[0];
    const Json caches = cachesOf(scene.in(name));
    EXPECT_GE(caches.size(), 1u);
    for (const Json &feature : caches) {
      const int64_t asked = feature["training"]["requested"], hits = feature["training"]["hits"];
      EXPECT_GT(asked, 0);
      EXPECT_TRUE(number == 1 ? hits == 0 : number == 4 ? hits == asked : hits <= asked) << feature;
    }
  }
}

// Features stored in 16 bits: the bits of the same numbers stored as float32, where the device has
// all rows, some, or none of them.
TEST(EmulatedDevice, NarrowFeatures) {
  Scene &scene = Scene::instance();
  scene.graph("bfloat16", {"--feature-dtype=bfloat16", scene.graph()});
  scene.graph("float32", {"--feature-dtype=float32", scene.made("bfloat16")});
  auto train = [&](const std::string &dtype, const std::string &name, Arguments more) {
    more.push_back("--device=cuda");
    ToolRun got = scene.train(dtype, name, more, {}, dtype);
    EXPECT_EQ(got.code, 0) << got.err;
    return lossesOf(scene.in(name));
  };
  for (const std::string dtype : {"float32", "bfloat16"})
    scene.compile(dtype, scene.rgcn(), {}, dtype);
  const std::vector<double> wanted = train("float32", "wide", {});
  ASSERT_FALSE(wanted.empty());
  int number = 0;
  for (const Arguments &cache :
       std::vector<Arguments>{{}, {"--cache=none"}, {"--cache=greedy", "--cache-memory=4KiB"}}) {
    const std::string name = "narrow-" + std::to_string(number++);
    EXPECT_EQ(train("bfloat16", name, cache), wanted) << number;
    EXPECT_EQ(readAll(scene.in(name + "/predictions.csv")),
              readAll(scene.in("wide/predictions.csv")));
    int64_t kept = 0;
    const Json caches = cachesOf(scene.in(name));
    EXPECT_EQ(caches.size(), number == 1 ? 0u : 4u);
    for (const Json &feature : caches) {
      EXPECT_EQ(feature["row_bytes"], 20 * 2);
      kept += int64_t(feature["kept_rows"]);
    }
    EXPECT_EQ(kept, number == 3 ? 4096 / 40 : 0);
  }
}

// Features that the device has no room for are read over the bus: the fetch queue has none of them.
TEST(EmulatedDevice, FeaturesThatHaveNoRoom) {
  HEDDLE_NEEDS_DOUBLE();
  Scene &scene = Scene::instance();
  scene.graph("many", {"--generate=igb-het", "--scale=0.000003", "--features=300"});
  scene.compile("many",
                R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "label_19"},
      "model": {"encoder": "rgcn", "num_layers": 1, "hidden_size": 4}, "sampling": {"fanout": [1]},
      "train": {"batch_size": 32, "num_epochs": 1}})",
                {}, "many");
  auto train = [&](const std::string &name, const Settings &settings) {
    ToolRun got = scene.train("many", name, {"--device=cuda", "--trace", scene.in(name + ".trace")},
                              settings, "many");
    EXPECT_EQ(got.code, 0) << got.err;
    // Of the ops that fetch, those that fetched something in the host's queue.
    EXPECT_EQ(readAll(scene.in(name + ".trace")).find("\"fetch paper.feat"), std::string::npos);
    return resultsOf(scene.in(name));
  };
  EXPECT_EQ(train("many-host", {{"HEDDLE_EMULATOR_MEMORY", "1900000"}}), train("many-device", {}));
}

TEST(EmulatedDevice, RanksOnOneDeviceAndOnTwo) {
  Scene &scene = Scene::instance();
  ASSERT_EQ(scene.train("rgcn", "alone", {"--device=cuda"}).code, 0);
  for (const std::string plan : {"raf", "vanilla"}) {
    ToolRun one = scene.train(plan, plan + "-1", {"--device=cuda"});
    ASSERT_EQ(one.code, 0) << one.err;
    expectNear(lossesOf(scene.in(plan + "-1")), lossesOf(scene.in("alone")));
    ToolRun two =
        scene.train(plan, plan + "-2", {"--device=cuda", "--workers=2", "--transport=host"},
                    {{"HEDDLE_EMULATOR_DEVICES", "2"}});
    ASSERT_EQ(two.code, 0) << two.err;
    EXPECT_EQ(resultsOf(scene.in(plan + "-2")), resultsOf(scene.in(plan + "-1")));
  }
}

TEST(EmulatedDevice, Inference) {
  Scene &scene = Scene::instance();
  ASSERT_EQ(scene.train("hgt", "trained", {}).code, 0);
  for (const std::string device : {"cpu", "cuda"}) {
    ToolRun got = scene.onDevice("heddle-run", {scene.made("hgt.plan"), "--graph", scene.graph(),
                                                "--mode=infer", "--restore", scene.in("trained"),
                                                "-o", scene.in("inferred-" + device), "--device",
                                                device, "--predict=test", "--progress=never"});
    ASSERT_EQ(got.code, 0) << got.err;
  }
  std::istringstream a(readAll(scene.in("inferred-cpu/predictions.csv"))),
      b(readAll(scene.in("inferred-cuda/predictions.csv")));
  int rows = 0, differ = 0;
  for (std::string x, y; std::getline(a, x) && std::getline(b, y); ++rows)
    differ += x.substr(0, x.find(',')) != y.substr(0, y.find(','));
  EXPECT_GT(rows, 10);
  EXPECT_EQ(differ, 0);
}

/// Users who all like one item, and one whom all know: rows with hundreds of edges, both ways.
void writeHubs(const std::string &folder) {
  constexpr int users = 400;
  std::string table = "id,a,b,label,words\n", likes = "user,item\n", knows = "a,b\n";
  for (int i = 0; i < users; ++i) {
    const std::string user = "u" + std::to_string(i);
    table += user + "," + std::to_string(i % 7) + "," + std::to_string(i % 11 - 5) + "," +
             "xyz"[i % 3] + ",all;w" + std::to_string(i % 5) + "\n";
    likes += user + ",hub\n" + (i % 3 ? "" : user + ",i" + std::to_string(i % 8) + "\n");
    if (i > 0)
      knows += "u0," + user + "\n" + user + ",u" + std::to_string(i * i % users) + "\n";
  }
  test::writeAll(folder + "/users.csv", table);
  test::writeAll(folder + "/likes.csv", likes);
  test::writeAll(folder + "/knows.csv", knows);
  test::writeAll(folder + "/hubs.json",
                 R"({"format": "heddle-import", "version": "1.0", "add_reverse_edges": true,
    "nodes": [{"node_type": "user", "node_id_col": "id", "format": {"name": "csv"}, "files": ["users.csv"],
      "features": [{"feature_col": ["a", "b"], "feature_name": "n"},
                   {"feature_col": "words", "transform": {"name": "categorical", "separator": ";"}}],
      "labels": [{"label_col": "label", "task_type": "classification", "splits": {"main": {"split_pct": [0.6, 0.2, 0.2], "seed": 1}}}]},
      {"node_type": "item", "from_edges": true}],
    "edges": [{"relation": ["user", "likes", "item"], "source_id_col": "user", "dest_id_col": "item",
               "format": {"name": "csv"}, "files": ["likes.csv"]},
              {"relation": ["user", "knows", "user"], "source_id_col": "a", "dest_id_col": "b",
               "format": {"name": "csv"}, "files": ["knows.csv"]}]})");
}

TEST(EmulatedDevice, HubsAreSummedByWholeBlocks) {
  Scene &scene = Scene::instance();
  writeHubs(scene.in(""));
  const std::string graph = scene.graph("hubs", {scene.in("hubs.json")});
  const std::map<std::string, std::string> fanouts = {
      {"all", R"([-1, -1]}, "train": {"batch_size": "all")"},
      {"some", R"([4, 200]}, "train": {"batch_size": 90)"},
      {"few", R"([1, 150]}, "train": {"batch_size": 15)"}};
  // The last has rows of which a thread takes more columns than four at once.
  struct Case {
    std::string encoder, fanout, width;
  };
  for (const auto &[encoder, fanout, width] :
       {Case{"rgcn", "some", "16"}, Case{"rgat", "all", "16"}, Case{"hgt", "some", "16"},
        Case{"simplehgn", "all", "16"}, Case{"rgat", "few", "133"}}) {
    SCOPED_TRACE(encoder + " " + width);
    const std::string heads =
        encoder == "rgcn" ? "" : std::string(R"(, "num_heads": )") + (width == "16" ? "2" : "1");
    const std::string plan =
        scene.compile("hubs-" + encoder + width,
                      R"({"version": "1.0", "task": {"target_ntype": "user", "label": "label"},
      "inputs": {"*": {"features": "all", "learnable": true}}, "model": {"encoder": ")" +
                          encoder + R"(", "num_layers": 2, "hidden_size": )" + width + heads +
                          R"(}, "sampling": {"fanout": )" + fanouts.at(fanout) + "}}",
                      {}, "hubs");
    // A block's threads agree which rows are hubs by a vote.
    EXPECT_NE(
        good(scene.folder(), "heddle-dump", {plan, "--ptx", "sm_75"}).find("vote.sync.ballot"),
        std::string::npos);
    ToolRun got = scene.onDevice("heddle_devices", {"--plan", plan, "--graph", graph});
    EXPECT_EQ(got.code, 0) << got.out << got.err;
    EXPECT_NE(got.out.find("all agree"), std::string::npos) << got.out;
  }
}

TEST(EmulatedDevice, WhatIsMissingIsSaid) {
  HEDDLE_NEEDS_DOUBLE();
  Scene &scene = Scene::instance();
  auto fails = [&](Arguments more, const Settings &settings, const std::string &text) {
    ToolRun got = scene.train("rgcn", "fails", more, settings);
    EXPECT_NE(got.code, 0);
    EXPECT_NE(got.err.find(text), std::string::npos) << got.err;
    EXPECT_FALSE(std::filesystem::exists(scene.in("fails")));
  };
  fails({"--device=cuda"}, {{"HEDDLE_EMULATOR_CAPABILITY", "70"}},
        "recompile with heddle-compile --gpu=all");
  fails({"--device=cuda:1"}, {}, "this machine has 1 GPU, numbered from 0");
  fails({"--device=cuda"}, {{"HEDDLE_EMULATOR_DEVICES", "0"}}, "this machine has no NVIDIA GPU");
  fails({"--device=cuda"}, {{"HEDDLE_EMULATOR_MEMORY", "30000"}}, "out of memory");
  fails({"--device=cuda"}, {{"HEDDLE_EMULATOR_MEMORY", "400000"}},
        "use a smaller batch_size or fanout");
}

} // namespace
} // namespace heddle::e2e
