//===- LaunchEnvironmentTest.cpp - which worker am I? ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/launch/LaunchEnvironment.h"
#include "tests/unit/support/TestSupport.h"

#include <map>
#include <unistd.h>

using namespace heddle;
using namespace heddle::launch;
using namespace heddle::test;
using Launcher = LaunchEnvironment::Launcher;
using Map = std::map<std::string, std::string>;

namespace {

absl::StatusOr<LaunchEnvironment> read(const Map &variables) {
  return readLaunchEnvironment([&](const std::string &name) -> std::optional<std::string> {
    auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional<std::string>(at->second);
  });
}

void expectFound(const Map &variables, Launcher launcher, int rank, int workers,
                 const std::string &address) {
  auto found = read(variables);
  ASSERT_TRUE(found.ok()) << messageOf(found.status());
  EXPECT_EQ(found->launcher, launcher) << found->description;
  EXPECT_EQ(found->rank, rank);
  EXPECT_EQ(found->workers, workers);
  EXPECT_EQ(found->address, address);
}

const std::string user = std::to_string(geteuid());

} // namespace

TEST(LaunchEnvironment, NoneMeansOneWorker) {
  expectFound({{"HOME", "/"}, {"RANK", "3"}}, Launcher::None, 0, 1, "");
}

TEST(LaunchEnvironment, KnowsTheLaunchers) {
  expectFound({{"HEDDLE_RANK", "1"}, {"HEDDLE_WORKERS", "3"}, {"HEDDLE_ADDRESS", "unix:@x"}},
              Launcher::Heddle, 1, 3, "unix:@x");
  Map torchrun{
      {"RANK", "2"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "host"}, {"MASTER_PORT", "29500"}};
  expectFound(torchrun, Launcher::Torchrun, 2, 4, "tcp:host:29500");
  torchrun["TORCHELASTIC_USE_AGENT_STORE"] = "True"; // its own store is at the port
  expectFound(torchrun, Launcher::Torchrun, 2, 4, "tcp:host:29501");
  torchrun["MASTER_ADDR"] = "::1";
  expectFound(torchrun, Launcher::Torchrun, 2, 4, "tcp:[::1]:29501");
  expectFound({{"OMPI_COMM_WORLD_RANK", "0"},
               {"OMPI_COMM_WORLD_SIZE", "2"},
               {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
               {"PMIX_NAMESPACE", "prterun-host-1@1"}},
              Launcher::OpenMpi, 0, 2, "unix:@heddle-" + user + "-prterun-host-1_1");
  expectFound({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALNRANKS", "2"}}, Launcher::Pmi, 1, 2,
              "unix:@heddle-" + user + "-of-" + std::to_string(getppid()));
  expectFound({{"SLURM_PROCID", "3"},
               {"SLURM_NTASKS", "4"},
               {"SLURM_JOB_ID", "17"},
               {"SLURM_STEP_ID", "0"},
               {"SLURM_STEP_NUM_NODES", "1"}},
              Launcher::Slurm, 3, 4, "unix:@heddle-" + user + "-17.0");
  expectFound({{"SLURM_PROCID", "3"},
               {"SLURM_NTASKS", "4"},
               {"SLURM_STEP_ID", "0"},
               {"SLURM_STEP_NUM_NODES", "2"},
               {"MASTER_ADDR", "node1"},
               {"MASTER_PORT", "1234"}},
              Launcher::Slurm, 3, 4, "tcp:node1:1234");
}

TEST(LaunchEnvironment, KnowsWhoSharesTheCores) {
  auto sharers = [](const Map &variables) { return valueOf(read(variables)).coreSharers; };
  Map torchrun{
      {"RANK", "2"}, {"WORLD_SIZE", "8"}, {"MASTER_ADDR", "host"}, {"MASTER_PORT", "29500"}};
  EXPECT_EQ(sharers(torchrun), 1);
  torchrun["LOCAL_WORLD_SIZE"] = "4";
  EXPECT_EQ(sharers(torchrun), 4);
  torchrun["LOCAL_WORLD_SIZE"] = "many";
  EXPECT_FAILS(read(torchrun), "LOCAL_WORLD_SIZE='many'");
  Map own{{"HEDDLE_RANK", "1"}, {"HEDDLE_WORKERS", "3"}, {"HEDDLE_ADDRESS", "unix:@x"}};
  EXPECT_EQ(sharers(own), 1);
  own["HEDDLE_LINK"] = "3:4096:50"; // started by our supervisor, so all are here
  EXPECT_EQ(sharers(own), 3);
}

TEST(LaunchEnvironment, TheMoreSpecificLauncherWins) {
  Map all{{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}};
  expectFound(all, Launcher::None, 0, 1, ""); // a batch script, not srun
  all["SLURM_STEP_ID"] = "0";
  all["PMI_RANK"] = "1";
  all["PMI_SIZE"] = "2";
  all["HEDDLE_ADDRESS"] = "tcp:h:1";
  expectFound(all, Launcher::Pmi, 1, 2, "tcp:h:1");
  all["OMPI_COMM_WORLD_RANK"] = "2";
  all["OMPI_COMM_WORLD_SIZE"] = "3";
  expectFound(all, Launcher::OpenMpi, 2, 3, "tcp:h:1");
  all["RANK"] = "3";
  all["WORLD_SIZE"] = "4";
  expectFound(all, Launcher::Torchrun, 3, 4, "tcp:h:1");
  all["HEDDLE_RANK"] = "4";
  all["HEDDLE_WORKERS"] = "5";
  expectFound(all, Launcher::Heddle, 4, 5, "tcp:h:1");
}

TEST(LaunchEnvironment, OneWorkerNeedsNoAddress) {
  expectFound({{"RANK", "0"}, {"WORLD_SIZE", "1"}}, Launcher::Torchrun, 0, 1, "");
}

TEST(LaunchEnvironment, Errors) {
  EXPECT_FAILS(read({{"RANK", "x"}, {"WORLD_SIZE", "2"}}), "environment: RANK='x'", "from 0 to 1");
  EXPECT_FAILS(read({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), "RANK='2'", "from 0 to 1");
  EXPECT_FAILS(read({{"PMI_RANK", "0"}, {"PMI_SIZE", "0"}}), "PMI_SIZE='0'");
  EXPECT_FAILS(read({{"RANK", "0"}, {"WORLD_SIZE", "2"}}), "torchrun started 2 workers",
               "set MASTER_ADDR");
  EXPECT_FAILS(read({{"HEDDLE_RANK", "0"}, {"HEDDLE_WORKERS", "2"}}), "set HEDDLE_ADDRESS");
  EXPECT_FAILS(
      read({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "h"}, {"MASTER_PORT", "70000"}}),
      "MASTER_PORT='70000'");
  EXPECT_FAILS(read({{"OMPI_COMM_WORLD_RANK", "0"},
                     {"OMPI_COMM_WORLD_SIZE", "4"},
                     {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}}),
               "no address to meet at");
}
