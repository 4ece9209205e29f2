//===- ChildProcess.cpp - fork and exec, safely ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/launch/ChildProcess.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace heddle::launch {

std::vector<std::string>
environmentWith(const std::vector<std::pair<std::string, std::string>> &variables) {
  std::vector<std::string> all;
  for (char **entry = environ; entry && *entry; ++entry) {
    std::string_view text = *entry;
    std::string_view name = text.substr(0, text.find('='));
    if (std::none_of(variables.begin(), variables.end(),
                     [&](const auto &variable) { return variable.first == name; }))
      all.emplace_back(text);
  }
  for (const auto &[name, value] : variables)
    all.push_back(name + "=" + value);
  return all;
}

namespace {

std::vector<char *> pointersTo(const std::vector<std::string> &texts) {
  std::vector<char *> pointers;
  for (const std::string &text : texts)
    pointers.push_back(const_cast<char *>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

} // namespace

absl::StatusOr<ChildProcess> startChild(const ChildOptions &options) {
  // All that allocates happens before the fork.
  std::vector<char *> argv = pointersTo(options.arguments);
  std::vector<char *> envp = pointersTo(options.environment);
  auto failed = [&](int error) {
    return unavailable("cannot start '" + options.arguments[0] + "': " + std::strerror(error));
  };
  int report[2], output[2] = {-1, -1};
  if (pipe2(report, O_CLOEXEC) != 0)
    return failed(errno);
  FileDescriptor reportRead(report[0]), reportWrite(report[1]);
  if (options.captureOutput && pipe2(output, O_CLOEXEC) != 0)
    return failed(errno);
  FileDescriptor outputRead(output[0]), outputWrite(output[1]);
  FileDescriptor empty(options.captureOutput ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0)
    return failed(errno);
  if (pid == 0) { // only async-signal-safe calls from here on
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) // it died before prctl
      _exit(127);
    bool ready = true;
    if (options.captureOutput)
      ready = dup2(empty.get(), STDIN_FILENO) >= 0 && dup2(output[1], STDOUT_FILENO) >= 0 &&
              dup2(output[1], STDERR_FILENO) >= 0;
    if (options.keep >= 0)
      ready = ready && fcntl(options.keep, F_SETFD, 0) == 0;
    if (ready) {
      pthread_sigmask(SIG_SETMASK, &options.mask, nullptr);
      execve(options.program.c_str(), argv.data(), envp.data());
    }
    int error = errno;
    (void)!write(report[1], &error, sizeof(error));
    _exit(127);
  }
  reportWrite = FileDescriptor();
  int error = 0;
  ssize_t n;
  while ((n = read(reportRead.get(), &error, sizeof(error))) < 0 && errno == EINTR) {
  }
  if (n == sizeof(error)) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return failed(error);
  }
  ChildProcess child;
  child.pid = pid;
  if (options.captureOutput) {
    fcntl(outputRead.get(), F_SETFL, fcntl(outputRead.get(), F_GETFL) | O_NONBLOCK);
    child.output = std::move(outputRead);
  }
  return child;
}

} // namespace heddle::launch
