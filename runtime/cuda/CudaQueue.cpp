//===- CudaQueue.cpp - the compute ops of one step on a GPU ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaQueue.h"

#include "runtime/exec/NotFinite.h"
#include "runtime/plan/Collective.h"
#include "runtime/plan/Products.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace heddle::cuda {

using exec::StepSlot;
using exec::Trace;

namespace {
/// Of the memory that is free: more than this is not used to keep arrays of a step apart.
constexpr double apartShare = 0.25;
/// Products that do not depend on each other go to so many streams, those of one after another: an
/// event for each costs the host about as much as the product.
constexpr int64_t productStreams = 4;
} // namespace

CudaQueue::CudaQueue(const Resident &resident, const plan::EntryT &entry, exec::CommQueue *comm)
    : resident_(resident), session_(resident.session), driver_(resident.session.driver()),
      entry_(entry), comm_(comm), copiesComm_(comm && !comm->onDevice()),
      rows_(resident.rows, entry), arena_(session_), argumentMemory_(session_),
      argumentStaging_(session_), outputs_(session_), bufferOffsets_(entry.buffers.size()),
      device_(entry.buffers.size()), host_(entry.buffers.size()) {
  // Waves in order; of one wave the collectives after the ops, which do not depend on each other.
  const size_t comms = comm ? comm->size() : 0;
  size_t next = 0;
  auto addComms = [&](uint32_t before) {
    for (; next < comms && comm->op(next).wave < before; ++next)
      addOp(comm->op(next), int64_t(next));
  };
  for (const auto &op : entry.ops)
    if (op->queue == plan::Queue::Compute) {
      addComms(op->wave);
      addOp(*op, -1);
    }
  addComms(UINT32_MAX);
  for (const exec::TableLists::Replaced &replaced : rows_.asked().replaced()) {
    auto op = std::find_if(ops_.begin(), ops_.end(),
                           [&](const Op &o) { return o.op == entry.ops[replaced.op].get(); });
    slotArguments_.push_back(op->firstArgument + replaced.input);
  }
  arguments_.resize(argumentBuffers_.size());
  regionOffsets_.reserve(entry.regions.size());

  std::vector<bool> read(entry.buffers.size()), sent(entry.buffers.size());
  for (const Op &op : ops_)
    for (int32_t b : op.op->inputs)
      if (b >= 0)
        (op.kind == Kind::Comm && copiesComm_ ? sent : read)[size_t(b)] = true;
  for (const auto &op : entry.ops) {
    Features::Table *table = resident.features.table(*op);
    if (table && read[size_t(op->outputs[0])] && !sent[size_t(op->outputs[0])]) {
      gathers_.push_back(
          {uint32_t(op->inputs[0]), uint32_t(op->outputs[0]), table, op->in_loop_static, op.get()});
      read[size_t(op->inputs[0])] = true;
      read[size_t(op->outputs[0])] = false;
    }
  }
  const bool samples = DeviceSampler::supports(entry);
  for (const auto &op : entry.ops)
    for (int32_t b : op->outputs) {
      if (op->queue >= plan::Queue::Compute || b < 0 || !read[size_t(b)] ||
          entry.buffers[size_t(b)]->space != plan::Space::Slot)
        continue;
      if (samples && (op->attrs.AsSampleAttrs() || op->attrs.AsFrontierAttrs()))
        sampled_.push_back(uint32_t(b));
      else if (std::none_of(uploads_.begin(), uploads_.end(),
                            [&](const Upload &u) { return u.buffer == uint32_t(b); }))
        uploads_.push_back({uint32_t(b), op->in_loop_static});
    }
  for (size_t b = 0; b < entry.buffers.size(); ++b)
    if (entry.buffers[b]->space == plan::Space::State) {
      const size_t state = size_t(entry.buffers[b]->state);
      device_[b] = resident.statePointers[state];
      host_[b] = resident.states.data(state);
    }
  for (const auto &output : entry.outputs) {
    if (output->name == "loss")
      loss_ = int32_t(output->buffer);
    if (entry.buffers[output->buffer]->space == plan::Space::Arena &&
        std::find(outputBuffers_.begin(), outputBuffers_.end(), output->buffer) ==
            outputBuffers_.end())
      outputBuffers_.push_back(output->buffer);
  }
  firstChange_ = ops_.size();
  for (size_t i = ops_.size(); i-- > 0;) {
    if (ops_[i].changesState)
      firstChange_ = i;
    if (loss_ >= 0 && lossOp_ == 0 &&
        std::find(ops_[i].op->outputs.begin(), ops_[i].op->outputs.end(), loss_) !=
            ops_[i].op->outputs.end())
      lossOp_ = i;
  }
  cut_ = loss_ < 0 ? 0 : std::min(std::max(firstChange_, lossOp_ + 1), ops_.size());
  // What is not the loss is read when the step is over, and collectives are the host's.
  endsLater_ = entry.kind == plan::EntryKind::TrainStep && !comm && loss_ >= 0 &&
               std::all_of(outputBuffers_.begin(), outputBuffers_.end(),
                           [&](uint32_t b) { return int32_t(b) == loss_; });
}

