//===- ComputeQueue.cpp - the compute ops of one step ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/ComputeQueue.h"

#include "runtime/exec/Gemm.h"
#include "runtime/exec/NotFinite.h"
#include "runtime/exec/TableTiers.h"
#include "runtime/plan/Products.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace heddle::exec {

namespace {
/// Bytes of traffic that are worth a task, and a wave's that are worth waking the pool.
constexpr uint64_t taskBytes = 96 << 10, waveBytes = 48 << 10;
/// What one byte of traffic costs in floating point operations, about.
constexpr uint64_t flopsPerByte = 8;
/// Tasks per thread that even out what the estimate does not know.
constexpr int64_t tasksPerThread = 4;
constexpr int64_t mergeColumns = 1024;

uint64_t sum(const std::vector<plan::Extent> &extents, const std::vector<uint64_t> &symbols) {
  uint64_t total = 0;
  for (const plan::Extent &extent : extents) {
    uint64_t value = plan::evaluate(extent, symbols);
    total = total + value < total ? UINT64_MAX : total + value;
  }
  return total;
}
} // namespace

ComputeQueue::ComputeQueue(const plan::PlanT &plan, const plan::EntryT &entry,
                           const KernelLibrary &kernels, const States &states, ThreadPool &pool,
                           MemoryBudget &budget, CommQueue *comm, const EntryTables *tables)
    : plan_(plan), entry_(entry), kernels_(kernels), states_(states), pool_(pool), budget_(budget),
      comm_(comm), tables_(tables), pointers_(entry.buffers.size()) {
  for (const auto &op : entry.ops)
    if (op->queue == plan::Queue::Compute)
      addOp(*op);
  for (size_t r = 0; tables && r < tables->asked().replaced().size(); ++r) {
    const TableLists::Replaced &replaced = tables->asked().replaced()[r];
    auto op = std::find_if(ops_.begin(), ops_.end(),
                           [&](const Op &o) { return o.op == entry.ops[replaced.op].get(); });
    slotArguments_.push_back(op->firstArgument + replaced.input);
  }
  makeWaves();
  arguments_.resize(argumentBuffers_.size());
  offsets_.reserve(entry.regions.size());
  tasks_.reserve(ops_.size() * static_cast<size_t>(tasksPerThread * pool.threads() + 1));
  for (size_t b = 0; b < entry.buffers.size(); ++b)
    if (entry.buffers[b]->space == plan::Space::State)
      pointers_[b] = states.data(static_cast<size_t>(entry.buffers[b]->state));
  for (const auto &output : entry.outputs)
    if (output->name == "loss")
      lossBuffer_ = static_cast<int32_t>(output->buffer);
  auto writesLoss = [&](const plan::OpT &op) {
    return lossBuffer_ >= 0 &&
           std::find(op.outputs.begin(), op.outputs.end(), lossBuffer_) != op.outputs.end();
  };
  for (uint32_t w = 0; w < waves_.size(); ++w) {
    for (uint32_t i = waves_[w].firstOp; i < waves_[w].endOp; ++i)
      if (writesLoss(*ops_[i].op))
        lossWave_ = w;
    for (size_t i = waves_[w].firstComm; i < waves_[w].endComm; ++i)
      if (writesLoss(comm_->op(i)))
        lossWave_ = w;
  }
}

ComputeQueue::~ComputeQueue() { budget_.release(arena_); }

void ComputeQueue::addOp(const plan::OpT &op) {
  Op added;
  added.op = &op;
  if (const auto *a = op.attrs.AsKernelAttrs()) {
    added.kernelAttrs = a;
    added.kernel = kernels_.kernel(a->kernel);
    if (a->balance >= 0)
      added.ptr = op.inputs[static_cast<size_t>(a->balance)];
  } else if (const auto products = plan::productsOf(op); !products.empty()) {
    added.gemm = products.front().attrs;
    added.kind = added.gemm->gemm == plan::GemmKind::RowsParam ? Kind::GemmRows : Kind::GemmChunks;
    added.firstProduct = products_.size();
    const size_t inputs = argumentBuffers_.size(), outputs = inputs + op.inputs.size();
    for (const plan::Product &product : products) {
      products_.push_back(
          {product.attrs, inputs + product.a, inputs + product.b, outputs + product.c});
    }
    added.endProduct = products_.size();
  } else if (const auto *a = op.attrs.AsMergeAttrs()) {
    added.kind = Kind::Merge;
    added.merge = a;
  } else {
    added.kind = Kind::FetchRows;
    const plan::BufferT &table = *entry_.buffers[static_cast<size_t>(op.inputs[1])];
    added.mayAlias = !states_.views()[static_cast<size_t>(table.state)].tier;
  }
  added.firstArgument = argumentBuffers_.size();
  argumentBuffers_.insert(argumentBuffers_.end(), op.inputs.begin(), op.inputs.end());
  argumentBuffers_.insert(argumentBuffers_.end(), op.outputs.begin(), op.outputs.end());
  ops_.push_back(added);
}

