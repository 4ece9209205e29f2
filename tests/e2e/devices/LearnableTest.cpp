//===- LearnableTest.cpp - learnable rows in the tiers of a device ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Weights, moments, losses and predictions are the same bits whatever the device keeps of learnable
// rows; tables that it has no room for train; what goes wrong leaves the rows as they were.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/devices/DeviceScene.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

namespace heddle::e2e {
namespace {

using Json = nlohmann::json;

/// Plans whose tables are stepped in other ways.
DeviceScene &scene() {
  static DeviceScene &scene = []() -> DeviceScene & {
    DeviceScene &scene = DeviceScene::instance();
    const std::string head =
        R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "label_19"}, )";
    const std::string tail =
        R"("sampling": {"fanout": [4, 3]}, "train": {"batch_size": 200, "num_epochs": 1)";
    // Without moments, and rows of a size that is no multiple of 16 bytes.
    scene.compile("sgd", head +
                             R"("inputs": {"*": {"features": "all"}, "author": {"learnable": true}},
      "model": {"encoder": "hgt", "num_layers": 2, "hidden_size": 6, "num_heads": 2}, )" +
                             tail + R"(, "sparse_optimizer": {"name": "sgd"}}})");
    // A table for each relation, in a layer.
    scene.compile("featureless", head + R"("model": {"encoder": "rgcn", "num_layers": 2,
      "hidden_size": 8, "featureless": true, "dropout": 0.3}, )" +
                                     tail + R"(, "optimizer": {"weight_decay": 0.01}}})");
    return scene;
  }();
  return scene;
}

std::vector<Json> tablesOf(const std::string &run) {
  std::vector<Json> tables;
  for (const Json &use : cachesOf(run))
    if (use.contains("learnable"))
      tables.push_back(use);
  return tables;
}

TEST(EmulatedDevice, TheSameBitsOfLearnableRows) {
  for (const std::string plan : {"rgcn", "sgd", "featureless"}) {
    ToolRun whole = scene().train(plan, plan + "-whole", {"--device=cuda"});
    ASSERT_EQ(whole.code, 0) << whole.err;
    const auto wanted = resultsOf(scene().in(plan + "-whole"));
    ASSERT_GE(wanted.size(), 3u);
    int number = 0;
    for (const Arguments &cache :
         std::vector<Arguments>{{"--cache=none"},
                                {"--cache=greedy", "--cache-memory=100", "--no-overlap"},
                                {"--cache=uniform", "--cache-memory=30KiB", "--trace",
                                 scene().in(plan + "-rows.trace")},
                                {"--cache=greedy", "--cache-memory=1GiB"}}) {
      const std::string name = plan + "-rows-" + std::to_string(number++);
      Arguments arguments = {"--device=cuda", "--cache-learnable"};
      arguments.insert(arguments.end(), cache.begin(), cache.end());
      Settings settings;
      if (number == 2)
        settings["HEDDLE_EMULATOR_ORDER"] = "eager";
      ToolRun got = scene().train(plan, name, arguments, settings);
      ASSERT_EQ(got.code, 0) << got.err;
      EXPECT_EQ(resultsOf(scene().in(name)), wanted) << plan << " " << cache[0];
      const std::vector<Json> tables = tablesOf(scene().in(name));
      EXPECT_GE(tables.size(), 1u);
      for (const Json &use : tables) {
        const int64_t asked = use["training"]["requested"], hits = use["training"]["hits"];
        EXPECT_FALSE(use.contains("in_memory"));
        EXPECT_GT(asked, 0) << use;
        EXPECT_LE(hits, asked) << use;
        if (number == 1)
          EXPECT_EQ(hits, 0) << use;
        if (number == 4)
          EXPECT_EQ(hits, asked) << use;
      }
      if (number == 3)
        EXPECT_TRUE(std::any_of(tables.begin(), tables.end(),
                                [](const Json &use) { return use["training"]["hits"] > 0; }));
    }
  }
}

