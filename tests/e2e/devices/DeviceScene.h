//===- DeviceScene.h - the tools on an emulated device -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The tests run on the double of NVIDIA's driver (tests/emulator). With HEDDLE_E2E_GPU set they run
// on this machine's GPU; those that need the double skip. With HEDDLE_E2E_MADE=DIR the graphs and
// plans are kept there and used again, so that a machine without a compiler can run them.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_DEVICES_DEVICESCENE_H
#define HEDDLE_TESTS_E2E_DEVICES_DEVICESCENE_H

#include "tests/e2e/caches/Results.h"
#include "tests/e2e/caches/ToolRun.h"

#include <cstdlib>
#include <filesystem>
#include <map>

namespace heddle::e2e {

using Settings = std::map<std::string, std::string>;

inline bool onRealGpu() { return std::getenv("HEDDLE_E2E_GPU") != nullptr; }
/// First of a test that needs the double's settings.
#define HEDDLE_NEEDS_DOUBLE()                                                                      \
  if (onRealGpu())                                                                                 \
  GTEST_SKIP() << "needs the double of the driver"

/// Small graphs, and plans of them for GPUs.
class DeviceScene {
public:
  static DeviceScene &instance() {
    static DeviceScene scene;
    return scene;
  }
  /// What runs leave.
  std::string in(const std::string &name) const { return folder_ / name; }
  /// What they start from.
  std::string made(const std::string &name) const {
    const char *kept = std::getenv("HEDDLE_E2E_MADE");
    return kept ? std::string(kept) + "/" + name : folder_ / ("made-" + name);
  }

  /// heddle-import's `arguments`, once.
  std::string graph(const std::string &name, Arguments arguments) {
    arguments.insert(arguments.end(), {"-o", made(name)});
    return make("heddle-import", made(name), arguments);
  }
  /// The usual one.
  std::string graph() {
    return graph("graph", {"--generate=igb-het", "--scale=0.000003", "--features=20"});
  }
  /// Of a model's text, once.
  std::string compile(const std::string &plan, const std::string &model, Arguments more = {},
                      const std::string &graph = "graph") {
    const std::string spec = made(plan + ".json"), path = made(plan + ".plan");
    if (!std::filesystem::exists(spec))
      test::writeAll(spec, model);
    more.insert(more.end(), {"--graph", made(graph), "--model", spec, "-o", path, "--gpu=sm_75"});
    return make("heddle-compile", path, more);
  }
  std::string rgcn() const {
    return head + R"({"encoder": "rgcn", "num_layers": 2, "hidden_size": 8, "dropout": 0.2})" +
           sampled;
  }

  const test::TemporaryDirectory &folder() const { return folder_; }
  /// A tool where there is a device.
  ToolRun onDevice(const std::string &tool, Arguments arguments, const Settings &settings = {}) {
    return run(folder_, tool, std::move(arguments), [&] {
      if (onRealGpu())
        return;
      ::setenv("LD_LIBRARY_PATH", HEDDLE_EMULATOR_DIR, 1);
      for (const auto &[name, value] : settings)
        ::setenv(name.c_str(), value.c_str(), 1);
    });
  }
  ToolRun train(const std::string &plan, const std::string &name, Arguments more,
                const Settings &settings = {}, const std::string &graph = "graph") {
    Arguments arguments = {made(plan + ".plan"), "--graph",         made(graph), "-o", in(name),
                           "--threads=2",        "--progress=never"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return onDevice("heddle-run", std::move(arguments), settings);
  }

private:
  DeviceScene() {
    graph();
    compile("rgcn", rgcn());
    compile("raf", rgcn(), {"--partitions=2", "--order=raf"});
    compile("vanilla", rgcn(), {"--partitions=2", "--order=vanilla"});
    compile("hgt", head +
                       R"({"encoder": "hgt", "num_layers": 2, "hidden_size": 8, "num_heads": 2})" +
                       sampled);
    compile(
        "whole",
        head + R"({"encoder": "rgat", "num_layers": 2, "hidden_size": 8, "num_heads": 2})" +
            R"(, "sampling": {"fanout": [-1, -1]}, "train": {"batch_size": "all", "num_epochs": 4}})");
  }
  std::string make(const std::string &tool, const std::string &path, const Arguments &arguments) {
    if (!std::filesystem::exists(path))
      good(folder_, tool, arguments);
    return path;
  }

  const std::string head =
      R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "label_19"},
      "inputs": {"*": {"features": "all", "learnable": true}}, "model": )";
  const std::string sampled =
      R"(, "sampling": {"fanout": [4, 3]}, "train": {"batch_size": 200, "num_epochs": 2}})";
  test::TemporaryDirectory folder_;
};

/// Of all steps of a run.
inline std::vector<double> lossesOf(const std::string &folder) {
  std::vector<double> losses;
  std::istringstream lines(test::readAll(folder + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);)
    if (nlohmann::json event = nlohmann::json::parse(line); event.contains("loss"))
      losses.push_back(event["loss"]);
  return losses;
}

/// What run.json says of caches.
inline nlohmann::json cachesOf(const std::string &folder) {
  return nlohmann::json::parse(test::readAll(folder + "/run.json"))["result"]["caches"];
}

} // namespace heddle::e2e

#endif // HEDDLE_TESTS_E2E_DEVICES_DEVICESCENE_H