CudaQueue::~CudaQueue() {
  (void)session_.enter();
  (void)session_.synchronizeAll("ending");
  forgetGraphs();
  for (Event event : {lossReady_, fork_, stepEnded_})
    if (event)
      driver_.cuEventDestroy_v2(event);
  for (Event event : joined_)
    if (event)
      driver_.cuEventDestroy_v2(event);
  for (Event event : ended_)
    if (event)
      driver_.cuEventDestroy_v2(event);
  for (Event event : events_)
    driver_.cuEventDestroy_v2(event);
}

void CudaQueue::addOp(const plan::OpT &op, int64_t comm) {
  Op added;
  added.op = &op;
  if (comm >= 0) {
    added.kind = Kind::Comm;
    added.comm = size_t(comm);
  } else if (const auto *a = op.attrs.AsKernelAttrs()) {
    added.kernel = a;
  } else if (const auto products = plan::productsOf(op); !products.empty()) {
    added.kind = Kind::Products;
    added.gemm = products.front().attrs;
    added.firstProduct = products_.size();
    for (const plan::Product &p : products)
      products_.push_back({p.attrs, op.inputs[p.a], op.inputs[p.b], op.outputs[p.c]});
    added.endProduct = products_.size();
  } else if (const auto *a = op.attrs.AsMergeAttrs()) {
    added.kind = Kind::Merge;
    added.merge = a;
  } else {
    added.kind = Kind::FetchRows;
  }
  added.firstArgument = argumentBuffers_.size();
  if (added.kind != Kind::Comm) {
    // Ids, table, result: as the function takes them.
    argumentBuffers_.insert(argumentBuffers_.end(), op.inputs.begin(), op.inputs.end());
    argumentBuffers_.insert(argumentBuffers_.end(), op.outputs.begin(), op.outputs.end());
  }
  for (int32_t b : op.outputs)
    added.changesState |=
        b >= 0 && entry_.buffers[size_t(b)]->space == plan::Space::State;
  ops_.push_back(added);
}

