//===- GenerateTest.cpp - synthetic graphs from the command line -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// heddle-import --generate as a user calls it: the directory passes its check, options of other
// sources are refused, memory stays within its bound, and a model learns what was planted.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace heddle {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;
using Json = nlohmann::json;
using test::readAll;
using test::TemporaryDirectory;
using test::writeAll;

struct ToolRun {
  int code = -1;
  std::string out, err;
  int64_t peakBytes = 0; ///< largest resident set
};

ToolRun run(const TemporaryDirectory &folder, const std::string &tool, Arguments arguments) {
  arguments.insert(arguments.begin(), HEDDLE_BIN_DIR "/" + tool);
  std::vector<char *> argv;
  for (std::string &argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  const std::string outputs[2] = {folder / "out", folder / "err"};
  pid_t pid = ::fork();
  if (pid == 0) {
    for (int i : {0, 1})
      ::dup2(::open(outputs[i].c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), i + 1);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  struct rusage usage{};
  EXPECT_EQ(::wait4(pid, &status, 0, &usage), pid);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, readAll(outputs[0]), readAll(outputs[1]),
          int64_t(usage.ru_maxrss) * 1024};
}

std::string fingerprintIn(const std::string &graph) {
  return Json::parse(readAll(graph + "/graph.json"))["data_fingerprint"];
}

TEST(Generate, TheSameGraphForAnyThreadsAndMemory) {
  TemporaryDirectory folder;
  std::string graph = folder / "g";
  ToolRun first = run(folder, "heddle-import",
                      {"--generate=ogbn-mag", "--scale=0.002", "--seed", "5", "-o", graph});
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.err, "");
  EXPECT_NE(first.out.find("paper:rev_cites:paper"), std::string::npos) << first.out;
  EXPECT_NE(first.out.find("349 classes, missing on 0 of 1,473 nodes"), std::string::npos)
      << first.out;
  EXPECT_NE(first.out.find("self-loops drawn again"), std::string::npos) << first.out;
  ToolRun check = run(folder, "heddle-import", {"--check", graph});
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_NE(check.out.find("4 relations, 42222 edges"), std::string::npos) << check.out;
  std::string fingerprint = fingerprintIn(graph);

  ToolRun refused =
      run(folder, "heddle-import", {"--generate=ogbn-mag", "--scale=0.002", "-o", graph});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("--force"), std::string::npos) << refused.err;
  EXPECT_EQ(fingerprintIn(graph), fingerprint);

  for (const Arguments &more : {Arguments{"--threads=1", "--memory=64KiB"}, {"--threads=7"}}) {
    Arguments arguments = {
        "--generate=ogbn-mag", "--scale=0.002", "--seed=5", "--force", "-o", graph};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run(folder, "heddle-import", arguments).code, 0);
    EXPECT_EQ(fingerprintIn(graph), fingerprint) << more[0];
  }
  EXPECT_EQ(run(folder, "heddle-import",
                {"--generate=ogbn-mag", "--scale=0.002", "--seed=6", "--no-reverse", "--force",
                 "-o", graph})
                .code,
            0);
  EXPECT_NE(fingerprintIn(graph), fingerprint);
  EXPECT_EQ(readAll(graph + "/graph.json").find("rev_"), std::string::npos);
}

#if !__has_feature(address_sanitizer)
// 4.2 M edges, 68 MB as the sorter holds them, go through 8 MiB.
TEST(Generate, MemoryStaysWithinItsBound) {
  TemporaryDirectory folder;
  Arguments arguments = {
      "--generate=ogbn-mag", "--features=none", "--memory=8MiB", "--force", "--threads=4", "-o",
      folder / "g"};
  Arguments small = arguments, large = arguments;
  small.push_back("--scale=0.0001");
  large.push_back("--scale=0.2");
  ToolRun base = run(folder, "heddle-import", small), full = run(folder, "heddle-import", large);
  ASSERT_EQ(base.code, 0) << base.err;
  ASSERT_EQ(full.code, 0) << full.err;
  // On top of the bound: labels and splits of 147,278 papers, tables of degrees, blocks of files.
  EXPECT_LT(full.peakBytes - base.peakBytes, (8 << 20) + (12 << 20))
      << base.peakBytes << " and " << full.peakBytes;
}