void ComputeQueue::makeWaves() {
  const size_t comms = comm_ ? comm_->size() : 0;
  uint32_t i = 0;
  size_t c = 0;
  while (i < ops_.size() || c < comms) {
    const uint32_t computeWave = i < ops_.size() ? ops_[i].op->wave : UINT32_MAX;
    const uint32_t commWave = c < comms ? comm_->op(c).wave : UINT32_MAX;
    const uint32_t number = std::min(computeWave, commWave);
    Wave wave;
    wave.firstOp = i;
    while (i < ops_.size() && ops_[i].op->wave == number)
      ++i;
    wave.endOp = i;
    wave.firstComm = c;
    while (c < comms && comm_->op(c).wave == number)
      ++c;
    wave.endComm = c;
    waves_.push_back(wave);
  }
}

bool ComputeQueue::mixesWaves() const {
  return std::any_of(waves_.begin(), waves_.end(), [](const Wave &wave) {
    return wave.firstOp < wave.endOp && wave.firstComm < wave.endComm;
  });
}

absl::Status ComputeQueue::prepare(StepSlot &slot, uint64_t &arenaGrowths,
                                   Trace::Track *commTrack) {
  uint64_t needed = plan::layoutArena(entry_, slot.symbols, offsets_);
  if (needed > arena_.capacity()) {
    ++arenaGrowths;
    HEDDLE_RETURN_IF_ERROR(budget_.grow(arena_, needed, entry_.arena_bound, "arena"));
  }
  char *base = static_cast<char *>(arena_.data());
  for (size_t b = 0; b < pointers_.size(); ++b) {
    const plan::BufferT &buffer = *entry_.buffers[b];
    if (buffer.space == plan::Space::Arena)
      pointers_[b] = base + offsets_[static_cast<size_t>(buffer.region)];
    else if (buffer.space == plan::Space::Slot)
      pointers_[b] = slot.memory[b].data();
  }
  for (Op &op : ops_) {
    const plan::OpT &o = *op.op;
    switch (op.kind) {
    case Kind::Kernel:
      op.domain = static_cast<int64_t>(plan::evaluate(*op.kernelAttrs->domain, slot.symbols));
      break;
    case Kind::GemmRows:
    case Kind::GemmChunks:
      op.domain = static_cast<int64_t>(plan::evaluate(*op.gemm->rows, slot.symbols));
      break;
    case Kind::Merge:
      op.domain = static_cast<int64_t>(plan::evaluate(*op.merge->chunks, slot.symbols));
      break;
    case Kind::FetchRows: {
      const plan::BufferT &ids = *entry_.buffers[static_cast<size_t>(o.inputs[0])];
      const plan::BufferT &table = *entry_.buffers[static_cast<size_t>(o.inputs[1])];
      op.domain = static_cast<int64_t>(plan::evaluate(*ids.rows, slot.symbols));
      // Sorted unique ids as many as there are nodes are all of them: the table is the result.
      op.alias = op.mayAlias && op.domain == states_.views()[static_cast<size_t>(table.state)].rows;
      if (op.alias)
        pointers_[static_cast<size_t>(o.outputs[0])] = pointers_[static_cast<size_t>(o.inputs[1])];
      break;
    }
    }
    if (op.domain < 0 || op.domain > int64_t(1) << 48)
      return internalError("op '" + o.name + "': its domain is too large");
    uint64_t bytes = sum(o.bytes, slot.symbols), flops = sum(o.flops, slot.symbols) / flopsPerByte;
    op.bytes = std::max(bytes, flops);
  }
  for (size_t a = 0; a < arguments_.size(); ++a)
    arguments_[a] = argumentBuffers_[a] < 0 ? nullptr : pointers_[size_t(argumentBuffers_[a])];
  for (size_t r = 0; r < slotArguments_.size(); ++r)
    arguments_[slotArguments_[r]] =
        const_cast<int64_t *>(tables_->slots(slot, tables_->asked().replaced()[r].list));
  tasks_.clear();
  for (Wave &wave : waves_) {
    wave.firstTask = tasks_.size();
    uint64_t work = 0;
    for (uint32_t i = wave.firstOp; i < wave.endOp; ++i)
      cut(ops_[i], work);
    wave.endTask = tasks_.size();
    wave.alone = work < waveBytes;
  }
  return comm_ ? comm_->prepare(slot, pointers_, pointers_, commTrack) : absl::OkStatus();
}

