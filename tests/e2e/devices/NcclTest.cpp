//===- NcclTest.cpp - heddle-run --transport nccl, on emulated devices -----===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The tools as a user runs them, with doubles of NVIDIA's driver and of NCCL (tests/emulator).
// Arrays of collectives are then in memory that the host cannot touch, and what looks at them too
// early finds nothing there. At the end, the libraries themselves, where there is a GPU.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Nccl.h"
#include "runtime/cuda/CudaDevice.h"
#include "tests/e2e/devices/DeviceScene.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace heddle::e2e {
namespace {

using Json = nlohmann::json;
using test::readAll;

class Scene {
public:
  static Scene &instance() {
    static Scene scene;
    return scene;
  }
  std::string in(const std::string &name) const { return device_.in(name); }

  /// Trains with a worker for each partition. `real`: on this machine's own GPU.
  ToolRun train(const std::string &plan, const std::string &name, Arguments more,
                const Settings &settings = {}, bool real = false) {
    const std::string partitions(1, plan.back());
    Arguments arguments = {planOf(plan), "--graph",     device_.graph(),    "-o",
                           in(name),     "--threads=1", "--progress=never", "--force"};
    for (const std::string &usual : {std::string("--device=cuda"), "--workers=" + partitions})
      if (std::none_of(more.begin(), more.end(), [&](const std::string &given) {
            return given.starts_with(usual.substr(0, usual.find('=')));
          }))
        arguments.push_back(usual);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(device_.folder(), "heddle-run", std::move(arguments), [&] {
      if (!real) {
        ::setenv("LD_LIBRARY_PATH", HEDDLE_EMULATOR_DIR ":" NCCL_DOUBLE_DIR, 1);
        ::setenv("HEDDLE_EMULATOR_DEVICES", partitions.c_str(), 1);
      }
      for (const auto &[variable, value] : settings)
        ::setenv(variable.c_str(), value.c_str(), 1);
    });
  }
  std::string transportOf(const std::string &name) const {
    return Json::parse(readAll(in(name) + "/run.json"))["transport"];
  }

private:
  /// The plan of that name, made when it is first asked for: a test is a process of its own.
  std::string planOf(const std::string &name) {
    const bool attends = name.starts_with("hgt");
    Arguments arguments = {"--partitions", std::string(1, name.back()),
                           name.starts_with("vanilla") ? "--order=vanilla" : "--order=raf"};
    if (name.starts_with("led"))
      arguments.push_back("--exchange=leader");
    return device_.compile(
        name,
        R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "label_19"},
        "inputs": {"*": {"features": "all", "learnable": true}}, "model": {"num_layers": 2, "hidden_size": 8, )" +
            std::string(attends ? R"("encoder": "hgt", "num_heads": 2)" : R"("encoder": "rgcn")") +
            R"(}, "sampling": {"fanout": [4, 3]}, "train": {"batch_size": 200, "num_epochs": 1}})",
        arguments);
  }

  DeviceScene &device_ = DeviceScene::instance();
};

/// Sent bytes of each class but what says that somebody is alive.
Json sentBytes(const std::string &folder) {
  Json sent = Json::array();
  std::istringstream lines(readAll(folder + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);)
    if (Json event = Json::parse(line); event.contains("sent_bytes")) {
      event["sent_bytes"].erase("control");
      sent.push_back(event["sent_bytes"]);
    }
  return sent;
}

TEST(EmulatedNccl, BitsAreThoseOfTheHostsWay) {
  Scene &scene = Scene::instance();
  for (const std::string plan : {"raf2", "led3", "vanilla3", "hgt3"}) {
    const std::string host = scene.in(plan + "-host"), own = scene.in(plan + "-nccl");
    ToolRun before = scene.train(plan, plan + "-host", {"--transport=host"});
    ASSERT_EQ(before.code, 0) << before.err;
    EXPECT_EQ(scene.transportOf(plan + "-host"), "Gloo");
    ToolRun got = scene.train(plan, plan + "-nccl", {});
    ASSERT_EQ(got.code, 0) << got.err;
    EXPECT_EQ(scene.transportOf(plan + "-nccl"), "NCCL 2.28.0");
    EXPECT_EQ(got.err.find("remark"), std::string::npos) << got.err;
    EXPECT_EQ(sentBytes(own), sentBytes(host));
    ASSERT_GE(resultsOf(host).size(), 3u);
    EXPECT_EQ(resultsOf(own), resultsOf(host)) << plan;
  }
}

TEST(EmulatedNccl, TheSameBitsInAnyOrderOfStreams) {
  Scene &scene = Scene::instance();
  ASSERT_EQ(scene.train("vanilla3", "lazy", {}).code, 0);
  ToolRun eager = scene.train("vanilla3", "eager", {"--no-overlap", "--trace", scene.in("t.json")},
                              {{"HEDDLE_EMULATOR_ORDER", "eager"}});
  ASSERT_EQ(eager.code, 0) << eager.err;
  EXPECT_EQ(resultsOf(scene.in("eager")), resultsOf(scene.in("lazy")));
}