absl::Status CudaQueue::initialize(exec::MemoryBudget &budget) {
  HEDDLE_RETURN_IF_ERROR(session_.enter());
  if (DeviceSampler::supports(entry_)) {
    sampler_ = std::make_unique<CudaSampler>(session_, resident_.sampling, resident_.plan, entry_,
                                             resident_.graph, resident_.relations.arrays());
    HEDDLE_RETURN_IF_ERROR(sampler_->initialize());
    // The host fetches what the device does not, and exchanges rows with others.
    auto wanted = [&](int32_t b) {
      if (b >= 0 && sampler_->device().writes(b))
        sampler_->device().alsoOnHost(b, budget);
    };
    for (const auto &op : entry_.ops)
      if (plan::collectiveOf(*op) || (op->queue == plan::Queue::Fetch && !takes(*op)))
        std::for_each(op->inputs.begin(), op->inputs.end(), wanted);
    for (const auto &output : entry_.outputs)
      wanted(int32_t(output->buffer));
  }
  auto event = [&](Event &made) {
    return driver_.check(driver_.cuEventCreate(&made, eventDisableTiming), "event");
  };
  HEDDLE_RETURN_IF_ERROR(event(lossReady_));
  HEDDLE_RETURN_IF_ERROR(event(fork_));
  HEDDLE_RETURN_IF_ERROR(event(stepEnded_));
  if (sampler_)
    sampler_->follow(stepEnded_);
  for (Event &joined : joined_)
    HEDDLE_RETURN_IF_ERROR(event(joined));
  if (!rows_.empty())
    HEDDLE_RETURN_IF_ERROR(rows_.initialize(session_));
  makeOrders();
  for (const Order &order : orders_) {
    ended_.resize(std::max(ended_.size(), order.launches.size()));
    for (size_t l = 0; l < order.launches.size(); ++l)
      if (order.schedule.ops[l].awaited && !ended_[l])
        HEDDLE_RETURN_IF_ERROR(event(ended_[l]));
  }
  size_t free = 0, total = 0;
  HEDDLE_RETURN_IF_ERROR(driver_.check(driver_.cuMemGetInfo_v2(&free, &total), "memory"));
  mostApart_ = uint64_t(double(free) * apartShare);
  return absl::OkStatus();
}

void CudaQueue::makeOrders() {
  const size_t buffers = entry_.buffers.size();
  for (bool apart : {false, true}) {
    // Pieces: buffers, then regions, then states.
    auto pieceOf = [&](int32_t b) {
      const plan::BufferT &buffer = *entry_.buffers[size_t(b)];
      if (buffer.space == plan::Space::State)
        return buffers + entry_.regions.size() + size_t(buffer.state);
      return buffer.space == plan::Space::Arena && !apart ? buffers + size_t(buffer.region)
                                                          : size_t(b);
    };
    // Rows of a table may be the table itself.
    std::vector<int32_t> tables(buffers, -1);
    std::vector<Accesses> accesses;
    for (const Op &op : ops_) {
      Accesses &own = accesses.emplace_back();
      for (int32_t b : op.op->inputs)
        if (b >= 0) {
          own.reads.push_back(pieceOf(b));
          if (tables[size_t(b)] >= 0)
            own.reads.push_back(pieceOf(tables[size_t(b)]));
        }
      for (int32_t b : op.op->outputs)
        if (b >= 0)
          own.writes.push_back(pieceOf(b));
      if (op.kind == Kind::FetchRows)
        tables[size_t(op.op->outputs[0])] = op.op->inputs[1];
    }
    orders_[apart] = makeOrder(accesses);
  }
}

