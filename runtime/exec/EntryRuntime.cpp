//===- EntryRuntime.cpp - one entry of a plan, ready to run ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/EntryRuntime.h"

#include "runtime/base/Failure.h"
#include "runtime/exec/FeatureTiers.h"
#include "runtime/exec/TableTiers.h"

#include <algorithm>
#include <utility>

namespace heddle::exec {

namespace {
constexpr uint64_t everything = UINT64_MAX / 2;

double secondsSince(uint64_t startNs) { return double(Trace::nowNs() - startNs) * 1e-9; }

/// Work that spans a whole step in the trace; op ids of the plan are below.
constexpr uint32_t noOp = 0xFFFFFFFFu;

/// What `work` gives. An exception, for want of memory, is an error of the batch: it must not leave
/// a thread.
template <class Work> absl::Status guarded(Work &&work) {
  try {
    return work();
  } catch (const std::exception &error) {
    return statusOf(error);
  }
}
} // namespace

EntryRuntime::EntryRuntime(const plan::EntryT &entry, const Shared &shared)
    : entry_(entry), shared_(shared), slots_(entry.slots), slotStatus_(entry.slots),
      semaphores_(entry.semaphores.size()) {}

EntryRuntime::~EntryRuntime() = default;

absl::StatusOr<std::unique_ptr<EntryRuntime>> EntryRuntime::create(const plan::EntryT &entry,
                                                                   const Shared &shared) {
  std::unique_ptr<EntryRuntime> self(new EntryRuntime(entry, shared));
  // All partitions choose a batch's slot by the same rule: what is kept from the step before is kept
  // in all of them.
  self->allStatic_ = true;
  for (const auto &other : shared.plan.entries)
    if (runTogether(entry, *other))
      for (const auto &op : other->ops)
        if (op->queue < plan::Queue::Compute && !op->attrs.AsScalarsAttrs())
          self->allStatic_ &= op->in_loop_static;
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const plan::OpT &op = *entry.ops[i];
    if (op.queue < plan::Queue::Compute)
      (op.queue == plan::Queue::Sample ? self->sampleOps_ : self->fetchOps_).push_back(i);
    if (op.queue == plan::Queue::Fetch && plan::collectiveOf(op))
      self->aheadWaits_.insert(self->aheadWaits_.end(), op.waits.begin(), op.waits.end());
  }
  self->sampler_ = std::make_unique<Sampler>(shared.plan, entry, shared.graph,
                                             shared.computePool, shared.budget);
  HEDDLE_ASSIGN_OR_RETURN(self->fetcher_, Fetcher::create(shared.plan, entry, shared.graph,
                                                          shared.computePool, shared.budget,
                                                          shared.tiers));
  if (!shared.partners.alone()) {
    const bool stays = shared.device && shared.partners.connections.compute->takesDeviceMemory();
    HEDDLE_ASSIGN_OR_RETURN(self->comm_, CommQueue::create(entry, shared.partners,
                                                           stays ? shared.device->commData()
                                                                 : hostData(shared.budget)));
    HEDDLE_ASSIGN_OR_RETURN(self->ahead_,
                            AheadExchange::create(shared.plan, entry, shared.partners,
                                                  shared.graph, shared.budget, shared.tiers));
  }
  if (shared.tables) {
    self->tables_ = std::make_unique<EntryTables>(entry, *shared.tables);
    if (self->tables_->empty())
      self->tables_.reset();
  }
  if (shared.device) {
    HEDDLE_ASSIGN_OR_RETURN(self->compute_, shared.device->compute(entry, self->comm_.get(), shared.budget));
  } else {
    self->compute_ = std::make_unique<ComputeQueue>(
        shared.plan, entry, *shared.kernels, shared.states, shared.computePool, shared.budget,
        self->comm_.get(), self->tables_.get());
  }
  for (StepSlot &slot : self->slots_) {
    slot.symbols.assign(entry.symbols.size(), 0);
    for (size_t s = 0; s < entry.symbols.size(); ++s)
      if (entry.symbols[s]->kind == plan::SymbolKind::Nodes)
        slot.symbols[s] = static_cast<uint64_t>(
            shared.graph.schema().nodeTypes[entry.symbols[s]->index].numNodes);
    slot.memory.resize(entry.buffers.size());
    // Kernels are handed a pointer for every buffer, also for those without a row.
    for (size_t b = 0; b < entry.buffers.size(); ++b)
      if (entry.buffers[b]->space == plan::Space::Slot)
        HEDDLE_RETURN_IF_ERROR(shared.budget.grow(slot.memory[b], 64, 64, "step slot"));
  }
  for (const auto &output : entry.outputs) {
    if (output->name == "loss")
      self->loss_ = static_cast<int32_t>(output->buffer);
    if (output->name == "logits")
      self->logits_ = static_cast<int32_t>(output->buffer);
  }
  return self;
}

