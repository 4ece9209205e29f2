//===- ToolsTest.cpp - import, compile, run, stop, from outside ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A small library of tables becomes a graph directory, a plan and runs, through the real binaries:
// what users rely on when all goes well, at Ctrl-C, with an output that exists, and when training
// diverges.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Safetensors.h"
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <thread>
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

/// A tool that was started; what it prints goes into files.
class Process {
public:
  Process(const std::string &tool, const Arguments &arguments, const std::string &log)
      : log_(log), pid_(::fork()) {
    if (pid_ != 0)
      return;
    for (auto [descriptor, suffix] : {std::pair(1, ".out"), {2, ".err"}}) {
      int file = ::open((log + suffix).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(file, descriptor);
    }
    const std::string binary = HEDDLE_BIN_DIR "/" + tool;
    std::vector<char *> argv = {const_cast<char *>(tool.c_str())};
    for (const std::string &argument : arguments)
      argv.push_back(const_cast<char *>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(binary.c_str(), argv.data());
    ::_exit(127);
  }
  Process(const Process &) = delete;
  Process &operator=(const Process &) = delete;
  ~Process() {
    if (pid_ > 0 && !done_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  /// The exit code; 128 + number after a signal.
  int wait() {
    int status = 0;
    if (!done_)
      ::waitpid(pid_, &status, 0);
    else
      status = status_;
    done_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  bool running() {
    if (!done_ && ::waitpid(pid_, &status_, WNOHANG) == pid_)
      done_ = true;
    return !done_;
  }
  void interrupt() { ::kill(pid_, SIGINT); }
  std::string output() const { return readAll(log_ + ".out"); }
  std::string errors() const { return readAll(log_ + ".err"); }

private:
  std::string log_;
  pid_t pid_;
  int status_ = 0;
  bool done_ = false;
};

/// Lines of a metrics.jsonl that are whole, by event.
std::vector<Json> eventsOf(const std::string &path, const std::string &event) {
  std::vector<Json> found;
  std::istringstream text(readAll(path));
  for (std::string line; std::getline(text, line);)
    if (Json json = Json::parse(line, nullptr, false);
        json.is_object() && json.value("event", "") == event)
      found.push_back(json);
  return found;
}

/// The graph and the plan, made once: papers of two areas, which their authors' other papers give
/// away.
class Tools : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryDirectory;
    std::mt19937 random(7);
    std::string papers = "id,area,part\n", wrote = "author,paper\n";
    for (int p = 0; p < 240; ++p) {
      bool weaving = p % 2;
      papers += "p" + std::to_string(p) + (weaving ? ",weaving," : ",dyeing,") +
                (p % 10 < 6   ? "train"
                 : p % 10 < 8 ? "valid"
                              : "test") +
                "\n";
      for (int a = 0; a < 3; ++a)
        wrote +=
            (weaving ? "w" : "d") + std::to_string(random() % 20) + ",p" + std::to_string(p) + "\n";
    }
    writeAll(in("papers.csv"), papers);
    writeAll(in("wrote.csv"), wrote);
    writeAll(in("tables.json"), R"({"format": "heddle-import", "version": "1.0",
      "nodes": [{"node_type": "paper", "node_id_col": "id", "files": "papers.csv",
                 "labels": [{"label_col": "area", "splits": {"main": {"split_col": "part"}}}]},
                {"node_type": "author", "from_edges": true}],
      "edges": [{"relation": ["author", "wrote", "paper"], "source_id_col": "author",
                 "dest_id_col": "paper", "files": "wrote.csv"}]})");
    writeAll(in("rgcn.json"), R"({"version": "1.0",
      "task": {"target_ntype": "paper", "label": "area"},
      "inputs": {"*": {"learnable": true}},
      "model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 8},
      "sampling": {"fanout": [3, 3]},
      "train": {"batch_size": 48, "num_epochs": 8, "optimizer": {"name": "adam", "lr": 0.02},
                "sparse_optimizer": {"name": "adam", "lr": 0.02}}})");
    expectDone("heddle-import", {in("tables.json"), "-o", in("graph")});
    expectDone("heddle-compile",
               {"--graph", in("graph"), "--model", in("rgcn.json"), "-o", in("plan")});
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static std::string in(const std::string &name) { return *folder_ / name; }

  static void expectDone(const std::string &tool, const Arguments &arguments) {
    Process process(tool, arguments, in("log-" + tool));
    ASSERT_EQ(process.wait(), 0) << tool << ": " << process.errors();
  }

  static Arguments runArguments(const std::string &output, const Arguments &more = {}) {
    Arguments all = {in("plan"),  "--graph", in("graph"),  "-o",   output,
                     "--threads", "2",       "--progress", "never"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// All that a run folder has after training, whether it was interrupted or not.
  static void expectRunFolder(const std::string &run, const std::string &status) {
    for (const char *file :
         {"run.json", "spec.json", "fingerprints.json", "metrics.jsonl", "best/weights.safetensors",
          "last/weights.safetensors", "last/optimizer.safetensors"})
      EXPECT_TRUE(fs::exists(run + "/" + file)) << file;
    EXPECT_FALSE(fs::exists(run + ".partial"));
    Json state = Json::parse(readAll(run + "/run.json"), nullptr, false);
    EXPECT_EQ(state.value("status", ""), status);
    EXPECT_EQ(Json::parse(readAll(run + "/spec.json"), nullptr, false)["model"]["hidden_size"], 8);
    for (const char *file : {"/best/weights.safetensors", "/last/weights.safetensors"})
      expectWeights(run + file);
  }

  /// A file of named tensors, all numbers.
  static void expectWeights(const std::string &path) {
    auto reader = train::SafetensorsReader::open(path);
    ASSERT_TRUE(reader.ok()) << reader.status();
    const train::TensorInfo *rows = (*reader)->find("embeddings.author.weight");
    ASSERT_NE(rows, nullptr) << path;
    ASSERT_EQ(rows->shape.size(), 2u);
    EXPECT_EQ(rows->shape[1], 8);
    std::vector<float> values(size_t(rows->shape[0] * rows->shape[1]));
    ASSERT_OK((*reader)->read(*rows, 0, int64_t(values.size() * sizeof(float)), values.data()));
    EXPECT_TRUE(
        std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); }));
  }

  static TemporaryDirectory *folder_;
};
TemporaryDirectory *Tools::folder_ = nullptr;

TEST_F(Tools, TrainingLowersTheLossAndWritesEverything) {
  Process process("heddle-run", runArguments(in("whole")), in("log-whole"));
  ASSERT_EQ(process.wait(), 0) << process.errors();
  EXPECT_NE(process.output().find("Results are in " + in("whole")), std::string::npos)
      << process.output();
  expectRunFolder(in("whole"), "finished");
  std::vector<Json> train = eventsOf(in("whole/metrics.jsonl"), "train");
  ASSERT_EQ(train.size(), 8u);
  double first = train.front()["loss"], last = train.back()["loss"];
  EXPECT_LT(last, 0.7 * first) << "first epoch " << first << ", last epoch " << last;
  EXPECT_FALSE(eventsOf(in("whole/metrics.jsonl"), "valid").empty());
  std::vector<Json> tests = eventsOf(in("whole/metrics.jsonl"), "test");
  ASSERT_EQ(tests.size(), 1u);
  EXPECT_GT(tests[0]["metrics"]["accuracy"].get<double>(), 0.7);
  // One line for each node of valid and test, and the names of columns.
  std::string predictions = readAll(in("whole/predictions.csv"));
  EXPECT_EQ(std::count(predictions.begin(), predictions.end(), '\n'), 1 + 96);
  EXPECT_NE(predictions.find("p8,"), std::string::npos) << predictions.substr(0, 300);
}

// Layers that combine relations by a maximum or a softmax, written by hand: they learn, and a step
// cut into two processes gives the losses of the whole one.
TEST_F(Tools, OtherCombinesLearnWholeAndCut) {
  std::mt19937 random(11);
  std::string read = "author,paper\n";
  for (int p = 0; p < 240; p += 1 + int(random() % 2))
    read += (p % 2 ? "w" : "d") + std::to_string(random() % 20) + ",p" + std::to_string(p) + "\n";
  writeAll(in("read.csv"), read);
  std::string tables = readAll(in("tables.json"));
  tables.insert(tables.rfind("]"), R"(, {"relation": ["author", "read", "paper"],
    "source_id_col": "author", "dest_id_col": "paper", "files": "read.csv"})");
  writeAll(in("two.json"), tables);
  expectDone("heddle-import", {in("two.json"), "-o", in("two")});
  for (const std::string model : {"max", "softmax"}) {
    writeAll(in(model + ".mlir"),
             readAll(HEDDLE_SOURCE_DIR "/tests/lit/Inputs/" + model + ".mlir"));
    std::string spec = readAll(in("rgcn.json"));
    spec.replace(spec.find("\"rgcn\""), 6, "\"" + model + ".mlir\"");
    writeAll(in(model + ".json"), spec);
    std::vector<std::vector<double>> losses;
    for (const Arguments &cut :
         {Arguments{}, Arguments{"--partitions", "2", "--order", "raf", "--exchange", "replicated"},
          Arguments{"--partitions", "2", "--order", "raf", "--exchange", "leader"},
          Arguments{"--partitions", "2", "--order", "vanilla"}}) {
      std::string name = in(model + std::to_string(losses.size()));
      Arguments compile = {"--graph",           in("two"), "--model",
                           in(model + ".json"), "-o",      name + ".plan"};
      compile.insert(compile.end(), cut.begin(), cut.end());
      expectDone("heddle-compile", compile);
      expectDone("heddle-run", {name + ".plan", "--graph", in("two"), "-o", name, "--workers",
                                cut.empty() ? "1" : "2", "--threads", "1", "--progress", "never"});
      losses.emplace_back();
      for (const Json &epoch : eventsOf(name + "/metrics.jsonl", "train"))
        losses.back().push_back(epoch["loss"]);
      ASSERT_EQ(losses.back().size(), 8u);
      EXPECT_LT(losses.back().back(), 0.7 * losses.back().front()) << name;
      // Steps by rounded gradients part slowly: the first epochs agree.
      for (size_t epoch = 0; epoch < 2; ++epoch)
        EXPECT_NEAR(losses.back()[epoch], losses[0][epoch], 1e-3 * losses[0][epoch])
            << name << " epoch " << epoch;
    }
  }
}

