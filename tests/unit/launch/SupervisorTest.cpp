//===- SupervisorTest.cpp - workers live and die together --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/launch/Supervisor.h"
#include "runtime/launch/WorkerLink.h"
#include "tests/unit/support/MarkedProcess.h"

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <set>
#include <sstream>
#include <sys/wait.h>
#include <thread>

using namespace heddle;
using namespace heddle::launch;
using namespace heddle::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;
using Variables = std::vector<std::pair<std::string, std::string>>;

/// The helper.
class HelperRun : public MarkedProcess {
public:
  explicit HelperRun(std::vector<std::string> arguments, Variables variables = {},
                     const std::string &mark = "")
      : MarkedProcess(LAUNCH_HELPER, "launch_helper", std::move(arguments), std::move(variables),
                      mark) {}
  int wait(std::chrono::milliseconds time = 20s) { return MarkedProcess::wait(time); }

  std::string addressName() const {
    for (const auto &[pid, rank] : processes()) {
      std::string environment = readAll("/proc/" + std::to_string(pid) + "/environ");
      size_t at = environment.find("HEDDLE_ADDRESS=unix:");
      if (at != std::string::npos)
        return std::string(&environment[at + 20]);
    }
    return "";
  }

  void expectNothingLeft(const std::string &address) {
    expectNoProcessAndNoFile();
    ASSERT_GT(address.size(), 20u);
    EXPECT_EQ(readAll("/proc/net/unix").find(address), std::string::npos);
    for (const auto &entry : fs::directory_iterator("/dev/shm"))
      EXPECT_NE(entry.path().filename(), "heddle-link");
  }
};

void expectHas(const HelperRun &run, std::initializer_list<const char *> texts) {
  for (const char *text : texts)
    EXPECT_NE(run.output().find(text), std::string::npos) << "no '" << text << "' in\n"
                                                          << run.output();
}

} // namespace

TEST(Supervisor, WorkersExchangeRowsAndEnd) {
  HelperRun run({"supervise", "4", "20000", "exchange", "2"});
  EXPECT_EQ(run.wait(), 0);
  expectHas(run, {"rank 0 done, x86-64-v2, heddle (HEDDLE_RANK=0, HEDDLE_WORKERS=4)",
                  "[rank 1] rank 1 done", "[rank 2] rank 2 done", "[rank 3] rank 3 done",
                  "supervisor: exit 0, failed rank -1: \n"});
  EXPECT_TRUE(run.processes().empty());
}

TEST(Supervisor, OneWorker) {
  HelperRun run({"supervise", "1", "20000", "exchange"});
  EXPECT_EQ(run.wait(), 0);
  expectHas(run, {"rank 0 done, x86-64-v3"});
}

TEST(Supervisor, OutputOfOthersIsPrefixed) {
  HelperRun run({"supervise", "3", "20000", "talk"});
  EXPECT_EQ(run.wait(), 0);
  // Lines of one rank keep their order; those of others come between, also behind an unended line
  // of rank 0, whose output is not touched.
  auto linesOf = [&](const std::string &prefix) {
    std::string found, line;
    for (std::istringstream text(run.output()); std::getline(text, line);)
      if (size_t at = line.find(prefix); at != std::string::npos)
        found += line.substr(at + prefix.size()) + "\n";
    return found;
  };
  EXPECT_EQ(linesOf("[rank 1] "), "out of 1\nunended\nerr of 1\n");
  EXPECT_EQ(linesOf("[rank 2] "), "out of 2\nunended\nerr of 2\n");
  expectHas(run, {"out of 0\n", "err of 0\n"});
  EXPECT_EQ(run.output().find("[rank 0]"), std::string::npos);
}

class Death : public testing::TestWithParam<int> {};

TEST_P(Death, KilledWorkerEndsTheRest) {
  HelperRun run({"supervise", "4", "20000", "loop"});
  ASSERT_TRUE(run.readUntil("ready"));
  std::string address = run.addressName(), who = "rank " + std::to_string(GetParam());
  auto begin = Clock::now();
  sendSignal(run.worker(GetParam()), SIGKILL);
  EXPECT_EQ(run.wait(), 1);
  EXPECT_LE(Clock::now() - begin, 5s);
  // How it ended, and what the others saw of it.
  expectHas(run, {("failed rank " + std::to_string(GetParam()) + ": " + who +
                   " was ended by signal 9 (Killed), last in 'op 5, step ")
                      .c_str(),
                  "'; rank ", (who + " is gone").c_str(), "allToAll of op 5, step "});
  run.expectNothingLeft(address);
}