void EntryRuntime::fail(StepSlot &slot, const absl::Status &status) {
  std::lock_guard<std::mutex> lock(failure_);
  absl::Status &first = slotStatus_[static_cast<size_t>(&slot - slots_.data())];
  if (first.ok())
    first = withPrefix(status, "step " + std::to_string(slot.step) + ": ");
  slot.complete = false;
}

bool EntryRuntime::good(const StepSlot &slot) {
  std::lock_guard<std::mutex> lock(failure_);
  return slotStatus_[static_cast<size_t>(&slot - slots_.data())].ok();
}

void EntryRuntime::failAhead(StepSlot &slot, const absl::Status &status, bool connection) {
  fail(slot, status);
  aheadEnded_ = true;
  {
    std::lock_guard<std::mutex> lock(failure_);
    if (aheadStatus_.ok())
      aheadStatus_ = slotStatus_[static_cast<size_t>(&slot - slots_.data())];
  }
  if (connection)
    shared_.partners.abort(status);
}

absl::Status EntryRuntime::aheadStatus() {
  std::lock_guard<std::mutex> lock(failure_);
  return aheadStatus_;
}

void EntryRuntime::begin(StepSlot &slot, const Request &request, size_t batch) {
  slotStatus_[static_cast<size_t>(&slot - slots_.data())] = absl::OkStatus();
  sorted_.assign(request.batches[batch].begin(), request.batches[batch].end());
  std::sort(sorted_.begin(), sorted_.end());
  slot.sameSeeds = slot.complete && slot.seeds == sorted_;
  if (!slot.sameSeeds)
    slot.seeds.assign(sorted_.begin(), sorted_.end());
  slot.complete = true;
  slot.step = request.firstStep + batch;
  slot.batch = batch;
  slot.sampledEdges = 0;
  slot.sampleSeconds = slot.fetchSeconds = 0;
  if (slot.sameSeeds)
    return;
  absl::Status status = sampler_->checkSeeds(slot.seeds, "seeds");
  if (status.ok())
    slot.labelled = fetcher_->countLabelled(slot.seeds);
  else
    fail(slot, status);
}

void EntryRuntime::signal(const plan::OpT &op, size_t batch) {
  for (uint32_t s : op.signals)
    semaphores_[s].raise(batch + 1);
}

void EntryRuntime::record(Trace::Track &track, const plan::OpT &op, const StepSlot &slot,
                          uint64_t start) const {
  if (op.in_loop_static && slot.sameSeeds)
    return;
  uint64_t rows = 0, bytes = 0;
  for (int32_t b : op.outputs)
    if (b >= 0) {
      const plan::BufferT &buffer = *entry_.buffers[static_cast<size_t>(b)];
      rows = std::max(rows, plan::evaluate(*buffer.rows, slot.symbols));
      bytes += plan::bufferBytes(buffer, slot.symbols);
    }
  if (op.attrs.AsSampleAttrs()) // whose arrays are of several lengths
    rows = sampler_->edges(op, slot);
  track.record({op.name.c_str(), op.id, slot.step, start, Trace::nowNs(), rows, bytes});
}

void EntryRuntime::sample(StepSlot &slot, const Request &request) {
  uint64_t start = Trace::nowNs();
  const double *rates = request.rates.data() + slot.batch * request.groups;
  StepSampler *device = compute_->sampler(); // which runs all its ops at once
  bool sampled = false;
  for (size_t i : sampleOps_) {
    const plan::OpT &op = *entry_.ops[i];
    if (good(slot)) {
      uint64_t opStart = shared_.tracks.sample ? Trace::nowNs() : 0;
      absl::Status status = guarded([&]() -> absl::Status {
        if (op.attrs.AsScalarsAttrs())
          return fetcher_->run(i, slot, request.seed, rates);
        if (!device || op.attrs.AsSeedsAttrs())
          return sampler_->run(i, slot, request.seed);
        if (!std::exchange(sampled, true))
          return device->sample(slot, request.seed);
        return absl::OkStatus();
      });
      if (!status.ok())
        fail(slot, status);
      else if (shared_.tracks.sample)
        record(*shared_.tracks.sample, op, slot, opStart);
    }
    signal(op, slot.batch);
  }
  slot.sampleSeconds = secondsSince(start);
}

