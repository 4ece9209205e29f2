//===- LimitsTest.cpp - too little memory is an error ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Every tool within less and less memory (RLIMIT_DATA: heap, mappings, stacks of threads): it does
// its work, or says what is missing and ends with 1 or 2. It never ends by a signal, whatever asked
// for what was not there: a vector, the stack of a thread, a library.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/caches/ToolRun.h"

#include <filesystem>

namespace heddle::e2e {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
/// Runs the tool within each limit, in KiB, from the lowest on; how often it did its work and
/// failed.
struct Ends {
  int good = 0, failed = 0;
};
Ends withLimits(const TemporaryDirectory &folder, const std::string &tool,
                const Arguments &arguments, int first, int last, int step) {
  Ends ends;
  for (int kib = first; kib <= last; kib += step) {
    SCOPED_TRACE(tool + " within " + std::to_string(kib) + " KiB");
    for (const char *made : {"made", "made.partial"})
      fs::remove_all(folder / made);
    const ToolRun done = run(folder, tool, arguments, [kib] {
      struct rlimit stack = {1 << 20, 1 << 20}, data = {rlim_t(kib) << 10, rlim_t(kib) << 10};
      if (::setrlimit(RLIMIT_STACK, &stack) != 0 || ::setrlimit(RLIMIT_DATA, &data) != 0)
        ::_exit(126);
    });
    if (done.code == 0) {
      ++ends.good;
      continue;
    }
    ++ends.failed;
    EXPECT_TRUE(done.code == 1 || done.code == 2) << done.code << " " << done.err;
    EXPECT_FALSE(done.err.empty()); // ours, or that of a library that ends the process itself
  }
  return ends;
}

TEST(Limits, NoToolEndsByASignal) {
  TemporaryDirectory folder;
  good(folder, "heddle-import",
       {"--generate=mag240m", "--scale=0.0001", "--features=none", "-o", folder / "graph"});
  test::writeAll(folder / "model.json", R"({"version": "1.0", "task": {"target_ntype": "paper"},
      "model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 32},
      "inputs": {"*": {"learnable": true}},
      "sampling": {"fanout": [2, 2]}, "eval": {"batch_size": 64, "fanout": [2, 2]},
      "train": {"batch_size": 64, "num_epochs": 1}})");
  good(folder, "heddle-compile",
       {"--graph", folder / "graph", "--model", folder / "model.json", "-o", folder / "plan"});
  const Arguments train = {folder / "plan", "--graph", folder / "graph",    "-o", folder / "made",
                           "--threads",     "2",       "--predictions=none"};
  Arguments cached = train;
  cached.insert(cached.end(), {"--cache=greedy", "--cache-memory=1MiB", "--cache-learnable"});
  Arguments large = train; // stacks of many threads
  large[6] = "64";
  struct Case {
    const Arguments &arguments;
    int first, last, step; ///< MiB
  };
  for (const Case &c : {Case{train, 16, 100, 7}, {cached, 16, 66, 5}, {large, 30, 180, 15}}) {
    const Ends ends =
        withLimits(folder, "heddle-run", c.arguments, c.first << 10, c.last << 10, c.step << 10);
    EXPECT_GE(ends.good, 1);
    EXPECT_GE(ends.failed, 3);
  }
  const Ends imported = withLimits(folder, "heddle-import",
                                   {"--generate=mag240m", "--scale=0.0001", "--features=none",
                                    "--threads=8", "-o", folder / "made"},
                                   4 << 10, 40 << 10, 4 << 10);
  EXPECT_GE(imported.failed, 1);
  EXPECT_GE(imported.good, 1);
  const Ends compiled = withLimits(
      folder, "heddle-compile",
      {"--graph", folder / "graph", "--model", folder / "model.json", "-o", folder / "made"},
      12 << 10, 40 << 10, 4 << 10);
  EXPECT_GE(compiled.failed, 1);
  EXPECT_GE(compiled.good, 1);
}
#endif

} // namespace
} // namespace heddle::e2e