TEST_P(Death, StoppedWorkerEndsTheRest) {
  HelperRun run({"supervise", "4", "700", "loop"});
  ASSERT_TRUE(run.readUntil("ready"));
  std::string address = run.addressName();
  auto begin = Clock::now();
  sendSignal(run.worker(GetParam()), SIGSTOP);
  EXPECT_EQ(run.wait(), 1);
  EXPECT_LE(Clock::now() - begin, 5s);
  std::string who = "rank " + std::to_string(GetParam());
  expectHas(run, {("failed rank " + std::to_string(GetParam()) + ": " + who +
                   " was stopped by a signal and was killed, last in 'op 5, step ")
                      .c_str()});
  run.expectNothingLeft(address);
}

INSTANTIATE_TEST_SUITE_P(OfRank, Death, testing::Values(0, 2));

TEST(Supervisor, KilledLauncherLeavesNothing) {
  HelperRun run({"supervise", "4", "20000", "loop"});
  ASSERT_TRUE(run.readUntil("ready"));
  EXPECT_EQ(run.processes().size(), 5u);
  std::string address = run.addressName();
  EXPECT_NE(readAll("/proc/net/unix").find(address), std::string::npos);
  sendSignal(run.pid(), SIGKILL);
  EXPECT_EQ(run.wait(), -SIGKILL);
  run.expectNothingLeft(address);
}

TEST(Supervisor, PassesSignalsOn) {
  for (int signal : {SIGTERM, SIGINT}) {
    HelperRun run({"supervise", "3", "20000", "loop"});
    ASSERT_TRUE(run.readUntil("ready"));
    std::string address = run.addressName();
    sendSignal(run.pid(), signal);
    EXPECT_EQ(run.wait(5s), 128 + signal);
    run.expectNothingLeft(address);
  }
}

TEST(Supervisor, StubbornWorkersAreKilled) {
  HelperRun run({"supervise", "3", "600", "stubborn"});
  ASSERT_TRUE(run.readUntil("ready"));
  sendSignal(run.pid(), SIGTERM);
  EXPECT_EQ(run.wait(5s), 128 + SIGTERM);
  EXPECT_TRUE(run.processes().empty());

  HelperRun impatient({"supervise", "2", "20000", "stubborn"});
  ASSERT_TRUE(impatient.readUntil("ready"));
  sendSignal(impatient.pid(), SIGINT);
  std::this_thread::sleep_for(50ms);
  sendSignal(impatient.pid(), SIGINT);
  EXPECT_EQ(impatient.wait(5s), 128 + SIGINT);
  EXPECT_TRUE(impatient.processes().empty());
}

TEST(Supervisor, ExitCodeOfTheFirstFailureIsKept) {
  HelperRun run({"supervise", "3", "20000", "exit", "1"});
  EXPECT_EQ(run.wait(5s), 3);
  expectHas(run, {"failed rank 1: rank 1 ended with exit code 3, last in 'reading the plan'"});
  EXPECT_TRUE(run.processes().empty());
}

TEST(Supervisor, TheCauseIsToldAndNotItsConsequence) {
  HelperRun run({"supervise", "3", "20000", "tell"});
  EXPECT_EQ(run.wait(5s), 2);
  expectHas(run, {"failed rank 2: rank 2: x.npy: is cut off\n"});
}

TEST(Supervisor, SavingAfterASignalMayTakeItsTime) {
  HelperRun run({"supervise", "3", "300", "saving"});
  for (const char *ready : {"ready 0", "ready 1", "ready 2"})
    ASSERT_TRUE(run.readUntil(ready));
  sendSignal(run.pid(), SIGINT);
  EXPECT_EQ(run.wait(5s), 130);
  expectHas(run, {"supervisor: exit 130, failed rank -1: \n"});
  // But who does not answer any more is not waited for.
  HelperRun stopped({"supervise", "3", "300", "saving"});
  for (const char *ready : {"ready 0", "ready 1", "ready 2"})
    ASSERT_TRUE(stopped.readUntil(ready));
  pid_t worker = stopped.worker(1);
  sendSignal(stopped.pid(), SIGINT);
  sendSignal(worker, SIGSTOP);
  EXPECT_EQ(stopped.wait(5s), 130);
  expectHas(stopped, {"failed rank 1: rank 1 was stopped by a signal and was killed"});
}

