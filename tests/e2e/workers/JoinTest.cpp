//===- JoinTest.cpp - workers that others started --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/workers/Scene.h"

#include <csignal>
#include <filesystem>
#include <memory>
#include <unistd.h>

namespace heddle::e2e {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::readAll;

Variables byHand(int rank, int workers, const std::string &address) {
  return {{"HEDDLE_RANK", std::to_string(rank)},
          {"HEDDLE_WORKERS", std::to_string(workers)},
          {"HEDDLE_ADDRESS", address}};
}

std::string newAddress() {
  static int addresses = 0;
  return "unix:@heddle-e2e-" + std::to_string(getpid()) + "-" + std::to_string(addresses++);
}

/// Two workers by the variables that `of` gives for each rank; they must train what one worker
/// does.
void expectJoined(const std::string &name, const std::function<Variables(int rank)> &of,
                  const Strings &more = {}) {
  Scene &scene = Scene::instance();
  std::string plan = scene.plan(2), one = scene.in("joined-one");
  if (!fs::exists(one))
    scene.train(plan, "joined-one");
  Tool first("heddle-run", scene.run(plan, scene.in(name), more), of(0));
  Tool second("heddle-run", scene.run(plan, scene.in(name), more), of(1));
  EXPECT_EQ(first.wait(), 0) << first.output();
  EXPECT_EQ(second.wait(), 0) << second.output();
  EXPECT_EQ(second.output(), "") << "rank 0 speaks for all";
  EXPECT_NE(first.output().find("Results are in"), std::string::npos) << first.output();
  for (const char *file : {"/best/weights.safetensors", "/last/optimizer.safetensors"})
    EXPECT_TRUE(readAll(one + file) == readAll(scene.in(name) + file)) << file;
  EXPECT_EQ(jsonOf(scene.in(name) + "/run.json").value("workers", 0), 2);
}

TEST(Join, UnderTorchrun) {
  std::string port = std::to_string(test::freePort());
  expectJoined("torchrun", [&](int rank) {
    return Variables{{"RANK", std::to_string(rank)},
                     {"WORLD_SIZE", "2"},
                     {"LOCAL_WORLD_SIZE", "2"},
                     {"MASTER_ADDR", "127.0.0.1"},
                     {"MASTER_PORT", port}};
  });
}

TEST(Join, UnderOpenMpi) {
  std::string job = "e2e-" + std::to_string(getpid());
  expectJoined("openmpi",
               [&](int rank) {
                 return Variables{{"OMPI_COMM_WORLD_RANK", std::to_string(rank)},
                                  {"OMPI_COMM_WORLD_SIZE", "2"},
                                  {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                                  {"PMIX_NAMESPACE", job}};
               },
               {"--workers", "2"});
}

TEST(Join, UnderSrun) {
  std::string job = std::to_string(getpid());
  expectJoined("srun", [&](int rank) {
    return Variables{{"SLURM_PROCID", std::to_string(rank)},
                     {"SLURM_NTASKS", "2"},
                     {"SLURM_JOB_ID", job},
                     {"SLURM_STEP_ID", "0"},
                     {"SLURM_STEP_NUM_NODES", "1"}};
  });
}

TEST(Join, ByHand) {
  std::string address = newAddress();
  expectJoined("by-hand", [&](int rank) { return byHand(rank, 2, address); });
}

TEST(Join, AnotherNumberOfWorkersIsRefused) {
  Scene &scene = Scene::instance();
  auto expectRefused = [&](const Strings &more, int workers, const std::string &part) {
    Tool tool("heddle-run", scene.run(scene.plan(2), scene.in("never"), more),
              byHand(1, workers, newAddress()));
    EXPECT_EQ(tool.wait(), 2);
    EXPECT_NE(tool.output().find(part), std::string::npos) << tool.output();
  };
  expectRefused({"--workers", "1"}, 2,
                "--workers 1: heddle (HEDDLE_RANK=1, HEDDLE_WORKERS=2) started 2; leave --workers "
                "out there");
  expectRefused({}, 3, "has only 2 partitions to share among them; start at most 2");
}

/// Rank 1 of two is another one; both must say so, and nothing may be written.
void expectMisfit(const std::string &name, const Strings &second, const std::string &reason) {
  Scene &scene = Scene::instance();
  std::string address = newAddress();
  Strings first = scene.run(scene.plan(2), scene.in(name), {"--timeout", "3"});
  std::vector<std::unique_ptr<Tool>> tools;
  tools.push_back(std::make_unique<Tool>("heddle-run", first, byHand(0, 2, address)));
  tools.push_back(std::make_unique<Tool>("heddle-run", second, byHand(1, 2, address)));
  for (auto &tool : tools) {
    int code = tool->wait();
    EXPECT_TRUE(code == 1 || code == 2) << code << ": " << tool->output();
    EXPECT_NE(tool->output().find(reason), std::string::npos) << tool->output();
    EXPECT_EQ(std::count(tool->output().begin(), tool->output().end(), '\n'), 1) << tool->output();
  }
  EXPECT_FALSE(fs::exists(scene.in(name)));
  EXPECT_FALSE(fs::exists(scene.in(name) + ".partial"));
}

TEST(Join, AWorkerWithAnotherPlanIsRefused) {
  Scene &scene = Scene::instance();
  std::string other = scene.plan(2, "other", {"--exchange", "leader"});
  expectMisfit("other-plan", scene.run(other, scene.in("other-plan"), {"--timeout", "3"}),
               "the workers do not fit together: plan hash: rank 0 has ");
}

TEST(Join, AWorkerWithAnotherGraphIsRefused) {
  Scene &scene = Scene::instance();
  Strings second = {scene.plan(2), "--graph", scene.otherGraph(), "-o", scene.in("other-graph"),
                    "--timeout",   "3"};
  expectMisfit("other-graph", second,
               "the workers do not fit together: graph fingerprint: rank 0 ");
}

TEST(Join, AWorkerWithOtherOptionsIsRefused) {
  Scene &scene = Scene::instance();
  expectMisfit(
      "other-options",
      scene.run(scene.plan(2), scene.in("other-options"), {"--timeout", "3", "--epochs", "3"}),
      "rank 1 was given other options of training than rank 0");
}

TEST(Join, ADeadWorkerIsNamedWithoutALauncher) {
  Scene &scene = Scene::instance();
  for (int signal : {SIGKILL, SIGSTOP}) {
    std::string address = newAddress(), name = "dead" + std::to_string(signal);
    Strings arguments =
        scene.run(scene.plan(2), scene.in(name), {"--timeout", "2", "--epochs", "100000000"});
    Tool first("heddle-run", arguments, byHand(0, 2, address));
    Tool second("heddle-run", arguments, byHand(1, 2, address));
    ASSERT_TRUE(awaitEpochs(first, scene.in(name), 2)) << first.output();
    auto begin = Clock::now();
    second.signal(signal);
    EXPECT_EQ(first.wait(30s), 1);
    EXPECT_LE(Clock::now() - begin, 4s);
    for (const char *part : {"rank 0: ", " of op ", "rank 1"})
      EXPECT_NE(first.lastLine().find(part), std::string::npos) << part << "\n" << first.output();
  }
}

} // namespace
} // namespace heddle::e2e
