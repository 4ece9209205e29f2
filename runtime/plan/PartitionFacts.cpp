//===- PartitionFacts.cpp - who does and sends what ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/PartitionFacts.h"

#include "runtime/base/Suggest.h"
#include "runtime/base/TrafficNames.h"

#include <algorithm>
#include <numeric>

namespace heddle::plan {

std::vector<StepFacts> stepsOf(const PlanT &plan) {
  std::vector<StepFacts> steps;
  std::map<std::pair<EntryKind, int>, size_t> known;
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    const EntryT &entry = *plan.entries[i];
    auto [found, isNew] = known.try_emplace({entry.kind, entry.layer}, steps.size());
    // Two entries of one kind in one partition are steps of their own.
    if (!isNew)
      for (uint32_t other : steps[found->second].entries)
        isNew = isNew || plan.entries[other]->partition == entry.partition;
    if (isNew) {
      found->second = steps.size();
      steps.push_back({entry.kind, entry.layer, entry.name, {}});
      std::string suffix = ":" + std::to_string(entry.partition);
      std::string &name = steps.back().name;
      if (plan.partitions > 1 && name.size() > suffix.size() &&
          name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0)
        name.resize(name.size() - suffix.size());
    }
    steps[found->second].entries.push_back(uint32_t(i));
  }
  for (StepFacts &step : steps)
    std::sort(step.entries.begin(), step.entries.end(), [&](uint32_t a, uint32_t b) {
      return plan.entries[a]->partition < plan.entries[b]->partition;
    });
  return steps;
}

StepFacts mainStep(const PlanT &plan) {
  int main = mainEntry(plan);
  for (StepFacts &step : stepsOf(plan))
    if (std::find(step.entries.begin(), step.entries.end(), uint32_t(main)) != step.entries.end())
      return step;
  return {};
}

absl::StatusOr<StepFacts> stepByName(const PlanT &plan, const std::string &name) {
  std::vector<std::string> names;
  for (StepFacts &step : stepsOf(plan)) {
    if (step.name == name)
      return step;
    names.push_back(step.name);
  }
  return invalidArgument("--entry: the plan has no entry '" + name + "'" + suggestion(name, names));
}

absl::StatusOr<int> entryOf(const PlanT &plan, const std::string &name, int64_t partition) {
  if (!name.empty() && partition < 0)
    for (size_t i = 0; i < plan.entries.size(); ++i)
      if (plan.entries[i]->name == name)
        return int(i);
  StepFacts step = mainStep(plan);
  if (step.entries.empty())
    return failedPrecondition("the plan has no entries; recompile with heddle-compile");
  if (!name.empty()) {
    HEDDLE_ASSIGN_OR_RETURN(step, stepByName(plan, name));
  }
  if (partition < 0)
    return int(step.entries.front());
  std::vector<uint32_t> there;
  for (uint32_t entry : step.entries) {
    if (plan.entries[entry]->partition == partition)
      return int(entry);
    there.push_back(plan.entries[entry]->partition);
  }
  return invalidArgument("--partition: '" + step.name + "' has no partition " +
                         std::to_string(partition) + "; give one of " + partitionList(there, 0));
}

std::vector<uint32_t> keepersOf(const PlanT &plan, const StateT &state) {
  if (!state.partitions.empty())
    return state.partitions;
  if (state.owner >= 0)
    return {uint32_t(state.owner)};
  std::vector<uint32_t> all(plan.partitions);
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

std::string partitionList(const std::vector<uint32_t> &partitions, uint32_t count) {
  if (count > 1 && partitions.size() == count)
    return "all";
  std::string out;
  for (size_t i = 0; i < partitions.size();) {
    size_t end = i + 1;
    while (end < partitions.size() && partitions[end] == partitions[end - 1] + 1)
      ++end;
    out += (out.empty() ? "" : ", ") + std::to_string(partitions[i]);
    if (end > i + 1)
      out += (end > i + 2 ? "-" : ", ") + std::to_string(partitions[end - 1]);
    i = end;
  }
  return out.empty() ? "none" : out;
}

std::vector<PartitionFacts> partitionsOf(const PlanT &plan) {
  std::vector<PartitionFacts> out(plan.partitions);
  for (uint32_t p = 0; p < plan.partitions; ++p) {
    out[p].partition = p;
    if (p < plan.partition_info.size() && plan.partition_info[p]) {
      out[p].links = plan.partition_info[p]->links;
      out[p].load = plan.partition_info[p]->load;
    }
  }
  for (const auto &state : plan.states) {
    if (state->role == StateRole::Hidden)
      continue; // while somebody infers
    std::vector<uint32_t> keepers = keepersOf(plan, *state);
    double bytes = double(bytesOf(plan, *state));
    if (state->spread) // each keeps its rows
      bytes /= double(keepers.size());
    for (uint32_t p : keepers) {
      if (p >= out.size())
        continue;
      out[p].stateBytes += bytes;
      if (state->role != StateRole::Parameter && state->role != StateRole::EmbeddingRows)
        continue;
      if (state->spread) {
        ++out[p].spread.states;
        out[p].spread.bytes += bytes;
        continue;
      }
      std::vector<uint32_t> others = keepers;
      others.erase(std::find(others.begin(), others.end(), p));
      PartitionFacts::Kept &kept = out[p].learnt[{state->role, others}];
      ++kept.states;
      kept.bytes += bytes;
    }
  }
  for (const auto &entry : plan.entries)
    for (const auto &op : entry->ops)
      if (const KernelAttrsT *kernel = op->attrs.AsKernelAttrs())
        if (entry->partition < out.size())
          out[entry->partition].kernels.insert(kernel->kernel);
  return out;
}

double balanceOf(const std::vector<PartitionFacts> &partitions) {
  double sum = 0, largest = 0;
  for (const PartitionFacts &facts : partitions) {
    sum += double(facts.load);
    largest = std::max(largest, double(facts.load));
  }
  return sum > 0 ? largest * double(partitions.size()) / sum : 0;
}

std::string spelled(Traffic traffic) {
  static_assert(size_t(Traffic::MAX) + 1 == trafficNames.size());
  return size_t(traffic) < trafficNames.size() ? trafficNames[size_t(traffic)] : "unknown";
}

} // namespace heddle::plan
