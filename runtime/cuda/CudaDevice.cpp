//===- CudaDevice.cpp - an NVIDIA GPU as an executor's device --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaDevice.h"

#include "runtime/base/AvailableMemory.h"
#include "runtime/base/Suggest.h"
#include "runtime/cuda/CudaQueue.h"
#include "runtime/cuda/MergeModule.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace heddle::cuda {
namespace {

/// Of the memory that the states leave: the rest is for batches.
constexpr double featureShare = 0.5;
/// Of the host's memory that is free, for features that have no room on the device. The files that
/// they come from stay mapped beside it.
constexpr double hostShare = 0.5;
/// The graph's edges come first: of those a batch needs a few of each row.
constexpr double relationShare = 0.4;

/// The state is learnable rows, or what an optimizer keeps beside them: not all need be here.
absl::Status withAdvice(const absl::Status &status, const plan::PlanT &plan,
                        const plan::StateT &state) {
  const plan::StateT &weights = state.parameter < 0 ? state : *plan.states[size_t(state.parameter)];
  if (status.code() != absl::StatusCode::kResourceExhausted || plan.partitions > 1 ||
      weights.role != plan::StateRole::EmbeddingRows)
    return status;
  return absl::ResourceExhaustedError(
      std::string(status.message()) +
      "; in training by batches rows that are not hot can stay with the host: --cache greedy "
      "--cache-memory SIZE --cache-learnable");
}

class CudaDevice final : public exec::Device {
public:
  explicit CudaDevice(std::unique_ptr<Session> session)
      : session_(std::move(session)), kernels_(*session_), sampling_(*session_),
        merging_(*session_), relations_(*session_), features_(*session_), rows_(*session_) {}

  std::string name() const override { return session_->name(); }
  std::string kernelTarget() const override { return kernels_.target(); }

  absl::Status load(const plan::PlanT &plan, exec::States &states, const graph::GraphStore &graph,
                    const exec::RowChooser &chooser,
                    std::span<const exec::LearnableTable> tables) override {
    HEDDLE_RETURN_IF_ERROR(session_->enter());
    HEDDLE_RETURN_IF_ERROR(kernels_.load(plan));
    if (plan.gpu_products == plan::GpuProducts::Tf32)
      HEDDLE_RETURN_IF_ERROR(session_->useTf32());
    HEDDLE_RETURN_IF_ERROR(rows_.create(plan, tables, states));
    for (size_t s = 0; s < states.views().size(); ++s)
      memory_.emplace_back(*session_);
    pointers_.resize(memory_.size());
    for (size_t s = 0; s < states.views().size(); ++s)
      if (states.keeps(s) && plan.states[s]->role != plan::StateRole::Hidden)
        HEDDLE_RETURN_IF_ERROR(makeRoom(s, plan, states));
    HEDDLE_RETURN_IF_ERROR(sampling_.load());
    if (plan.partitions > 1)
      HEDDLE_RETURN_IF_ERROR(merging_.load());
    HEDDLE_RETURN_IF_ERROR(relations_.load(plan, graph, relationShare));
    HEDDLE_RETURN_IF_ERROR(chooser
                               ? loadTiers(plan, graph, chooser)
                               : features_.load(plan, graph, featureShare,
                                                uint64_t(hostShare * double(availableMemory()))));
    resident_.emplace(Resident{*session_, kernels_, sampling_, relations_, features_, rows_, plan,
                               graph, states, pointers_});
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<exec::StepCompute>>
  compute(const plan::EntryT &entry, exec::CommQueue *comm, exec::MemoryBudget &budget) override {
    // What layers leave for each other has room from when somebody infers.
    for (const auto &buffer : entry.buffers)
      if (buffer->space == plan::Space::State && resident_->states.keeps(size_t(buffer->state)))
        HEDDLE_RETURN_IF_ERROR(makeRoom(size_t(buffer->state), resident_->plan, resident_->states));
    auto queue = std::make_unique<CudaQueue>(*resident_, entry, comm);
    HEDDLE_RETURN_IF_ERROR(queue->initialize(budget));
    return std::unique_ptr<exec::StepCompute>(std::move(queue));
  }

  std::unique_ptr<exec::CommData> commData() override { return deviceData(merging_.machine()); }

  std::vector<exec::CacheUse> cacheUse() const override {
    std::vector<exec::CacheUse> all = features_.use();
    for (exec::CacheUse &use : rows_.use())
      all.push_back(std::move(use));
    return all;
  }

  absl::Status upload() override { return copy(true); }
  absl::Status download() override { return copy(false); }

private:
  /// Of a state, unless it goes through tiers or has it.
  absl::Status makeRoom(size_t state, const plan::PlanT &plan, const exec::States &states) {
    if (pointers_[state] || rows_.find(int32_t(state)) >= 0)
      return absl::OkStatus();
    const exec::StateView &view = states.views()[state];
    HEDDLE_RETURN_IF_ERROR(session_->enter());
    HEDDLE_RETURN_IF_ERROR(
        withAdvice(memory_[state].reserve(uint64_t(std::max<int64_t>(view.bytes, 1)),
                                          "'" + view.description->name + "'", Room::Exact),
                   plan, *view.description));
    pointers_[state] = memory_[state].data();
    return absl::OkStatus();
  }

  /// Features and learnable tables share the memory for rows that are kept.
  absl::Status loadTiers(const plan::PlanT &plan, const graph::GraphStore &graph,
                         const exec::RowChooser &chooser) {
    HEDDLE_ASSIGN_OR_RETURN(std::vector<exec::CachedFeature> all,
                            features_.openTiers(plan, graph, sampling_));
    const size_t features = all.size();
    HEDDLE_ASSIGN_OR_RETURN(const std::vector<exec::CachedFeature> tables, rows_.describe(plan));
    all.insert(all.end(), tables.begin(), tables.end());
    HEDDLE_ASSIGN_OR_RETURN(const cache::Plan chosen, chooser(all));
    const std::span<const std::vector<int64_t>> rows = chosen.rows;
    const std::span<const exec::CachedFeature> described = all;
    HEDDLE_RETURN_IF_ERROR(
        features_.keep(rows.subspan(0, features), described.subspan(0, features)));
    return rows_.keep(rows.subspan(features), described.subspan(features));
  }

  absl::Status copy(bool toDevice) {
    HEDDLE_RETURN_IF_ERROR(session_->enter());
    HEDDLE_RETURN_IF_ERROR(toDevice ? rows_.upload() : rows_.download());
    for (size_t s = 0; s < pointers_.size(); ++s) {
      if (!pointers_[s])
        continue;
      const exec::StateView &view = resident_->states.views()[s];
      HEDDLE_RETURN_IF_ERROR(
          toDevice ? session_->toDevice(pointers_[s], view.data, uint64_t(view.bytes))
                   : session_->toHost(view.data, pointers_[s], uint64_t(view.bytes)));
    }
    return session_->synchronize("copying the states");
  }

  std::unique_ptr<Session> session_;
  Kernels kernels_;
  SamplingModule sampling_;
  MergeModule merging_; ///< loaded where there are several partitions
  Relations relations_;
  Features features_;
  LearnableRows rows_;
  std::vector<DeviceMemory> memory_;    ///< by state
  std::vector<DevicePointer> pointers_; ///< by state; 0: not kept here, in tiers, or not used yet
  std::optional<Resident> resident_;
};

} // namespace

absl::StatusOr<std::unique_ptr<exec::Device>> openDevice(int ordinal) {
  HEDDLE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::open(ordinal));
  return std::unique_ptr<exec::Device>(new CudaDevice(std::move(session)));
}

