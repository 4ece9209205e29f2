//===- DeviceSampler.cpp - sampling on a GPU --------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/DeviceSampler.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <map>

namespace heddle::cuda {

using exec::StepSlot;
using kernels::Sum;

absl::Status MachineMemory::reserve(uint64_t bytes, const std::string &what) {
  if (bytes <= capacity_)
    return absl::OkStatus();
  if (address_) {
    HEDDLE_RETURN_IF_ERROR(machine_->synchronize());
    machine_->release(std::exchange(address_, 0));
    capacity_ = 0;
  }
  HEDDLE_ASSIGN_OR_RETURN(address_, machine_->allocate(bytes + bytes / 4, what));
  capacity_ = bytes + bytes / 4;
  return absl::OkStatus();
}

/// Tasks of a launch, and the first block of each.
template <class Task> struct DeviceSampler::Tasks {
  std::vector<Task> tasks;
  std::vector<uint32_t> starts{0};

  void clear() {
    tasks.clear();
    starts.resize(1);
  }
  void add(const Task &task, int64_t items, int64_t perBlock) {
    tasks.push_back(task);
    starts.push_back(starts.back() + uint32_t((items + perBlock - 1) / perBlock));
  }
  uint32_t blocks() const { return starts.back(); }
};

struct DeviceSampler::Lists {
  Tasks<kernels::RowsTask> rows;
  Tasks<kernels::MarkTask> marks;
  Tasks<kernels::SetTask> sets;
  Tasks<kernels::NumberTask> numbers;
  Tasks<kernels::InvertTask> inverts;
  Tasks<kernels::TransposeTask> transposes, finishes;
};

/// A sample, and memory that it needs only while a batch is sampled.
struct DeviceSampler::Sample {
  exec::SampleInfo info;
  MachineMemory sources, chosen, spare, edgeActive, rows, keys[2], values[2];
  int64_t edges = 0, active = 0, sourceRows = 0;

  Sample(exec::SampleInfo &&info, SampleMachine &m)
      : info(std::move(info)), sources(m), chosen(m), spare(m), edgeActive(m), rows(m), keys{MachineMemory(m), MachineMemory(m)},
        values{MachineMemory(m), MachineMemory(m)} {}
};

struct DeviceSampler::Frontier {
  exec::FrontierInfo info;
  std::vector<Sample *> joined;
  uint64_t firstWord = 0; ///< of its type's set, among those of all types
  MachineMemory selfPos; ///< in place of an absent output 1
  int64_t rows = 0;

  Frontier(exec::FrontierInfo &&info, SampleMachine &m)
      : info(std::move(info)), selfPos(m) {}
  int64_t numWords() const { return info.nodes / 64 + 1; }
};

struct DeviceSampler::Hop {
  std::vector<std::unique_ptr<Sample>> samples;
  std::vector<std::unique_ptr<Frontier>> frontiers; ///< of the next hop
};

struct DeviceSampler::OwnSlot {
  std::atomic<const StepSlot *> slot{nullptr}; ///< null: nobody's yet
  std::vector<MachineMemory> memory;           ///< by buffer
  uint64_t edges = 0;