#endif

TEST(Generate, WrongUseGetsOneLine) {
  TemporaryDirectory folder;
  std::string output = folder / "g";
  struct Case {
    Arguments arguments;
    std::string expected;
  } cases[] = {
      {{"--generate=ogbn-mga", "--scale=1"}, "unknown set 'ogbn-mga'; did you mean 'ogbn-mag'?"},
      {{"--generate=igbh", "--scale=1"}, "did you mean 'igb-het'?"},
      {{"--generate=cora", "--scale=1"}, "known: donor, freebase, igb-het, mag240m, ogbn-mag"},
      {{"--generate=ogbn-mag"}, "--generate needs --scale, for example --scale 0.01"},
      {{"--generate=ogbn-mag", "--scale=0"}, "--scale: expected a number above 0 and up to 1"},
      {{"--generate=ogbn-mag", "--scale=2"}, "--scale: expected a number above 0 and up to 1"},
      {{"--generate=ogbn-mag", "--scale=nan"}, "--scale: expected a number above 0 and up to 1"},
      {{"--generate=ogbn-mag", "--scale=small"}, "--scale"},
      {{"--generate=ogbn-mag", "--scale=1", "--features=wide"}, "--features: 'wide' is neither"},
      {{"--generate=ogbn-mag", "--scale=1", "--threads=0"}, "--threads"},
      {{"--generate=ogbn-mag", "--scale=1", "graph.json"}, "reads no source; remove SOURCE"},
      {{"--generate=ogbn-mag", "--scale=1", "--format=hgb"}, "reads no source; remove --format"},
      {{"--generate=ogbn-mag", "--scale=1", "--gloss-words=0"},
       "--gloss-words is for --format=wordnet, and the source is a generator; remove it"},
      {{"--generate=ogbn-mag", "--scale=1", "--valid-ratio=0"},
       "--valid-ratio is for --format=ntriples, hgb, and the source is a generator"},
      {{"--scale=0.1", "--format=table", "x.json"},
       "--scale is for --generate, and the source is table"},
      {{"--features=none", "--format=hgb", "x"}, "--features is for --generate"},
      {{"--seed=3", "--format=table", "x.json"},
       "--seed is for --format=wordnet, ntriples, hgb, --generate and --derive, and the source is "
       "table"},
      {{"--synthetic=mag", "--scale=1"}, "did you mean '--generate'?"},
  };
  for (Case &c : cases) {
    c.arguments.insert(c.arguments.end(), {"-o", output});
    ToolRun done = run(folder, "heddle-import", c.arguments);
    EXPECT_EQ(done.code, 2) << c.expected << ": " << done.err;
    EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
    EXPECT_NE(done.err.find(c.expected), std::string::npos) << c.expected << ": " << done.err;
    EXPECT_FALSE(fs::exists(output)) << c.expected;
  }
  ToolRun none = run(folder, "heddle-import", {"--generate=ogbn-mag", "--scale=0.01"});
  EXPECT_NE(none.err.find("no output; name a directory with -o"), std::string::npos) << none.err;
  ToolRun check = run(folder, "heddle-import", {"--check", output, "--generate=ogbn-mag"});
  EXPECT_NE(check.err.find("--check takes a graph directory alone"), std::string::npos);
}

/// Accuracy on the test part, as a run records it; -1 if it does not.
double testAccuracyOf(const std::string &run) {
  std::istringstream lines(readAll(run + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);)
    if (Json json = Json::parse(line, nullptr, false);
        json.is_object() && json.value("event", "") == "test")
      return json["metrics"]["accuracy"];
  return -1;
}