/// Numbers of the last column of a CSV, by its first one.
std::map<std::string, double> lastColumnOf(const std::string &path) {
  std::map<std::string, double> out;
  std::istringstream lines(readAll(path));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line))
    out[line.substr(0, line.find(','))] = std::stod(line.substr(line.rfind(',') + 1));
  return out;
}

// Layer by layer over all nodes gives what the evaluation of training gave, whatever the batches; on a
// graph with other nodes rows go by their ids.
TEST_F(Tools, InferenceRestoresAndPredictsEveryNode) {
  std::string spec = readAll(in("rgcn.json"));
  spec.insert(spec.rfind('}'), R"(, "eval": {"fanout": [-1, -1]})");
  writeAll(in("all.json"), spec);
  expectDone("heddle-compile",
             {"--graph", in("graph"), "--model", in("all.json"), "-o", in("all.plan")});
  expectDone("heddle-run",
             {in("all.plan"), "--graph", in("graph"), "-o", in("all"), "--progress", "never"});
  auto wanted = lastColumnOf(in("all/predictions.csv"));
  ASSERT_EQ(wanted.size(), 96u);
  auto infer = [&](const std::string &plan, const std::string &graph, const std::string &output,
                   const Arguments &more) {
    Arguments arguments = {in(plan), "--graph", in(graph),  "--mode",     "infer", "--restore",
                           in("all"), "-o",      in(output), "--progress", "never"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    expectDone("heddle-run", arguments);
  };
  infer("all.plan", "graph", "inferred", {"--embed", "author", "--embed", "paper"});
  infer("all.plan", "graph", "inferred7", {"--infer-batch-size", "7", "--predict", "test"});
  auto got = lastColumnOf(in("inferred/predictions.csv"));
  EXPECT_EQ(got.size(), 240u);
  for (const auto &[id, probability] : wanted)
    EXPECT_NEAR(got.at(id), probability, 1e-5) << id;
  auto test = lastColumnOf(in("inferred7/predictions.csv"));
  EXPECT_EQ(test.size(), 48u);
  for (const auto &[id, probability] : test)
    EXPECT_NEAR(got.at(id), probability, 1e-5) << id;
  for (const char *file : {"run.json", "logits.npy", "logits.ids.csv", "embeddings.author.npy",
                           "embeddings.author.ids.csv", "embeddings.paper.npy"})
    EXPECT_TRUE(fs::exists(in(std::string("inferred/") + file))) << file;
  EXPECT_EQ(fs::file_size(in("inferred/embeddings.paper.npy")), 128u + 240 * 8 * 4);

  // Authors in another order, one of them new, and one paper less: the same rows for the same ids.
  std::string papers = readAll(in("papers.csv")), wrote = readAll(in("wrote.csv"));
  size_t header = wrote.find('\n') + 1;
  writeAll(in("papers2.csv"), papers.substr(0, papers.rfind('\n', papers.size() - 2) + 1));
  std::istringstream lines(wrote.substr(header));
  std::vector<std::string> edges;
  for (std::string line; std::getline(lines, line);)
    if (line.find(",p239") == std::string::npos)
      edges.push_back(line);
  std::reverse(edges.begin(), edges.end());
  std::string reversed = wrote.substr(0, header);
  for (const std::string &edge : edges)
    reversed += edge + "\n";
  writeAll(in("wrote2.csv"), reversed + "newcomer,p0\n");
  std::string tables = readAll(in("tables.json"));
  tables.replace(tables.find("papers.csv"), 10, "papers2.csv");
  tables.replace(tables.find("wrote.csv"), 9, "wrote2.csv");
  writeAll(in("other.json"), tables);
  expectDone("heddle-import", {in("other.json"), "-o", in("other")});
  infer("all.plan", "other", "inferred-other", {});
  auto other = lastColumnOf(in("inferred-other/predictions.csv"));
  EXPECT_EQ(other.size(), 239u);
  size_t same = 0;
  for (const auto &[id, probability] : other)
    same += std::abs(got.at(id) - probability) < 1e-5;
  EXPECT_GT(same, 180u) << "only what is near p0 and p239 may differ";
  EXPECT_EQ(Json::parse(readAll(in("inferred-other/run.json")))["result"]["new_rows"], 1);

  // What is refused.
  for (const auto &[more, error] : std::vector<std::pair<Arguments, std::string>>{
           {{"--mode", "infer"}, "--restore is required"},
           {{"--mode", "infer", "--restore", in("graph")}, "has no weights.safetensors"},
           {{"--mode", "infer", "--restore", in("all"), "--embed", "autor"}, "did you mean 'author'?"},
           {{"--mode", "infer", "--restore", in("all"), "--predict", "tset"}, "did you mean 'test'?"},
           {{"--mode", "infer", "--restore", in("all"), "--epochs", "2"}, "--epochs: is for training"},
           {{"--restore", in("all")}, "--restore: is for --mode infer"},
           {{"--mode", "inferr"}, "did you mean 'infer'?"}}) {
    Arguments arguments = {in("all.plan"), "--graph", in("graph"), "-o", in("refused")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Process process("heddle-run", arguments, in("log-refused"));
    EXPECT_EQ(process.wait(), 2) << error;
    EXPECT_NE(process.errors().find(error), std::string::npos) << process.errors();
    EXPECT_FALSE(fs::exists(in("refused")));
  }
}

// Where memory is short the system may write rows between layers out: the same bits come back.
TEST_F(Tools, RowsBetweenLayersMayBeOnDisk) {
  std::string wrote = "author,paper\n";
  for (int a = 0; a < 100000; ++a)
    wrote += "a" + std::to_string(a) + ",p" + std::to_string(a % 240) + "\n";
  writeAll(in("many.csv"), wrote);
  std::string tables = readAll(in("tables.json"));
  tables.replace(tables.find("wrote.csv"), 9, "many.csv");
  writeAll(in("many.json"), tables);
  expectDone("heddle-import", {in("many.json"), "-o", in("many")});
  expectDone("heddle-compile",
             {"--graph", in("many"), "--model", in("rgcn.json"), "-o", in("many.plan")});
  expectDone("heddle-run", {in("many.plan"), "--graph", in("many"), "-o", in("many-run"), "--epochs",
                            "1", "--progress", "never"});
  auto infer = [&](const std::string &output, const Arguments &more) {
    Arguments arguments = {in("many.plan"), "--graph",      in("many"), "--mode", "infer",
                           "--restore",     in("many-run"), "-o",       output,   "--progress",
                           "never",         "--infer-batch-size", "16"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    expectDone("heddle-run", arguments);
    return Json::parse(readAll(output + "/run.json"))["result"]["rows_on_disk"].get<bool>();
  };
  EXPECT_FALSE(infer(in("in-memory"), {}));
  EXPECT_TRUE(infer(in("on-disk"), {"--memory", "3MiB"}));
  EXPECT_EQ(readAll(in("in-memory/logits.npy")), readAll(in("on-disk/logits.npy")));
  for (const auto &entry : fs::directory_iterator(in("on-disk")))
    EXPECT_EQ(entry.path().filename().string().find("hidden"), std::string::npos) << entry.path();
}

TEST_F(Tools, AnExistingOutputIsRefusedAndKept) {
  expectDone("heddle-run", runArguments(in("kept"), {"--epochs", "1"}));
  std::string before = readAll(in("kept/metrics.jsonl"));
  Process again("heddle-run", runArguments(in("kept"), {"--epochs", "2"}), in("log-again"));
  EXPECT_EQ(again.wait(), 2);
  std::string error = again.errors();
  EXPECT_NE(error.find("kept: "), std::string::npos) << error;
  EXPECT_NE(error.find("--force"), std::string::npos) << error;
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << error;
  EXPECT_EQ(readAll(in("kept/metrics.jsonl")), before);
  EXPECT_FALSE(fs::exists(in("kept.partial")));
  Process forced("heddle-run", runArguments(in("kept"), {"--epochs", "2", "--force"}),
                 in("log-forced"));
  EXPECT_EQ(forced.wait(), 0) << forced.errors();
  EXPECT_EQ(eventsOf(in("kept/metrics.jsonl"), "train").size(), 2u);
  // The other outputs of the chain are not overwritten either.
  Process plan("heddle-compile",
               {"--graph", in("graph"), "--model", in("rgcn.json"), "-o", in("plan")},
               in("log-plan"));
  EXPECT_EQ(plan.wait(), 2);
  Process graph("heddle-import", {in("tables.json"), "-o", in("graph")}, in("log-graph"));
  EXPECT_EQ(graph.wait(), 2);
}

TEST_F(Tools, CtrlCSavesWhatWasLearnt) {
  Process process("heddle-run", runArguments(in("stopped"), {"--epochs", "100000000"}),
                  in("log-stopped"));
  // Until it finishes, a run is in its partial folder, where it can be watched.
  auto begin = std::chrono::steady_clock::now();
  while (process.running() && eventsOf(in("stopped.partial/metrics.jsonl"), "train").size() < 3 &&
         std::chrono::steady_clock::now() - begin < std::chrono::seconds(120))
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_TRUE(process.running()) << process.errors();
  process.interrupt();
  EXPECT_EQ(process.wait(), 130) << process.errors();
  EXPECT_NE(process.errors().find("stopping after this step"), std::string::npos)
      << process.errors();
  EXPECT_NE(process.output().find("Interrupted; what was learnt until then is saved"),
            std::string::npos)
      << process.output();
  expectRunFolder(in("stopped"), "interrupted");
  std::vector<Json> train = eventsOf(in("stopped/metrics.jsonl"), "train");
  ASSERT_GE(train.size(), 3u);
  EXPECT_LT(train.back()["loss"].get<double>(), train.front()["loss"].get<double>());
}

TEST_F(Tools, ADivergingRunNamesStepAndTensor) {
  Process process("heddle-run",
                  runArguments(in("diverged"), {"--lr", "1e38", "--sparse-lr", "1e38"}),
                  in("log-diverged"));
  EXPECT_EQ(process.wait(), 1);
  std::string error = process.errors();
  EXPECT_NE(error.find("step 1: the loss is "), std::string::npos) << error;
  EXPECT_NE(error.find("the first tensor that is not finite is "), std::string::npos) << error;
  EXPECT_EQ(error.find("is the loss itself"), std::string::npos) << error;
  EXPECT_NE(error.find("try a lower lr"), std::string::npos) << error;
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << error;
  // Not a whole run: it keeps the name of a partial one, with the reason.
  EXPECT_FALSE(fs::exists(in("diverged")));
  Json state = Json::parse(readAll(in("diverged.partial/run.json")), nullptr, false);
  EXPECT_EQ(state.value("status", ""), "failed");
  EXPECT_TRUE(fs::exists(in("diverged.partial/last/weights.safetensors")));
}

} // namespace
} // namespace heddle