TEST(WorkerLink, TextsAreOneLineAndCutBetweenCharacters) {
  LinkText<192> text;
  text.write("a\nb\tc");
  EXPECT_EQ(text.read(), "a b c");
  std::string umlauts = "x";
  while (umlauts.size() < 200)
    umlauts += "\xC3\xA4";
  text.write(umlauts);
  EXPECT_EQ(text.read(), umlauts.substr(0, 191));
  text.write("");
  EXPECT_EQ(text.read(), "");
}

TEST(Supervisor, RefusedWorkerSaysWhy) {
  HelperRun run({"supervise", "3", "20000", "mismatch", "2"});
  EXPECT_EQ(run.wait(), 2);
  std::string reason = "the workers do not fit together: plan hash: rank 0 has 900d, rank 2 has "
                       "0bad; give all workers the same plan file\n";
  expectHas(run, {reason.c_str(), ("[rank 1] " + reason).c_str(), ("[rank 2] " + reason).c_str()});
}

// Parents that ignore SIGCHLD hand that down.
TEST(Supervisor, WorksWhereSigchldIsIgnored) {
  struct sigaction ignore{}, old{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGCHLD, &ignore, &old);
  HelperRun run({"supervise", "2", "20000", "exit", "1"});
  sigaction(SIGCHLD, &old, nullptr);
  EXPECT_EQ(run.wait(5s), 3);
}

TEST(Supervisor, MissingProgramIsAnError) {
  LaunchOptions options;
  options.workers = 2;
  options.program = "/nonexistent/program";
  options.arguments = {"program"};
  EXPECT_FAILS(superviseWorkers(options), "rank 0: cannot start 'program'", "No such file");
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1); // no child is left
}

// Workers that others started.

namespace {

void expectMeet(const std::function<Variables(const std::string &rank)> &variables,
                const std::string &launcher) {
  HelperRun first({"worker", "10000", "exchange"}, variables("0"));
  HelperRun second({"worker", "10000", "exchange"}, variables("1"));
  EXPECT_EQ(first.wait(), 0) << first.output();
  EXPECT_EQ(second.wait(), 0) << second.output();
  expectHas(second, {"rank 1 done", launcher.c_str()});
}

} // namespace

TEST(Joined, UnderTorchrun) {
  std::string port = std::to_string(freePort());
  expectMeet(
      [&](const std::string &rank) {
        return Variables{{"RANK", rank},
                         {"WORLD_SIZE", "2"},
                         {"MASTER_ADDR", "127.0.0.1"},
                         {"MASTER_PORT", port}};
      },
      "torchrun (RANK=1, WORLD_SIZE=2)");
}

TEST(Joined, UnderMpirunOnOneMachine) {
  std::string job = "test-" + std::to_string(getpid());
  expectMeet(
      [&](const std::string &rank) {
        return Variables{{"OMPI_COMM_WORLD_RANK", rank},
                         {"OMPI_COMM_WORLD_SIZE", "2"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                         {"PMIX_NAMESPACE", job}};
      },
      "mpirun (Open MPI) (OMPI_COMM_WORLD_RANK=1, OMPI_COMM_WORLD_SIZE=2)");
  expectMeet(
      [&](const std::string &rank) {
        return Variables{{"PMI_RANK", rank}, {"PMI_SIZE", "2"}, {"MPI_LOCALNRANKS", "2"}};
      },
      "mpirun (PMI) (PMI_RANK=1, PMI_SIZE=2)");
}

// Nobody supervises: the transport's own timeout names the stopped worker, rank 0 with the control
// server among them.
TEST(Joined, StoppedPeerIsNamed) {
  for (int stopped : {0, 1}) {
    std::string address = "unix:@heddle-stop-" + std::to_string(getpid());
    auto variables = [&](int rank) {
      return Variables{{"HEDDLE_RANK", std::to_string(rank)},
                       {"HEDDLE_WORKERS", "2"},
                       {"HEDDLE_ADDRESS", address}};
    };
    HelperRun first({"worker", "600", "loop"}, variables(0));
    HelperRun second({"worker", "600", "loop"}, variables(1));
    ASSERT_TRUE(first.readUntil("ready")) << first.output();
    sendSignal((stopped ? second : first).pid(), SIGSTOP);
    HelperRun &other = stopped ? first : second;
    EXPECT_EQ(other.wait(5s), 1);
    std::string text = "waited 0.6 s for rank " + std::to_string(stopped);
    expectHas(other, {"allToAll of op 5, step ", text.c_str()});
  }
}