absl::StatusOr<DeviceChoice> parseDevice(const std::string &text) {
  if (text == "cpu")
    return DeviceChoice{};
  if (text == "cuda")
    return DeviceChoice{true, -1};
  const std::string prefix = "cuda:";
  int ordinal = -1;
  const char *begin = text.data() + prefix.size(), *end = text.data() + text.size();
  if (text.rfind(prefix, 0) == 0)
    if (auto [at, error] = std::from_chars(begin, end, ordinal);
        error == std::errc() && at == end && ordinal >= 0)
      return DeviceChoice{true, ordinal};
  return invalidArgument("--device: unknown device '" + text + "'; it is cpu, cuda or cuda:N" +
                         suggestion(text, {"cpu", "cuda", "cuda:0"}));
}

namespace {
absl::StatusOr<int> countDevices() {
  HEDDLE_ASSIGN_OR_RETURN(const Driver *driver, Driver::get());
  int count = 0;
  HEDDLE_RETURN_IF_ERROR(driver->check(driver->cuDeviceGetCount(&count), "counting devices"));
  if (count == 0)
    return failedPrecondition("--device=cuda: this machine has no NVIDIA GPU; run with --device=cpu");
  return count;
}
} // namespace

absl::Status checkDevice(const DeviceChoice &choice) {
  if (!choice.cuda)
    return absl::OkStatus();
  HEDDLE_ASSIGN_OR_RETURN(int count, countDevices());
  if (choice.ordinal >= count)
    return invalidArgument("--device=cuda:" + std::to_string(choice.ordinal) +
                           ": this machine has " + std::to_string(count) +
                           (count == 1 ? " GPU" : " GPUs") + ", numbered from 0");
  return BlasLibrary::get().status();
}

absl::StatusOr<int> ordinalOf(const DeviceChoice &choice, uint32_t partition) {
  if (choice.ordinal >= 0)
    return choice.ordinal;
  HEDDLE_ASSIGN_OR_RETURN(int count, countDevices());
  return int(partition % uint32_t(count));
}

std::function<absl::StatusOr<std::unique_ptr<exec::Device>>()>
deviceFactory(const DeviceChoice &choice, uint32_t partition) {
  if (!choice.cuda)
    return {};
  return [choice, partition]() -> absl::StatusOr<std::unique_ptr<exec::Device>> {
    HEDDLE_ASSIGN_OR_RETURN(int ordinal, ordinalOf(choice, partition));
    return openDevice(ordinal);
  };
}

} // namespace heddle::cuda