void EntryRuntime::acquireRows(StepSlot &slot) {
  sampled_.wait(slot.batch + 1); // of all ids
  if (!good(slot) || stop_.load(std::memory_order_relaxed))
    return;
  const uint64_t start = Trace::nowNs();
  absl::Status status = guarded([&] { return tables_->acquire(slots_, slot, computed_.value()); });
  if (!status.ok())
    fail(slot, status);
  else if (shared_.tracks.fetch)
    shared_.tracks.fetch->record({"learnable rows", noOp, slot.step, start, Trace::nowNs(), 0, 0});
}

void EntryRuntime::numberTogether(StepSlot &slot, size_t op) {
  if (aheadEnded_)
    return;
  if (met_ <= slot.batch) {
    // Counts are of all ops, so all of their ids must be there.
    for (uint32_t s : aheadWaits_)
      semaphores_[s].wait(slot.batch + 1);
    met_ = slot.batch + 1;
    if (!good(slot)) {
      failAhead(slot, absl::OkStatus(), false);
      return;
    }
    // Where everything is kept the steps follow each other, and nobody is ahead of a stop.
    if (allStatic_ && slot.sameSeeds)
      return;
    const uint64_t start = Trace::nowNs();
    absl::Status status =
        guarded([&] { return ahead_->meet(slot.step, &slot, !stop_, aheadEnded_); });
    if (shared_.tracks.ahead)
      shared_.tracks.ahead->record({"rows of the batch", noOp, slot.step, start, Trace::nowNs(), 0,
                                    ahead_->meetingBytes()});
    if (!status.ok())
      failAhead(slot, status, true);
    if (aheadEnded_)
      return;
  }
  if (entry_.ops[op]->in_loop_static && slot.sameSeeds)
    return;
  absl::Status status = guarded([&] { return ahead_->run(op, slot, shared_.tracks.ahead); });
  if (!status.ok()) // for want of memory, or by the connection
    failAhead(slot, status, status.code() != absl::StatusCode::kResourceExhausted);
}

void EntryRuntime::fetch(StepSlot &slot, const Request &request) {
  double busy = 0;
  const double *rates = request.rates.data() + slot.batch * request.groups;
  for (size_t i : fetchOps_) {
    const plan::OpT &op = *entry_.ops[i];
    for (uint32_t s : op.waits)
      semaphores_[s].wait(slot.batch + 1);
    if (ahead_ && ahead_->has(i)) {
      // Others may have come to this batch's exchanges already: a stop does not end it half way.
      uint64_t opStart = Trace::nowNs();
      numberTogether(slot, i);
      busy += secondsSince(opStart);
    } else if (compute_->takes(op)) {
      // Where it computes, when it comes to this batch.
    } else if (good(slot) && !aheadEnded_ && !stop_.load(std::memory_order_relaxed)) {
      uint64_t opStart = Trace::nowNs();
      absl::Status status = guarded([&] { return fetcher_->run(i, slot, request.seed, rates); });
      busy += secondsSince(opStart);
      if (!status.ok())
        fail(slot, status);
      else if (shared_.tracks.fetch)
        record(*shared_.tracks.fetch, op, slot, opStart);
    }
    signal(op, slot.batch);
  }
  if (tables_) {
    uint64_t start = Trace::nowNs();
    acquireRows(slot);
    busy += secondsSince(start);
  }
  slot.fetchSeconds = busy;
}

