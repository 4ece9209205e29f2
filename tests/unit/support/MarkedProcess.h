//===- MarkedProcess.h - a program and all that it starts -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_SUPPORT_MARKEDPROCESS_H
#define HEDDLE_TESTS_UNIT_SUPPORT_MARKEDPROCESS_H

#include "runtime/launch/ChildProcess.h"
#include "tests/unit/support/TestSupport.h"

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace heddle::test {

/// kill() that cannot hit anybody else: -1 would be every process there is.
inline void sendSignal(pid_t pid, int number) {
  if (pid > 1)
    kill(pid, number);
  else
    ADD_FAILURE() << "no process to send signal " << number << " to";
}

/// A TCP port of this machine that nobody listens at.
inline int freePort() {
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

/// A program with its output; it and what it starts are known by a mark in their environment. What
/// is left of them dies with the object. Temporary files, if any, go to a folder of its own.
class MarkedProcess {
public:
  using Variables = std::vector<std::pair<std::string, std::string>>;
  using Clock = std::chrono::steady_clock;

  /// `name` is argv[0]. Processes with one `mark` belong together; empty: a new one.
  MarkedProcess(const std::string &program, const std::string &name,
                std::vector<std::string> arguments, Variables variables,
                const std::string &mark = "") {
    static int runs = 0;
    mark_ = mark.empty() ? std::to_string(getpid()) + "." + std::to_string(runs++) : mark;
    variables.emplace_back("HEDDLE_TEST_MARK", mark_);
    variables.emplace_back("TMPDIR", temporary_.path());
    launch::ChildOptions options;
    options.program = program;
    options.arguments = std::move(arguments);
    options.arguments.insert(options.arguments.begin(), name);
    options.environment = launch::environmentWith(variables);
    options.captureOutput = true;
    sigemptyset(&options.mask);
    process_ = valueOf(launch::startChild(options));
  }
  ~MarkedProcess() {
    for (const auto &[pid, rank] : processes())
      sendSignal(pid, SIGKILL);
    if (process_.pid > 0)
      waitpid(process_.pid, nullptr, 0);
  }
  MarkedProcess(const MarkedProcess &) = delete;
  MarkedProcess &operator=(const MarkedProcess &) = delete;

  pid_t pid() const { return process_.pid; }
  const std::string &mark() const { return mark_; }
  /// stdout and stderr so far.
  const std::string &output() const { return output_; }

  bool readUntil(const std::string &text,
                 std::chrono::milliseconds time = std::chrono::seconds(20)) {
    auto deadline = Clock::now() + time;
    while (output_.find(text) == std::string::npos && Clock::now() < deadline)
      if (!readSome(std::chrono::milliseconds(100)))
        break;
    return output_.find(text) != std::string::npos;
  }

  /// The exit code, or -signal; -1000 (and a failure) after `time`. Reads the output meanwhile.
  int wait(std::chrono::milliseconds time) {
    auto deadline = Clock::now() + time;
    while (Clock::now() < deadline && readSome(std::chrono::milliseconds(20))) {
    }
    int status = 0;
    while (waitpid(process_.pid, &status, WNOHANG) == 0) {
      if (Clock::now() > deadline) {
        ADD_FAILURE() << "still running: " << output_;
        return -1000;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    process_.pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  /// Living processes, with the ranks of workers (-1: the launcher).
  std::vector<std::pair<pid_t, int>> processes() const {
    std::vector<std::pair<pid_t, int>> found;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator("/proc", error)) {
      std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos)
        continue;
      std::string environment = readAll(entry.path() / "environ"); // empty for a zombie
      if (environment.find("HEDDLE_TEST_MARK=" + mark_ + '\0') == std::string::npos)
        continue;
      size_t at = environment.find("HEDDLE_RANK=");
      found.emplace_back(std::stoi(name),
                         at == std::string::npos ? -1 : std::atoi(&environment[at + 12]));
    }
    return found;
  }
  /// The worker of a rank; -1 (and a failure) if there is none.
  pid_t worker(int rank) const {
    for (const auto &[pid, which] : processes())
      if (which == rank)
        return pid;
    ADD_FAILURE() << "no worker of rank " << rank << "\n" << output_;
    return -1;
  }

protected:
  /// False at the end of the output.
  bool readSome(std::chrono::milliseconds time) {
    pollfd poll{process_.output.get(), POLLIN, 0};
    if (::poll(&poll, 1, int(time.count())) <= 0)
      return true;
    char bytes[4096];
    ssize_t n = read(process_.output.get(), bytes, sizeof(bytes));
    if (n > 0)
      output_.append(bytes, static_cast<size_t>(n));
    return n > 0 || (n < 0 && errno == EAGAIN);
  }
  /// Waits a moment for the last process to go: neither it nor a temporary file may be left.
  void expectNoProcessAndNoFile() const {
    auto deadline = Clock::now() + std::chrono::seconds(3);
    while (!processes().empty() && Clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_TRUE(processes().empty());
    EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));
  }

  launch::ChildProcess process_;

private:
  TemporaryDirectory temporary_;
  std::string mark_, output_;
};

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_SUPPORT_MARKEDPROCESS_H
