//===- Scene.cpp - a graph, its plans, and running tools -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/workers/Scene.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <poll.h>
#include <random>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace heddle::e2e {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::readAll;
using test::writeAll;

Tool::Tool(const std::string &program, Strings arguments, Variables variables)
    : MarkedProcess(HEDDLE_BIN_DIR "/" + program, program, std::move(arguments),
                    std::move(variables)) {}

bool Tool::running() {
  readSome(0ms);
  siginfo_t info{};
  return process_.pid > 0 &&
         waitid(P_PID, static_cast<id_t>(process_.pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}

std::string Tool::lastLine() const {
  std::string text = output();
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

namespace {

/// Inodes of listening sockets of the machine.
std::set<std::string> listeningSockets() {
  std::set<std::string> inodes;
  for (const char *table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::istringstream lines(readAll(table));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
      if (fields.size() > 9 && fields[3] == "0A")
        inodes.insert(fields[9]);
    }
  }
  std::istringstream lines(readAll("/proc/net/unix"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    if (fields.size() > 6 && fields[3] == "00010000") // it accepts connections
      inodes.insert(fields[6]);
  }
  return inodes;
}

} // namespace

std::set<std::string> Tool::listening() const {
  std::set<std::string> all = listeningSockets(), own;
  for (const auto &[pid, rank] : processes()) {
    std::error_code error;
    for (const auto &entry :
         fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
      std::string target = fs::read_symlink(entry.path(), error);
      if (target.rfind("socket:[", 0) == 0) {
        std::string inode = target.substr(8, target.size() - 9);
        if (all.count(inode))
          own.insert(inode);
      }
    }
  }
  return own;
}

void Tool::expectNothingLeft(const std::set<std::string> &sockets) const {
  expectNoProcessAndNoFile();
  EXPECT_FALSE(sockets.empty()) << "the workers meet somewhere";
  std::set<std::string> now = listeningSockets();
  for (const std::string &socket : sockets)
    EXPECT_FALSE(now.count(socket)) << "still listening: " << socket;
  for (const auto &entry : fs::directory_iterator("/dev/shm"))
    EXPECT_EQ(entry.path().filename().string().find("heddle"), std::string::npos) << entry.path();
}

Scene &Scene::instance() {
  static Scene scene;
  return scene;
}

Scene::Scene() {
  importGraph("graph", 7);
  writeAll(in("rgcn.json"), R"({"version": "1.0",
    "task": {"target_ntype": "paper", "label": "area"},
    "inputs": {"*": {"learnable": true}},
    "model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 8},
    "sampling": {"fanout": [3, 3]},
    "train": {"batch_size": 48, "num_epochs": 7, "optimizer": {"name": "adam", "lr": 0.02},
              "sparse_optimizer": {"name": "adam", "lr": 0.02}}})");
}

void Scene::importGraph(const std::string &name, unsigned seed) {
  std::mt19937 random(seed);
  std::string papers = "id,area,part\n";
  std::vector<std::string> edges = {"author,paper\n", "venue,paper\n", "term,paper\n",
                                    "citing,paper\n"};
  for (int p = 0; p < 240; ++p) {
    bool weaving = p % 2;
    std::string paper = "p" + std::to_string(p);
    papers += paper + (weaving ? ",weaving," : ",dyeing,") +
              (p % 10 < 6   ? "train"
               : p % 10 < 8 ? "valid"
                            : "test") +
              "\n";
    auto add = [&](size_t relation, const std::string &kind, unsigned count) {
      edges[relation] +=
          (weaving ? "w" : "d") + kind + std::to_string(random() % count) + "," + paper + "\n";
    };
    for (int i = 0; i < 3; ++i)
      add(0, "a", 20);
    add(1, "v", 5);
    for (int i = 0; i < 2; ++i)
      add(2, "t", 30);
    if (p % 3) // some are never cited
      edges[3] += "p" + std::to_string(random() % 240) + "," + paper + "\n";
  }
  writeAll(in(name + "-papers.csv"), papers);
  const char *kinds[] = {"author", "venue", "term", "citing"};
  for (size_t i = 0; i < edges.size(); ++i)
    writeAll(in(name + "-" + kinds[i] + ".csv"), edges[i]);
  auto relation = [&](const std::string &source, const std::string &verb, const std::string &kind) {
    return R"({"relation": [")" + source + R"(", ")" + verb + R"(", "paper"], "source_id_col": ")" +
           kind + R"(", "dest_id_col": "paper", "files": ")" + name + "-" + kind + R"(.csv"})";
  };
  writeAll(in(name + ".json"), R"({"format": "heddle-import", "version": "1.0",
    "nodes": [{"node_type": "paper", "node_id_col": "id", "files": ")" +
                                   name + R"(-papers.csv",
               "labels": [{"label_col": "area", "splits": {"main": {"split_col": "part"}}}]},
              {"node_type": "author", "from_edges": true},
              {"node_type": "venue", "from_edges": true},
              {"node_type": "term", "from_edges": true}],
    "edges": [)" + relation("author", "wrote", "author") +
                                   ", " + relation("venue", "published", "venue") + ", " +
                                   relation("term", "names", "term") + ", " +
                                   relation("paper", "cites", "citing") + "]}");
  Tool import("heddle-import", {in(name + ".json"), "-o", in(name)});
  EXPECT_EQ(import.wait(), 0) << import.output();
}

std::string Scene::plan(int partitions, const std::string &name, const Strings &more) {
  std::string path = in("p" + std::to_string(partitions) + name + ".plan");
  if (fs::exists(path))
    return path;
  Strings arguments = {"--graph",      in("graph"),
                       "--model",      in("rgcn.json"),
                       "--partitions", std::to_string(partitions),
                       "-o",           path};
  arguments.insert(arguments.end(), more.begin(), more.end());
  Tool compile("heddle-compile", arguments);
  EXPECT_EQ(compile.wait(), 0) << compile.output();
  return path;
}

std::string Scene::otherGraph() {
  if (!fs::exists(in("other")))
    importGraph("other", 8);
  return in("other");
}

Strings Scene::run(const std::string &plan, const std::string &output, const Strings &more) const {
  Strings all = {plan, "--graph", in("graph"), "-o", output, "--progress", "never"};
  if (std::find(more.begin(), more.end(), "--threads") == more.end())
    all.insert(all.end(), {"--threads", "1"});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string Scene::train(const std::string &plan, const std::string &name, const Strings &more) {
  Tool tool("heddle-run", run(plan, in(name), more));
  EXPECT_EQ(tool.wait(), 0) << tool.output();
  return in(name);
}

std::vector<Json> eventsOf(const std::string &run, const std::string &event) {
  std::vector<Json> found;
  std::istringstream text(readAll(run + "/metrics.jsonl"));
  for (std::string line; std::getline(text, line);)
    if (Json json = Json::parse(line, nullptr, false);
        json.is_object() && json.value("event", "") == event)
      found.push_back(json);
  return found;
}

bool awaitEpochs(Tool &tool, const std::string &run, size_t epochs) {
  auto deadline = Clock::now() + 60s;
  while (Clock::now() < deadline && tool.running()) {
    if (eventsOf(run + ".partial", "train").size() >= epochs)
      return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

Json jsonOf(const std::string &path) { return Json::parse(readAll(path), nullptr, false); }

} // namespace heddle::e2e