bool EntryRuntime::compute(StepSlot &slot, const Request &request, absl::Status &status) {
  ExecutorStats &stats = shared_.stats;
  stats.sampleSeconds += slot.sampleSeconds;
  stats.fetchSeconds += slot.fetchSeconds;
  {
    std::lock_guard<std::mutex> lock(failure_);
    status = slotStatus_[static_cast<size_t>(&slot - slots_.data())];
  }
  if (!status.ok())
    return false;
  stats.sampledEdges += slot.sampledEdges;
  uint64_t start = Trace::nowNs();
  status = compute_->prepare(slot, stats.arenaGrowths, shared_.tracks.comm);
  if (!status.ok()) {
    status = withPrefix(status, "step " + std::to_string(slot.step) + ": ");
    return false;
  }
  status = compute_->execute(slot, shared_.tracks.compute);
  uint64_t end = Trace::nowNs();
  const double stall = compute_->commStallSeconds();
  stats.computeSeconds += double(end - start) * 1e-9 - stall;
  stats.commStallSeconds += stall;
  if (!shared_.tracks.compute.empty())
    shared_.tracks.compute[0]->record(
        {entry_.name.empty() ? "step" : entry_.name.c_str(), noOp, slot.step, start, end,
         slot.seeds.size(), 0});
  if (!status.ok())
    return false;
  StepResult result;
  result.step = slot.step;
  result.seeds = slot.seeds;
  result.labelled = slot.labelled;
  if (loss_ >= 0) {
    result.hasLoss = true;
    result.loss = *static_cast<const float *>(compute_->output(static_cast<uint32_t>(loss_)));
  }
  if (logits_ >= 0) {
    result.logits = static_cast<const float *>(compute_->output(static_cast<uint32_t>(logits_)));
    result.classes = entry_.buffers[static_cast<size_t>(logits_)]->width;
  }
  if (!shared_.partners.alone())
    return agree(slot, request, result, status);
  return !*request.done || (*request.done)(result);
}

bool EntryRuntime::agree(const StepSlot &slot, const Request &request, StepResult &result,
                         absl::Status &status) {
  struct Verdict {
    float loss;
    uint8_t hasLoss, goOn;
    uint16_t none = 0;
  } verdict{result.loss, result.hasLoss, 1};
  const Partners &partners = shared_.partners;
  transport::Transport &transport = *partners.connections.compute;
  const transport::Tag tag = transport.tag(static_cast<int64_t>(slot.step), verdictOp);
  const bool first = partners.partition == 0;
  if (first)
    verdict.goOn = !*request.done || (*request.done)(result);
  verdicts_.clear();
  for (uint32_t p = 1; first && p < partners.partitions; ++p)
    verdicts_.push_back({static_cast<int>(p), &verdict, sizeof verdict});
  const transport::ReceiveBlock receive{0, &verdict, sizeof verdict, nullptr};
  uint64_t start = Trace::nowNs();
  status = transport.exchange(tag, transport::Traffic::Control, verdicts_,
                              {&receive, size_t(first ? 0 : 1)});
  shared_.stats.commStallSeconds += secondsSince(start);
  if (shared_.tracks.comm)
    shared_.tracks.comm->record({"end of step", noOp, slot.step, start, Trace::nowNs(), 0,
                                 sizeof verdict * verdicts_.size()});
  if (!status.ok())
    return false;
  if (!first) {
    result.loss = verdict.loss;
    result.hasLoss = verdict.hasLoss;
    if (*request.done)
      (void)(*request.done)(result);
  }
  endedEarly_ = !verdict.goOn;
  return verdict.goOn;
}

absl::Status EntryRuntime::endAhead(const Request &request) {
  // A batch that was prepared in vain may have failed: then this partition has left the line, which
  // the others have to hear.
  HEDDLE_RETURN_IF_ERROR(aheadStatus());
  if (!ahead_ || allStatic_ || aheadEnded_ || met_ >= request.batches.size())
    return absl::OkStatus();
  bool stopped = false;
  return ahead_->meet(request.firstStep + met_, nullptr, false, stopped);
}

StepSlot &EntryRuntime::staticSlot(const Request &request, size_t batch) {
  // Everything sampled and fetched depends on the seeds alone: find the slot that has it.
  sorted_.assign(request.batches[batch].begin(), request.batches[batch].end());
  std::sort(sorted_.begin(), sorted_.end());
  for (StepSlot &slot : slots_)
    if (slot.complete && slot.seeds == sorted_)
      return slot;
  return slots_[nextStatic_++ % slots_.size()];
}

absl::Status EntryRuntime::runInOrder(const Request &request) {
  for (size_t i = 0; i < request.batches.size(); ++i) {
    StepSlot &slot = allStatic_ ? staticSlot(request, i) : slots_[i % slots_.size()];
    begin(slot, request, i);
    sample(slot, request);
    sampled_.raise(i + 1);
    fetch(slot, request);
    absl::Status status;
    if (!compute(slot, request, status))
      return status;
    computed_.raise(i + 1);
  }
  return absl::OkStatus();
}