CudaQueue::Order CudaQueue::makeOrder(const std::vector<Accesses> &accesses) const {
  // Collectives are the host's, which waits for one stream and takes ops as they come.
  std::vector<int64_t> functions(ops_.size(), -1);
  const int64_t merge = int64_t(resident_.plan.kernels.size());
  const bool lists = resident_.plan.minor >= plan::gpuLaunchListsSince;
  int64_t products = 0;
  for (size_t i = 0; i < ops_.size() && !comm_; ++i)
    if (ops_[i].kind == Kind::Products)
      functions[i] = merge + 1 + products++ % productStreams;
    else if (lists && ops_[i].kind == Kind::Kernel)
      functions[i] = int64_t(resident_.kernels.functionOf(ops_[i].kernel->kernel));
    else if (lists && ops_[i].kind == Kind::Merge)
      functions[i] = merge;
  std::vector<std::vector<size_t>> groups;
  if (comm_)
    for (size_t i = 0; i < ops_.size(); ++i)
      groups.push_back({i});
  else
    groups = groupOps(accesses, functions, cut_);
  Order order;
  std::vector<Accesses> together;
  for (std::vector<size_t> &group : groups) {
    order.cut += group.front() < cut_;
    if (loss_ >= 0 && std::find(group.begin(), group.end(), lossOp_) != group.end())
      order.loss = order.launches.size();
    Accesses &all = together.emplace_back();
    for (size_t i : group) {
      all.reads.insert(all.reads.end(), accesses[i].reads.begin(), accesses[i].reads.end());
      all.writes.insert(all.writes.end(), accesses[i].writes.begin(), accesses[i].writes.end());
    }
    order.launches.push_back({std::move(group), order.entries, 0});
    if (isList(order.launches.back()))
      order.entries += order.launches.back().ops.size();
  }
  order.schedule = makeSchedule(together, comm_ ? 1 : Session::maxStreams);
  return order;
}

bool CudaQueue::takes(const plan::OpT &op) const {
  return std::any_of(gathers_.begin(), gathers_.end(),
                     [&](const Gather &gather) { return gather.op == &op; });
}

