//===- PlanRun.cpp - steps of a compiled plan ------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/differential/PlanRun.h"

#include "tests/e2e/OnAllRanks.h"

#include <algorithm>

namespace heddle::test {

absl::StatusOr<PlanRun> PlanRun::create(std::shared_ptr<const plan::PlanT> plan,
                                        std::shared_ptr<graph::GraphStore> graph, uint64_t seed,
                                        int threads, bool overlap,
                                        const exec::CacheOptions &cache) {
  PlanRun run;
  run.plan_ = plan;
  const uint32_t partitions = plan->partitions;
  run.connections_ = std::make_shared<std::vector<transport::ConnectionPair>>(
      transport::makeThreadConnections(int(partitions)));
  for (uint32_t partition = 0; partition < partitions; ++partition) {
    exec::ExecutorOptions options;
    options.threads = threads;
    options.seed = seed;
    options.overlap = overlap;
    options.cache = cache;
    options.partition = partition;
    if (partitions > 1)
      options.connections = {(*run.connections_)[partition].compute.get(),
                             (*run.connections_)[partition].ahead.get()};
    HEDDLE_ASSIGN_OR_RETURN(std::unique_ptr<exec::Executor> executor,
                            exec::Executor::create(plan, graph, options));
    run.executors_.push_back(std::move(executor));
  }
  return run;
}

absl::Status PlanRun::onAll(const std::function<absl::Status(uint32_t)> &work) {
  return onAllRanks(executors_.size(), work);
}

absl::StatusOr<PlanSteps> PlanRun::run(plan::EntryKind kind,
                                       const std::vector<std::vector<int64_t>> &batches,
                                       uint64_t firstStep) {
  PlanSteps steps;
  HEDDLE_RETURN_IF_ERROR(onAll([&](uint32_t partition) -> absl::Status {
    int entry = exec::findEntry(*plan_, kind, partition);
    if (entry < 0)
      return invalidArgument("the plan has no such entry");
    return executors_[partition]->run(
        entry, batches, firstStep, {}, [&](const exec::StepResult &r) {
          if (partition > 0)
            return true;
          steps.losses.push_back(double(r.loss));
          int64_t rows = int64_t(r.seeds.size());
          steps.logits.shape = {rows, r.classes};
          steps.logits.data.clear();
          if (r.logits)
            steps.logits.data.assign(r.logits, r.logits + rows * r.classes);
          return true;
        });
  }));
  HEDDLE_RETURN_IF_ERROR(
      onAll([&](uint32_t partition) { return executors_[partition]->gatherStates(0); }));
  return steps;
}

template <class T> static void append(std::vector<double> &out, const exec::StateView &view) {
  const T *data = static_cast<const T *>(view.data);
  out.assign(data, data + view.elements);
}

compiler::NumericArrays PlanRun::states() const {
  compiler::NumericArrays arrays;
  for (const exec::StateView &view : executors_[0]->states()) {
    const plan::StateT &state = *view.description;
    compiler::NumericArray &array = arrays[state.name];
    if (state.rows_type >= 0)
      array.shape.push_back(view.rows);
    array.shape.insert(array.shape.end(), state.shape.begin(), state.shape.end());
    switch (state.dtype) {
    case plan::DType::F64:
      append<double>(array.data, view);
      break;
    case plan::DType::U32:
    case plan::DType::I32:
      append<uint32_t>(array.data, view);
      break;
    case plan::DType::U64:
    case plan::DType::I64:
      append<uint64_t>(array.data, view);
      break;
    default:
      append<float>(array.data, view);
    }
  }
  return arrays;
}

absl::Status PlanRun::fill(const compiler::NumericArrays &values) {
  for (const auto &executor : executors_) {
    size_t found = 0;
    for (const exec::StateView &view : executor->states()) {
      auto value = values.find(view.description->name);
      if (value == values.end())
        continue;
      if (view.description->dtype != plan::DType::F32 ||
          size_t(view.elements) != value->second.data.size())
        return invalidArgument(value->first + ": another type or size");
      std::copy(value->second.data.begin(), value->second.data.end(),
                static_cast<float *>(view.data));
      ++found;
    }
    if (found != values.size())
      return invalidArgument("the plan lacks some of the states");
  }
  return absl::OkStatus();
}

std::string PlanRun::stateBytes() const {
  std::string bytes;
  for (const exec::StateView &view : executors_[0]->states())
    bytes.append(static_cast<const char *>(view.data), size_t(view.bytes));
  return bytes;
}

const plan::StateT *PlanRun::describe(const std::string &name) const {
  for (const auto &state : plan_->states)
    if (state->name == name)
      return state.get();
  return nullptr;
}

std::string PlanRun::differingCopy() const {
  std::vector<exec::StateView> first = executors_[0]->states(); // those of others gathered
  for (const auto &executor : executors_) {
    std::vector<exec::StateView> own = executor->states();
    for (size_t s = 0; s < own.size(); ++s)
      if (executor->keeps(s) && !own[s].description->spread && std::memcmp(own[s].data, first[s].data, size_t(own[s].bytes)) != 0)
        return own[s].description->name;
  }
  return "";
}

std::map<std::string, int64_t> PlanRun::sentBytes() const {
  std::map<std::string, int64_t> bytes;
  for (const transport::ConnectionPair &pair : *connections_)
    for (const transport::Transport *transport : {pair.compute.get(), pair.ahead.get()})
      for (int traffic = 0; transport && traffic < transport::trafficClasses; ++traffic)
        if (int64_t sent = transport->counters().of(transport::Traffic(traffic)).bytes)
          bytes[transport::trafficName(transport::Traffic(traffic))] += sent;
  return bytes;
}

} // namespace heddle::test
