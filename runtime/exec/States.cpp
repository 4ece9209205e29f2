//===- States.cpp - the state registry's memory ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/States.h"

#include "runtime/exec/InitialRows.h"

#include <algorithm>
#include <cstring>

namespace heddle::exec {

namespace {
/// What travels at once, well within a transport's time for a call.
constexpr int64_t gatherBytes = int64_t(16) << 20;
} // namespace

absl::Status States::create(const plan::PlanT &plan, const graph::GraphStore &graph,
                            uint32_t partition, const std::vector<bool> &elsewhere) {
  partitions_ = plan.partitions;
  partition_ = partition;
  memory_.resize(plan.states.size());
  base_.resize(plan.states.size());
  gathered_.resize(plan.states.size());
  for (size_t i = 0; i < plan.states.size(); ++i) {
    const plan::StateT &state = *plan.states[i];
    uint64_t elements = 1, rows = 1;
    bool large = false;
    for (uint64_t extent : state.shape)
      large |= __builtin_mul_overflow(elements, extent, &elements);
    if (state.rows_type >= 0) {
      rows = static_cast<uint64_t>(
          graph.schema().nodeTypes[static_cast<size_t>(state.rows_type)].numNodes);
      large |= __builtin_mul_overflow(elements, rows, &elements);
    }
    uint64_t bytes = 0;
    large |= __builtin_mul_overflow(elements, uint64_t(plan::sizeOf(state.dtype)), &bytes);
    const bool here = elsewhere.empty() || !elsewhere[i];
    if (large || (here && !memory_[i].reserve(std::max<uint64_t>(bytes, 64))))
      return absl::ResourceExhaustedError(
          absl::string_view("state '" + state.name + "': the system has no " +
                            std::to_string(bytes >> 20) +
                            " MiB for it; use a smaller hidden_size or a machine with more memory"));
    StateView view;
    view.description = &state;
    view.data = base_[i] = memory_[i].data();
    view.rows = static_cast<int64_t>(rows);
    view.elements = static_cast<int64_t>(elements);
    view.bytes = static_cast<int64_t>(bytes);
    views_.push_back(view);
    kept_.push_back(plan::keepsState(state, partition));
    if (state.role == plan::StateRole::Hidden || !here)
      continue; // address space, until somebody infers
    auto [first, end] = range(i, partition);
    bytes_ += uint64_t(end - first) * uint64_t(plan::sizeOf(state.dtype));
  }
  return absl::OkStatus();
}

void States::attach(size_t state, void *base, StateRows &rows) {
  base_[state] = base;
  views_[state].tier = &rows;
}

void States::place(size_t state, void *memory) {
  base_[state] = views_[state].data = memory;
  bytes_ += uint64_t(views_[state].bytes);
}

std::pair<int64_t, int64_t> States::range(size_t state, uint32_t partition) const {
  const StateView &view = views_[state];
  if (!plan::keepsState(*view.description, partition))
    return {0, 0};
  if (!view.description->spread)
    return {0, view.elements};
  const int64_t width = view.rows ? view.elements / view.rows : 0;
  return {plan::blockBegin(view.rows, partition, partitions_) * width,
          plan::blockBegin(view.rows, int64_t(partition) + 1, partitions_) * width};
}

absl::Status States::send(const Partners &partners, size_t state, uint32_t source, uint32_t root) {
  auto [first, end] = range(state, source);
  const int64_t size = plan::sizeOf(views_[state].description->dtype);
  transport::Transport &transport = *partners.connections.compute;
  const transport::Tag tag = transport.tag(static_cast<int64_t>(state), statesOp);
  for (int64_t at = first * size; at < end * size; at += gatherBytes) {
    const int64_t bytes = std::min(gatherBytes, end * size - at);
    char *data = static_cast<char *>(views_[state].data) + at;
    const auto control = transport::Traffic::Control;
    HEDDLE_RETURN_IF_ERROR(
        partners.partition == root
            ? transport.receive(tag, control, static_cast<int>(source), data, bytes)
            : transport.send(tag, control, static_cast<int>(root), data, bytes));
  }
  return absl::OkStatus();
}

absl::Status States::gather(const Partners &partners, uint32_t root) {
  for (size_t i = 0; i < views_.size(); ++i) {
    const plan::StateT &state = *views_[i].description;
    if (plan::keepsState(state, root) && !state.spread)
      continue;
    for (uint32_t source = 0; source < partners.partitions; ++source) {
      // Of a state with copies one is enough; of one that is spread each has a part.
      const bool gives = state.spread ? source != root : source == state.partitions.front();
      if (gives && (partners.partition == root || partners.partition == source))
        HEDDLE_RETURN_IF_ERROR(send(partners, i, source, root));
    }
    if (partners.partition == root && !gathered_[i]) {
      gathered_[i] = true;
      auto [first, end] = range(i, root);
      bytes_ += static_cast<uint64_t>(views_[i].bytes) -
                uint64_t(end - first) * uint64_t(plan::sizeOf(state.dtype));
    }
  }
  return absl::OkStatus();
}

void States::initialize(uint64_t seed, ThreadPool &pool) {
  for (size_t i = 0; i < views_.size(); ++i) {
    const StateView &view = views_[i];
    if (!kept_[i] || !view.data)
      continue;
    const plan::StateT &state = *view.description;
    if (state.role == plan::StateRole::Hidden)
      continue;
    const int64_t columns = static_cast<int64_t>(plan::initialColumns(state));
    if (view.elements == 0 || columns == 0)
      continue;
    // Whole rows to a task; the thread that first writes a page decides where it lives. No page is
    // taken for rows that another partition keeps.
    const auto [firstElement, endElement] = range(i, partition_);
    const int64_t first = firstElement / columns, rows = endElement / columns - first;
    const int64_t rowsPerTask = std::max<int64_t>(1, 16384 / columns);
    pool.parallelFor((rows + rowsPerTask - 1) / rowsPerTask, [&](int64_t task, int) {
      int64_t begin = first + task * rowsPerTask,
              end = std::min(first + rows, begin + rowsPerTask);
      initialRows(state, seed, begin, end,
                  static_cast<char *>(view.data) +
                      begin * columns * static_cast<int64_t>(plan::sizeOf(state.dtype)));
    });
  }
}

} // namespace heddle::exec
