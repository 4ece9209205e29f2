//===- BitsTest.cpp - the same run with any cache --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// heddle-run as a user calls it: weights, moments, losses and predictions are the same bits whatever is
// kept, on one worker and on several; what is reported adds up; wrong use is told.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/caches/Results.h"
#include "tests/e2e/caches/ToolRun.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <map>

namespace heddle::e2e {
namespace {

using Json = nlohmann::json;
using test::readAll;
using test::TemporaryDirectory;

/// A graph like IGB-HET (all types have features), and plans for 1 and 2 partitions in both orders.
class Scene {
public:
  static Scene &instance() {
    static Scene scene;
    return scene;
  }
  std::string in(const std::string &name) const { return folder_ / name; }
  std::string plan(const std::string &name) const { return folder_ / (name + ".plan"); }
  TemporaryDirectory &folder() { return folder_; }

  ToolRun train(const std::string &plan, const std::string &name, Arguments more) {
    Arguments arguments = {this->plan(plan), "--graph", in("graph"), "-o", in(name)};
    if (std::none_of(more.begin(), more.end(),
                     [](const std::string &a) { return a.rfind("--threads", 0) == 0; }))
      arguments.push_back("--threads=2");
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(folder_, "heddle-run", arguments);
  }

private:
  Scene() {
    good(folder_, "heddle-import",
         {"--generate=igb-het", "--scale=0.00001", "--features=24", "-o", in("graph")});
    test::writeAll(in("model.json"), R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "label_19"},
      "inputs": {"*": {"features": "all", "learnable": true}},
      "model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 8, "dropout": 0.2},
      "sampling": {"fanout": [4, 3]}, "train": {"batch_size": 300, "num_epochs": 2}})");
    // Other kinds of tables and steps: one of one type stepped without moments, those of R-GCN's first layer.
    const std::string head = R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "label_19"},)",
                      tail = R"("sampling": {"fanout": [4, 3]}, "train": {"batch_size": 300, "num_epochs": 2)";
    test::writeAll(in("sgd.json"), head + R"("inputs": {"*": {"features": "all"}, "author": {"learnable": true}},
      "model": {"encoder": "hgt", "num_layers": 2, "hidden_size": 8, "num_heads": 2}, )" + tail +
                                       R"(, "max_grad_norm": 1, "sparse_optimizer": {"name": "sgd"}}})");
    test::writeAll(in("featureless.json"), head + R"("model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 8, "featureless": true, "dropout": 0.3}, )" +
                                               tail + R"(, "optimizer": {"weight_decay": 0.01}}})");
    for (auto [name, more] : std::map<std::string, Arguments>{
             {"one", {}},
             {"raf", {"--partitions=2", "--order=raf"}},
             {"vanilla", {"--partitions=2", "--order=vanilla"}},
             {"sgd", {}},
             {"featureless", {}}}) {
      const bool own = std::filesystem::exists(in(name + ".json"));
      Arguments arguments = {"--graph", in("graph"), "--model", in((own ? name : "model") + ".json"),
                             "-o",      plan(name)};
      arguments.insert(arguments.end(), more.begin(), more.end());
      good(folder_, "heddle-compile", arguments);
    }
  }
  TemporaryDirectory folder_;
};

