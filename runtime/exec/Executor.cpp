//===- Executor.cpp - runs the entries of a plan -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Executor.h"

#include "runtime/exec/EntryRuntime.h"
#include "runtime/exec/FeatureTiers.h"
#include "runtime/exec/Gemm.h"
#include "runtime/exec/TableTiers.h"

#include <algorithm>
#include <atomic>

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

absl::Status checkConnections(const plan::PlanT &plan, const ExecutorOptions &options) {
  if (options.partition >= plan.partitions)
    return invalidArgument("partition " + std::to_string(options.partition) + ": the plan has " +
                           std::to_string(plan.partitions) + " partitions");
  if (plan.partitions == 1)
    return absl::OkStatus();
  for (const transport::Transport *t : {options.connections.compute, options.connections.ahead}) {
    if (!t)
      return invalidArgument("the plan has " + std::to_string(plan.partitions) +
                             " partitions: an executor of one needs connections to the others");
    if (t->size() != static_cast<int>(plan.partitions) ||
        t->rank() != static_cast<int>(options.partition))
      return invalidArgument("partition " + std::to_string(options.partition) + " of " +
                             std::to_string(plan.partitions) + " is given a connection as rank " +
                             std::to_string(t->rank()) + " of " + std::to_string(t->size()));
  }
  return options.connections.compute == options.connections.ahead
             ? invalidArgument("the two queues that communicate need a connection each")
             : absl::OkStatus();
}

/// What connections call the ops that their errors are about. It outlives the executor, since the
/// connections may.
struct OpNames {
  std::shared_ptr<const plan::PlanT> plan;
  std::atomic<int> entry{-1}; ///< that runs

  std::string of(plan::Queue queue, uint32_t collective) const {
    if (collective == verdictOp)
      return "end of step";
    if (collective == countsOp)
      return "rows of the batch";
    if (collective == statesOp)
      return "states";
    if (collective >= plan::firstReservedCollective)
      return "between runs";
    const int running = entry;
    if (running >= 0)
      for (const auto &op : plan->entries[static_cast<size_t>(running)]->ops)
        if (const plan::Collective c = plan::collectiveOf(*op);
            c && c.id == collective && op->queue == queue)
          return op->name;
    return "no op of the entry";
  }
};

class ExecutorImpl final : public Executor {
public:
  ExecutorImpl(std::shared_ptr<const plan::PlanT> plan, std::shared_ptr<graph::GraphStore> graph,
               const ExecutorOptions &options)
      : plan_(std::move(plan)), graph_(std::move(graph)), options_(options), seed_(options.seed),
        partners_{options.partition, plan_->partitions, options.connections},
        names_(std::make_shared<OpNames>()), budget_(options.memoryLimit),
        computePool_(options.threads > 0 ? options.threads : availableCores(), "compute",
                     [] { (void)useOneBlasThread(); }) {}

