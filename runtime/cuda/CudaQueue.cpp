//===- CudaQueue.cpp - the compute ops of one step on a GPU ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaQueue.h"

#include "runtime/exec/NotFinite.h"
#include "runtime/plan/Collective.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace heddle::cuda {

using exec::StepSlot;
using exec::Trace;

namespace {
constexpr uint64_t alignment = 256;
/// Of the memory that is free: more than this is not used to keep arrays of a step apart.
constexpr double apartShare = 0.25;
uint64_t aligned(uint64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }
} // namespace

CudaQueue::CudaQueue(const Resident &resident, const plan::EntryT &entry, exec::CommQueue *comm)
    : resident_(resident), session_(resident.session), driver_(resident.session.driver()),
      entry_(entry), comm_(comm), arena_(session_), argumentMemory_(session_),
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
  arguments_.resize(argumentBuffers_.size());
  regionOffsets_.reserve(entry.regions.size());

  std::vector<bool> read(entry.buffers.size()), sent(entry.buffers.size());
  for (const Op &op : ops_)
    for (int32_t b : op.op->inputs)
      if (b >= 0)
        (op.kind == Kind::Comm ? sent : read)[size_t(b)] = true;
  for (const auto &op : entry.ops)
  {
    const DevicePointer table = resident.features.table(*op);
    Features::Tier *tier = resident.features.tier(*op);
    if ((table || tier) && read[size_t(op->outputs[0])] && !sent[size_t(op->outputs[0])]) {
      gathers_.push_back({uint32_t(op->inputs[0]), uint32_t(op->outputs[0]), table, tier,
                          op->in_loop_static, op.get()});
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
}

CudaQueue::~CudaQueue() {
  (void)session_.enter();
  (void)session_.synchronize("ending");
  forgetGraphs();
  for (Event event : {lossReady_, fork_})
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
  } else if (const auto *a = op.attrs.AsGemmAttrs()) {
    added.kind = a->gemm == plan::GemmKind::RowsParam ? Kind::GemmRows : Kind::GemmChunks;
    added.gemm = a;
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
  for (Event &joined : joined_)
    HEDDLE_RETURN_IF_ERROR(event(joined));
  makeSchedules();
  ended_.resize(ops_.size());
  for (size_t i = 0; i < ops_.size(); ++i)
    if (schedules_[0].ops[i].awaited || schedules_[1].ops[i].awaited)
      HEDDLE_RETURN_IF_ERROR(event(ended_[i]));
  size_t free = 0, total = 0;
  HEDDLE_RETURN_IF_ERROR(driver_.check(driver_.cuMemGetInfo_v2(&free, &total), "memory"));
  mostApart_ = uint64_t(double(free) * apartShare);
  return absl::OkStatus();
}

void CudaQueue::makeSchedules() {
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
    // Collectives are the host's, which waits for one stream.
    schedules_[apart] = makeSchedule(accesses, cut_, comm_ ? 1 : Session::maxStreams);
  }
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

uint64_t CudaQueue::bytesOf(size_t buffer) const {
  return plan::bufferBytes(*entry_.buffers[buffer], *symbols_);
}

//===----------------------------------------------------------------------===//
// Sizes and data of a step
//===----------------------------------------------------------------------===//

absl::Status CudaQueue::upload(const StepSlot &slot) {
  auto found = std::find_if(slots_.begin(), slots_.end(),
                            [&](const DeviceSlot &own) { return own.slot == &slot; });
  if (found == slots_.end()) {
    slots_.push_back({&slot, DeviceMemory(session_), PinnedMemory(session_), {}, false});
    found = slots_.end() - 1;
  }
  DeviceSlot &own = *found;
  // Arrays that stay come last: the others are copied as one block.
  kept_ = slot.sameSeeds && own.complete;
  own.offsets.resize(uploads_.size() + gathers_.size());
  uint64_t total = 0, changing = 0;
  for (bool isStatic : {false, true}) {
    for (size_t u = 0; u < uploads_.size(); ++u)
      if (uploads_[u].isStatic == isStatic) {
        own.offsets[u] = total;
        total += aligned(std::max<uint64_t>(bytesOf(uploads_[u].buffer), 1));
      }
    if (!isStatic)
      changing = total;
  }
  const uint64_t copied = total;
  for (size_t g = 0; g < gathers_.size(); ++g) {
    own.offsets[uploads_.size() + g] = total;
    total += aligned(std::max<uint64_t>(bytesOf(gathers_[g].rows), 1));
  }
  own.complete = false;
  HEDDLE_RETURN_IF_ERROR(own.memory.reserve(std::max<uint64_t>(total, 1), "a batch"));
  HEDDLE_RETURN_IF_ERROR(own.staging.reserve(std::max<uint64_t>(copied, 1), "a batch"));
  for (size_t g = 0; g < gathers_.size(); ++g)
    device_[gathers_[g].rows] = own.memory.data() + own.offsets[uploads_.size() + g];
  for (uint32_t b : sampled_)
    device_[b] = sampler_->device().address(slot, int32_t(b));
  for (size_t u = 0; u < uploads_.size(); ++u) {
    const size_t b = uploads_[u].buffer;
    device_[b] = own.memory.data() + own.offsets[u];
    if (!kept_ || !uploads_[u].isStatic)
      std::memcpy(own.staging.data() + own.offsets[u], host_[b], bytesOf(b));
  }
  HEDDLE_RETURN_IF_ERROR(
      session_.toDevice(own.memory.data(), own.staging.data(), kept_ ? changing : copied));
  own.complete = true;
  return absl::OkStatus();
}

absl::Status CudaQueue::gather() {
  const DevicePointer first =
      argumentMemory_.data() + (arguments_.size() - 3 * gathers_.size()) * sizeof(DevicePointer);
  for (size_t g = 0; g < gathers_.size(); ++g) {
    const plan::BufferT &rows = *entry_.buffers[gathers_[g].rows];
    const int64_t count = int64_t(plan::evaluate(*rows.rows, *symbols_));
    if (count == 0 || (kept_ && gathers_[g].isStatic))
      continue;
    if (Features::Tier *tier = gathers_[g].tier) {
      const bool training = entry_.kind == plan::EntryKind::TrainStep;
      (training ? tier->use.training : tier->use.other).requested += uint64_t(count);
      HEDDLE_RETURN_IF_ERROR(resident_.sampling.gather(
          {reinterpret_cast<const int64_t *>(pointer(int32_t(gathers_[g].ids))), count,
           int64_t(rows.width), reinterpret_cast<const int32_t *>(tier->places.data()),
           reinterpret_cast<const float *>(tier->kept.data()),
           reinterpret_cast<const float *>(tier->all.data()),
           reinterpret_cast<float *>(pointer(int32_t(gathers_[g].rows))),
           reinterpret_cast<uint64_t *>(tier->hits.data()) + training}));
    } else {
      HEDDLE_RETURN_IF_ERROR(resident_.kernels.gatherRows(
          first + 3 * g * sizeof(DevicePointer), count, int64_t(rows.width), 0));
    }
  }
  return absl::OkStatus();
}

absl::Status CudaQueue::makeHostArena(uint64_t bytes) {
  if (bytes > hostArena_.capacity() && !hostArena_.reserve(bytes + bytes / 4))
    return absl::ResourceExhaustedError("the arena's copy for collectives: no memory");
  char *base = static_cast<char *>(hostArena_.data());
  for (size_t b = 0; b < host_.size(); ++b)
    if (entry_.buffers[b]->space == plan::Space::Arena)
      host_[b] = base + regionOffsets_[size_t(entry_.buffers[b]->region)];
  return absl::OkStatus();
}

uint64_t CudaQueue::layOut() {
  uint64_t total = 0;
  for (size_t b = 0; b < bufferOffsets_.size(); ++b) {
    bufferOffsets_[b] = total;
    if (entry_.buffers[b]->space == plan::Space::Arena)
      total += aligned(bytesOf(b));
  }
  // Collectives exchange the host's copy of the arena, which is laid out by regions.
  apart_ = !comm_ && total <= mostApart_;
  if (!apart_)
    total = plan::layoutArena(entry_, *symbols_, regionOffsets_);
  return std::max<uint64_t>(total, 1);
}

absl::Status CudaQueue::prepare(StepSlot &slot, uint64_t &arenaGrowths, Trace::Track *commTrack) {
  HEDDLE_RETURN_IF_ERROR(session_.enter());
  symbols_ = &slot.symbols;
  const uint64_t needed = layOut();
  if (needed > arena_.capacity())
    ++arenaGrowths;
  HEDDLE_RETURN_IF_ERROR(arena_.reserve(needed, "arena"));
  if (comm_)
    HEDDLE_RETURN_IF_ERROR(makeHostArena(needed));
  for (size_t b = 0; b < device_.size(); ++b) {
    const plan::BufferT &buffer = *entry_.buffers[b];
    if (buffer.space == plan::Space::Arena)
      device_[b] = arena_.data() +
                   (apart_ ? bufferOffsets_[b] : regionOffsets_[size_t(buffer.region)]);
    else if (buffer.space == plan::Space::Slot)
      host_[b] = slot.memory[b].data();
  }
  uint64_t outputBytes = 0;
  for (uint32_t b : outputBuffers_)
    outputBytes += aligned(bytesOf(b));
  HEDDLE_RETURN_IF_ERROR(outputs_.reserve(std::max<uint64_t>(outputBytes, 1), "results"));
  if (!comm_) {
    outputBytes = 0;
    for (uint32_t b : outputBuffers_) {
      host_[b] = outputs_.data() + outputBytes;
      outputBytes += aligned(bytesOf(b));
    }
  }
  HEDDLE_RETURN_IF_ERROR(upload(slot));
  for (Op &op : ops_) {
    const plan::OpT &o = *op.op;
    switch (op.kind) {
    case Kind::Kernel:
      op.domain = int64_t(plan::evaluate(*op.kernel->domain, slot.symbols));
      break;
    case Kind::GemmRows:
    case Kind::GemmChunks:
      op.domain = int64_t(plan::evaluate(*op.gemm->rows, slot.symbols));
      break;
    case Kind::Merge:
      op.domain = int64_t(plan::evaluate(*op.merge->chunks, slot.symbols));
      break;
    case Kind::FetchRows: {
      const size_t ids = size_t(o.inputs[0]), table = size_t(o.inputs[1]);
      const size_t result = size_t(o.outputs[0]);
      op.domain = int64_t(plan::evaluate(*entry_.buffers[ids]->rows, slot.symbols));
      // Sorted unique ids as many as there are nodes are all of them: the table is the result.
      op.alias = op.domain ==
                 resident_.states.views()[size_t(entry_.buffers[table]->state)].rows;
      if (op.alias) {
        device_[result] = device_[table];
        if (comm_)
          host_[result] = host_[table];
      }
      break;
    }
    case Kind::Comm:
      break;
    }
    if (op.domain < 0 || op.domain > int64_t(1) << 48)
      return internalError("op '" + o.name + "': its domain is too large");
  }
  arguments_.resize(argumentBuffers_.size());
  for (size_t a = 0; a < arguments_.size(); ++a)
    arguments_[a] = argumentBuffers_[a] < 0 ? 0 : pointer(argumentBuffers_[a]);
  batches_.clear();
  for (Op &op : ops_)
    if (op.kind == Kind::GemmChunks && op.gemm->heads > 1)
      listMatrices(op);
  arguments_.insert(arguments_.end(), batches_.begin(), batches_.end());
  for (const Gather &gather : gathers_)
    arguments_.insert(arguments_.end(), {pointer(int32_t(gather.ids)), gather.table,
                                         pointer(int32_t(gather.rows))});
  repeats_ = !comm_ && lastSlot_ == &slot && lastSymbols_ == slot.symbols && uploaded_ == arguments_;
  if (!repeats_) {
    forgetGraphs();
    lastSlot_ = &slot;
    lastSymbols_ = slot.symbols;
  }
  if (uploaded_ != arguments_) {
    const uint64_t bytes = arguments_.size() * sizeof(DevicePointer);
    HEDDLE_RETURN_IF_ERROR(argumentMemory_.reserve(bytes, "arguments"));
    HEDDLE_RETURN_IF_ERROR(argumentStaging_.reserve(bytes, "arguments"));
    std::memcpy(argumentStaging_.data(), arguments_.data(), bytes);
    HEDDLE_RETURN_IF_ERROR(
        session_.toDevice(argumentMemory_.data(), argumentStaging_.data(), bytes));
    uploaded_ = arguments_;
  }
  return comm_ ? comm_->prepare(slot, host_, commTrack) : absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

absl::Status CudaQueue::runOp(const Op &op, uint32_t stream) {
  if (op.domain == 0 && op.kind != Kind::Merge && op.kind != Kind::Comm)
    return absl::OkStatus();
  switch (op.kind) {
  case Kind::Kernel: {
    const int64_t rows = op.kernel->chunk_rows;
    const int64_t chunks = op.kernel->mode == plan::KernelMode::Chunks
                               ? (op.domain + rows - 1) / rows
                               : 0;
    return resident_.kernels.launch(op.kernel->kernel, argumentsOf(op), op.domain, chunks,
                                    stream);
  }
  case Kind::GemmRows:
    return runGemmRows(op, stream);
  case Kind::GemmChunks:
    return runGemmChunks(op, stream);
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

// cuBLAS has matrices by columns: ours, by rows, are their transposes, and C^T = B^T A^T.

absl::Status CudaQueue::runGemmRows(const Op &op, uint32_t stream) const {
  const plan::GemmAttrsT &g = *op.gemm;
  const int m = int(op.domain), n = int(g.n), k = int(g.k), heads = int(g.heads);
  if (op.domain > INT32_MAX)
    return internalError("op '" + op.op->name + "': more than 2^31 rows");
  const float one = 1, old = g.accumulate ? 1 : 0;
  return session_.blasLibrary().check(
      session_.blasLibrary().cublasSgemmStridedBatched(
          session_.blas(stream), g.transpose_b ? blasTranspose : blasNoTranspose, blasNoTranspose, n, m,
          k, &one, floats(op.op->inputs[1]), g.transpose_b ? k : n, int64_t(k) * n,
          floats(op.op->inputs[0]), heads * k, k, &old, floats(op.op->outputs[0]), heads * n, n,
          heads),
      "op '" + op.op->name + "'");
}

absl::Status CudaQueue::runGemmChunks(const Op &op, uint32_t stream) const {
  const plan::GemmAttrsT &g = *op.gemm;
  const int n = int(g.n), k = int(g.k), heads = int(g.heads);
  const int64_t rows = g.chunk_rows, whole = op.domain / rows, rest = op.domain - whole * rows;
  const float one = 1, none = 0;
  auto products = [&](int64_t first, int64_t number, int64_t chunkRows) {
    return session_.blasLibrary().cublasSgemmStridedBatched(
        session_.blas(stream), blasNoTranspose, blasTranspose, n, k, int(chunkRows), &one,
        floats(op.op->inputs[1]) + first * rows * n, n, rows * n,
        floats(op.op->inputs[0]) + first * rows * k, k, rows * k, &none,
        floats(op.op->outputs[0]) + first * k * n, n, int64_t(k) * n, int(number));
  };
  int status = 0;
  if (heads == 1) {
    if (whole > 0)
      status = products(0, whole, rows);
    if (rest > 0 && !status)
      status = products(whole, 1, rest);
    return session_.blasLibrary().check(status, "op '" + op.op->name + "'");
  }
  const int64_t count = (whole + (rest > 0)) * heads;
  auto lists = reinterpret_cast<const float *const *>(
      argumentMemory_.data() + (argumentBuffers_.size() + op.batch) * sizeof(DevicePointer));
  auto many = [&](int64_t first, int64_t number, int64_t chunkRows) {
    return session_.blasLibrary().cublasSgemmBatched(
        session_.blas(stream), blasNoTranspose, blasTranspose, n, k, int(chunkRows), &one, lists + first,
        heads * n, lists + count + first, heads * k, &none,
        const_cast<float *const *>(lists + 2 * count + first), n, int(number));
  };
  if (whole > 0)
    status = many(0, whole * heads, rows);
  if (rest > 0 && !status)
    status = many(whole * heads, heads, rest);
  return session_.blasLibrary().check(status, "op '" + op.op->name + "'");
}

void CudaQueue::listMatrices(Op &op) {
  const plan::GemmAttrsT &g = *op.gemm;
  const int64_t n = g.n, k = g.k, heads = g.heads, rows = g.chunk_rows;
  const int64_t chunks = (op.domain + rows - 1) / rows;
  op.batch = batches_.size();
  auto list = [&](int32_t buffer, int64_t chunkNumbers, int64_t headNumbers) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      for (int64_t head = 0; head < heads; ++head)
        batches_.push_back(pointer(buffer) +
                           uint64_t(chunk * chunkNumbers + head * headNumbers) * sizeof(float));
  };
  list(op.op->inputs[1], rows * heads * n, n);
  list(op.op->inputs[0], rows * heads * k, k);
  list(op.op->outputs[0], heads * k * n, k * n);
}

absl::Status CudaQueue::runComm(const Op &op) {
  for (int32_t b : op.op->inputs)
    if (b >= 0 && entry_.buffers[size_t(b)]->space != plan::Space::Slot)
      HEDDLE_RETURN_IF_ERROR(
          session_.toHost(host_[size_t(b)], pointer(b), bytesOf(size_t(b))));
  HEDDLE_RETURN_IF_ERROR(session_.synchronize("what op '" + op.op->name + "' sends"));
  const uint64_t start = Trace::nowNs();
  absl::Status status = comm_->run(op.comm, op.comm + 1, nullptr);
  commStallNs_ += Trace::nowNs() - start;
  HEDDLE_RETURN_IF_ERROR(status);
  for (int32_t b : op.op->outputs)
    if (b >= 0 && entry_.buffers[size_t(b)]->space != plan::Space::Slot)
      HEDDLE_RETURN_IF_ERROR(
          session_.toDevice(pointer(b), host_[size_t(b)], bytesOf(size_t(b))));
  return absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

absl::Status CudaQueue::runOps(size_t begin, size_t end) {
  const Schedule &schedule = schedules_[apart_];
  auto record = [&](Event event, uint32_t stream) {
    return driver_.check(driver_.cuEventRecord(event, session_.stream(stream)), "event");
  };
  auto wait = [&](uint32_t stream, Event event) {
    return driver_.check(driver_.cuStreamWaitEvent(session_.stream(stream), event, 0), "event");
  };
  bool used[Session::maxStreams] = {true};
  HEDDLE_RETURN_IF_ERROR(record(fork_, 0));
  for (size_t i = begin; i < end; ++i) {
    const Schedule::Op &placed = schedule.ops[i];
    if (!std::exchange(used[placed.stream], true))
      HEDDLE_RETURN_IF_ERROR(wait(placed.stream, fork_));
    for (size_t other : placed.waits)
      HEDDLE_RETURN_IF_ERROR(wait(placed.stream, ended_[other]));
    HEDDLE_RETURN_IF_ERROR(runOp(ops_[i], placed.stream));
    if (placed.awaited)
      HEDDLE_RETURN_IF_ERROR(record(ended_[i], placed.stream));
  }
  for (uint32_t stream = 1; stream < Session::maxStreams; ++stream)
    if (used[stream]) {
      HEDDLE_RETURN_IF_ERROR(record(joined_[stream], stream));
      HEDDLE_RETURN_IF_ERROR(wait(0, joined_[stream]));
    }
  if (loss_ >= 0 && begin <= lossOp_ && lossOp_ < end)
    HEDDLE_RETURN_IF_ERROR(session_.toHost(host_[size_t(loss_)], pointer(loss_), sizeof(float)));
  return absl::OkStatus();
}

absl::Status CudaQueue::record(GraphExec &graph, size_t begin, size_t end) {
  HEDDLE_RETURN_IF_ERROR(driver_.check(
      driver_.cuStreamBeginCapture_v2(session_.stream(), captureThreadLocal), "recording a step"));
  const absl::Status status = runOps(begin, end);
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

absl::Status CudaQueue::runPart(size_t part, size_t begin, size_t end) {
  if (begin == end)
    return absl::OkStatus();
  if (!repeats_)
    return runOps(begin, end);
  if (!graphs_[part])
    HEDDLE_RETURN_IF_ERROR(record(graphs_[part], begin, end));
  return driver_.check(driver_.cuGraphLaunch(graphs_[part], session_.stream()), "a recorded step");
}

absl::Status CudaQueue::execute(const StepSlot &slot,
                                std::span<Trace::Track *const> tracks) {
  HEDDLE_RETURN_IF_ERROR(session_.enter());
  commStallNs_ = 0;
  HEDDLE_RETURN_IF_ERROR(gather());
  if (!tracks.empty())
    return executeTraced(slot, tracks);
  HEDDLE_RETURN_IF_ERROR(runPart(0, 0, cut_));
  if (loss_ >= 0) {
    HEDDLE_RETURN_IF_ERROR(
        driver_.check(driver_.cuEventRecord(lossReady_, session_.stream()), "event"));
    HEDDLE_RETURN_IF_ERROR(checkLoss(slot));
  }
  HEDDLE_RETURN_IF_ERROR(runPart(1, cut_, ops_.size()));
  return finish(slot);
}

absl::Status CudaQueue::finish(const StepSlot &slot) {
  for (uint32_t b : outputBuffers_)
    HEDDLE_RETURN_IF_ERROR(session_.toHost(host_[b], device_[b], bytesOf(b)));
  return session_.synchronize("step " + std::to_string(slot.step) + " on " + session_.name());
}

absl::Status CudaQueue::executeTraced(const StepSlot &slot,
                                      std::span<Trace::Track *const> tracks) {
  while (events_.size() <= ops_.size()) {
    events_.push_back(nullptr);
    HEDDLE_RETURN_IF_ERROR(
        driver_.check(driver_.cuEventCreate(&events_.back(), eventDefault), "event"));
  }
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
  HEDDLE_RETURN_IF_ERROR(finish(slot));
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
  for (size_t s = 0; s < resident_.statePointers.size(); ++s)
    if (resident_.statePointers[s]) {
      const exec::StateView &view = resident_.states.views()[s];
      (void)session_.toHost(view.data, resident_.statePointers[s], uint64_t(view.bytes));
    }
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