TEST(Generate, AModelLearnsWhatWasPlanted) {
  TemporaryDirectory folder;
  ASSERT_EQ(
      run(folder, "heddle-import", {"--generate=ogbn-mag", "--scale=0.002", "-o", folder / "graph"})
          .code,
      0);
  ToolRun compiled = run(folder, "heddle-compile",
                         {"--graph", folder / "graph", "--model",
                          HEDDLE_SOURCE_DIR "/examples/ogbn-mag/rgcn.json", "-o", folder / "plan"});
  ASSERT_EQ(compiled.code, 0) << compiled.err;
  ToolRun trained = run(folder, "heddle-run",
                        {folder / "plan", "--graph", folder / "graph", "--epochs", "10",
                         "--threads", "2", "--progress", "never", "-o", folder / "run"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  // The commonest of the 349 classes has 2.8 percent of the nodes.
  EXPECT_GT(testAccuracyOf(folder / "run"), 0.15) << trained.out;
}

std::vector<double> trainLossesOf(const std::string &results) {
  std::vector<double> losses;
  std::istringstream lines(readAll(results + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);)
    if (Json event = Json::parse(line); event["event"] == "train")
      losses.push_back(event["loss"].get<double>());
  return losses;
}

// Metapaths of it, and HAN over them: whole, cut, and refused where there is no batch.
TEST(Generate, MetapathsTrainHan) {
  TemporaryDirectory folder;
  ASSERT_EQ(
      run(folder, "heddle-import", {"--generate=ogbn-mag", "--scale=0.002", "-o", folder / "graph"})
          .code,
      0);
  const std::string derived = folder / "derived";
  const Arguments derive = {"--derive",
                            "PAP=paper:rev_writes:author,author:writes:paper",
                            "--derive",
                            "PFP=paper:has_topic:field_of_study,field_of_study:rev_has_topic:paper",
                            "--max-per-destination",
                            "20",
                            folder / "graph"};
  auto with = [&](Arguments more) {
    more.insert(more.begin(), derive.begin(), derive.end());
    return run(folder, "heddle-import", more);
  };
  ToolRun first = with({"-o", derived});
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.out.find("paper:PAP:paper: edges derived along "
                           "paper:rev_writes:author,author:writes:paper: "),
            std::string::npos)
      << first.out;
  EXPECT_EQ(run(folder, "heddle-import", {"--check", derived}).code, 0);
  const std::string fingerprint = fingerprintIn(derived);
  ToolRun again = with({"-o", derived});
  EXPECT_EQ(again.code, 2);
  EXPECT_NE(again.err.find("--force"), std::string::npos) << again.err;
  ASSERT_EQ(with({"--threads=3", "--memory=64KiB", "--force", "-o", derived}).code, 0);
  EXPECT_EQ(fingerprintIn(derived), fingerprint);
  ToolRun many = with({"--max-edges=100", "-o", folder / "none"});
  EXPECT_EQ(many.code, 2);
  EXPECT_NE(many.err.find("--derive PAP: more than 100 edges"), std::string::npos) << many.err;
  EXPECT_FALSE(fs::exists(folder / "none"));

  writeAll(folder / "han.json", R"({"version": "1.0",
    "task": {"target_ntype": "paper"},
    "model": {"encoder": "han", "num_layers": 1, "hidden_size": 32, "num_heads": 4,
              "relations": [["paper", "PAP", "paper"], ["paper", "PFP", "paper"]]},
    "sampling": {"fanout": [10]},
    "train": {"batch_size": 256, "optimizer": {"name": "adam", "lr": 0.01}}})");
  std::vector<double> whole;
  for (const char *partitions : {"1", "2"}) {
    const std::string plan = folder / (std::string("plan") + partitions);
    ToolRun compiled = run(folder, "heddle-compile",
                           {"--graph", derived, "--model", folder / "han.json", "--partitions",
                            partitions, "-o", plan});
    ASSERT_EQ(compiled.code, 0) << compiled.err;
    const std::string results = folder / (std::string("run") + partitions);
    ToolRun trained = run(folder, "heddle-run",
                          {plan, "--graph", derived, "--epochs", "8", "--threads", "2",
                           "--progress", "never", "-o", results});
    ASSERT_EQ(trained.code, 0) << trained.err;
    std::vector<double> losses = trainLossesOf(results);
    ASSERT_EQ(losses.size(), 8u);
    EXPECT_LT(losses.back(), 0.85 * losses.front());
    if (whole.empty())
      whole = losses;
    EXPECT_NEAR(losses.front(), whole.front(), 1e-5 * whole.front());
    EXPECT_NEAR(losses.back(), whole.back(), 1e-3 * whole.back());
    // A mean over the batch is the same bits for any number of threads.
    std::string weights;
    for (const char *threads : {"1", "3"}) {
      ToolRun again = run(folder, "heddle-run",
                          {plan, "--graph", derived, "--epochs", "1", "--threads", threads,
                           "--progress", "never", "--force", "-o", folder / "bits"});
      ASSERT_EQ(again.code, 0) << again.err;
      std::string bytes = readAll(folder / "bits/last/weights.safetensors");
      EXPECT_FALSE(bytes.empty());
      EXPECT_TRUE(weights.empty() || bytes == weights);
      weights = bytes;
    }
  }
  ToolRun inferred = run(folder, "heddle-run",
                         {folder / "plan1", "--graph", derived, "--mode", "infer", "--restore",
                          folder / "run1", "-o", folder / "inferred"});
  EXPECT_NE(inferred.code, 0);
  EXPECT_NE(inferred.err.find("A model that reduces over the batch (hgnn.batch_reduce) has none"),
            std::string::npos)
      << inferred.err;
}

