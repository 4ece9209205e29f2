//===- Steps.cpp - heddle_device_steps: training steps and nothing else ----===//
//
// Part of Heddle, under the Apache License v2.0.
//
//   heddle_device_steps PLAN GRAPH STEPS [DEVICE]
//
// Trains that many steps of a plan of one partition, with batches of nodes to train on in an order that is
// always the same, and prints the losses. For profilers, and for counts.py.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaDevice.h"
#include "runtime/exec/Executor.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>

using namespace heddle;

namespace {

absl::Status train(const std::string &planFile, const std::string &graphFolder, size_t steps,
                   const std::string &device) {
  HEDDLE_ASSIGN_OR_RETURN(auto loaded, plan::loadPlan(planFile));
  std::shared_ptr<const plan::PlanT> plan(std::move(loaded));
  if (plan->partitions != 1)
    return invalidArgument(planFile + ": it has " + std::to_string(plan->partitions) +
                           " partitions, and this is for one");
  HEDDLE_ASSIGN_OR_RETURN(auto opened, graph::GraphStore::open(graphFolder));
  std::shared_ptr<graph::GraphStore> graph(std::move(opened));
  HEDDLE_ASSIGN_OR_RETURN(const cuda::DeviceChoice choice, cuda::parseDevice(device));
  HEDDLE_RETURN_IF_ERROR(cuda::checkDevice(choice));
  exec::ExecutorOptions options;
  options.seed = 7;
  options.device = cuda::deviceFactory(choice, 0);
  HEDDLE_ASSIGN_OR_RETURN(auto executor, exec::Executor::create(plan, graph, options));

  const int number = exec::findEntry(*plan, plan::EntryKind::TrainStep, 0);
  const size_t batchSize = plan->entries[size_t(number)]->batch_size;
  const plan::TaskT &task = *plan->task;
  HEDDLE_ASSIGN_OR_RETURN(graph::SplitView split,
                          graph->split(int(task.node_type), task.label, task.split));
  std::vector<int64_t> seeds(split.train, split.train + split.numTrain);
  const size_t size = batchSize ? std::min(batchSize, seeds.size()) : seeds.size();
  std::mt19937_64 random(11);
  std::vector<std::vector<int64_t>> batches;
  for (size_t i = 0; i < steps; ++i) {
    if (size < seeds.size())
      std::shuffle(seeds.begin(), seeds.end(), random);
    batches.emplace_back(seeds.begin(), seeds.begin() + long(size));
  }
  return executor->run(number, batches, 0, {}, [&](const exec::StepResult &step) {
    std::printf("step %llu: loss %.9g\n", static_cast<unsigned long long>(step.step),
                double(step.loss));
    return true;
  });
}

} // namespace

int main(int argc, char **argv) {
  const long steps = argc > 3 ? std::atol(argv[3]) : 0;
  if (argc < 4 || argc > 5 || steps < 1) {
    std::fprintf(stderr, "usage: heddle_device_steps PLAN GRAPH STEPS [DEVICE]\n"
                         "DEVICE: cuda (if it is not given), cuda:N or cpu\n");
    return 2;
  }
  const absl::Status status = train(argv[1], argv[2], size_t(steps), argc > 4 ? argv[4] : "cuda");
  if (!status.ok())
    std::fprintf(stderr, "error: %s\n", messageOf(status).c_str());
  return status.ok() ? 0 : 2;
}
