//===- Compare.cpp - heddle_devices: one plan on the CPU and on a GPU ------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Needs the runtime alone, so it runs where there is a GPU and no compiler. A case is a folder with
// model.plan (compiled with --gpu) and graph/, as `heddle_differential --keep DIR` writes them;
// there the CPU has been compared with the interpreter. Compared are one evaluation and one
// training step, state by state, and the losses of 20 steps, for as many ranks as the plan has
// partitions: threads, on as many GPUs as there are in turn. With --transport nccl, which wants a
// GPU for each, their arrays go from GPU to GPU; with --tiers BYTES the device keeps no more than
// that of features and learnable rows.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/NcclChoice.h"
#include "runtime/exec/Executor.h"
#include "runtime/transport/Connections.h"
#include "tests/e2e/OnAllRanks.h"
#include "tests/e2e/devices/Bandwidth.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <random>

using namespace heddle;

namespace {

using Batches = std::vector<std::vector<int64_t>>;

/// The executors of all partitions of a plan, as threads.
class Ranks {
public:
  static absl::StatusOr<Ranks> make(std::shared_ptr<const plan::PlanT> plan,
                                    std::shared_ptr<graph::GraphStore> graph,
                                    const cuda::DeviceChoice &device, int threads,
                                    cuda::TransportChoice transport = cuda::TransportChoice::Host,
                                    const exec::CacheOptions &cache = {}) {
    Ranks ranks;
    ranks.plan_ = plan;
    ranks.connections_ = std::make_shared<std::vector<transport::ConnectionPair>>(
        transport::makeThreadConnections(int(plan->partitions)));
    if (transport == cuda::TransportChoice::Nccl && plan->partitions > 1)
      HEDDLE_RETURN_IF_ERROR(test::onAllRanks(plan->partitions, [&](uint32_t k) {
        return cuda::putNcclOn((*ranks.connections_)[k], device, transport, k).status();
      }));
    for (uint32_t k = 0; k < plan->partitions; ++k) {
      exec::ExecutorOptions options;
      options.threads = threads;
      options.seed = 7;
      options.partition = k;
      options.device = cuda::deviceFactory(device, k);
      options.cache = cache;
      if (plan->partitions > 1)
        options.connections = {(*ranks.connections_)[k].compute.get(),
                               (*ranks.connections_)[k].ahead.get()};
      HEDDLE_ASSIGN_OR_RETURN(auto executor, exec::Executor::create(plan, graph, options));
      ranks.executors_.push_back(std::move(executor));
    }
    return ranks;
  }

  struct Steps {
    std::vector<double> losses;
    std::vector<float> logits; ///< of the last step
    double seconds = 0;        ///< of computation, of rank 0
  };
  absl::StatusOr<Steps> run(plan::EntryKind kind, const Batches &batches, uint64_t first) {
    Steps steps;
    const double before = executors_[0]->stats().computeSeconds;
    HEDDLE_RETURN_IF_ERROR(onAll([&](uint32_t k) -> absl::Status {
      return executors_[k]->run(
          exec::findEntry(*plan_, kind, k), batches, first, {}, [&](const exec::StepResult &r) {
            if (k > 0)
              return true;
            steps.losses.push_back(double(r.loss));
            if (r.logits)
              steps.logits.assign(r.logits, r.logits + int64_t(r.seeds.size()) * r.classes);
            return true;
          });
    }));
    steps.seconds = executors_[0]->stats().computeSeconds - before;
    HEDDLE_RETURN_IF_ERROR(onAll([&](uint32_t k) { return executors_[k]->gatherStates(0); }));
    return steps;
  }
  std::vector<exec::StateView> states() { return executors_[0]->states(); }
  std::string target() const { return executors_[0]->kernelTarget(); }

private:
  absl::Status onAll(const std::function<absl::Status(uint32_t)> &work) {
    return test::onAllRanks(executors_.size(), work);
  }