TEST(EmulatedDevice, LearnableRowsThatHaveNoRoom) {
  HEDDLE_NEEDS_DOUBLE();
  scene().graph("large", {"--generate=igb-het", "--scale=0.00005", "--features=8"});
  scene().compile("wide",
                  R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "label_19"},
      "inputs": {"*": {"learnable": true}, "paper": {"features": "all"}},
      "model": {"encoder": "rgcn", "num_layers": 1, "hidden_size": 32},
      "sampling": {"fanout": [1]}, "train": {"batch_size": 128, "num_epochs": 1}})",
                  {}, "large");
  auto train = [&](const std::string &name, Arguments more, const std::string &memory) {
    more.push_back("--device=cuda");
    return scene().train("wide", name, more, {{"HEDDLE_EMULATOR_MEMORY", memory}}, "large");
  };
  ToolRun plenty = train("wide-plenty", {}, "1000000000");
  ASSERT_EQ(plenty.code, 0) << plenty.err;
  // Rows of authors with moments are 2.1 MiB.
  const std::string little = "2400000";
  ToolRun refused = train("wide-refused", {}, little);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("--cache greedy --cache-memory SIZE --cache-learnable"),
            std::string::npos)
      << refused.err;
  EXPECT_FALSE(std::filesystem::exists(scene().in("wide-refused")));
  ToolRun tiers =
      train("wide-tiers", {"--cache=greedy", "--cache-memory=100KiB", "--cache-learnable"}, little);
  ASSERT_EQ(tiers.code, 0) << tiers.err;
  EXPECT_EQ(resultsOf(scene().in("wide-tiers")), resultsOf(scene().in("wide-plenty")));
}

// Full-graph steps and several partitions ask for whole tables: they stay on the device, and that
// is said.
TEST(EmulatedDevice, TablesThatStayWhole) {
  for (const std::string plan : {"whole", "raf"}) {
    ASSERT_EQ(scene().train(plan, plan + "-kept", {"--device=cuda"}).code, 0);
    ToolRun got = scene().train(plan, plan + "-asked",
                                {"--device=cuda", "--cache=none", "--cache-learnable"});
    ASSERT_EQ(got.code, 0) << got.err;
    EXPECT_NE(got.out.find("are in memory"), std::string::npos) << got.out;
    EXPECT_EQ(resultsOf(scene().in(plan + "-asked")), resultsOf(scene().in(plan + "-kept")));
  }
}

// A step that ends early changes nothing, and its error is the same with tiers.
TEST(EmulatedDevice, ALossThatIsNotFinite) {
  std::vector<std::string> errors;
  for (const Arguments &cache :
       std::vector<Arguments>{{},
                              {"--cache=none", "--cache-learnable"},
                              {"--cache=greedy", "--cache-memory=10KiB", "--cache-learnable"}}) {
    Arguments arguments = {"--device=cuda", "--lr=1e38"};
    arguments.insert(arguments.end(), cache.begin(), cache.end());
    ToolRun got = scene().train("rgcn", "bad", arguments);
    EXPECT_NE(got.code, 0);
    errors.push_back(got.err);
    std::filesystem::remove_all(scene().in("bad.partial"));
  }
  EXPECT_NE(errors[0].find("not finite"), std::string::npos) << errors[0];
  EXPECT_EQ(errors[1], errors[0]);
  EXPECT_EQ(errors[2], errors[0]);
}

TEST(EmulatedDevice, LearnableRowsWrongUse) {
  ToolRun got = scene().train(
      "rgcn", "wrong",
      {"--device=cuda", "--cache=none", "--cache-learnable", "--cache-folder", scene().in("")});
  EXPECT_EQ(got.code, 2);
  EXPECT_NE(got.err.find("--cache-folder: with --device=cuda"), std::string::npos) << got.err;
}

} // namespace
} // namespace heddle::e2e