TEST(Caches, TheSameBits) {
  Scene &scene = Scene::instance();
  const std::string width = std::to_string(24 * 4);
  for (const std::string plan : {"one", "raf", "vanilla"}) {
    ToolRun base = scene.train(plan, plan + "-off", {});
    ASSERT_EQ(base.code, 0) << base.err;
    auto wanted = resultsOf(scene.in(plan + "-off"));
    ASSERT_GE(wanted.size(), 4u);
    EXPECT_TRUE(Json::parse(readAll(scene.in(plan + "-off/run.json")))["result"]["caches"].empty());
    int number = 0;
    for (const Arguments &cache : std::vector<Arguments>{
             {"--cache=none"},
             {"--cache=greedy", "--cache-memory=0"},
             {"--cache=greedy", "--cache-memory=" + width},
             {"--cache=heta", "--cache-memory=50KiB", "--no-overlap"},
             {"--cache=uniform", "--cache-memory=100KiB", "--cache-hotness=presampled"},
             {"--cache=greedy", "--cache-memory=1GiB", "--cache-hotness=presampled"},
             {"--cache=greedy", "--cache-memory=1GiB"}}) {
      std::string name = plan + "-" + std::to_string(number++);
      ToolRun got = scene.train(plan, name, cache);
      ASSERT_EQ(got.code, 0) << got.err;
      EXPECT_EQ(resultsOf(scene.in(name)), wanted) << plan << " " << cache[0];
      Json caches = Json::parse(readAll(scene.in(name) + "/run.json"))["result"]["caches"];
      ASSERT_EQ(caches.size(), 4u);
      EXPECT_NE(got.out.find("paper."), std::string::npos) << got.out;
      for (const Json &feature : caches) {
        const int64_t asked = feature["training"]["requested"], hits = feature["training"]["hits"];
        if (number == 7 || number == 6) { // all of it, in each partition that fetches it
          EXPECT_GE(feature["kept_rows"], feature["rows"]);
          EXPECT_EQ(hits, asked);
          EXPECT_EQ(feature["read_bytes"], 0);
        } else if (number <= 2) {
          EXPECT_EQ(hits, 0);
          EXPECT_EQ(feature["seconds_saved"], 0.0);
          EXPECT_GT(asked, 0);
        } else {
          EXPECT_LE(hits, asked);
        }
      }
    }
  }
  // Processes of their own, each with its cache.
  ToolRun workers = scene.train("vanilla", "workers",
                                {"--workers=2", "--cache=greedy", "--cache-memory=40KiB"});
  ASSERT_EQ(workers.code, 0) << workers.err;
  EXPECT_EQ(resultsOf(scene.in("workers")), resultsOf(scene.in("vanilla-off")));
}

// Learnable rows and their moments: on disk, with some, all or none in memory.
TEST(Caches, TheSameBitsOfLearnableRows) {
  Scene &scene = Scene::instance();
  for (const std::string plan : {"one", "sgd", "featureless"}) {
    ASSERT_EQ(scene.train(plan, plan + "-memory", {}).code, 0);
    const auto wanted = resultsOf(scene.in(plan + "-memory"));
    int number = 0;
    for (const Arguments &cache : std::vector<Arguments>{
             {"--cache=none", "--threads=4"},
             {"--cache=none", "--threads=1", "--no-overlap"},
             {"--cache=greedy", "--cache-memory=100", "--cache-folder=" + scene.in("")},
             {"--cache=heta", "--cache-memory=30KiB", "--threads=1"},
             {"--cache=uniform", "--cache-memory=100KiB", "--cache-hotness=presampled"},
             {"--cache=greedy", "--cache-memory=1GiB", "--threads=4"}}) {
      const std::string name = plan + "-learnable-" + std::to_string(number++);
      Arguments all = cache;
      all.push_back("--cache-learnable");
      ToolRun got = scene.train(plan, name, all);
      ASSERT_EQ(got.code, 0) << got.err;
      EXPECT_EQ(resultsOf(scene.in(name)), wanted) << plan << " " << cache[0];
      EXPECT_NE(got.out.find("learnable "), std::string::npos) << got.out;
      size_t tables = 0;
      const Json caches = Json::parse(readAll(scene.in(name) + "/run.json"))["result"]["caches"];
      for (const Json &use : caches) {
        if (!use.contains("learnable"))
          continue;
        ++tables;
        const int64_t asked = use["training"]["requested"], hits = use["training"]["hits"];
        EXPECT_FALSE(use.contains("in_memory"));
        if (number == 6 || use["kept_rows"] == use["rows"]) // or all that are ever asked for
          EXPECT_EQ(hits, asked) << use;
        EXPECT_EQ(use["written_bytes"] == 0, hits == asked) << use;
        if (number <= 2)
          EXPECT_EQ(hits, 0);
      }
      EXPECT_GE(tables, 1u);
    }
  }
  // Tables that partitions bring each other are in memory, and that is said.
  ToolRun raf = scene.train("raf", "raf-learnable", {"--cache=none", "--cache-learnable"});
  ASSERT_EQ(raf.code, 0) << raf.err;
  EXPECT_NE(raf.out.find("are in memory"), std::string::npos) << raf.out;
  ASSERT_EQ(scene.train("raf", "raf-memory", {}).code, 0);
  EXPECT_EQ(resultsOf(scene.in("raf-learnable")), resultsOf(scene.in("raf-memory")));
  // Nothing of the file is left.
  for (const auto &entry : std::filesystem::directory_iterator(scene.in("")))
    EXPECT_EQ(entry.path().filename().string().find(".heddle-rows"), std::string::npos);
}

