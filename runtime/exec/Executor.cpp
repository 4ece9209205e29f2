//===- Executor.cpp - runs the entries of a plan -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Executor.h"

#include "runtime/exec/EntryRuntime.h"
#include "runtime/exec/Gemm.h"

#include <algorithm>

namespace heddle::exec {

namespace {

absl::Status checkGraph(const plan::PlanT &plan, const graph::GraphSchema &schema) {
  auto differs = [&](const std::string &what) {
    return failedPrecondition((schema.directory.empty() ? "graph" : schema.directory) +
                              ": schema: " + what +
                              "; recompile with heddle-compile for this graph");
  };
  if (plan.node_types.size() != schema.nodeTypes.size())
    return differs("the plan is for " + std::to_string(plan.node_types.size()) +
                   " node types, the graph has " + std::to_string(schema.nodeTypes.size()));
  for (size_t i = 0; i < plan.node_types.size(); ++i)
    if (plan.node_types[i]->name != schema.nodeTypes[i].name)
      return differs("the plan has the node type '" + plan.node_types[i]->name +
                     "', the graph '" + schema.nodeTypes[i].name + "'");
  if (plan.relations.size() != schema.relations.size())
    return differs("the plan is for " + std::to_string(plan.relations.size()) +
                   " relations, the graph has " + std::to_string(schema.relations.size()));
  for (size_t i = 0; i < plan.relations.size(); ++i) {
    const plan::RelationT &r = *plan.relations[i];
    std::string triple = plan.node_types[r.source]->name + ":" + r.name + ":" +
                         plan.node_types[r.destination]->name;
    if (triple != schema.relations[i].triple())
      return differs("the plan has the relation '" + triple + "', the graph '" +
                     schema.relations[i].triple() + "'");
  }
  if (!plan.schema_fingerprint.empty() && plan.schema_fingerprint != schema.schemaFingerprint)
    return differs("the plan was made for the schema " + plan.schema_fingerprint +
                   ", the graph has " + schema.schemaFingerprint +
                   " (types and relations agree: a width, dtype or class list differs)");
  for (const auto &type : schema.nodeTypes)
    if (type.numNodes < 0 || type.numNodes > int64_t(1) << 48)
      return differs("'" + type.name + "' has more than 2^48 nodes");
  return absl::OkStatus();
}

class ExecutorImpl final : public Executor {
public:
  ExecutorImpl(std::shared_ptr<const plan::PlanT> plan, std::shared_ptr<graph::GraphStore> graph,
               const ExecutorOptions &options)
      : plan_(std::move(plan)), graph_(std::move(graph)), options_(options), seed_(options.seed),
        budget_(options.memoryLimit),
        computePool_(options.threads > 0 ? options.threads : availableCores(), "compute",
                     [] { (void)useOneBlasThread(); }) {}

  absl::Status initialize() {
    HEDDLE_RETURN_IF_ERROR(checkGraph(*plan_, graph_->schema()));
    HEDDLE_ASSIGN_OR_RETURN(kernels_, KernelLibrary::load(*plan_, options_.cpuLevel));
    HEDDLE_RETURN_IF_ERROR(states_.create(*plan_, *graph_));
    states_.initialize(seed_, computePool_);
    // Beside the computation a few threads are enough: they only have to keep up with it.
    int helpers = options_.overlap ? (computePool_.threads() + 3) / 4 : 1;
    samplePool_ = std::make_unique<ThreadPool>(helpers, "sample");
    fetchPool_ = std::make_unique<ThreadPool>(helpers, "fetch");
    if (options_.trace) {
      for (int t = 0; t < computePool_.threads(); ++t)
        tracks_.compute.push_back(options_.trace->addTrack("compute " + std::to_string(t)));
      tracks_.sample = options_.trace->addTrack("sample");
      tracks_.fetch = options_.trace->addTrack("fetch");
    }
    shared_.reset(new Shared{*plan_, *graph_, *kernels_, states_, computePool_,
                             *samplePool_, *fetchPool_, budget_, tracks_, stats_});
    for (const auto &entry : plan_->entries) {
      HEDDLE_ASSIGN_OR_RETURN(auto runtime, EntryRuntime::create(*entry, *shared_));
      entries_.push_back(std::move(runtime));
    }
    updateStats();
    return absl::OkStatus();
  }

  absl::Status run(int entry, const std::vector<std::vector<int64_t>> &batches, uint64_t firstStep,
                   const std::function<double(uint64_t, int)> &learningRates,
                   const std::function<bool(const StepResult &)> &done) override {
    if (entry < 0 || static_cast<size_t>(entry) >= entries_.size())
      return invalidArgument("entry " + std::to_string(entry) + ": the plan has " +
                             std::to_string(entries_.size()) + " entries");
    EntryRuntime::Request request;
    request.batches = batches;
    request.firstStep = firstStep;
    request.seed = seed_;
    request.overlap = options_.overlap;
    request.done = &done;
    request.groups = plan_->optimizer_groups.size();
    // Asked for here, on the caller's thread, not on the queues'.
    for (size_t i = 0; i < batches.size(); ++i)
      for (size_t g = 0; g < request.groups; ++g)
        request.rates.push_back(learningRates ? learningRates(firstStep + i, static_cast<int>(g))
                                              : plan_->optimizer_groups[g]->lr);
    int blasThreads = useOneBlasThread();
    absl::Status status = entries_[static_cast<size_t>(entry)]->run(request);
    restoreBlasThreads(blasThreads);
    updateStats();
    return status;
  }

  std::vector<StateView> states() override { return states_.views(); }

  void resetStates(uint64_t seed) override {
    seed_ = seed;
    states_.initialize(seed, computePool_);
  }

  bool keeps(size_t) const override { return true; }
  absl::Status gatherStates(uint32_t) override { return absl::OkStatus(); }

  const ExecutorStats &stats() const override { return stats_; }
  int threads() const override { return computePool_.threads(); }
  std::string kernelTarget() const override { return kernels_->target(); }

private:
  void updateStats() {
    stats_.arenaBytes = 0;
    for (const auto &entry : entries_)
      stats_.arenaBytes += entry->arenaBytes();
    stats_.slotBytes = budget_.held() - stats_.arenaBytes;
    stats_.stateBytes = states_.bytes();
  }

  std::shared_ptr<const plan::PlanT> plan_;
  std::shared_ptr<graph::GraphStore> graph_;
  ExecutorOptions options_;
  uint64_t seed_;
  MemoryBudget budget_;
  ThreadPool computePool_;
  std::unique_ptr<ThreadPool> samplePool_, fetchPool_;
  std::unique_ptr<KernelLibrary> kernels_;
  States states_;
  ExecutorStats stats_;
  Tracks tracks_;
  std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<EntryRuntime>> entries_;
};

} // namespace

absl::StatusOr<std::unique_ptr<Executor>> Executor::create(std::shared_ptr<const plan::PlanT> plan,
                                                           std::shared_ptr<graph::GraphStore> graph,
                                                           const ExecutorOptions &options) {
  auto executor = std::make_unique<ExecutorImpl>(std::move(plan), std::move(graph), options);
  HEDDLE_RETURN_IF_ERROR(executor->initialize());
  return std::unique_ptr<Executor>(std::move(executor));
}

int findEntry(const plan::PlanT &plan, plan::EntryKind kind, uint32_t partition) {
  for (size_t i = 0; i < plan.entries.size(); ++i)
    if (plan.entries[i]->kind == kind && plan.entries[i]->partition == partition)
      return static_cast<int>(i);
  return -1;
}

} // namespace heddle::exec