  std::shared_ptr<const plan::PlanT> plan_;
  std::shared_ptr<std::vector<transport::ConnectionPair>> connections_;
  std::vector<std::unique_ptr<exec::Executor>> executors_;
};

/// ||a - b|| / max(||b||, floor); infinite where one is not finite and the other is.
template <class T> double normwise(const T *a, const T *b, int64_t n, double floor) {
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < n; ++i) {
    difference += (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
    norm += double(b[i]) * double(b[i]);
  }
  const double result = std::sqrt(difference) / std::max(std::sqrt(norm), floor);
  return std::isfinite(result) ? result : INFINITY;
}

struct Worst {
  double value = 0;
  std::string what;
  void add(const std::string &name, double number) {
    if (!(number <= value))
      value = number, what = name;
  }
};

bool isLearnt(const plan::StateT &state) {
  return state.role == plan::StateRole::Parameter || state.role == plan::StateRole::EmbeddingRows;
}

absl::StatusOr<Batches> batchesOf(const plan::PlanT &plan, const graph::GraphStore &graph,
                                  plan::EntryKind kind, size_t count, bool all) {
  const plan::EntryT &entry = *plan.entries[size_t(exec::findEntry(plan, kind))];
  const plan::TaskT &task = *plan.task;
  HEDDLE_ASSIGN_OR_RETURN(graph::SplitView split,
                          graph.split(int(task.node_type), task.label, task.split));
  std::vector<int64_t> seeds(split.train, split.train + split.numTrain);
  if (all) { // a random graph may have nothing to train on
    seeds.resize(size_t(graph.schema().nodeTypes[task.node_type].numNodes));
    std::iota(seeds.begin(), seeds.end(), 0);
  }
  std::mt19937_64 random(11);
  Batches batches;
  for (size_t i = 0; i < count; ++i) {
    std::shuffle(seeds.begin(), seeds.end(), random);
    size_t size =
        entry.batch_size ? std::min<size_t>(entry.batch_size, seeds.size()) : seeds.size();
    batches.emplace_back(seeds.begin(), seeds.begin() + long(size));
    if (entry.batch_size == 0)
      std::sort(batches.back().begin(), batches.back().end());
  }
  return batches;
}

/// The first moments of a learnt state; null where its optimizer has none.
const float *firstMoments(const std::vector<exec::StateView> &states, size_t learnt) {
  for (const exec::StateView &view : states)
    if (view.description->role == plan::StateRole::Moment1 &&
        view.description->parameter == int(learnt))
      return static_cast<const float *>(view.data);
  return nullptr;
}

/// Gradients under this share of all gradients' norm may be nothing but rounding, as
/// heddle_differential has it.
constexpr double roundingShare = 1e-5;

/// A first step that is as right as another one: the learnt numbers are moved by as much as it
/// rounds (four units of the last place), and those whose gradients cancel, which Adam steps as far
/// as any other, go the other way.
absl::Status stepWithOtherRounding(Ranks &ranks, const std::vector<int64_t> &batch, double norm1) {
  std::vector<std::vector<float>> before;
  for (const exec::StateView &view : ranks.states()) {
    const float *x = static_cast<const float *>(view.data);
    before.emplace_back();
    if (isLearnt(*view.description))
      before.back().assign(x, x + view.elements);
  }
  HEDDLE_RETURN_IF_ERROR(ranks.run(plan::EntryKind::TrainStep, {batch}, 0).status());
  std::mt19937 signs(13);
  std::vector<exec::StateView> states = ranks.states();
  for (size_t s = 0; s < states.size(); ++s) {
    const float *moments = firstMoments(states, s);
    float *x = static_cast<float *>(states[s].data);
    for (size_t i = 0; i < before[s].size(); ++i) {
      if (moments && moments[i] != 0 && std::abs(moments[i]) < roundingShare * norm1)
        x[i] = 2 * before[s][i] - x[i];
      x[i] *= signs() & 1 ? 1 + 0x1p-21f : 1 - 0x1p-21f;
    }
  }
  return absl::OkStatus();
}

struct Options {
  cuda::DeviceChoice device;
  cuda::TransportChoice transport = cuda::TransportChoice::Host;
  exec::CacheOptions cache; ///< of the GPU
  int timedSteps = 0;
};

/// Differences of a case, and what the steps took.
absl::Status compareCase(const std::string &folder, const std::string &planFile,
                         const std::string &graphFolder, const Options &options, bool &agrees) {
  const int timedSteps = options.timedSteps;
  HEDDLE_ASSIGN_OR_RETURN(auto loaded, plan::loadPlan(planFile));
  std::shared_ptr<const plan::PlanT> plan(std::move(loaded));
  HEDDLE_ASSIGN_OR_RETURN(auto opened, graph::GraphStore::open(graphFolder));
  std::shared_ptr<graph::GraphStore> graph(std::move(opened));
  HEDDLE_ASSIGN_OR_RETURN(Ranks cpu, Ranks::make(plan, graph, {}, timedSteps ? 0 : 2));
  HEDDLE_ASSIGN_OR_RETURN(Ranks gpu, Ranks::make(plan, graph, options.device, timedSteps ? 0 : 2,
                                                 options.transport, options.cache));
  HEDDLE_ASSIGN_OR_RETURN(Ranks moved, Ranks::make(plan, graph, {}, timedSteps ? 0 : 2));
  Worst once, losses, rounding;
  const bool all = timedSteps == 0;
  HEDDLE_ASSIGN_OR_RETURN(Batches batches,
                          batchesOf(*plan, *graph, plan::EntryKind::EvalStep, 1, all));
  HEDDLE_ASSIGN_OR_RETURN(auto a, gpu.run(plan::EntryKind::EvalStep, batches, 0));
  HEDDLE_ASSIGN_OR_RETURN(auto b, cpu.run(plan::EntryKind::EvalStep, batches, 0));
  if (a.logits.size() != b.logits.size())
    return internalError(folder + ": logits of different sizes");
  once.add("logits", normwise(a.logits.data(), b.logits.data(), int64_t(b.logits.size()), 1e-6));
  HEDDLE_ASSIGN_OR_RETURN(batches, batchesOf(*plan, *graph, plan::EntryKind::TrainStep, 20, all));
  // The second moments of Adam's first step are gradients squared: the step itself divides by them,
  // so that an entry whose gradient is all rounding moves as far as any other.
  HEDDLE_ASSIGN_OR_RETURN(a, gpu.run(plan::EntryKind::TrainStep, {batches[0]}, 0));
  HEDDLE_ASSIGN_OR_RETURN(b, cpu.run(plan::EntryKind::TrainStep, {batches[0]}, 0));
  once.add("loss", normwise(a.losses.data(), b.losses.data(), 1, 1e-2));
  auto of = [](plan::StateRole role, std::vector<exec::StateView> views) {
    double norm = 0;
    for (const exec::StateView &view : views)
      if (view.description->role == role)
        for (int64_t i = 0; i < view.elements; ++i)
          norm = std::hypot(norm, double(static_cast<const float *>(view.data)[i]));
    return norm;
  };
  std::vector<exec::StateView> mine = gpu.states(), theirs = cpu.states();
  const double norm1 = of(plan::StateRole::Moment1, theirs);
  const double norm2 = of(plan::StateRole::Moment2, theirs);
  for (size_t s = 0; s < theirs.size(); ++s) {
    const plan::StateT &state = *theirs[s].description;
    if (state.dtype != plan::DType::F32) {
      once.add(state.name,
               std::memcmp(mine[s].data, theirs[s].data, size_t(theirs[s].bytes)) ? 1 : 0);
      continue;
    }
    double floor = 1e-12;
    if (state.role == plan::StateRole::Moment1)
      floor = std::max(1e-3, 1e-2 * norm1);
    if (state.role == plan::StateRole::Moment2)
      floor = std::max(1e-8, 1e-2 * norm2);
    const float *x = static_cast<const float *>(mine[s].data);
    const float *y = static_cast<const float *>(theirs[s].data);
    std::vector<float> left(x, x + theirs[s].elements);
    if (const float *moments = isLearnt(state) ? firstMoments(theirs, s) : nullptr)
      for (int64_t i = 0; i < theirs[s].elements; ++i)
        if (std::abs(moments[i]) < roundingShare * norm1)
          left[size_t(i)] = y[i];
    once.add(state.name, normwise(left.data(), y, theirs[s].elements, floor));
  }
  HEDDLE_RETURN_IF_ERROR(stepWithOtherRounding(moved, batches[0], norm1));
  Batches rest(batches.begin() + 1, batches.end());
  HEDDLE_ASSIGN_OR_RETURN(a, gpu.run(plan::EntryKind::TrainStep, rest, 1));
  HEDDLE_ASSIGN_OR_RETURN(b, cpu.run(plan::EntryKind::TrainStep, rest, 1));
  HEDDLE_ASSIGN_OR_RETURN(auto c, moved.run(plan::EntryKind::TrainStep, rest, 1));
  for (size_t i = 0; i < a.losses.size(); ++i) {
    rounding.add("", std::abs(c.losses[i] - b.losses[i]) / std::max(1e-2, std::abs(b.losses[i])));
    losses.add("loss of step " + std::to_string(i + 1),
               std::abs(a.losses[i] - b.losses[i]) / std::max(1e-2, std::abs(b.losses[i])));
  }
  const bool good = once.value <= 1e-4 && losses.value <= std::max(1e-4, 8 * rounding.value);
  agrees &= good;
  std::printf("%s: %s; %u ranks, %s and %s; one step %.2g (%s), 20 losses %.2g "
              "(rounding of the states moves them by %.2g)\n",
              folder.c_str(), good ? "agrees" : "DIFFERS", plan->partitions, gpu.target().c_str(),
              cpu.target().c_str(), once.value, once.what.c_str(), losses.value, rounding.value);
  if (timedSteps > 0) {
    HEDDLE_ASSIGN_OR_RETURN(
        batches, batchesOf(*plan, *graph, plan::EntryKind::TrainStep, size_t(timedSteps), all));
    HEDDLE_ASSIGN_OR_RETURN(a, gpu.run(plan::EntryKind::TrainStep, batches, 20));
    HEDDLE_ASSIGN_OR_RETURN(b, cpu.run(plan::EntryKind::TrainStep, batches, 20));
    std::printf(
        "  compute of a training step, mean of %d: %.3f ms on the GPU, %.3f ms on the CPU\n",
        timedSteps, a.seconds / timedSteps * 1e3, b.seconds / timedSteps * 1e3);
  }
  std::fflush(stdout);
  return absl::OkStatus();
}

} // namespace