  absl::Status initialize() {
    HEDDLE_RETURN_IF_ERROR(checkConnections(*plan_, options_));
    HEDDLE_RETURN_IF_ERROR(checkGraph(*plan_, graph_->schema()));
    if (options_.device) {
      HEDDLE_ASSIGN_OR_RETURN(device_, options_.device());
    } else {
      HEDDLE_ASSIGN_OR_RETURN(kernels_, KernelLibrary::load(*plan_, options_.cpuLevel));
      HEDDLE_RETURN_IF_ERROR(prepareGemm(*plan_));
    }
    std::vector<bool> elsewhere;
    if (options_.cache.use && !device_)
      readers_ = std::make_unique<Readers>();
    if (options_.cache.use && options_.cache.learnable && !device_) {
      HEDDLE_ASSIGN_OR_RETURN(tables_,
                              TableTiers::create(*plan_, *graph_, options_, budget_, *readers_));
      elsewhere = tables_->states();
    }
    std::vector<LearnableTable> deviceTables;
    if (options_.cache.use && options_.cache.learnable && device_) {
      deviceTables = learnableTables(*plan_, graph_->schema(), options_.partition);
      elsewhere.resize(plan_->states.size());
      for (const LearnableTable &table : deviceTables)
        for (size_t state : table.states)
          elsewhere[state] = table.inMemory.empty();
    }
    HEDDLE_RETURN_IF_ERROR(states_.create(*plan_, *graph_, options_.partition, elsewhere));
    if (tables_)
      tables_->attach(states_);
    RowChooser chooser;
    if (options_.cache.use)
      chooser = [this](std::span<CachedFeature> features) {
        return chooseRows(*plan_, *graph_, options_, computePool_, features);
      };
    if (device_)
      HEDDLE_RETURN_IF_ERROR(device_->load(*plan_, states_, *graph_, chooser, deviceTables));
    if (options_.cache.use && !device_)
      HEDDLE_RETURN_IF_ERROR(makeTiers());
    states_.initialize(seed_, computePool_);
    if (tables_)
      tables_->initialize(seed_);
    // Beside the computation a few threads are enough: they only have to keep up with it.
    int helpers = options_.overlap ? (computePool_.threads() + 3) / 4 : 1;
    samplePool_ = std::make_unique<ThreadPool>(helpers, "sample");
    fetchPool_ = std::make_unique<ThreadPool>(helpers, "fetch");
    if (options_.trace) {
      const std::string prefix =
          partners_.alone() ? "" : "partition " + std::to_string(options_.partition) + " ";
      auto track = [&](const std::string &name) { return options_.trace->addTrack(prefix + name); };
      for (int t = 0; t < computePool_.threads(); ++t)
        tracks_.compute.push_back(track("compute " + std::to_string(t)));
      if (!partners_.alone())
        tracks_.comm = track("comm");
      tracks_.sample = track("sample");
      tracks_.fetch = track("fetch");
      if (!partners_.alone())
        tracks_.ahead = track("comm ahead");
    }
    if (!partners_.alone()) {
      names_->plan = plan_;
      partners_.connections.compute->setOpNames(
          [names = names_](uint32_t op) { return names->of(plan::Queue::Comm, op); });
      partners_.connections.ahead->setOpNames(
          [names = names_](uint32_t op) { return names->of(plan::Queue::Fetch, op); });
    }
    shared_.reset(new Shared{*plan_, *graph_, kernels_.get(), device_.get(), states_, computePool_,
                             *samplePool_, *fetchPool_, budget_, tracks_, stats_, partners_,
                             tiers_.get(), tables_.get()});
    for (const auto &entry : plan_->entries) {
      entries_.emplace_back();
      // Training has no use for those of inference.
      if (entry->partition == options_.partition && entry->kind != plan::EntryKind::InferLayer) {
        HEDDLE_ASSIGN_OR_RETURN(entries_.back(), EntryRuntime::create(*entry, *shared_));
      }
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
    if (plan_->entries[static_cast<size_t>(entry)]->kind == plan::EntryKind::InferLayer &&
        !entries_[static_cast<size_t>(entry)]) {
      HEDDLE_ASSIGN_OR_RETURN(
          entries_[static_cast<size_t>(entry)],
          EntryRuntime::create(*plan_->entries[static_cast<size_t>(entry)], *shared_));
    }
    if (!entries_[static_cast<size_t>(entry)])
      return invalidArgument(
          "entry " + std::to_string(entry) + ": it is of partition " +
          std::to_string(plan_->entries[static_cast<size_t>(entry)]->partition) +
          ", this executor runs those of partition " + std::to_string(options_.partition));
    HEDDLE_RETURN_IF_ERROR(deviceStatus_);
    names_->entry = entry;
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
    if (device_ && hostChanged_) {
      HEDDLE_RETURN_IF_ERROR(device_->upload());
      hostChanged_ = false;
    }
    hostStale_ = device_ != nullptr;
    int blasThreads = useOneBlasThread();
    absl::Status status = entries_[static_cast<size_t>(entry)]->run(request);
    restoreBlasThreads(blasThreads);
    updateStats();
    return status;
  }

  std::vector<StateView> states() override {
    fromDevice();
    hostChanged_ = true;
    return states_.views();
  }

  void resetStates(uint64_t seed) override {
    seed_ = seed;
    states_.initialize(seed, computePool_);
    if (tables_)
      tables_->initialize(seed);
    hostStale_ = false;
    hostChanged_ = true;
  }

  bool keeps(size_t state) const override { return states_.keeps(state); }

  absl::Status gatherStates(uint32_t root) override {
    if (root >= plan_->partitions)
      return invalidArgument("partition " + std::to_string(root) + ": the plan has " +
                             std::to_string(plan_->partitions) + " partitions");
    fromDevice();
    absl::Status status = deviceStatus_.ok() ? states_.gather(partners_, root) : deviceStatus_;
    updateStats();
    return status;
  }

  const ExecutorStats &stats() const override { return stats_; }
  std::vector<CacheUse> cacheUse() const override {
    std::vector<CacheUse> out = device_  ? device_->cacheUse()
                                : tiers_ ? tiers_->use()
                                         : std::vector<CacheUse>();
    if (tables_)
      for (CacheUse &use : tables_->use())
        out.push_back(std::move(use));
    return out;
  }
  int threads() const override { return computePool_.threads(); }
  std::string kernelTarget() const override {
    return device_ ? device_->kernelTarget() : kernels_->target();
  }

private:
  /// Features and learnable tables share the memory for rows that are kept.
  absl::Status makeTiers() {
    HEDDLE_ASSIGN_OR_RETURN(tiers_,
                            FeatureTiers::create(*plan_, *graph_, options_.partition, *readers_));
    const CacheOptions &cache = options_.cache;
    const bool keeps = cache.policy != cache::Policy::None && cache.bytes > 0;
    HEDDLE_ASSIGN_OR_RETURN(std::vector<CachedFeature> all, tiers_->describe(keeps));
    const size_t features = all.size();
    if (tables_) {
      HEDDLE_ASSIGN_OR_RETURN(std::vector<CachedFeature> tables, tables_->describe(keeps));
      all.insert(all.end(), tables.begin(), tables.end());
    }
    cache::Plan chosen;
    chosen.rows.resize(all.size());
    if (keeps) {
      HEDDLE_ASSIGN_OR_RETURN(chosen, chooseRows(*plan_, *graph_, options_, computePool_, all));
    }
    const std::span<std::vector<int64_t>> rows = chosen.rows;
    HEDDLE_RETURN_IF_ERROR(tiers_->keep(rows.subspan(0, features), all));
    return tables_ ? tables_->keep(rows.subspan(features), std::span(all).subspan(features))
                   : absl::OkStatus();
  }
  /// The states as the device has them. What goes wrong is said by the next run.
  void fromDevice() {
    if (!hostStale_)
      return;
    deviceStatus_ = device_->download();
    hostStale_ = false;
  }
  void updateStats() {
    stats_.arenaBytes = 0;
    for (const auto &entry : entries_)
      stats_.arenaBytes += entry ? entry->arenaBytes() : 0;
    stats_.slotBytes = budget_.held() - stats_.arenaBytes;
    stats_.stateBytes = states_.bytes() + (tables_ ? tables_->memoryBytes() : 0);
  }

  std::shared_ptr<const plan::PlanT> plan_;
  std::shared_ptr<graph::GraphStore> graph_;
  ExecutorOptions options_;
  uint64_t seed_;
  const Partners partners_;
  std::shared_ptr<OpNames> names_;
  MemoryBudget budget_;
  ThreadPool computePool_;
  std::unique_ptr<ThreadPool> samplePool_, fetchPool_;
  std::unique_ptr<KernelLibrary> kernels_; ///< null with a device
  States states_;
  std::unique_ptr<Device> device_;         ///< null: the CPU
  bool hostStale_ = false;   ///< the device's states are newer
  bool hostChanged_ = true;  ///< the host's may be
  absl::Status deviceStatus_;
  ExecutorStats stats_;
  Tracks tracks_;
  std::unique_ptr<Readers> readers_;    ///< null without tiers
  std::unique_ptr<FeatureTiers> tiers_; ///< null: features are mapped
  std::unique_ptr<TableTiers> tables_;  ///< null: learnable tables are in memory
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
