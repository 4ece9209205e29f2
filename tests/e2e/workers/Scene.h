//===- Scene.h - a graph, its plans, and running tools -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_WORKERS_SCENE_H
#define HEDDLE_TESTS_E2E_WORKERS_SCENE_H

#include "tests/unit/support/MarkedProcess.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace heddle::e2e {

using Clock = std::chrono::steady_clock;
using Strings = std::vector<std::string>;
using Variables = std::vector<std::pair<std::string, std::string>>;
using Json = nlohmann::json;

/// A tool that was started, and all that it starts.
class Tool : public test::MarkedProcess {
public:
  /// `program` is a tool of ours.
  Tool(const std::string &program, Strings arguments, Variables variables = {});

  int wait(std::chrono::milliseconds time = std::chrono::seconds(60)) {
    return MarkedProcess::wait(time);
  }
  bool running();
  /// Sends a signal to the tool itself, or to its worker of `rank`. Fails, and sends nothing, if
  /// there is no such process.
  void signal(int number) { test::sendSignal(process_.pid, number); }
  void signalWorker(int rank, int number) { test::sendSignal(worker(rank), number); }
  /// The output's last line.
  std::string lastLine() const;

  /// Sockets, by inode, that the processes listen at.
  std::set<std::string> listening() const;
  /// No process, none of these sockets, no temporary file, nothing in shared memory.
  void expectNothingLeft(const std::set<std::string> &sockets) const;
};

/// Papers of two areas with authors, venues, terms and citations; a plan for each number of
/// partitions. Made once.
class Scene {
public:
  static Scene &instance();

  std::string in(const std::string &name) const { return folder_ / name; }
  /// The plan for `partitions`; `more` are options of heddle-compile, `name` tells plans apart.
  std::string plan(int partitions, const std::string &name = "", const Strings &more = {});
  /// Another graph of the same schema.
  std::string otherGraph();
  /// Arguments of heddle-run.
  Strings run(const std::string &plan, const std::string &output, const Strings &more = {}) const;
  /// Runs to the end; fails unless it ends with 0. Returns the run folder.
  std::string train(const std::string &plan, const std::string &name, const Strings &more = {});

private:
  Scene();
  void importGraph(const std::string &name, unsigned seed);
  test::TemporaryDirectory folder_;
};

/// Whole lines of a metrics.jsonl with this event.
std::vector<Json> eventsOf(const std::string &run, const std::string &event);
/// Waits until the run that is writing `run` has finished some epochs.
bool awaitEpochs(Tool &tool, const std::string &run, size_t epochs);
Json jsonOf(const std::string &path);

} // namespace heddle::e2e

#endif // HEDDLE_TESTS_E2E_WORKERS_SCENE_H
