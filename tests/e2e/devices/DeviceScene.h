//===- DeviceScene.h - the tools on an emulated device -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_DEVICES_DEVICESCENE_H
#define HEDDLE_TESTS_E2E_DEVICES_DEVICESCENE_H

#include "tests/e2e/caches/Results.h"
#include "tests/e2e/caches/ToolRun.h"

#include <cstdlib>
#include <map>

namespace heddle::e2e {

using Settings = std::map<std::string, std::string>;

/// Small graphs, and plans of them for GPUs.
class DeviceScene {
public:
  static DeviceScene &instance() {
    static DeviceScene scene;
    return scene;
  }
  std::string in(const std::string &name) const { return folder_ / name; }

  void compile(const std::string &plan, const std::string &model, Arguments more = {}) {
    test::writeAll(in(plan + ".json"), model);
    Arguments arguments = {"--graph", in("graph"),        "--model",    in(plan + ".json"),
                           "-o",      in(plan + ".plan"), "--gpu=sm_75"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    good(folder_, "heddle-compile", arguments);
  }
  const test::TemporaryDirectory &folder() const { return folder_; }
  /// A tool where there is an emulated device.
  ToolRun emulate(const std::string &tool, Arguments arguments, const Settings &settings = {}) {
    return run(folder_, tool, std::move(arguments), [&] {
      ::setenv("LD_LIBRARY_PATH", HEDDLE_EMULATOR_DIR, 1);
      for (const auto &[name, value] : settings)
        ::setenv(name.c_str(), value.c_str(), 1);
    });
  }
  ToolRun train(const std::string &plan, const std::string &name, Arguments more,
                const Settings &settings = {}) {
    Arguments arguments = {in(plan + ".plan"), "--graph",     in("graph"),       "-o",
                           in(name),           "--threads=2", "--progress=never"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return emulate("heddle-run", std::move(arguments), settings);
  }

private:
  DeviceScene() {
    good(folder_, "heddle-import",
         {"--generate=igb-het", "--scale=0.000003", "--features=20", "-o", in("graph")});
    const std::string head =
        R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "label_19"},
      "inputs": {"*": {"features": "all", "learnable": true}}, "model": )";
    const std::string sampled =
        R"(, "sampling": {"fanout": [4, 3]}, "train": {"batch_size": 200, "num_epochs": 2}})";
    const std::string rgcn =
        head + R"({"encoder": "rgcn", "num_layers": 2, "hidden_size": 8, "dropout": 0.2})" +
        sampled;
    compile("rgcn", rgcn);
    compile("raf", rgcn, {"--partitions=2", "--order=raf"});
    compile("vanilla", rgcn, {"--partitions=2", "--order=vanilla"});
    compile("hgt", head +
                       R"({"encoder": "hgt", "num_layers": 2, "hidden_size": 8, "num_heads": 2})" +
                       sampled);
    compile(
        "whole",
        head + R"({"encoder": "rgat", "num_layers": 2, "hidden_size": 8, "num_heads": 2})" +
            R"(, "sampling": {"fanout": [-1, -1]}, "train": {"batch_size": "all", "num_epochs": 4}})");
  }
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