absl::Status CudaQueue::begin() {
  HEDDLE_RETURN_IF_ERROR(session_.enter());
  // Whoever infers writes rows between runs, on the host.
  std::vector<int32_t> done;
  for (const auto &buffer : entry_.buffers) {
    if (buffer->space != plan::Space::State ||
        resident_.plan.states[size_t(buffer->state)]->role != plan::StateRole::Hidden ||
        std::find(done.begin(), done.end(), buffer->state) != done.end())
      continue;
    done.push_back(buffer->state);
    const exec::StateView &view = resident_.states.views()[size_t(buffer->state)];
    HEDDLE_RETURN_IF_ERROR(session_.toDevice(resident_.statePointers[size_t(buffer->state)],
                                             view.data, uint64_t(view.bytes)));
  }
  return absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

int64_t CudaQueue::chunksOf(const Op &op) {
  const int64_t rows = op.kernel->chunk_rows;
  return op.kernel->mode == plan::KernelMode::Chunks ? (op.domain + rows - 1) / rows : 0;
}

absl::Status CudaQueue::runOp(const Op &op, uint32_t stream) {
  if (op.domain == 0 && op.kind != Kind::Merge && op.kind != Kind::Comm)
    return absl::OkStatus();
  switch (op.kind) {
  case Kind::Kernel:
    return resident_.kernels.launch(op.kernel->kernel, argumentsOf(op), op.domain, chunksOf(op),
                                    stream);
  case Kind::Products:
    return runProducts(op, stream);
  case Kind::Merge:
    return resident_.kernels.merge(argumentsOf(op), op.domain, int64_t(op.merge->width),
                                   stream);
  case Kind::FetchRows:
    return op.alias ? absl::OkStatus()
                    : resident_.kernels.gatherRows(
                          argumentsOf(op), op.domain,
                          int64_t(entry_.buffers[size_t(op.op->outputs[0])]->width),
                          stream);
  case Kind::Comm:
    return runComm(op);
  }
  return absl::OkStatus();
}

absl::Status CudaQueue::runComm(const Op &op) {
  for (int32_t b : op.op->inputs)
    if (copiesComm_ && b >= 0 && entry_.buffers[size_t(b)]->space != plan::Space::Slot)
      HEDDLE_RETURN_IF_ERROR(
          session_.toHost(host_[size_t(b)], pointer(b), bytesOf(size_t(b))));
  HEDDLE_RETURN_IF_ERROR(session_.synchronize("what op '" + op.op->name + "' sends"));
  const uint64_t start = Trace::nowNs();
  absl::Status status = comm_->run(op.comm, op.comm + 1, nullptr);
  commStallNs_ += Trace::nowNs() - start;
  HEDDLE_RETURN_IF_ERROR(status);
  for (int32_t b : op.op->outputs)
    if (copiesComm_ && b >= 0 && entry_.buffers[size_t(b)]->space != plan::Space::Slot)
      HEDDLE_RETURN_IF_ERROR(
          session_.toDevice(pointer(b), host_[size_t(b)], bytesOf(size_t(b))));
  return absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

absl::Status CudaQueue::runLaunch(const Launch &launch, uint32_t stream) {
  const Op &first = ops_[launch.ops.front()];
  if (!isList(launch)) {
    for (size_t i : launch.ops)
      HEDDLE_RETURN_IF_ERROR(runOp(ops_[i], stream));
    return absl::OkStatus();
  }
  if (launch.blocks == 0)
    return absl::OkStatus();
  const DevicePointer list = listMemory_ + launch.firstEntry * sizeof(plan::GpuLaunch);
  const unsigned number = unsigned(launch.ops.size());
  return first.kind == Kind::Merge
             ? resident_.kernels.mergeSeveral(list, number, launch.blocks, stream)
             : resident_.kernels.launchSeveral(first.kernel->kernel, list, number, launch.blocks,
                                               stream);
}

absl::Status CudaQueue::runLaunches(size_t part, bool alone) {
  const Order &order = orders_[apart_];
  const Schedule &schedule = order.schedule;
  const size_t begin = part ? order.cut : 0, end = part ? order.launches.size() : order.cut;
  auto record = [&](Event event, uint32_t stream) {
    return driver_.check(driver_.cuEventRecord(event, session_.stream(stream)), "event");
  };
  auto wait = [&](uint32_t stream, Event event) {
    return driver_.check(driver_.cuStreamWaitEvent(session_.stream(stream), event, 0), "event");
  };
  if (part == 0 || alone || order.cut == 0) {
    std::fill(std::begin(used_), std::end(used_), false);
    used_[0] = true;
    HEDDLE_RETURN_IF_ERROR(record(fork_, 0));
  }
  for (size_t i = begin; i < end; ++i) {
    const Schedule::Op &placed = schedule.ops[i];
    bool behind = std::exchange(used_[placed.stream], true);
    for (size_t other : placed.waits)
      if (!alone || other >= begin) {
        HEDDLE_RETURN_IF_ERROR(wait(placed.stream, ended_[other]));
        behind = true;
      }
    if (!behind)
      HEDDLE_RETURN_IF_ERROR(wait(placed.stream, fork_));
    HEDDLE_RETURN_IF_ERROR(runLaunch(order.launches[i], placed.stream));
    if (placed.awaited)
      HEDDLE_RETURN_IF_ERROR(record(ended_[i], placed.stream));
    if (i == order.loss) {
      HEDDLE_RETURN_IF_ERROR(session_.toHost(host_[size_t(loss_)], pointer(loss_), sizeof(float),
                                             placed.stream));
      if (!alone)
        HEDDLE_RETURN_IF_ERROR(record(lossReady_, placed.stream));
    }
  }
  if (!alone) {
    for (size_t i = 0; i < schedule.ends.size() && part == 1; ++i)
      HEDDLE_RETURN_IF_ERROR(wait(0, ended_[schedule.ends[i]]));
    return absl::OkStatus();
  }
  for (uint32_t stream = 1; stream < Session::maxStreams; ++stream)
    if (used_[stream]) {
      HEDDLE_RETURN_IF_ERROR(record(joined_[stream], stream));
      HEDDLE_RETURN_IF_ERROR(wait(0, joined_[stream]));
    }
  return absl::OkStatus();
}

absl::Status CudaQueue::record(GraphExec &graph, size_t part) {
  HEDDLE_RETURN_IF_ERROR(driver_.check(
      driver_.cuStreamBeginCapture_v2(session_.stream(), captureThreadLocal), "recording a step"));
  const absl::Status status = runLaunches(part, /*alone=*/true);
  Graph recorded = nullptr;
  const Result ended = driver_.cuStreamEndCapture(session_.stream(), &recorded);
  HEDDLE_RETURN_IF_ERROR(status);
  HEDDLE_RETURN_IF_ERROR(driver_.check(ended, "recording a step"));
  const Result made = driver_.cuGraphInstantiateWithFlags(&graph, recorded, 0);
  driver_.cuGraphDestroy(recorded);
  return driver_.check(made, "recording a step");
}

void CudaQueue::forgetGraphs() {
  for (GraphExec &graph : graphs_)
    if (graph)
      driver_.cuGraphExecDestroy(std::exchange(graph, nullptr));
}

absl::Status CudaQueue::runPart(size_t part) {
  const Order &order = orders_[apart_];
  if (!repeats_)
    return runLaunches(part, /*alone=*/false);
  if (part ? order.cut == order.launches.size() : order.cut == 0)
    return absl::OkStatus();
  if (!graphs_[part])
    HEDDLE_RETURN_IF_ERROR(record(graphs_[part], part));
  return driver_.check(driver_.cuGraphLaunch(graphs_[part], session_.stream()), "a recorded step");
}

absl::Status CudaQueue::execute(const StepSlot &slot,
                                std::span<Trace::Track *const> tracks) {
  HEDDLE_RETURN_IF_ERROR(session_.enter());
  commStallNs_ = 0;
  absl::Status status = gather();
  if (status.ok() && !rows_.empty())
    status = rows_.acquire();
  if (status.ok())
    status = tracks.empty() ? executeStep(slot) : executeTraced(slot, tracks);
  if (!status.ok() && !rows_.empty()) // no state has changed, or nothing there can be used again
    (void)rows_.release(false);
  return status;
}

absl::Status CudaQueue::executeStep(const StepSlot &slot) {
  // Before the loss is looked at nothing but weights is read, unless rows are stepped there.
  const size_t waits = rows_.empty() ? 2 : firstChange_ >= cut_;
  for (size_t part : {0u, 1u}) {
    if (part == waits)
      HEDDLE_RETURN_IF_ERROR(rows_.awaitAll());
    HEDDLE_RETURN_IF_ERROR(runPart(part));
    if (loss_ < 0 || part != 0)
      continue;
    if (repeats_)
      HEDDLE_RETURN_IF_ERROR(
          driver_.check(driver_.cuEventRecord(lossReady_, session_.stream()), "event"));
    HEDDLE_RETURN_IF_ERROR(checkLoss(slot));
  }
  return finish(slot, !endsLater_);
}

absl::Status CudaQueue::finish(const StepSlot &slot, bool wait) {
  if (!rows_.empty())
    HEDDLE_RETURN_IF_ERROR(rows_.release(true));
  for (uint32_t b : outputBuffers_)
    if (int32_t(b) != loss_)
      HEDDLE_RETURN_IF_ERROR(session_.toHost(host_[b], device_[b], bytesOf(b)));
  if (!wait)
    return driver_.check(driver_.cuEventRecord(stepEnded_, session_.stream()), "event");
  return session_.synchronize("step " + std::to_string(slot.step) + " on " + session_.name());
}

absl::Status CudaQueue::end() {
  HEDDLE_RETURN_IF_ERROR(session_.enter());
  return session_.synchronize("the last step on " + session_.name());
}

absl::Status CudaQueue::executeTraced(const StepSlot &slot,
                                      std::span<Trace::Track *const> tracks) {
  while (events_.size() <= ops_.size()) {
    events_.push_back(nullptr);
    HEDDLE_RETURN_IF_ERROR(
        driver_.check(driver_.cuEventCreate(&events_.back(), eventDefault), "event"));
  }
  if (!rows_.empty())
    HEDDLE_RETURN_IF_ERROR(rows_.awaitAll());
  HEDDLE_RETURN_IF_ERROR(session_.synchronize("copying a batch"));
  const uint64_t start = Trace::nowNs();
  for (size_t i = 0; i <= ops_.size(); ++i) {
    driver_.cuEventRecord(events_[i], session_.stream());
    if (loss_ >= 0 && i == cut_) {
      driver_.cuEventRecord(lossReady_, session_.stream());
      HEDDLE_RETURN_IF_ERROR(checkLoss(slot));
    }
    if (i == ops_.size())
      break;
    HEDDLE_RETURN_IF_ERROR(runOp(ops_[i], 0));
    if (loss_ >= 0 && i == lossOp_)
      HEDDLE_RETURN_IF_ERROR(
          session_.toHost(host_[size_t(loss_)], pointer(loss_), sizeof(float)));
  }
  HEDDLE_RETURN_IF_ERROR(finish(slot, /*wait=*/true));
  trace(tracks, slot, start);
  return absl::OkStatus();
}

absl::Status CudaQueue::checkLoss(const StepSlot &slot) {
  HEDDLE_RETURN_IF_ERROR(driver_.check(driver_.cuEventSynchronize(lossReady_),
                                       "the loss of step " + std::to_string(slot.step)));
  const float loss = *static_cast<const float *>(host_[size_t(loss_)]);
  return std::isfinite(loss) ? absl::OkStatus()
                             : exec::lossNotFinite(slot.step, loss, firstBad(slot));
}

std::string CudaQueue::firstBad(const StepSlot &slot) {
  (void)session_.synchronizeAll("the step's ops"); // which are done again
  for (size_t s = 0; s < resident_.statePointers.size(); ++s)
    if (resident_.statePointers[s]) {
      const exec::StateView &view = resident_.states.views()[s];
      (void)session_.toHost(view.data, resident_.statePointers[s], uint64_t(view.bytes));
    }
  (void)resident_.rows.download();
  (void)session_.synchronize("states");
  std::string culprit = exec::badState(resident_.states, entry_.partition);
  auto fetched = [&](int32_t b) -> const void * { return host_[size_t(b)]; };
  for (const auto &op : entry_.ops)
    if (culprit.empty() && op->queue < plan::Queue::Compute && !takes(*op))
      culprit = exec::badOutput(entry_, *op, slot.symbols, fetched);
  std::vector<char> copy;
  auto computed = [&](int32_t b) -> const void * {
    copy.resize(std::max<uint64_t>(bytesOf(size_t(b)), 8));
    (void)session_.toHost(copy.data(), pointer(b), bytesOf(size_t(b)));
    (void)session_.synchronize("looking for what is not finite");
    return copy.data();
  };
  // A collective cannot run again by itself: behind the first one nothing is known.
  for (size_t i = 0; i <= lossOp_ && culprit.empty() && ops_[i].kind != Kind::Comm; ++i)
    if (runOp(ops_[i], 0).ok())
      culprit = exec::badOutput(entry_, *ops_[i].op, slot.symbols, computed);
  return culprit;
}

void CudaQueue::trace(std::span<Trace::Track *const> tracks, const StepSlot &slot,
                      uint64_t start) {
  for (size_t i = 0; i < ops_.size(); ++i) {
    float from = 0, to = 0;
    driver_.cuEventElapsedTime(&from, events_[0], events_[i]);
    driver_.cuEventElapsedTime(&to, events_[0], events_[i + 1]);
    const plan::OpT &op = *ops_[i].op;
    uint64_t bytes = 0;
    for (const plan::Extent &extent : op.bytes)
      bytes += plan::evaluate(extent, slot.symbols);
    tracks[0]->record({op.name.c_str(), op.id, slot.step, start + uint64_t(double(from) * 1e6),
                       start + uint64_t(double(to) * 1e6), uint64_t(ops_[i].domain), bytes});
  }
}

} // namespace heddle::cuda
