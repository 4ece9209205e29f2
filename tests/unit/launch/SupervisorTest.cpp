//===- SupervisorTest.cpp - workers live and die together --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/launch/Supervisor.h"
#include "runtime/launch/ChildProcess.h"
#include "runtime/launch/WorkerLink.h"
#include "tests/unit/support/TestSupport.h"

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <set>
#include <sys/socket.h>
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

/// kill() that cannot hit anybody else: -1 would be every process there is.
void send(pid_t pid, int signal) {
  if (pid > 1)
    kill(pid, signal);
  else
    ADD_FAILURE() << "no process to send signal " << signal << " to";
}

std::string slurp(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The helper, with its output; processes of a run are known by a mark in their environment.
class HelperRun {
public:
  explicit HelperRun(std::vector<std::string> arguments, Variables variables = {},
                     std::string mark = "") {
    static int runs = 0;
    mark_ = mark.empty() ? std::to_string(getpid()) + "." + std::to_string(runs++) : mark;
    variables.emplace_back("HEDDLE_TEST_MARK", mark_);
    variables.emplace_back("TMPDIR", temporary_.path());
    ChildOptions options;
    options.program = LAUNCH_HELPER;
    options.arguments = std::move(arguments);
    options.arguments.insert(options.arguments.begin(), "launch_helper");
    options.environment = environmentWith(variables);
    options.captureOutput = true;
    sigemptyset(&options.mask);
    process_ = valueOf(startChild(options));
  }
  ~HelperRun() {
    for (const auto &[pid, rank] : processes())
      send(pid, SIGKILL);
    if (process_.pid > 0)
      waitpid(process_.pid, nullptr, 0);
  }

  pid_t pid() const { return process_.pid; }
  const std::string &mark() const { return mark_; }
  const std::string &output() const { return output_; }

  bool readUntil(const std::string &text, std::chrono::milliseconds time = 20s) {
    auto deadline = Clock::now() + time;
    while (output_.find(text) == std::string::npos && Clock::now() < deadline)
      if (!readSome())
        break;
    return output_.find(text) != std::string::npos;
  }

  /// Waits for the end; the exit code, or -signal.
  int wait(std::chrono::milliseconds time = 20s) {
    auto deadline = Clock::now() + time;
    while (Clock::now() < deadline && readSome()) {
    }
    int status = 0;
    while (waitpid(process_.pid, &status, WNOHANG) == 0) {
      if (Clock::now() > deadline) {
        ADD_FAILURE() << "still running: " << output_;
        return -1000;
      }
      std::this_thread::sleep_for(5ms);
    }
    process_.pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  /// Living processes of this run, with the ranks of workers (-1: the launcher).
  std::vector<std::pair<pid_t, int>> processes() const {
    std::vector<std::pair<pid_t, int>> found;
    std::error_code error;
    for (const auto &entry : fs::directory_iterator("/proc", error)) {
      std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos)
        continue;
      std::string environment = slurp(entry.path() / "environ"); // empty for a zombie
      std::string mark = "HEDDLE_TEST_MARK=" + mark_ + '\0';
      if (environment.find(mark) == std::string::npos)
        continue;
      size_t at = environment.find("HEDDLE_RANK=");
      found.emplace_back(std::stoi(name),
                         at == std::string::npos ? -1 : std::atoi(&environment[at + 12]));
    }
    return found;
  }
  pid_t worker(int rank) const {
    for (const auto &[pid, which] : processes())
      if (which == rank)
        return pid;
    ADD_FAILURE() << "no worker of rank " << rank;
    return -1;
  }
  std::string addressName() const {
    for (const auto &[pid, rank] : processes()) {
      std::string environment = slurp("/proc/" + std::to_string(pid) + "/environ");
      size_t at = environment.find("HEDDLE_ADDRESS=unix:");
      if (at != std::string::npos)
        return std::string(&environment[at + 20]);
    }
    return "";
  }

  void expectNothingLeft(const std::string &address) {
    auto deadline = Clock::now() + 3s;
    while (!processes().empty() && Clock::now() < deadline)
      std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(processes().empty());
    EXPECT_TRUE(fs::is_empty(temporary_.path()));
    ASSERT_GT(address.size(), 20u);
    EXPECT_EQ(slurp("/proc/net/unix").find(address), std::string::npos);
    for (const auto &entry : fs::directory_iterator("/dev/shm"))
      EXPECT_NE(entry.path().filename(), "heddle-link");
  }

private:
  /// False at the end of the output.
  bool readSome() {
    pollfd poll{process_.output.get(), POLLIN, 0};
    if (::poll(&poll, 1, 100) <= 0)
      return true;
    char bytes[4096];
    ssize_t n = read(process_.output.get(), bytes, sizeof(bytes));
    if (n > 0)
      output_.append(bytes, static_cast<size_t>(n));
    return n > 0 || (n < 0 && errno == EAGAIN);
  }

  TemporaryDirectory temporary_;
  std::string mark_, output_;
  ChildProcess process_;
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
  expectHas(run, {"[rank 1] out of 1\n[rank 1] unended\n[rank 1] err of 1\n",
                  "[rank 2] out of 2\n[rank 2] unended\n[rank 2] err of 2\n", "out of 0\n",
                  "err of 0\n"});
  EXPECT_EQ(run.output().find("[rank 0]"), std::string::npos);
}

class Death : public testing::TestWithParam<int> {};

TEST_P(Death, KilledWorkerEndsTheRest) {
  HelperRun run({"supervise", "4", "20000", "loop"});
  ASSERT_TRUE(run.readUntil("ready"));
  std::string address = run.addressName(), who = "rank " + std::to_string(GetParam());
  auto begin = Clock::now();
  send(run.worker(GetParam()), SIGKILL);
  EXPECT_EQ(run.wait(), 1);
  EXPECT_LE(Clock::now() - begin, 5s);
  // How it ended, and what the others saw of it.
  expectHas(run, {("failed rank " + std::to_string(GetParam()) + ": " + who +
                   " was ended by signal 9 (Killed), last in 'op 5, step ")
                      .c_str(),
                  "'; rank ",
                  (who + " is gone").c_str(), "allToAll of op 5, step "});
  run.expectNothingLeft(address);
}

TEST_P(Death, StoppedWorkerEndsTheRest) {
  HelperRun run({"supervise", "4", "700", "loop"});
  ASSERT_TRUE(run.readUntil("ready"));
  std::string address = run.addressName();
  auto begin = Clock::now();
  send(run.worker(GetParam()), SIGSTOP);
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
  EXPECT_NE(slurp("/proc/net/unix").find(address), std::string::npos);
  send(run.pid(), SIGKILL);
  EXPECT_EQ(run.wait(), -SIGKILL);
  run.expectNothingLeft(address);
}

TEST(Supervisor, PassesSignalsOn) {
  for (int signal : {SIGTERM, SIGINT}) {
    HelperRun run({"supervise", "3", "20000", "loop"});
    ASSERT_TRUE(run.readUntil("ready"));
    std::string address = run.addressName();
    send(run.pid(), signal);
    EXPECT_EQ(run.wait(5s), 128 + signal);
    run.expectNothingLeft(address);
  }
}

TEST(Supervisor, StubbornWorkersAreKilled) {
  HelperRun run({"supervise", "3", "600", "stubborn"});
  ASSERT_TRUE(run.readUntil("ready"));
  send(run.pid(), SIGTERM);
  EXPECT_EQ(run.wait(5s), 128 + SIGTERM);
  EXPECT_TRUE(run.processes().empty());

  HelperRun impatient({"supervise", "2", "20000", "stubborn"});
  ASSERT_TRUE(impatient.readUntil("ready"));
  send(impatient.pid(), SIGINT);
  std::this_thread::sleep_for(50ms);
  send(impatient.pid(), SIGINT);
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
  send(run.pid(), SIGINT);
  EXPECT_EQ(run.wait(5s), 130);
  expectHas(run, {"supervisor: exit 130, failed rank -1: \n"});
  // But who does not answer any more is not waited for.
  HelperRun stopped({"supervise", "3", "300", "saving"});
  for (const char *ready : {"ready 0", "ready 1", "ready 2"})
    ASSERT_TRUE(stopped.readUntil(ready));
  pid_t worker = stopped.worker(1);
  send(stopped.pid(), SIGINT);
  send(worker, SIGSTOP);
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
  struct sigaction ignore {
  }, old{};
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

int freePort() {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(at);
  if (bind(fd, reinterpret_cast<sockaddr *>(&at), length) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr *>(&at), &length) != 0)
    ADD_FAILURE() << "no free port";
  ::close(fd);
  return ntohs(at.sin_port);
}

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
    send((stopped ? second : first).pid(), SIGSTOP);
    HelperRun &other = stopped ? first : second;
    EXPECT_EQ(other.wait(5s), 1);
    std::string text = "waited 0.6 s for rank " + std::to_string(stopped);
    expectHas(other, {"allToAll of op 5, step ", text.c_str()});
  }
}