TEST(Caches, InferenceReadsFromDisk) {
  Scene &scene = Scene::instance();
  ASSERT_EQ(scene.train("one", "trained", {}).code, 0);
  for (const std::string cache : {"off", "none"}) {
    ToolRun got = run(scene.folder(), "heddle-run",
                      {scene.plan("one"), "--graph", scene.in("graph"), "--mode=infer", "--restore",
                       scene.in("trained"), "-o", scene.in("inferred-" + cache), "--cache", cache});
    ASSERT_EQ(got.code, 0) << got.err;
  }
  size_t files = 0;
  for (const auto &entry :
       std::filesystem::recursive_directory_iterator(scene.in("inferred-off"))) {
    std::string name = std::filesystem::relative(entry.path(), scene.in("inferred-off")).string();
    if (entry.path().extension() != ".npy" && entry.path().extension() != ".csv")
      continue;
    ++files;
    EXPECT_EQ(readAll(entry.path().string()), readAll(scene.in("inferred-none/" + name))) << name;
  }
  EXPECT_GE(files, 1u);
}

TEST(Caches, WrongUse) {
  Scene &scene = Scene::instance();
  auto refused = [&](Arguments more, const std::string &text) {
    ToolRun got = scene.train("one", "refused", more);
    EXPECT_EQ(got.code, 2) << got.out;
    EXPECT_NE(got.err.find(text), std::string::npos) << got.err;
    EXPECT_FALSE(std::filesystem::exists(scene.in("refused")));
  };
  refused({"--cache=gredy"}, "--cache: unknown value 'gredy'; did you mean 'greedy'");
  refused({"--cache=greedy"}, "--cache greedy: needs --cache-memory");
  refused({"--cache=greedy", "--cache-memory=lots"}, "--cache-memory: ");
  refused({"--cache=greedy", "--cache-memory=-1"}, "--cache-memory: ");
  refused({"--cache-memory=1GiB"}, "--cache-memory: no row is kept with --cache off");
  refused({"--cache=none", "--cache-memory=1GiB"}, "--cache-memory: no row is kept with --cache none");
  refused({"--cache=none", "--cache-hotness=presampled"}, "--cache-hotness: no row is kept");
  refused({"--cache=heta", "--cache-memory=1GiB", "--cache-hotness=guess"},
          "--cache-hotness: unknown value 'guess'");
  refused({"--cache-learnable"}, "--cache-learnable: learnable rows are wholly in memory with --cache off");
  refused({"--cache=none", "--cache-folder=/tmp"}, "--cache-folder: is for learnable rows");
  refused({"--cache=none", "--cache-learnable", "--cache-folder=" + scene.in("missing")},
          "cannot make a file for the learnable rows");
  refused({"--cache=none", "--cache-learnable", "--mode=infer", "--restore=x"},
          "--cache-learnable: is for training");
  refused({"--cache=heta", "--cache-memory=1GiB", "--mode=infer", "--restore=x"},
          "inference reads each row once");
}

// The compiler says what to expect, and the dump shows it.
TEST(Caches, Dump) {
  Scene &scene = Scene::instance();
  std::string text = good(scene.folder(), "heddle-dump", {scene.plan("one")});
  EXPECT_NE(text.find("Features that can go through a cache"), std::string::npos) << text;
  EXPECT_NE(text.find("asked/step"), std::string::npos) << text;
  std::string phase = good(scene.folder(), "heddle-compile",
                           {"--graph", scene.in("graph"), "--model", scene.in("model.json"),
                            "--emit=cached"});
  EXPECT_NE(phase.find("hgnn.cache"), std::string::npos) << phase;
  EXPECT_NE(phase.find("{cached}"), std::string::npos) << phase;
}

} // namespace
} // namespace heddle::e2e