TEST(EmulatedNccl, AutoSaysWhyItIsNotNccl) {
  Scene &scene = Scene::instance();
  ToolRun shared = scene.train("raf2", "shared", {}, {{"HEDDLE_EMULATOR_DEVICES", "1"}});
  ASSERT_EQ(shared.code, 0) << shared.err;
  EXPECT_NE(
      shared.err.find("remark: collectives go through the host's memory, not by NCCL: ranks 0 "
                      "and 1 share a GPU"),
      std::string::npos)
      << shared.err;
  EXPECT_EQ(scene.transportOf("shared"), "Gloo");
  ToolRun threads = scene.train("raf2", "threads", {"--workers=1"});
  ASSERT_EQ(threads.code, 0) << threads.err;
  EXPECT_NE(threads.err.find("share a process"), std::string::npos) << threads.err;
  EXPECT_EQ(resultsOf(scene.in("threads")), resultsOf(scene.in("shared")));
}

// The double refuses two ranks of one device and one NCCL_HOSTID, as NCCL does.
TEST(EmulatedNccl, WhoInsistsSharesAGpuAsIfOnTwoHosts) {
  Scene &scene = Scene::instance();
  Settings one = {{"HEDDLE_EMULATOR_DEVICES", "1"}, {"HEDDLE_NCCL_DEVICE", "0"}};
  ToolRun got = scene.train("raf2", "insists", {"--transport=nccl"}, one);
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_NE(
      got.err.find("remark: ranks 0 and 1 share a GPU: NCCL is told that they are on hosts of "
                   "their own"),
      std::string::npos)
      << got.err;
  EXPECT_EQ(scene.transportOf("insists"), "NCCL 2.28.0");
  one["NCCL_HOSTID"] = "everyone"; // the user's own counts
  ToolRun refused = scene.train("raf2", "refused", {"--transport=nccl"}, one);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("Duplicate GPU detected"), std::string::npos) << refused.err;
  ToolRun threads = scene.train("raf2", "refused", {"--transport=nccl", "--workers=1"},
                                {{"HEDDLE_EMULATOR_DEVICES", "1"}});
  EXPECT_EQ(threads.code, 2);
  EXPECT_NE(threads.err.find("share a GPU and a process, which NCCL refuses"), std::string::npos)
      << threads.err;
}

TEST(EmulatedNccl, FailuresNameRankPeerAndStep) {
  Scene &scene = Scene::instance();
  ToolRun failed = scene.train("raf2", "failed", {}, {{"HEDDLE_NCCL_FAIL", "1:7"}});
  EXPECT_EQ(failed.code, 1);
  for (const char *text :
       {"rank 1: exchange of op ", ", step ", "NCCL with rank 0: unhandled system error"})
    EXPECT_NE(failed.err.find(text), std::string::npos) << failed.err;
  const auto begin = std::chrono::steady_clock::now();
  ToolRun hung = scene.train("raf2", "failed", {"--timeout=2"}, {{"HEDDLE_NCCL_HANG", "0:7"}});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(hung.code, 1);
  EXPECT_NE(hung.err.find("waited 2 s for rank "), std::string::npos) << hung.err;
  EXPECT_NE(hung.err.find("(NCCL)"), std::string::npos) << hung.err;
}

TEST(EmulatedNccl, TheOptionIsChecked) {
  Scene &scene = Scene::instance();
  auto says = [&](Arguments more, const std::string &text) {
    ToolRun got = scene.train("raf2", "unused", std::move(more));
    EXPECT_EQ(got.code, 2);
    EXPECT_NE(got.err.find(text), std::string::npos) << got.err;
  };
  says({"--transport=ncl"}, "--transport: unknown value 'ncl'");
  says({"--transport=nccl", "--device=cpu"}, "--transport nccl: is for GPUs; add --device=cuda");
}

// Also the command for a person with a GPU.
TEST(Nccl, TwoProcessesOnOneGpu) {
  if (absl::Status status = cuda::checkDevice({true, 0}); !status.ok())
    GTEST_SKIP() << messageOf(status);
  if (auto nccl = cuda::Nccl::get(); !nccl.ok())
    GTEST_SKIP() << messageOf(nccl.status());
  Scene &scene = Scene::instance();
  for (const std::string plan : {"raf2", "vanilla3"}) {
    ToolRun host =
        scene.train(plan, plan + "-gpu-host", {"--device=cuda:0", "--transport=host"}, {}, true);
    ASSERT_EQ(host.code, 0) << host.err;
    ToolRun got =
        scene.train(plan, plan + "-gpu", {"--device=cuda:0", "--transport=nccl"}, {}, true);
    ASSERT_EQ(got.code, 0) << got.err;
    EXPECT_EQ(resultsOf(scene.in(plan + "-gpu")), resultsOf(scene.in(plan + "-gpu-host")));
  }
}

} // namespace
} // namespace heddle::e2e
