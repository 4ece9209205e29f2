//===- DumpRunTest.cpp - heddle-dump and heddle-run from outside --------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/support/TestSupport.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace heddle {
namespace {

struct Result {
  int code = -1;
  std::string text; ///< stdout and stderr
};

Result runTool(const std::string &arguments) {
  Result out;
  std::FILE *pipe = ::popen((std::string(HEDDLE_BIN_DIR "/") + arguments + " 2>&1").c_str(), "r");
  if (!pipe)
    return out;
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    out.text.append(buffer, n);
  int status = ::pclose(pipe);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

/// One line, exit code 2, and it says `part`.
void expectWrongUse(const std::string &arguments, const std::string &part) {
  Result result = runTool(arguments);
  EXPECT_EQ(result.code, 2) << arguments << "\n" << result.text;
  EXPECT_NE(result.text.find(part), std::string::npos) << arguments << "\n" << result.text;
  EXPECT_EQ(std::count(result.text.begin(), result.text.end(), '\n'), 1) << result.text;
}

TEST(DumpTool, HelpAndWrongUse) {
  Result help = runTool("heddle-dump --help");
  EXPECT_EQ(help.code, 0);
  for (const char *part : {"Examples:", "--svg", "--force", "--partition", "between workers"})
    EXPECT_NE(help.text.find(part), std::string::npos) << part;
  EXPECT_EQ(runTool("heddle-dump --version").code, 0);
  expectWrongUse("heddle-dump", "plan is required");
  expectWrongUse("heddle-dump a.plan --jsn", "did you mean '--json'");
  expectWrongUse("heddle-dump a.plan --json --dot", "--dot");
  expectWrongUse("heddle-dump a.plan --svg - --dot", "excludes");
  expectWrongUse("heddle-dump a.plan --svg", "--svg");
  expectWrongUse("heddle-dump a.plan --svg - --partition 1", "excludes");
  expectWrongUse("heddle-dump a.plan --ops --partition -1", "--partition");
  expectWrongUse("heddle-dump a.plan --ops --partitions 1", "did you mean '--partition'");
  expectWrongUse("heddle-dump /nonexistent.plan", "/nonexistent.plan");
  expectWrongUse("heddle-dump /nonexistent.plan --machine-rates=fast", "--machine-rates");
  test::TemporaryDirectory folder;
  test::writeAll(folder / "text.plan", "this is no plan, only some text that is long enough");
  expectWrongUse("heddle-dump " + (folder / "text.plan"), "text.plan");
}

TEST(RunTool, HelpAndWrongUse) {
  Result help = runTool("heddle-run --help");
  EXPECT_EQ(help.code, 0);
  for (const char *part : {"Examples:", "--graph", "--runs", "--no-overlap", "Ctrl-C"})
    EXPECT_NE(help.text.find(part), std::string::npos) << part;
  for (const char *absent : {"--resume", "--batch-size", "--hidden-size"})
    EXPECT_EQ(help.text.find(absent), std::string::npos) << absent;
  expectWrongUse("heddle-run", "plan is required");
  expectWrongUse("heddle-run /nonexistent.plan --graph g -o r", "/nonexistent.plan");
  expectWrongUse("heddle-run a.plan --num-epochs 3", "did you mean '--epochs'");
  expectWrongUse("heddle-run a.plan --epohcs 3", "did you mean '--epochs'");
  expectWrongUse("heddle-run a.plan --batch-size 64", "recompile with heddle-compile");
  expectWrongUse("heddle-run a.plan --num-neighbors=5,5", "sampling.fanout");
  expectWrongUse("heddle-run a.plan --memory lots", "--memory");
  expectWrongUse("heddle-run a.plan --predictions some", "--predictions");
  expectWrongUse("heddle-run a.plan --progress maybe", "--progress");
  expectWrongUse("heddle-run a.plan --runs 0", "--runs");
  expectWrongUse("heddle-run a.plan --lr fast", "--lr");
}

} // namespace
} // namespace heddle