int main(int argc, char **argv) {
  std::vector<std::string> cases;
  std::string device = "cuda", transport = "host", planFile, graph, tiers;
  Options options;
  bool bandwidth = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    auto value = [&](const char *name, std::string &into) {
      if (argument != name || i + 1 >= argc)
        return false;
      into = argv[++i];
      return true;
    };
    std::string number;
    if (value("--device", device) || value("--transport", transport) || value("--plan", planFile) ||
        value("--graph", graph) || value("--tiers", tiers))
      continue;
    if (value("--time", number)) {
      options.timedSteps = std::atoi(number.c_str());
    } else if (argument == "--bandwidth") {
      bandwidth = true;
    } else if (argument.rfind("--", 0) == 0 || (transport != "host" && transport != "nccl")) {
      std::fprintf(
          stderr,
          "usage: heddle_devices [--device cuda[:N]] [--transport host|nccl] [--time STEPS] "
          "[--tiers BYTES] CASE...\n"
          "       heddle_devices [...] --plan PLAN --graph DIR\n"
          "       heddle_devices [--device cuda[:N]] --bandwidth\n");
      return 2;
    } else {
      cases.push_back(argument);
    }
  }
  absl::StatusOr<cuda::DeviceChoice> choice = cuda::parseDevice(device);
  absl::Status status = choice.ok() ? cuda::checkDevice(*choice) : choice.status();
  if (!status.ok()) { // 77: nothing was compared
    std::printf("SKIPPED: %s\n", messageOf(status).c_str());
    return 77;
  }
  if (bandwidth) {
    status = printBandwidth(std::max(choice->ordinal, 0));
    if (!status.ok())
      std::fprintf(stderr, "heddle_devices: %s\n", messageOf(status).c_str());
    return status.ok() ? 0 : 1;
  }
  options.device = *choice;
  if (transport == "nccl")
    options.transport = cuda::TransportChoice::Nccl;
  if (!tiers.empty()) // features and learnable rows with the host; BYTES of them on the device
    options.cache = {
        .use = true, .bytes = std::strtoull(tiers.c_str(), nullptr, 10), .learnable = true};
  bool agrees = true;
  auto one = [&](const std::string &name, const std::string &plan, const std::string &folder) {
    absl::Status failed = compareCase(name, plan, folder, options, agrees);
    if (!failed.ok()) {
      std::printf("%s: %s\n", name.c_str(), messageOf(failed).c_str());
      agrees = false;
    }
  };
  if (!planFile.empty())
    one(planFile, planFile, graph);
  for (const std::string &folder : cases) {
    std::vector<std::string> found; // the folder, or those in it
    if (std::filesystem::exists(folder + "/model.plan"))
      found.push_back(folder);
    else
      for (const auto &inside : std::filesystem::directory_iterator(folder))
        if (std::filesystem::exists(inside.path() / "model.plan"))
          found.push_back(inside.path());
    std::sort(found.begin(), found.end());
    for (const std::string &at : found)
      one(at, at + "/model.plan", at + "/graph");
  }
  std::printf("%s\n", agrees ? "all agree" : "SOME DIFFER");
  return agrees ? 0 : 1;
}