absl::Status EntryRuntime::runOverlapped(const Request &request) {
  const size_t count = request.batches.size(), slots = slots_.size();
  // After a failure the queues still count on, so that the others reach the failed batch and stop.
  auto sampling = [&] {
    for (size_t i = 0; i < count && !stop_; ++i) {
      computed_.wait(i + 1 > slots ? i + 1 - slots : 0);
      if (stop_)
        break;
      StepSlot &slot = slots_[i % slots];
      begin(slot, request, i);
      begun_.raise(i + 1);
      sample(slot, request);
      sampled_.raise(i + 1);
    }
    begun_.raise(everything);
    sampled_.raise(everything);
    for (size_t s = 0; s < semaphores_.size(); ++s)
      if (entry_.semaphores[s]->from == plan::Queue::Sample)
        semaphores_[s].raise(everything);
  };
  auto fetching = [&] {
    for (size_t i = 0; i < count && !stop_; ++i) {
      begun_.wait(i + 1);
      if (stop_)
        break;
      fetch(slots_[i % slots], request);
      fetched_.raise(i + 1);
    }
    fetched_.raise(everything);
  };
  absl::Status status;
  std::thread sampler, fetcher;
  try {
    sampler = std::thread(sampling);
    fetcher = std::thread(fetching);
  } catch (const std::exception &error) {
    status = statusOf(error);
  }
  for (size_t i = 0; i < count && status.ok(); ++i) {
    uint64_t start = Trace::nowNs();
    sampled_.wait(i + 1);
    fetched_.wait(i + 1);
    shared_.stats.computeStallSeconds += secondsSince(start);
    if (!compute(slots_[i % slots], request, status))
      break;
    computed_.raise(i + 1);
  }
  stop_ = true;
  if (!status.ok()) // the fetch queue may be waiting for somebody
    shared_.partners.abort(status);
  computed_.raise(everything);
  for (std::thread *thread : {&sampler, &fetcher})
    if (thread->joinable())
      thread->join();
  return status;
}

absl::Status EntryRuntime::run(const Request &request) {
  for (StepCount *count : {&begun_, &sampled_, &fetched_, &computed_})
    count->reset();
  for (StepCount &semaphore : semaphores_)
    semaphore.reset();
  if (shared_.tiers)
    shared_.tiers->setTraining(entry_.kind == plan::EntryKind::TrainStep);
  stop_ = false;
  met_ = 0;
  aheadEnded_ = endedEarly_ = false;
  aheadStatus_ = absl::OkStatus();
  verdicts_.reserve(shared_.partners.partitions);
  if (!shared_.partners.alone()) {
    // Partitions may have seen an error in different steps: none keeps anything from before it.
    uint32_t incarnation = shared_.partners.connections.compute->incarnation();
    for (StepSlot &slot : slots_)
      slot.complete = slot.complete && incarnation == incarnation_;
    incarnation_ = incarnation;
  }
  HEDDLE_RETURN_IF_ERROR(compute_->begin());
  if (tables_)
    tables_->beginRun(slots_);
  if (comm_ && compute_->mixesWaves())
    comm_->startThread();
  const bool overlap = request.overlap && slots_.size() > 1 && !allStatic_ &&
                       request.batches.size() > 1;
  // In order, the one thread that drives all queues has the whole pool for each of them.
  sampler_->usePool(overlap ? shared_.samplePool : shared_.computePool);
  fetcher_->usePool(overlap ? shared_.fetchPool : shared_.computePool);
  absl::Status status = overlap ? runOverlapped(request) : runInOrder(request);
  status.Update(compute_->end());
  if (tables_)
    status.Update(tables_->endRun(slots_));
  if (status.ok() && endedEarly_)
    status = endAhead(request);
  if (!status.ok())
    shared_.partners.abort(status);
  if (comm_) {
    comm_->stopThread();
    shared_.stats.commSeconds += comm_->takeBusySeconds();
  }
  // A batch that was begun but not finished leaves its slot half written. Who has worked ahead is
  // not the same in all partitions, so with several it does not matter.
  if (!status.ok() || stop_ || !shared_.partners.alone())
    for (StepSlot &slot : slots_)
      slot.complete = slot.complete && allStatic_ && status.ok();
  return status;
}

} // namespace heddle::exec