  template <class T> T *get(int32_t buffer) const {
    return buffer < 0 ? nullptr : memory[size_t(buffer)].get<T>();
  }
  int32_t *rowsOf(const Sample &sample) const {
    const int32_t out = sample.info.op->outputs[2];
    return out >= 0 ? get<int32_t>(out) : sample.rows.get<int32_t>();
  }
};

bool DeviceSampler::supports(const plan::EntryT &entry) {
  bool any = false;
  for (const auto &op : entry.ops)
    if (const auto *a = op->attrs.AsSampleAttrs()) {
      any = true;
      if (a->blocks > 1)
        return false;
    }
  return any;
}

DeviceSampler::DeviceSampler(const plan::PlanT &plan, const plan::EntryT &entry,
                             const graph::GraphStore &graph, const Relations &relations,
                             SampleMachine &machine)
    : plan_(plan), entry_(entry), relations_(relations), machine_(machine),
      written_(entry.buffers.size()), typeWords_(machine_), typeRanks_(machine_),
      uniqueWords_(machine_), uniqueRanks_(machine_), tables_(machine_), sums_(machine_),
      totalSums_(machine_), hist_(machine_), lists_(std::make_unique<Lists>()) {
  exec::SamplingOps ops = exec::samplingOps(plan, entry, graph);
  auto hopAt = [&](uint32_t hop) -> Hop & {
    while (hops_.size() <= hop)
      hops_.push_back(std::make_unique<Hop>());
    return *hops_[hop];
  };
  std::vector<Sample *> byOp(entry.ops.size());
  size_t entries = 1;
  std::map<uint32_t, uint64_t> types; // where the words of a type's set begin
  for (size_t i = 0; i < entry.ops.size(); ++i)
    if (ops.samples[i].op) {
      auto &samples = hopAt(ops.samples[i].hop).samples;
      samples.push_back(std::make_unique<Sample>(std::move(ops.samples[i]), machine_));
      byOp[i] = samples.back().get();
      entries += 16;
    }
  for (size_t i = 0; i < entry.ops.size(); ++i)
    if (ops.frontiers[i].op) {
      // Frontiers of hop h join what is sampled at hop h - 1.
      auto &frontiers = hopAt(ops.frontiers[i].hop - 1).frontiers;
      frontiers.push_back(std::make_unique<Frontier>(std::move(ops.frontiers[i]), machine_));
      Frontier &frontier = *frontiers.back();
      for (size_t s : frontier.info.samples)
        frontier.joined.push_back(byOp[s]);
      auto [place, isNew] = types.try_emplace(frontier.info.type, typeSetWords_);
      frontier.firstWord = place->second;
      if (isNew)
        typeSetWords_ += uint64_t(frontier.numWords());
      entries += 16;
    }
  for (const auto &op : entry.ops) {
    const bool own = op->attrs.AsSampleAttrs() || op->attrs.AsFrontierAttrs();
    if (own)
      allStatic_ &= op->in_loop_static;
    for (int32_t b : op->outputs)
      if (own && b >= 0)
        written_[size_t(b)] = true;
  }
  for (const auto &op : entry.ops)
    if (op->attrs.AsSeedsAttrs())
      for (int32_t b : op->outputs)
        for (const auto &reader : entry.ops)
          if ((reader->attrs.AsSampleAttrs() || reader->attrs.AsFrontierAttrs()) && b >= 0 &&
              reader->inputs[0] == b &&
              std::find(seedsIds_.begin(), seedsIds_.end(), b) == seedsIds_.end())
            seedsIds_.push_back(b);
  for (uint32_t i = 0; i < std::max<uint32_t>(entry.slots, 2); ++i) {
    slots_.push_back(std::make_unique<OwnSlot>());
    for (size_t b = 0; b < entry.buffers.size(); ++b)
      slots_.back()->memory.emplace_back(machine_);
  }
  // A hop makes a dozen launches, each with a few tasks for an op at most.
  constexpr uint64_t largestTask = 256;
  tableBytes_ = entries * largestTask * 2 + hops_.size() * 64 * 64;
}

DeviceSampler::~DeviceSampler() {
  (void)machine_.enter();
  (void)machine_.synchronize();
  if (staging_)
    machine_.releaseHost(staging_);
}

void DeviceSampler::alsoOnHost(int32_t buffer, exec::MemoryBudget &budget) {
  for (const auto &[known, of] : wanted_)
    if (known == buffer)
      return;
  wanted_.emplace_back(buffer, &budget);
}

DeviceSampler::OwnSlot *DeviceSampler::slotOf(const StepSlot &slot) const {
  for (const auto &own : slots_)
    if (own->slot == &slot)
      return own.get();
  return nullptr;
}

uint64_t DeviceSampler::address(const StepSlot &slot, int32_t buffer) const {
  const OwnSlot *own = slotOf(slot);
  return own ? own->memory[size_t(buffer)].address() : 0;
}

absl::Status DeviceSampler::reserve(OwnSlot &own, int32_t buffer, int64_t elements) {
  if (buffer < 0)
    return absl::OkStatus();
  const plan::BufferT &description = *entry_.buffers[size_t(buffer)];
  const uint64_t bytes = uint64_t(elements * plan::sizeOf(description.dtype));
  return own.memory[size_t(buffer)].reserve(std::max<uint64_t>(bytes, 64), description.name);
}

template <class T> absl::StatusOr<const T *> DeviceSampler::table(const std::vector<T> &values) {
  const uint64_t bytes = (values.size() * sizeof(T) + 63) / 64 * 64;
  if (tableAt_ + bytes > tableBytes_)
    return internalError("sampling on a GPU: more tasks than were expected");
  std::memcpy(staging_ + tableAt_, values.data(), values.size() * sizeof(T));
  HEDDLE_RETURN_IF_ERROR(
      machine_.toDevice(tables_.address() + tableAt_, staging_ + tableAt_, bytes));
  const T *at = reinterpret_cast<const T *>(tables_.address() + tableAt_);
  tableAt_ += bytes;
  return at;
}

template <class Task>
absl::Status DeviceSampler::run(SampleKernel kernel, const Tasks<Task> &tasks,
                                kernels::Launch launch) {
  if (tasks.blocks() == 0)
    return absl::OkStatus();
  HEDDLE_ASSIGN_OR_RETURN(launch.tasks, table(tasks.tasks));
  HEDDLE_ASSIGN_OR_RETURN(launch.starts, table(tasks.starts));
  launch.count = uint32_t(tasks.tasks.size());
  launch.sums = sums_.get<Sum>();
  return machine_.launch(kernel, tasks.blocks(), launch);
}

template <class Task>
absl::Status DeviceSampler::total(SampleKernel count, const Tasks<Task> &tasks) {
  const uint64_t number = tasks.tasks.size();
  HEDDLE_RETURN_IF_ERROR(
      sums_.reserve(std::max<uint64_t>(tasks.blocks(), 1) * sizeof(Sum), "sampling"));
  HEDDLE_RETURN_IF_ERROR(run(count, tasks));
  kernels::Launch launch{};
  HEDDLE_ASSIGN_OR_RETURN(launch.starts, table(tasks.starts));
  launch.count = uint32_t(number);
  launch.sums = sums_.get<Sum>();
  launch.totals = totalSums_.get<Sum>();
  if (number > 0)
    HEDDLE_RETURN_IF_ERROR(machine_.launch(SampleKernel::scanSums, uint32_t(number), launch));
  HEDDLE_RETURN_IF_ERROR(machine_.toHost(totals_, totalSums_.address(), number * sizeof(Sum)));
  return machine_.synchronize();
}

absl::Status DeviceSampler::uploadSeeds(StepSlot &slot, OwnSlot &own) {
  for (int32_t b : seedsIds_) {
    const int64_t rows = int64_t(plan::evaluate(*entry_.buffers[size_t(b)]->rows, slot.symbols));
    HEDDLE_RETURN_IF_ERROR(reserve(own, b, rows));
    HEDDLE_RETURN_IF_ERROR(machine_.toDevice(own.memory[size_t(b)].address(), slot.get<int64_t>(b),
                                             uint64_t(rows) * 8));
  }
  return absl::OkStatus();
}

absl::Status DeviceSampler::sample(StepSlot &slot, uint64_t seed) {
  OwnSlot *found = slotOf(slot);
  for (size_t i = 0; !found && i < slots_.size(); ++i)
    if (!slots_[i]->slot) {
      found = slots_[i].get();
      found->slot = &slot;
    }
  if (!found)
    return internalError("sampling on a GPU: more slots than the entry has");
  OwnSlot &own = *found;
  if (allStatic_ && slot.sameSeeds) {
    slot.sampledEdges += own.edges;
    return absl::OkStatus();
  }
  HEDDLE_RETURN_IF_ERROR(machine_.enter());
  if (!staging_) {
    size_t most = 1;
    for (const auto &hop : hops_)
      most = std::max(most, hop->samples.size() + hop->frontiers.size());
    HEDDLE_ASSIGN_OR_RETURN(void *memory, machine_.allocateHost(tableBytes_ + most * sizeof(Sum)));
    staging_ = static_cast<char *>(memory);
    totals_ = reinterpret_cast<Sum *>(staging_ + tableBytes_);
    HEDDLE_RETURN_IF_ERROR(tables_.reserve(tableBytes_, "sampling"));
    HEDDLE_RETURN_IF_ERROR(typeWords_.reserve(typeSetWords_ * 8 + 8, "sampling"));
    HEDDLE_RETURN_IF_ERROR(typeRanks_.reserve(typeSetWords_ * 4 + 4, "sampling"));
    HEDDLE_RETURN_IF_ERROR(totalSums_.reserve(most * sizeof(Sum), "sampling"));
  }
  machine_.drop();
  tableAt_ = 0;
  own.edges = 0;
  HEDDLE_RETURN_IF_ERROR(uploadSeeds(slot, own));
  for (const auto &hop : hops_) {
    HEDDLE_RETURN_IF_ERROR(sampleHop(*hop, slot, own, seed));
    HEDDLE_RETURN_IF_ERROR(joinHop(*hop, slot, own));
    HEDDLE_RETURN_IF_ERROR(numberUnique(*hop, slot, own));
    HEDDLE_RETURN_IF_ERROR(transpose(*hop, own));
  }
  slot.sampledEdges += own.edges;
  return download(slot, own);
}

absl::Status DeviceSampler::sampleHop(Hop &hop, StepSlot &slot, OwnSlot &own, uint64_t seed) {
  auto &rows = lists_->rows;
  rows.clear();
  for (const auto &sample : hop.samples) {
    const exec::SampleInfo &info = sample->info;
    const RelationArrays &arrays = relations_[info.relation];
    kernels::RowsTask task{};
    task.ptr = arrays.ptr;
    task.sources32 = arrays.sources32;
    task.sources64 = arrays.sources64;
    task.ids = own.get<int64_t>(info.op->inputs[0]);
    task.rows = int64_t(slot.symbols[size_t(info.rowsSymbol)]);
    task.fanout = info.view->numEdges ? info.fanout : 0;
    task.relation = info.relation;
    task.hop = info.hop;
    rows.add(task, task.rows, kernels::rowsPerBlock);
  }
  HEDDLE_RETURN_IF_ERROR(total(SampleKernel::countRows, rows));
  for (size_t s = 0; s < hop.samples.size(); ++s) {
    Sample &sample = *hop.samples[s];
    const exec::SampleInfo &info = sample.info;
    const auto &out = info.op->outputs;
    kernels::RowsTask &task = rows.tasks[s];
    sample.edges = totals_[s].edges;
    sample.active = totals_[s].active;
    if (sample.edges > exec::maxLocal)
      return exec::tooMany(info.name, sample.edges);
    exec::setSymbol(slot, info.edgesSymbol, sample.edges);
    exec::setSymbol(slot, info.activeSymbol, sample.active);
    own.edges += uint64_t(sample.edges);
    HEDDLE_RETURN_IF_ERROR(reserve(own, out[0], sample.active));
    HEDDLE_RETURN_IF_ERROR(reserve(own, out[1], sample.active + 1));
    HEDDLE_RETURN_IF_ERROR(reserve(own, out[3], task.rows));
    for (int output : {2, 5, 6, 7})
      HEDDLE_RETURN_IF_ERROR(reserve(own, out[size_t(output)], sample.edges));
    auto scratch = [&](MachineMemory &memory, bool wanted, uint64_t width) -> absl::Status {
      return wanted
                 ? memory.reserve(std::max<uint64_t>(uint64_t(sample.edges) * width, 64), info.name)
                 : absl::OkStatus();
    };
    HEDDLE_RETURN_IF_ERROR(scratch(sample.sources, info.needSources, 8));
    HEDDLE_RETURN_IF_ERROR(scratch(sample.chosen, info.fanout > 0, 4));
    HEDDLE_RETURN_IF_ERROR(scratch(sample.spare, info.fanout > kernels::fewDraws, 4));
    HEDDLE_RETURN_IF_ERROR(scratch(sample.edgeActive, out[5] >= 0, 4));
    HEDDLE_RETURN_IF_ERROR(scratch(sample.rows, info.numbered && out[2] < 0, 4));
    task.dstPos = own.get<int32_t>(out[0]);
    task.inPtr = own.get<int32_t>(out[1]);
    task.rowPos = own.get<int32_t>(out[3]);
    task.edgeId = own.get<int64_t>(out[7]);
    task.sources = info.needSources ? sample.sources.get<int64_t>() : nullptr;
    task.edgeActive = out[5] >= 0 ? sample.edgeActive.get<int32_t>() : nullptr;
    task.chosen = sample.chosen.get<uint32_t>();
    task.spare = sample.spare.get<uint32_t>();
    if (task.rows == 0 && task.inPtr)
      HEDDLE_RETURN_IF_ERROR(machine_.fill(own.memory[size_t(out[1])].address(), 0, 4));
  }
  kernels::Launch launch{};
  launch.seed = seed;
  launch.step = uint32_t(slot.step);
  return run(SampleKernel::fillRows, rows, launch);
}

absl::Status DeviceSampler::joinHop(Hop &hop, StepSlot &slot, OwnSlot &own) {
  auto &[rows, marks, sets, numbers, inverts, transposes, finishes] = *lists_;
  marks.clear();
  sets.clear();
  numbers.clear();
  inverts.clear();
  auto previousOf = [&](const Frontier &f) {
    return std::pair(own.get<int64_t>(f.info.op->inputs[0]),
                     f.info.previousSymbol < 0
                         ? int64_t(0)
                         : int64_t(slot.symbols[size_t(f.info.previousSymbol)]));
  };
  uint64_t first = typeSetWords_, end = 0; // of the sets, with those of types between
  for (const auto &frontier : hop.frontiers) {
    first = std::min(first, frontier->firstWord);
    end = std::max(end, frontier->firstWord + uint64_t(frontier->numWords()));
  }
  if (first < end)
    HEDDLE_RETURN_IF_ERROR(machine_.fill(typeWords_.address() + first * 8, 0, (end - first) * 8));
  for (const auto &frontier : hop.frontiers) {
    uint64_t *words = typeWords_.get<uint64_t>() + frontier->firstWord;
    for (const Sample *sample : frontier->joined)
      marks.add({sample->sources.get<int64_t>(), nullptr, sample->edges, words}, sample->edges,
                kernels::itemsPerBlock);
    const auto [previous, count] = previousOf(*frontier);
    if (frontier->info.selfLink)
      marks.add({previous, nullptr, count, words}, count, kernels::itemsPerBlock);
    sets.add({words, typeRanks_.get<uint32_t>() + frontier->firstWord, frontier->numWords(), nullptr,
              nullptr, nullptr},
             frontier->numWords(), kernels::wordsPerBlock);
  }
  HEDDLE_RETURN_IF_ERROR(run(SampleKernel::mark, marks));
  HEDDLE_RETURN_IF_ERROR(total(SampleKernel::countSet, sets));
  for (size_t f = 0; f < hop.frontiers.size(); ++f) {
    Frontier &frontier = *hop.frontiers[f];
    const auto &out = frontier.info.op->outputs;
    frontier.rows = totals_[f].edges;
    if (frontier.rows > exec::maxLocal)
      return exec::tooMany("node type " + plan_.node_types[frontier.info.type]->name,
                           frontier.rows);
    exec::setSymbol(slot, frontier.info.rowsSymbol, frontier.rows);
    const auto [previous, count] = previousOf(frontier);
    HEDDLE_RETURN_IF_ERROR(reserve(own, out[0], frontier.rows));
    HEDDLE_RETURN_IF_ERROR(reserve(own, out[1], count));
    HEDDLE_RETURN_IF_ERROR(reserve(own, out[2], frontier.rows));
    kernels::SetTask &set = sets.tasks[f];
    set.ids = own.get<int64_t>(out[0]);
    auto add = [&](const int64_t *ids, int64_t n, int32_t *to) {
      numbers.add({ids, nullptr, n, set.words, set.ranks, to}, n, kernels::itemsPerBlock);
    };
    for (Sample *sample : frontier.joined) {
      sample->sourceRows = frontier.rows;
      if (sample->info.numbered)
        add(sample->sources.get<int64_t>(), sample->edges, own.rowsOf(*sample));
    }
    if (out[1] < 0 && out[2] >= 0)
      HEDDLE_RETURN_IF_ERROR(
          frontier.selfPos.reserve(std::max<uint64_t>(uint64_t(count) * 4, 64), "sampling"));
    int32_t *selfPos = out[1] >= 0   ? own.get<int32_t>(out[1])
                       : out[2] >= 0 ? frontier.selfPos.get<int32_t>()
                                     : nullptr;
    if (selfPos)
      add(previous, count, selfPos);
    if (out[2] >= 0) {
      set.none = own.get<int32_t>(out[2]);
      inverts.add({selfPos, count, own.get<int32_t>(out[2])}, count, kernels::itemsPerBlock);
    }
  }
  HEDDLE_RETURN_IF_ERROR(run(SampleKernel::listSet, sets));
  HEDDLE_RETURN_IF_ERROR(run(SampleKernel::number, numbers));
  return run(SampleKernel::invert, inverts);
}

absl::Status DeviceSampler::numberUnique(Hop &hop, StepSlot &slot, OwnSlot &own) {
  auto &[rows, marks, sets, numbers, inverts, transposes, finishes] = *lists_;
  marks.clear();
  sets.clear();
  numbers.clear();
  auto wordsOf = [](const Sample &sample) { return uint64_t(sample.sourceRows / 64 + 1); };
  uint64_t all = 0;
  for (const auto &sample : hop.samples)
    all += sample->info.unique ? wordsOf(*sample) : 0;
  if (all == 0)
    return absl::OkStatus();
  HEDDLE_RETURN_IF_ERROR(uniqueWords_.reserve(all * 8, "sampling"));
  HEDDLE_RETURN_IF_ERROR(uniqueRanks_.reserve(all * 4, "sampling"));
  HEDDLE_RETURN_IF_ERROR(machine_.fill(uniqueWords_.address(), 0, all * 8));
  uint64_t *words = uniqueWords_.get<uint64_t>();
  uint32_t *ranks = uniqueRanks_.get<uint32_t>();
  for (const auto &sample : hop.samples) {
    if (!sample->info.unique)
      continue;
    const int64_t numWords = int64_t(wordsOf(*sample));
    marks.add({nullptr, own.rowsOf(*sample), sample->edges, words}, sample->edges,
              kernels::itemsPerBlock);
    sets.add({words, ranks, numWords, nullptr, nullptr, nullptr}, numWords, kernels::wordsPerBlock);
    words += numWords;
    ranks += numWords;
  }
  HEDDLE_RETURN_IF_ERROR(run(SampleKernel::mark, marks));
  HEDDLE_RETURN_IF_ERROR(total(SampleKernel::countSet, sets));
  size_t next = 0;
  for (const auto &sample : hop.samples) {
    if (!sample->info.unique)
      continue;
    const auto &out = sample->info.op->outputs;
    kernels::SetTask &set = sets.tasks[next];
    const int64_t unique = totals_[next++].edges;
    exec::setSymbol(slot, sample->info.uniqueSymbol, unique);
    HEDDLE_RETURN_IF_ERROR(reserve(own, out[8], unique));
    HEDDLE_RETURN_IF_ERROR(reserve(own, out[9], sample->sourceRows));
    set.rows = own.get<int32_t>(out[8]);
    int32_t *sources = own.rowsOf(*sample);
    numbers.add({nullptr, sources, sample->edges, set.words, set.ranks, sources}, sample->edges,
                kernels::itemsPerBlock);
    if (out[9] >= 0)
      numbers.add(
          {nullptr, nullptr, sample->sourceRows, set.words, set.ranks, own.get<int32_t>(out[9])},
          sample->sourceRows, kernels::itemsPerBlock);
    sample->sourceRows = unique;
  }
  HEDDLE_RETURN_IF_ERROR(run(SampleKernel::listSet, sets));
  return run(SampleKernel::number, numbers);
}

absl::Status DeviceSampler::transpose(Hop &hop, OwnSlot &own) {
  auto &transposes = lists_->transposes;
  auto &finishes = lists_->finishes;
  transposes.clear();
  finishes.clear();
  int64_t most = 0;
  for (const auto &sample : hop.samples) {
    if (!sample->info.transposed)
      continue;
    const auto &out = sample->info.op->outputs;
    const uint64_t bytes = std::max<uint64_t>(uint64_t(sample->edges) * 4, 64);
    for (MachineMemory *memory :
         {&sample->keys[0], &sample->keys[1], &sample->values[0], &sample->values[1]})
      HEDDLE_RETURN_IF_ERROR(memory->reserve(bytes, sample->info.name));
    HEDDLE_RETURN_IF_ERROR(reserve(own, out[4], sample->sourceRows + 1));
    kernels::TransposeTask task{};
    task.rows = own.rowsOf(*sample);
    task.edges = sample->edges;
    task.sources = sample->sourceRows;
    for (int i : {0, 1}) {
      task.keys[i] = sample->keys[i].get<uint32_t>();
      task.values[i] = sample->values[i].get<uint32_t>();
    }
    task.edgeActive = sample->edgeActive.get<int32_t>();
    task.outPtr = own.get<int32_t>(out[4]);
    task.outDst = own.get<int32_t>(out[5]);
    task.outEdge = own.get<int32_t>(out[6]);
    transposes.add(task, task.edges, kernels::sortTile);
    finishes.add(task, task.edges + task.sources + 1, kernels::itemsPerBlock);
    most = std::max(most, task.sources);
  }
  if (transposes.tasks.empty())
    return absl::OkStatus();
  const uint32_t bits = uint32_t(std::bit_width(uint64_t(std::max<int64_t>(most, 2) - 1)));
  const uint32_t passes = (bits + kernels::digitBits - 1) / kernels::digitBits;
  HEDDLE_RETURN_IF_ERROR(hist_.reserve(
      (uint64_t(transposes.blocks()) + transposes.tasks.size()) * kernels::digits * 4, "sampling"));
  kernels::Launch launch{};
  HEDDLE_ASSIGN_OR_RETURN(launch.tasks, table(transposes.tasks));
  HEDDLE_ASSIGN_OR_RETURN(launch.starts, table(transposes.starts));
  launch.count = uint32_t(transposes.tasks.size());
  launch.hist = hist_.get<uint32_t>();
  for (; launch.pass < passes && transposes.blocks(); ++launch.pass) {
    HEDDLE_RETURN_IF_ERROR(machine_.launch(SampleKernel::sortCount, transposes.blocks(), launch));
    HEDDLE_RETURN_IF_ERROR(machine_.launch(SampleKernel::sortScan, launch.count * kernels::digits, launch));
    HEDDLE_RETURN_IF_ERROR(machine_.launch(SampleKernel::sortMove, transposes.blocks(), launch));
  }
  kernels::Launch finish{};
  finish.pass = passes;
  return run(SampleKernel::sortFinish, finishes, finish);
}

absl::Status DeviceSampler::download(StepSlot &slot, OwnSlot &own) {
  for (const auto &[b, budget] : wanted_) {
    const plan::BufferT &buffer = *entry_.buffers[size_t(b)];
    const uint64_t rows = plan::evaluate(*buffer.rows, slot.symbols);
    HEDDLE_RETURN_IF_ERROR(exec::growSlot(*budget, entry_, slot, b, rows * buffer.width));
    HEDDLE_RETURN_IF_ERROR(machine_.toHost(slot.memory[size_t(b)].data(),
                                           own.memory[size_t(b)].address(),
                                           plan::bufferBytes(buffer, slot.symbols)));
  }
  return machine_.synchronize();
}

} // namespace heddle::cuda
