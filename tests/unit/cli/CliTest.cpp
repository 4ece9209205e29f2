//===- CliTest.cpp - exit codes and messages of the tools ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Failure.h"
#include "tools/support/Cli.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <thread>

using namespace heddle;

namespace {

struct Outcome {
  int code;
  std::string out, err;
  bool ran = false;
};

Outcome call(
    std::vector<std::string> arguments,
    const std::function<absl::Status()> &body = [] { return absl::OkStatus(); }) {
  CLI::App app;
  cli::setUp(app, "heddle-try", "Tries things.", "  heddle-try --graph wn/ -o wn.plan");
  std::string graph, output;
  int64_t memory = 0;
  app.add_option("--graph", graph, "Graph directory")->required();
  app.add_option("-o,--output", output, "Output");
  app.add_option("--memory", memory, "Bytes");
  std::vector<char *> argv;
  arguments.insert(arguments.begin(), "heddle-try");
  for (std::string &argument : arguments)
    argv.push_back(argument.data());
  Outcome result;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  result.code = cli::run(app, static_cast<int>(argv.size()), argv.data(),
                         {{"--graph-dir", "--graph"}, {"--part-config", "--graph"}}, [&] {
                           result.ran = true;
                           return body();
                         });
  result.out = testing::internal::GetCapturedStdout();
  result.err = testing::internal::GetCapturedStderr();
  return result;
}

} // namespace

TEST(Cli, HelpAndVersionSucceedWithoutRunning) {
  Outcome help = call({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_FALSE(help.ran);
  EXPECT_NE(help.out.find("Examples:\n  heddle-try --graph wn/ -o wn.plan"), std::string::npos)
      << help.out;
  EXPECT_EQ(help.err, "");
  Outcome version = call({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.out.rfind("heddle-try ", 0), 0u) << version.out;
  EXPECT_FALSE(version.ran);
}

TEST(Cli, WrongUseIsTwoAndOneLine) {
  struct Row {
    std::vector<std::string> arguments;
    std::string message;
  };
  const std::vector<Row> rows = {
      {{"--graph", "g", "--memroy", "3"}, "unknown option '--memroy'; did you mean '--memory'?"},
      {{"--graph", "g", "--memroy=3"}, "unknown option '--memroy'; did you mean '--memory'?"},
      {{"--grpah", "g"}, "unknown option '--grpah'; did you mean '--graph'?"},
      {{"--part-config", "g"}, "unknown option '--part-config'; did you mean '--graph'?"},
      {{"--graph", "g", "--zzzzzz"}, "unknown option '--zzzzzz'; see --help"},
      {{"--graph", "g", "extra"}, "unexpected argument 'extra'; see --help"},
      {{}, "--graph is required; see --help"},
      {{"--graph", "g", "--memory", "lots"}, "Could not convert: --memory = lots; see --help"},
  };
  for (const Row &row : rows) {
    Outcome result = call(row.arguments);
    EXPECT_EQ(result.code, 2);
    EXPECT_FALSE(result.ran);
    EXPECT_EQ(result.err, "heddle-try: error: " + row.message + "\n");
    EXPECT_EQ(result.out, "");
  }
}

TEST(Cli, StatusDecidesTheCode) {
  EXPECT_EQ(call({"--graph", "g"}).code, 0);
  Outcome bad = call({"--graph", "g"}, [] { return invalidArgument("a.json: /x: bad; fix it"); });
  EXPECT_EQ(bad.code, 2);
  EXPECT_EQ(bad.err, "heddle-try: error: a.json: /x: bad; fix it\n");
  EXPECT_EQ(call({"--graph", "g"}, [] { return failedPrecondition("x"); }).code, 2);
  EXPECT_EQ(call({"--graph", "g"}, [] { return internalError("x"); }).code, 1);
  EXPECT_EQ(call({"--graph", "g"}, [] { return unavailable("two\nlines"); }).err,
            "heddle-try: error: two lines\n");
}

TEST(Cli, AnEscapedExceptionIsARunTimeFailure) {
  Outcome memory = call({"--graph", "g"}, []() -> absl::Status { throw std::bad_alloc(); });
  EXPECT_EQ(memory.code, 1);
  EXPECT_EQ(memory.err, "heddle-try: error: out of memory; use a machine, or a limit (ulimit -a), "
                        "with more of it\n");
  Outcome threads = call({"--graph", "g"}, []() -> absl::Status {
    throw std::system_error(EAGAIN, std::generic_category());
  });
  EXPECT_EQ(threads.code, 1);
  EXPECT_EQ(threads.err.rfind("heddle-try: error: the system starts no further thread", 0), 0u)
      << threads.err;
}

TEST(Cli, AnExceptionThatLeavesAThreadHasAMessageAndNoSignal) {
  EXPECT_EXIT(
      {
        endWithMessage("heddle-try");
        std::thread([] { throw std::bad_alloc(); }).join();
      },
      ::testing::ExitedWithCode(1), "heddle-try: error: out of memory; use a machine");
}
