//===- FailureTest.cpp - workers that die, stop, and are interrupted -------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/workers/Scene.h"

#include <csignal>
#include <filesystem>

namespace heddle::e2e {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto timeout = 3s;

/// A run without end on four workers.
struct Endless {
  explicit Endless(const std::string &name, int workers = 4)
      : run(Scene::instance().in(name)),
        tool("heddle-run", Scene::instance().run(Scene::instance().plan(4), run,
                                                 {"--workers", std::to_string(workers), "--epochs",
                                                  "100000000", "--timeout", "3"})) {
    EXPECT_TRUE(awaitEpochs(tool, run, 2)) << tool.output(); // else there is nobody to signal
    sockets = tool.listening();
  }
  /// Ends soon, with 1, and says once why.
  void expectFailure(const std::vector<std::string> &parts, std::chrono::milliseconds soon) {
    auto begin = Clock::now();
    EXPECT_EQ(tool.wait(30s), 1) << tool.output();
    EXPECT_LE(Clock::now() - begin, soon);
    std::string line = tool.lastLine();
    EXPECT_EQ(line.rfind("heddle-run: error: ", 0), 0u) << tool.output();
    for (const std::string &part : parts)
      EXPECT_NE(line.find(part), std::string::npos) << "no '" << part << "' in " << tool.output();
    size_t errors = 0;
    for (size_t at = 0; (at = tool.output().find("error:", at)) != std::string::npos; ++at)
      ++errors;
    EXPECT_EQ(errors, 1u) << tool.output();
    expectOnlyPartial();
    tool.expectNothingLeft(sockets);
  }
  /// Nothing is left of the run but its folder, by its partial name.
  void expectOnlyPartial() {
    EXPECT_FALSE(fs::exists(run));
    EXPECT_TRUE(fs::exists(run + ".partial/run.json"));
    for (const auto &entry : fs::recursive_directory_iterator(run + ".partial"))
      EXPECT_EQ(entry.path().filename().string().find(".tmp"), std::string::npos) << entry.path();
  }

  std::string run;
  Tool tool;
  std::set<std::string> sockets;
};

class OfRank : public testing::TestWithParam<int> {};

TEST_P(OfRank, AKilledWorkerEndsAll) {
  std::string rank = "rank " + std::to_string(GetParam());
  Endless endless("killed" + std::to_string(GetParam()));
  endless.tool.signalWorker(GetParam(), SIGKILL);
  endless.expectFailure({rank + " was ended by signal 9 (Killed), last in 'train: epoch ", "'; ",
                         " of op ", rank + " is gone", "killed", ".partial"},
                        timeout);
}

TEST_P(OfRank, AStoppedWorkerEndsAll) {
  std::string rank = "rank " + std::to_string(GetParam());
  Endless endless("stopped" + std::to_string(GetParam()));
  endless.tool.signalWorker(GetParam(), SIGSTOP);
  endless.expectFailure(
      {rank + " was stopped by a signal and was killed, last in 'train: epoch ", " of op "},
      timeout + 1s);
}

INSTANTIATE_TEST_SUITE_P(Workers, OfRank, testing::Values(0, 2));

// Where workers host several partitions, errors tell workers and ranks apart.
TEST(Failure, WorkersOfSeveralPartitionsAreNamed) {
  Endless endless("named", 2);
  endless.tool.signalWorker(1, SIGKILL);
  endless.expectFailure({"worker 1 (ranks 2 to 3) was ended by signal 9 (Killed), last in 'train: ",
                         "rank ", " of op ", " is gone", "named.partial"},
                        timeout);
  EXPECT_EQ(endless.tool.lastLine().find("worker 0"), std::string::npos) << endless.tool.lastLine();
}

TEST(Failure, AKilledLauncherLeavesNothing) {
  Endless endless("orphaned");
  EXPECT_EQ(endless.tool.processes().size(), 5u);
  endless.tool.signal(SIGKILL);
  EXPECT_EQ(endless.tool.wait(), -SIGKILL);
  endless.tool.expectNothingLeft(endless.sockets);
  endless.expectOnlyPartial();
}

TEST(Failure, AnInterruptSavesAndEndsAll) {
  for (int signal : {SIGINT, SIGTERM})
    for (int workers : {1, 2, 4}) {
      Endless endless("interrupted" + std::to_string(signal) + "-" + std::to_string(workers),
                      workers);
      endless.tool.signal(signal);
      EXPECT_EQ(endless.tool.wait(30s), 130) << endless.tool.output();
      EXPECT_TRUE(endless.tool.processes().empty());
      const std::string &output = endless.tool.output();
      EXPECT_NE(output.find("Interrupted; what was learnt until then is saved"), std::string::npos)
          << output;
      size_t said = output.find("stopping after this step");
      EXPECT_NE(said, std::string::npos) << output;
      EXPECT_EQ(output.find("stopping after this step", said + 1), std::string::npos) << output;
      EXPECT_EQ(output.find("error"), std::string::npos) << output;
      EXPECT_EQ(jsonOf(endless.run + "/run.json").value("status", ""), "interrupted");
      for (const char *file : {"best/weights.safetensors", "last/weights.safetensors"})
        EXPECT_TRUE(fs::exists(endless.run + "/" + file)) << file;
    }
}

TEST(Failure, ADivergingRunIsToldOnce) {
  Scene &scene = Scene::instance();
  for (const char *workers : {"1", "4"}) {
    std::string run = scene.in(std::string("diverged") + workers);
    Tool tool("heddle-run", scene.run(scene.plan(4), run,
                                      {"--workers", workers, "--lr", "1e38", "--sparse-lr", "1e38",
                                       "--timeout", "3"}));
    EXPECT_EQ(tool.wait(30s), 1) << tool.output();
    EXPECT_NE(tool.lastLine().find("step 1: the loss is "), std::string::npos) << tool.output();
    EXPECT_NE(tool.lastLine().find("try a lower lr"), std::string::npos) << tool.output();
    EXPECT_EQ(std::count(tool.output().begin(), tool.output().end(), '\n'), 1) << tool.output();
    EXPECT_EQ(jsonOf(run + ".partial/run.json").value("status", ""), "failed");
    EXPECT_FALSE(fs::exists(run));
  }
}

} // namespace
} // namespace heddle::e2e