void ComputeQueue::cut(Op &op, uint64_t &work) {
  const uint32_t index = static_cast<uint32_t>(&op - ops_.data());
  const int64_t most = tasksPerThread * pool_.threads();
  if (op.domain == 0 && op.kind != Kind::Merge)
    return;
  uint64_t bytes = op.bytes;
  switch (op.kind) {
  case Kind::Kernel: {
    const int32_t *ptr =
        op.ptr < 0 ? nullptr : static_cast<const int32_t *>(pointers_[static_cast<size_t>(op.ptr)]);
    // A plan without estimates: a guess at the usual width.
    if (!bytes)
      bytes = uint64_t(op.domain + (ptr ? ptr[op.domain] - ptr[0] : 0)) * 256;
    int64_t tasks = std::clamp<int64_t>(static_cast<int64_t>(bytes / taskBytes), 1, most);
    if (op.kernelAttrs->mode == plan::KernelMode::Chunks) {
      int64_t rows = op.kernelAttrs->chunk_rows;
      int64_t chunks = (op.domain + rows - 1) / rows;
      cutRows(index, chunks, 1, std::min(chunks, most));
    } else if (ptr) {
      cutBalanced(index, op.domain, ptr, tasks);
    } else {
      cutRows(index, op.domain, 16, tasks);
    }
    break;
  }
  case Kind::GemmRows: {
    int64_t tiles = (op.domain + gemmTileRows - 1) / gemmTileRows;
    if (!bytes)
      bytes = productBytes(op);
    cutRows(index, op.domain, gemmTileRows, std::min(tiles, 2 * most));
    break;
  }
  case Kind::GemmChunks: {
    int64_t rows = op.gemm->chunk_rows, chunks = (op.domain + rows - 1) / rows;
    if (!bytes)
      bytes = productBytes(op);
    cutRows(index, chunks, 1, chunks);
    break;
  }
  case Kind::Merge: {
    int64_t width = static_cast<int64_t>(op.merge->width);
    if (!bytes)
      bytes = uint64_t(op.domain + 1) * op.merge->width * sizeof(float);
    int64_t tasks = std::clamp<int64_t>(static_cast<int64_t>(bytes / taskBytes), 1, most);
    cutRows(index, width, 16, std::min(tasks, (width + 15) / 16));
    break;
  }
  case Kind::FetchRows: {
    if (op.alias)
      return;
    uint32_t width = entry_.buffers[static_cast<size_t>(op.op->outputs[0])]->width;
    if (!bytes)
      bytes = uint64_t(op.domain) * width * 8;
    cutRows(index, op.domain, 16,
            std::clamp<int64_t>(static_cast<int64_t>(bytes / taskBytes), 1, most));
    break;
  }
  }
  work = work + bytes < work ? UINT64_MAX : work + bytes;
}

uint64_t ComputeQueue::productBytes(const Op &op) const {
  uint64_t numbers = 0;
  for (size_t p = op.firstProduct; p < op.endProduct; ++p) {
    const plan::GemmAttrsT &g = *products_[p].attrs;
    numbers += uint64_t(g.k) * g.n * g.heads;
  }
  return uint64_t(op.domain) * numbers * 2 / flopsPerByte;
}

void ComputeQueue::cutRows(uint32_t index, int64_t rows, int64_t grain, int64_t tasks) {
  int64_t grains = (rows + grain - 1) / grain;
  tasks = std::clamp<int64_t>(tasks, 1, std::max<int64_t>(grains, 1));
  int64_t begin = 0;
  for (int64_t t = 0; t < tasks; ++t) {
    int64_t end = std::min(rows, grains * (t + 1) / tasks * grain);
    if (end > begin)
      tasks_.push_back({index, begin, end});
    begin = end;
  }
}

