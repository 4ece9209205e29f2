//===- Layerwise.cpp - heddle_layerwise: inference against batches ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Compares the logits that `heddle-run --mode infer` wrote, layer by layer over all nodes, with
// those of the plan's evaluation entry, batch by batch: with all neighbours ("eval": {"fanout":
// [-1, ...]}) they are the same function. Prints JSON; exit code 1 where they are further apart
// than 1e-5 normwise.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Npy.h"
#include "runtime/train/Batches.h"
#include "runtime/train/Restore.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <sys/resource.h>

using namespace heddle;

namespace {

struct Apart {
  double squares = 0, norm = 0, worstRow = 0;
  /// The rows of one step. A row of zeros is compared with 1e-6.
  void add(const float *got, const float *wanted, int64_t rows, int64_t width) {
    for (int64_t row = 0; row < rows; ++row) {
      double difference = 0, size = 0;
      for (int64_t i = row * width; i < (row + 1) * width; ++i) {
        const double d = double(got[i]) - double(wanted[i]);
        difference += d * d;
        size += double(wanted[i]) * double(wanted[i]);
      }
      squares += difference;
      norm += size;
      const double apart = std::sqrt(difference) / std::max(std::sqrt(size), 1e-6);
      if (!(apart <= worstRow)) // a NaN stays
        worstRow = apart;
    }
  }
  double normwise() const { return std::sqrt(squares) / std::max(std::sqrt(norm), 1e-6); }
};

absl::StatusOr<nlohmann::ordered_json> compare(const std::string &planFile,
                                               const std::string &folder, const std::string &run,
                                               const std::vector<std::string> &inferred,
                                               int threads) {
  HEDDLE_ASSIGN_OR_RETURN(auto loaded, plan::loadPlan(planFile));
  std::shared_ptr<const plan::PlanT> plan(std::move(loaded));
  HEDDLE_ASSIGN_OR_RETURN(auto opened, graph::GraphStore::open(folder));
  std::shared_ptr<graph::GraphStore> graph(std::move(opened));
  exec::ExecutorOptions options;
  options.threads = threads;
  HEDDLE_ASSIGN_OR_RETURN(auto executor, exec::Executor::create(plan, graph, options));
  HEDDLE_RETURN_IF_ERROR(train::restoreWeights(run, *graph, "", *executor).status());
  const int entry = exec::findEntry(*plan, plan::EntryKind::EvalStep);
  if (entry < 0)
    return failedPrecondition("the plan has no eval_step entry");
  std::vector<int64_t> ids(size_t(graph->schema().nodeTypes[plan->task->node_type].numNodes));
  std::iota(ids.begin(), ids.end(), int64_t(0));
  std::vector<NpyArray> logits;
  for (const std::string &each : inferred) {
    HEDDLE_ASSIGN_OR_RETURN(NpyArray array, NpyArray::open(each + "/logits.npy"));
    HEDDLE_RETURN_IF_ERROR(array.expect("float32", {int64_t(ids.size()), -1}));
    logits.push_back(std::move(array));
  }
  std::vector<Apart> apart(logits.size());
  int64_t at = 0, steps = 0, classes = 0;
  absl::Status failure;
  const auto begin = std::chrono::steady_clock::now();
  const auto batches = train::cutBatches(ids, plan->entries[size_t(entry)]->batch_size);
  HEDDLE_RETURN_IF_ERROR(executor->run(entry, batches, 0, {}, [&](const exec::StepResult &step) {
    const int64_t rows = int64_t(step.seeds.size());
    classes = step.classes;
    for (size_t i = 0; i < logits.size() && failure.ok(); ++i)
      if (!step.logits || classes != logits[i].shape()[1])
        failure = internalError("the eval_step entry hands back other logits than the run has");
      else
        apart[i].add(logits[i].as<float>() + at * classes, step.logits, rows, classes);
    at += rows;
    ++steps;
    return failure.ok();
  }));
  HEDDLE_RETURN_IF_ERROR(failure);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  nlohmann::ordered_json out{{"rows", at},
                             {"classes", classes},
                             {"batches", steps},
                             {"sampled_edges", executor->stats().sampledEdges},
                             {"seconds", seconds.count()},
                             {"peak_bytes", int64_t(usage.ru_maxrss) * 1024}};
  for (const Apart &each : apart)
    out["apart"].push_back({{"normwise", each.normwise()}, {"worst_row", each.worstRow}});
  return out;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: heddle_layerwise THREADS PLAN GRAPH RUN INFERRED...\n");
    return 2;
  }
  auto result = compare(argv[2], argv[3], argv[4], {argv + 5, argv + argc}, std::atoi(argv[1]));
  if (!result.ok()) {
    std::fprintf(stderr, "heddle_layerwise: %s\n", messageOf(result.status()).c_str());
    return 2;
  }
  std::printf("%s\n", result->dump().c_str());
  for (const auto &each : (*result)["apart"])
    if (!(each["normwise"].get<double>() <= 1e-5))
      return 1;
  return 0;
}
