//===- LayoutTest.cpp - where partitions run changes no bit ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Safetensors.h"
#include "tests/e2e/workers/Scene.h"

#include <cmath>
#include <filesystem>
#include <map>

namespace heddle::e2e {
namespace {

namespace fs = std::filesystem;
using test::readAll;

constexpr const char *weightFiles[] = {"/best/weights.safetensors", "/last/weights.safetensors",
                                       "/last/optimizer.safetensors"};

/// What the run's numbers are, without its times.
Json numbersOf(const std::string &run) {
  Json all = Json::array();
  for (const char *event : {"train", "valid", "test"})
    for (Json line : eventsOf(run, event)) {
      for (auto it = line.begin(); it != line.end();)
        it = it.key().find("second") != std::string::npos || it.key() == "time" ? line.erase(it)
                                                                                : std::next(it);
      if (line.contains("sent_bytes"))
        line["sent_bytes"].erase("control"); // may say more often that it is alive
      all.push_back(line);
    }
  return all;
}

void expectSameBits(const std::string &one, const std::string &other) {
  EXPECT_FALSE(numbersOf(one).empty());
  EXPECT_EQ(numbersOf(one), numbersOf(other)) << other;
  for (const char *file : weightFiles) {
    EXPECT_FALSE(readAll(one + file).empty()) << one << file;
    EXPECT_TRUE(readAll(one + file) == readAll(other + file)) << other << file;
  }
  EXPECT_EQ(readAll(one + "/predictions.csv"), readAll(other + "/predictions.csv")) << other;
}

/// Names, types and shapes of a file's tensors.
std::string shapesOf(const std::string &path) {
  auto reader = train::SafetensorsReader::open(path);
  if (!reader.ok())
    return messageOf(reader.status());
  std::string text;
  for (const train::TensorInfo &info : (*reader)->tensors()) {
    text += info.name + " " + info.dtype;
    for (int64_t size : info.shape)
      text += " " + std::to_string(size);
    text += "\n";
  }
  return text;
}

void expectSameLosses(const std::string &one, const std::string &other) {
  auto a = eventsOf(one, "train"), b = eventsOf(other, "train");
  ASSERT_EQ(a.size(), b.size());
  ASSERT_GE(a.back()["step"], 20); // an epoch is three steps
  for (size_t i = 0; i < a.size(); ++i) {
    double x = a[i]["loss"], y = b[i]["loss"];
    EXPECT_NEAR(x, y, 1e-5 * std::abs(x)) << "epoch " << i + 1;
  }
  EXPECT_LT(a.back()["loss"], a.front()["loss"]);
}

/// Partitions that have tracks with events in a trace.
std::set<std::string> tracedPartitions(const std::string &path) {
  std::map<Json, std::string> names;
  std::set<std::string> found;
  const Json trace = jsonOf(path);
  for (const Json &event : trace["traceEvents"]) {
    if (event["name"] == "thread_name")
      names[event["tid"]] = event["args"]["name"];
    std::string name = event["ph"] == "X" ? names[event["tid"]] : "";
    if (name.rfind("partition ", 0) == 0)
      found.insert(name.substr(10, name.find(' ', 10) - 10));
  }
  return found;
}

class Layout : public testing::TestWithParam<const char *> {
protected:
  Strings compileOptions() const { return {"--exchange", GetParam()}; }
  std::string plan(int partitions) {
    return Scene::instance().plan(partitions, GetParam(), compileOptions());
  }
  std::string name(const std::string &text) { return std::string(GetParam()) + "-" + text; }
};

TEST_P(Layout, WorkersThreadsAndOverlapChangeNoBit) {
  Scene &scene = Scene::instance();
  auto expectSame = [&](int partitions, const std::vector<Strings> &layouts) {
    std::string p = "p" + std::to_string(partitions);
    std::string first = scene.train(plan(partitions), name(p));
    EXPECT_EQ(jsonOf(first + "/run.json").value("partitions", 0), partitions);
    EXPECT_EQ(jsonOf(first + "/fingerprints.json").value("workers", 0), 1);
    for (const Strings &more : layouts) {
      std::string folder = name(p);
      for (const std::string &word : more)
        folder += word;
      expectSameBits(first, scene.train(plan(partitions), folder, more));
      if (more[0] == "--workers")
        EXPECT_EQ(std::to_string(jsonOf(scene.in(folder) + "/run.json").value("workers", 0)),
                  more[1]);
    }
  };
  expectSame(2, {{"--threads", "5", "--no-overlap"}, {"--workers", "2", "--threads", "3"}});
  expectSame(4, {{"--threads", "5"},
                 {"--no-overlap"},
                 {"--workers", "2"},
                 {"--workers", "3", "--threads", "3"},
                 {"--workers", "4", "--no-overlap"}});
}

TEST_P(Layout, PartitionsWriteWhatOneWrites) {
  Scene &scene = Scene::instance();
  std::string one = scene.train(scene.plan(1), name("one"));
  for (int partitions : {2, 4}) {
    std::string p = std::to_string(partitions);
    std::string run = scene.train(plan(partitions), name("against-one" + p), {"--workers", p});
    expectSameLosses(one, run);
    for (const char *file : weightFiles)
      EXPECT_EQ(shapesOf(one + file), shapesOf(run + file)) << file;
    Json sent = eventsOf(run, "train")[0]["sent_bytes"];
    EXPECT_GT(sent["activations"], 0) << sent;
  }
  EXPECT_FALSE(eventsOf(one, "train")[0].contains("sent_bytes"));
}

INSTANTIATE_TEST_SUITE_P(Exchange, Layout, testing::Values("replicated", "leader"),
                         [](const auto &info) { return std::string(info.param); });

// The usual order, where partitions divide the seeds and fetch each other's rows.
TEST(Layouts, VanillaOrderToo) {
  Scene &scene = Scene::instance();
  std::string plan = scene.plan(2, "vanilla", {"--order", "vanilla"});
  std::string first = scene.train(plan, "vanilla1");
  expectSameBits(first, scene.train(plan, "vanilla2", {"--workers", "2"}));
  std::string one = scene.train(scene.plan(1), "vanilla-one");
  expectSameLosses(one, first);
  for (const char *file : weightFiles)
    EXPECT_EQ(shapesOf(one + file), shapesOf(first + file)) << file;
}

TEST(Layouts, SeveralRunsAndTraces) {
  Scene &scene = Scene::instance();
  std::string trace = scene.in("t.json");
  std::string run = scene.train(
      scene.plan(4), "several",
      {"--workers", "2", "--runs", "2", "--epochs", "2", "--trace", trace, "--memory", "64MiB"});
  EXPECT_EQ(jsonOf(run + "/run.json")["result"].size(), 2u);
  EXPECT_TRUE(fs::exists(run + "/seed-0/best/weights.safetensors")) << run;
  EXPECT_FALSE(fs::exists(trace));
  for (int rank : {0, 1}) {
    std::string path = scene.in("t.rank" + std::to_string(rank) + ".json");
    EXPECT_EQ(tracedPartitions(path),
              (std::set<std::string>{std::to_string(2 * rank), std::to_string(2 * rank + 1)}));
  }
  // In one process, one file.
  scene.train(scene.plan(2), "traced", {"--epochs", "1", "--trace", trace});
  EXPECT_EQ(tracedPartitions(trace), (std::set<std::string>{"0", "1"}));
  Tool again("heddle-run",
             scene.run(scene.plan(4), scene.in("again"), {"--workers", "2", "--trace", trace}));
  EXPECT_EQ(again.wait(), 2);
  EXPECT_NE(again.output().find("t.rank0.json: already exists"), std::string::npos)
      << again.output();
}

TEST(Layouts, WrongUseIsToldOnceBeforeAnythingStarts) {
  Scene &scene = Scene::instance();
  auto expectRefused = [&](const Strings &more, const std::string &part, int partitions = 4) {
    Strings arguments = scene.run(scene.plan(partitions), scene.in("refused"), more);
    if (std::find(more.begin(), more.end(), "--graph") != more.end())
      arguments.erase(arguments.begin() + 1, arguments.begin() + 3); // the usual one
    Tool tool("heddle-run", arguments);
    EXPECT_EQ(tool.wait(), 2) << tool.output();
    EXPECT_NE(tool.output().find(part), std::string::npos) << part << "\n" << tool.output();
    EXPECT_EQ(std::count(tool.output().begin(), tool.output().end(), '\n'), 1) << tool.output();
    EXPECT_FALSE(fs::exists(scene.in("refused")));
    EXPECT_FALSE(fs::exists(scene.in("refused.partial")));
  };
  expectRefused({"--workers", "5"},
                "has only 4 partitions to share among them; start at most 4, or "
                "recompile with heddle-compile --partitions 5");
  expectRefused({"--workers", "2"}, "has only 1 partition to share among them; start one worker",
                1);
  expectRefused({"--workers", "0"}, "--workers");
  expectRefused({"--workers", "2", "--timeout", "0"}, "--timeout");
  expectRefused({"--workers", "2", "--epochs", "-1"}, "--epochs");
  expectRefused({"--workers", "2", "--graph", scene.in("nowhere")}, "nowhere");
  expectRefused({"--workers", "2", "--cpu-level", "x86-64-v9"}, "x86-64-v9");
  Tool config("heddle-run", {scene.plan(4), "--print-config", "--workers", "3"});
  EXPECT_EQ(config.wait(), 0);
  Json shown = Json::parse(config.output(), nullptr, false);
  EXPECT_EQ(shown["run"]["workers"], 3) << config.output();
  EXPECT_EQ(shown["run"]["partitions"], 4);
  EXPECT_EQ(shown["run"]["timeout"], 30);
}

} // namespace
} // namespace heddle::e2e