// Rows of every node layer by layer are those of batches with all neighbours, whatever the batches.
TEST(Generate, LayerByLayerIsWhatBatchesWithAllNeighboursGive) {
  TemporaryDirectory folder;
  const std::string graph = folder / "g";
  ToolRun made =
      run(folder, "heddle-import", {"--generate=ogbn-mag", "--scale=0.002", "-o", graph});
  ASSERT_EQ(made.code, 0) << made.err;
  for (const char *encoder : {"rgcn", "rgat", "hgt"}) {
    const std::string name = folder / encoder;
    writeAll(name + ".json",
             std::string(R"({"version": "1.0", "task": {"target_ntype": "paper", "label": "venue"},
      "inputs": {"*": {"learnable": true}, "paper": {"features": "all"}},
      "model": {"encoder": ")") +
                 encoder + R"(", "num_layers": 2, "hidden_size": 16)" +
                 (std::string(encoder) == "rgcn" ? "" : R"(, "num_heads": 2)") + R"(},
      "sampling": {"fanout": [5, 5]}, "eval": {"fanout": [-1, -1], "batch_size": 100},
      "train": {"batch_size": 256, "num_epochs": 1, "optimizer": {"name": "adam", "lr": 0.01}}})");
    for (const Arguments &command :
         {Arguments{"heddle-compile", "--graph", graph, "--model", name + ".json", "-o",
                    name + ".plan"},
          {"heddle-run", name + ".plan", "--graph", graph, "--progress", "never", "-o",
           name + ".run"},
          {"heddle-run", name + ".plan", "--graph", graph, "--progress", "never", "--mode", "infer",
           "--restore", name + ".run", "-o", name + ".large"},
          {"heddle-run", name + ".plan", "--graph", graph, "--progress", "never", "--mode", "infer",
           "--restore", name + ".run", "--infer-batch-size", "37", "-o", name + ".small"}}) {
      ToolRun done = run(folder, command[0], Arguments(command.begin() + 1, command.end()));
      ASSERT_EQ(done.code, 0) << encoder << ": " << command[0] << ": " << done.err;
    }
    ToolRun compared =
        run(folder, "heddle_layerwise",
            {"2", name + ".plan", graph, name + ".run", name + ".large", name + ".small"});
    EXPECT_EQ(compared.code, 0) << encoder << ": " << compared.err << compared.out;
    EXPECT_EQ(Json::parse(compared.out)["rows"], 1473);
    EXPECT_EQ(Json::parse(compared.out)["batches"], 15);
  }
  // Not vacuous: of fewer neighbours the logits are others.
  const std::string few = folder / "few";
  std::string spec = readAll(folder / "rgcn.json");
  spec.replace(spec.find("-1, -1"), 6, "3, 3");
  writeAll(few + ".json", spec);
  ASSERT_EQ(run(folder, "heddle-compile",
                {"--graph", graph, "--model", few + ".json", "-o", few + ".plan"})
                .code,
            0);
  ToolRun other = run(folder, "heddle_layerwise",
                      {"2", few + ".plan", graph, folder / "rgcn.run", folder / "rgcn.large"});
  EXPECT_EQ(other.code, 1) << other.err << other.out;
}

} // namespace
} // namespace heddle