void ComputeQueue::cutBalanced(uint32_t index, int64_t rows, const int32_t *ptr, int64_t tasks) {
  // A row costs about what an edge costs. Their running sum is ascending: cut it evenly.
  auto before = [&](int64_t row) { return int64_t(ptr[row]) - ptr[0] + row; };
  int64_t total = before(rows), begin = 0;
  for (int64_t t = 0; t < tasks; ++t) {
    int64_t end = rows;
    if (t + 1 < tasks) {
      int64_t target = total / tasks * (t + 1), low = begin, high = rows;
      while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (before(middle) < target)
          low = middle + 1;
        else
          high = middle;
      }
      end = low;
    }
    if (end > begin)
      tasks_.push_back({index, begin, end});
    begin = end;
  }
}

void ComputeQueue::runTask(const Task &task) const {
  const Op &op = ops_[task.op];
  void *const *args = arguments_.data() + op.firstArgument;
  switch (op.kind) {
  case Kind::Kernel:
    if (op.kernelAttrs->mode == plan::KernelMode::Rows) {
      op.kernel(args, task.begin, task.end, 0);
    } else {
      int64_t rows = op.kernelAttrs->chunk_rows;
      for (int64_t chunk = task.begin; chunk < task.end; ++chunk)
        op.kernel(args, chunk * rows, std::min(op.domain, (chunk + 1) * rows), chunk);
    }
    break;
  case Kind::GemmRows:
    // Rows that several products read, and those of a sum, stay in the cache for a tile.
    for (int64_t tile = task.begin; tile < task.end; tile += gemmTileRows)
      for (size_t p = op.firstProduct; p < op.endProduct; ++p)
        if (!gemmRows(*products_[p].attrs, floats(products_[p].a), floats(products_[p].b),
                      floats(products_[p].c), tile, std::min(task.end, tile + gemmTileRows)))
          noProduct_.store(true, std::memory_order_relaxed);
    break;
  case Kind::GemmChunks:
    for (int64_t chunk = task.begin; chunk < task.end; ++chunk)
      for (size_t p = op.firstProduct; p < op.endProduct; ++p)
        if (!gemmChunk(*products_[p].attrs, floats(products_[p].a), floats(products_[p].b),
                       floats(products_[p].c), op.domain, chunk))
          noProduct_.store(true, std::memory_order_relaxed);
    break;
  case Kind::Merge: {
    const float *in = static_cast<const float *>(args[0]);
    float *out = static_cast<float *>(args[1]);
    const int64_t width = static_cast<int64_t>(op.merge->width);
    // Blocks of columns stay in the cache while all chunks are added to them.
    for (int64_t block = task.begin; block < task.end; block += mergeColumns) {
      int64_t end = std::min(task.end, block + mergeColumns);
      std::memset(out + block, 0, size_t(end - block) * sizeof(float));
      for (int64_t chunk = 0; chunk < op.domain; ++chunk)
        for (int64_t w = block; w < end; ++w)
          out[w] += in[chunk * width + w];
    }
    break;
  }
  case Kind::FetchRows: {
    const int64_t *ids = static_cast<const int64_t *>(args[0]);
    const float *table = static_cast<const float *>(args[1]);
    float *out = static_cast<float *>(args[2]);
    const int64_t width = entry_.buffers[static_cast<size_t>(op.op->outputs[0])]->width;
    for (int64_t i = task.begin; i < task.end; ++i) {
      if (i + 4 < task.end)
        __builtin_prefetch(table + ids[i + 4] * width);
      std::memcpy(out + i * width, table + ids[i] * width, size_t(width) * sizeof(float));
    }
    break;
  }
  }
}

