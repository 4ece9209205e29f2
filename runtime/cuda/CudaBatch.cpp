//===- CudaBatch.cpp - sizes and data of a step on a GPU --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaQueue.h"

#include <algorithm>
#include <cstring>

namespace heddle::cuda {

using exec::StepSlot;
using exec::Trace;

namespace {
constexpr uint64_t alignment = 256;
uint64_t aligned(uint64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }
} // namespace

uint64_t CudaQueue::bytesOf(size_t buffer) const {
  return plan::bufferBytes(*entry_.buffers[buffer], *symbols_);
}

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
  const bool training = entry_.kind == plan::EntryKind::TrainStep;
  for (const Gather &gather : gathers_) {
    const int64_t count = int64_t(plan::evaluate(*entry_.buffers[gather.rows]->rows, *symbols_));
    if (count == 0 || (kept_ && gather.isStatic))
      continue;
    exec::CacheUse &use = gather.table->use;
    (training ? use.training : use.other).requested += uint64_t(count);
    HEDDLE_RETURN_IF_ERROR(resident_.sampling.gather(gather.table->gather(
        pointer(int32_t(gather.ids)), count, pointer(int32_t(gather.rows)), training)));
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

void CudaQueue::listLaunches() {
  lists_.clear();
  for (Launch &launch : orders_[apart_].launches) {
    if (!isList(launch))
      continue;
    launch.blocks = 0;
    for (size_t i : launch.ops) {
      const Op &op = ops_[i];
      uint64_t blocks = 0;
      if (op.kind == Kind::Merge) {
        blocks = Kernels::mergeBlocks(int64_t(op.merge->width));
        lists_.push_back({argumentsOf(op), op.domain, int64_t(op.merge->width), 0});
      } else {
        const int64_t chunks = chunksOf(op);
        blocks = op.domain ? resident_.kernels.blocks(op.kernel->kernel, op.domain, chunks) : 0;
        lists_.push_back({argumentsOf(op), 0, op.domain, chunks});
      }
      launch.blocks = std::max(launch.blocks, blocks);
    }
  }
}

absl::Status CudaQueue::prepare(StepSlot &slot, uint64_t &arenaGrowths, Trace::Track *commTrack) {
  HEDDLE_RETURN_IF_ERROR(session_.enter());
  symbols_ = &slot.symbols;
  const uint64_t needed = layOut();
  if (needed > arena_.capacity())
    ++arenaGrowths;
  HEDDLE_RETURN_IF_ERROR(arena_.reserve(needed, "arena"));
  if (copiesComm_)
    HEDDLE_RETURN_IF_ERROR(makeHostArena(needed));
  for (size_t b = 0; b < device_.size(); ++b) {
    const plan::BufferT &buffer = *entry_.buffers[b];
    if (buffer.space == plan::Space::Arena)
      device_[b] =
          arena_.data() + (apart_ ? bufferOffsets_[b] : regionOffsets_[size_t(buffer.region)]);
    else if (buffer.space == plan::Space::Slot)
      host_[b] = slot.memory[b].data();
  }
  uint64_t outputBytes = 0;
  for (uint32_t b : outputBuffers_)
    outputBytes += aligned(bytesOf(b));
  HEDDLE_RETURN_IF_ERROR(outputs_.reserve(std::max<uint64_t>(outputBytes, 1), "results"));
  if (!copiesComm_) {
    outputBytes = 0;
    for (uint32_t b : outputBuffers_) {
      host_[b] = outputs_.data() + outputBytes;
      outputBytes += aligned(bytesOf(b));
    }
  }
  HEDDLE_RETURN_IF_ERROR(upload(slot));
  if (!rows_.empty())
    HEDDLE_RETURN_IF_ERROR(rows_.prepare(slot.symbols, device_));
  for (Op &op : ops_) {
    const plan::OpT &o = *op.op;
    switch (op.kind) {
    case Kind::Kernel:
      op.domain = int64_t(plan::evaluate(*op.kernel->domain, slot.symbols));
      break;
    case Kind::Products:
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
      op.alias = !rows_.has(o.inputs[1]) &&
                 op.domain == resident_.states.views()[size_t(entry_.buffers[table]->state)].rows;
      if (op.alias) {
        device_[result] = device_[table];
        if (copiesComm_)
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
  for (size_t r = 0; r < slotArguments_.size(); ++r)
    arguments_[slotArguments_[r]] = rows_.slots(rows_.asked().replaced()[r].list);
  batches_.clear();
  for (const Op &op : ops_)
    for (size_t p = op.firstProduct; p < op.endProduct; ++p)
      listMatrices(products_[p], op.domain);
  arguments_.insert(arguments_.end(), batches_.begin(), batches_.end());
  // Lists name addresses in the arguments' memory, so that has to be there.
  constexpr size_t words = sizeof(plan::GpuLaunch) / sizeof(DevicePointer);
  const size_t firstList = arguments_.size();
  const uint64_t bytes = (firstList + orders_[apart_].entries * words) * sizeof(DevicePointer);
  HEDDLE_RETURN_IF_ERROR(argumentMemory_.reserve(std::max<uint64_t>(bytes, 1), "arguments"));
  listMemory_ = argumentMemory_.data() + firstList * sizeof(DevicePointer);
  listLaunches();
  for (const plan::GpuLaunch &launch : lists_)
    arguments_.insert(arguments_.end(), {launch.args, DevicePointer(launch.begin),
                                         DevicePointer(launch.end), DevicePointer(launch.chunks)});
  repeats_ =
      !comm_ && lastSlot_ == &slot && lastSymbols_ == slot.symbols && uploaded_ == arguments_;
  if (!repeats_) {
    forgetGraphs();
    lastSlot_ = &slot;
    lastSymbols_ = slot.symbols;
  }
  if (uploaded_ != arguments_) {
    HEDDLE_RETURN_IF_ERROR(argumentStaging_.reserve(bytes, "arguments"));
    std::memcpy(argumentStaging_.data(), arguments_.data(), bytes);
    HEDDLE_RETURN_IF_ERROR(
        session_.toDevice(argumentMemory_.data(), argumentStaging_.data(), bytes));
    uploaded_ = arguments_;
  }
  if (!comm_)
    return absl::OkStatus();
  if (copiesComm_)
    return comm_->prepare(slot, host_, host_, commTrack);
  commArrays_.resize(device_.size());
  for (size_t b = 0; b < device_.size(); ++b)
    commArrays_[b] = reinterpret_cast<void *>(device_[b]);
  return comm_->prepare(slot, host_, commArrays_, commTrack);
}

} // namespace heddle::cuda
