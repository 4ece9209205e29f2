//===- ToolRun.h - a tool, run to its end ------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_CACHES_TOOLRUN_H
#define HEDDLE_TESTS_E2E_CACHES_TOOLRUN_H

#include "tests/unit/support/TestSupport.h"

#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace heddle::e2e {

using Arguments = std::vector<std::string>;

struct ToolRun {
  int code = -1;
  std::string out, err;
  int64_t peakBytes = 0; ///< largest resident set, mapped files included
};

/// Of the tools; HEDDLE_E2E_BIN names another one, for a build that was carried elsewhere.
inline std::string toolFolder() {
  const char *elsewhere = std::getenv("HEDDLE_E2E_BIN");
  return elsewhere ? elsewhere : HEDDLE_BIN_DIR;
}

/// `prepare` is called in the new process.
inline ToolRun run(const test::TemporaryDirectory &folder, const std::string &tool,
                   Arguments arguments, const std::function<void()> &prepare = {}) {
  arguments.insert(arguments.begin(), toolFolder() + "/" + tool);
  std::vector<char *> argv;
  for (std::string &argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  const std::string outputs[2] = {folder / "out.txt", folder / "err.txt"};
  pid_t pid = ::fork();
  if (pid == 0) {
    for (int i : {0, 1})
      ::dup2(::open(outputs[i].c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), i + 1);
    if (prepare)
      prepare();
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  struct rusage usage{};
  EXPECT_EQ(::wait4(pid, &status, 0, &usage), pid);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, test::readAll(outputs[0]),
          test::readAll(outputs[1]), int64_t(usage.ru_maxrss) * 1024};
}

/// The output; fails unless the tool ends with 0.
inline std::string good(const test::TemporaryDirectory &folder, const std::string &tool,
                        Arguments arguments) {
  ToolRun done = run(folder, tool, std::move(arguments));
  EXPECT_EQ(done.code, 0) << tool << ": " << done.err;
  return done.out;
}

} // namespace heddle::e2e

#endif // HEDDLE_TESTS_E2E_CACHES_TOOLRUN_H