absl::Status ComputeQueue::execute(const StepSlot &slot, std::span<Trace::Track *const> tracks) {
  commStallNs_ = 0;
  for (uint32_t w = 0; w < waves_.size(); ++w) {
    const Wave &wave = waves_[w];
    // Tasks that are not worth waking the pool for are not worth waking the comm thread for either.
    const bool comm = wave.firstComm < wave.endComm, beside = comm && !wave.alone;
    if (beside)
      comm_->begin(wave.firstComm, wave.endComm);
    auto run = [&](int64_t t, int thread) {
      const Task &task = tasks_[wave.firstTask + static_cast<size_t>(t)];
      if (tracks.empty()) {
        runTask(task);
        return;
      }
      const Op &op = ops_[task.op];
      uint64_t start = Trace::nowNs();
      runTask(task);
      uint64_t whole = static_cast<uint64_t>(std::max<int64_t>(op.domain, 1));
      uint64_t rows = static_cast<uint64_t>(task.end - task.begin);
      tracks[static_cast<size_t>(thread)]->record(
          {op.op->name.c_str(), op.op->id, slot.step, start, Trace::nowNs(), rows,
           op.kind == Kind::Kernel ? op.bytes / whole * rows : op.bytes});
    };
    int64_t tasks = static_cast<int64_t>(wave.endTask - wave.firstTask);
    if (wave.alone)
      for (int64_t t = 0; t < tasks; ++t)
        run(t, 0);
    else
      pool_.parallelFor(tasks, run);
    if (comm) {
      uint64_t start = Trace::nowNs();
      absl::Status status =
          beside ? comm_->wait() : comm_->run(wave.firstComm, wave.endComm, &pool_);
      commStallNs_ += Trace::nowNs() - start;
      if (!status.ok())
        return w <= lossWave_ || lossBuffer_ < 0 ? withCulprit(slot, status) : status;
    }
    if (noProduct_.exchange(false, std::memory_order_relaxed))
      return absl::ResourceExhaustedError("step " + std::to_string(slot.step) +
                                          ": the system has no memory for the copies that dense "
                                          "products make; use smaller batches or fewer threads");
    if (lossBuffer_ >= 0 && w == lossWave_) {
      float loss = *static_cast<const float *>(pointers_[static_cast<size_t>(lossBuffer_)]);
      if (!std::isfinite(loss))
        return diagnose(slot, loss);
    }
  }
  return absl::OkStatus();
}

/// Rows that the step has no part in cannot have made its loss what it is.
std::string ComputeQueue::badTableRow(const StepSlot &slot) const {
  std::string culprit;
  for (size_t i = 0; tables_ && culprit.empty() && i < tables_->asked().lists().size(); ++i) {
    const TableLists::List &list = tables_->asked().lists()[i];
    if (list.weights < 0)
      continue;
    const plan::BufferT &table = *entry_.buffers[size_t(list.weights)];
    culprit =
        badRow(*plan_.states[size_t(table.state)],
               static_cast<const float *>(pointers_[size_t(list.weights)]), tables_->slots(slot, i),
               static_cast<const int64_t *>(pointers_[size_t(list.ids)]),
               int64_t(slot.tableRows[i].slots.size()), int64_t(table.width));
  }
  return culprit;
}

std::string ComputeQueue::firstBad(const StepSlot &slot, const plan::OpT *&collective) const {
  auto data = [&](int32_t b) -> const void * { return pointers_[size_t(b)]; };
  std::string culprit = badState(states_, entry_.partition);
  if (culprit.empty())
    culprit = badTableRow(slot);
  for (const auto &op : entry_.ops)
    if (culprit.empty() && op->queue < plan::Queue::Compute)
      culprit = badOutput(entry_, *op, slot.symbols, data);
  // Buffers share memory over the waves, so the step runs again and each op is looked at at once. A
  // collective cannot run again by itself: behind the first one nothing is known.
  collective = nullptr;
  const size_t waves = lossBuffer_ < 0 ? waves_.size() : lossWave_ + 1;
  for (size_t w = 0; w < waves && culprit.empty() && !collective; ++w) {
    if (waves_[w].firstComm < waves_[w].endComm)
      collective = &comm_->op(waves_[w].firstComm);
    for (uint32_t i = waves_[w].firstOp; i < waves_[w].endOp && culprit.empty(); ++i) {
      for (size_t t = waves_[w].firstTask; t < waves_[w].endTask; ++t)
        if (tasks_[t].op == i)
          runTask(tasks_[t]);
      culprit = badOutput(entry_, *ops_[i].op, slot.symbols, data);
    }
  }
  return culprit;
}

absl::Status ComputeQueue::withCulprit(const StepSlot &slot, const absl::Status &status) const {
  if (status.code() != absl::StatusCode::kAborted ||
      messageOf(status).find(lossIs) == std::string::npos)
    return status;
  const plan::OpT *collective = nullptr;
  std::string culprit = firstBad(slot, collective);
  if (culprit.empty())
    return status;
  std::string message = messageOf(status) + "; in partition " + std::to_string(entry_.partition) +
                        " the first tensor that is not finite is " + culprit;
  return absl::AbortedError(absl::string_view(message));
}

absl::Status ComputeQueue::diagnose(const StepSlot &slot, float loss) const {
  const plan::OpT *collective = nullptr;
  std::string culprit = firstBad(slot, collective);
  if (culprit.empty() && collective)
    culprit = "of another partition or behind op '" + collective->name + "', where partition " +
              std::to_string(entry_.partition) + " first meets the others";
  return lossNotFinite(slot.step, loss, culprit);
}

} // namespace heddle::exec
