//===- StateFiles.cpp - copies of the state registry --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/StateFiles.h"

#include "runtime/train/Safetensors.h"

#include "nlohmann/json.hpp"

#include <algorithm>
#include <cstring>

namespace heddle::train {
namespace {

std::string dtypeName(plan::DType dtype) {
  std::string name = plan::EnumNameDType(dtype); // F32, BF16, U8, ...: safetensors spells alike
  return name;
}

/// What is learnt. Rows that inference keeps between layers are address space until it runs:
/// reading them would take their pages.
bool isWeight(const plan::StateT &state) {
  return state.checkpointed && partOf(state) == StatePart::Weights;
}

/// Calls block(first row, rows, memory for them) for some rows at a time.
template <class Block> absl::Status forEachBlock(const exec::StateView &view, const Block &block) {
  constexpr int64_t blockBytes = 1 << 20;
  const int64_t rowBytes = view.rows ? view.bytes / view.rows : 0;
  const int64_t together = std::max<int64_t>(1, blockBytes / std::max<int64_t>(1, rowBytes));
  std::vector<uint8_t> memory(size_t(std::min(view.rows, together) * rowBytes));
  for (int64_t first = 0; first < view.rows; first += together)
    HEDDLE_RETURN_IF_ERROR(block(first, std::min(together, view.rows - first), memory.data()));
  return absl::OkStatus();
}

} // namespace

StatePart partOf(const plan::StateT &state) {
  switch (state.role) {
  case plan::StateRole::Moment1:
  case plan::StateRole::Moment2:
  case plan::StateRole::RowSteps:
    return StatePart::Optimizer;
  default:
    return StatePart::Weights;
  }
}

absl::Status StateSnapshot::take(exec::Executor &executor) {
  std::vector<exec::StateView> states = executor.states();
  copies_.resize(states.size());
  for (size_t i = 0; i < states.size(); ++i) {
    if (!isWeight(*states[i].description) || !executor.keeps(i))
      continue;
    if (states[i].tier) {
      HEDDLE_RETURN_IF_ERROR(states[i].tier->copyTo(copies_[i].rows));
      continue;
    }
    const uint8_t *data = static_cast<const uint8_t *>(states[i].data);
    copies_[i].bytes.assign(data, data + states[i].bytes);
  }
  return absl::OkStatus();
}

absl::Status StateSnapshot::restore(exec::Executor &executor) const {
  std::vector<exec::StateView> states = executor.states();
  for (size_t i = 0; i < std::min(states.size(), copies_.size()); ++i) {
    const Copy &copy = copies_[i];
    if (copy.rows && states[i].tier)
      HEDDLE_RETURN_IF_ERROR(forEachBlock(states[i], [&](int64_t first, int64_t count, void *rows) {
        bool touched = false;
        for (int64_t row = first; row < first + count && !touched; ++row)
          touched = copy.rows->touched(row) || states[i].tier->touched(row);
        if (!touched)
          return absl::OkStatus();
        HEDDLE_RETURN_IF_ERROR(copy.rows->read(first, count, rows));
        return states[i].tier->write(first, count, rows);
      }));
    else if (!copy.bytes.empty() && int64_t(copy.bytes.size()) == states[i].bytes)
      std::memcpy(states[i].data, copy.bytes.data(), copy.bytes.size());
  }
  return absl::OkStatus();
}

std::vector<exec::StateView> StateSnapshot::views(exec::Executor &executor) const {
  std::vector<exec::StateView> out, states = executor.states();
  for (size_t i = 0; i < std::min(states.size(), copies_.size()); ++i)
    if (isWeight(*states[i].description) && executor.keeps(i)) {
      out.push_back(states[i]);
      out.back().tier = copies_[i].rows.get();
      out.back().data = const_cast<uint8_t *>(copies_[i].bytes.data());
    }
  return out;
}

bool keepsAll(exec::Executor &executor) {
  std::vector<exec::StateView> states = executor.states();
  for (size_t i = 0; i < states.size(); ++i)
    if (states[i].description->checkpointed && !executor.keeps(i))
      return false;
  return true;
}

absl::Status writeStates(const std::string &path, const std::vector<exec::StateView> &states,
                         StatePart part, std::map<std::string, std::string> metadata) {
  // By name: plans of the same model may have their states in any order.
  std::map<std::string, const exec::StateView *> views;
  for (const exec::StateView &view : states) {
    const plan::StateT &state = *view.description;
    if (state.checkpointed && partOf(state) == part)
      views.emplace(state.export_key.empty() ? state.name : state.export_key, &view);
  }
  std::vector<TensorInfo> tensors;
  nlohmann::json names = nlohmann::json::object();
  for (const auto &[name, view] : views) {
    const plan::StateT &state = *view->description;
    TensorInfo tensor;
    tensor.name = name;
    tensor.dtype = dtypeName(state.dtype);
    if (state.rows_type >= 0)
      tensor.shape.push_back(view->rows);
    tensor.shape.insert(tensor.shape.end(), state.shape.begin(), state.shape.end());
    names[tensor.name] = state.name;
    tensors.push_back(std::move(tensor));
  }
  metadata["format"] = "pt";
  metadata["states"] = names.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  HEDDLE_ASSIGN_OR_RETURN(auto writer,
                          SafetensorsWriter::create(path, tensors, metadata, /*force=*/true));
  size_t next = 0;
  for (const auto &[name, view] : views) {
    const size_t tensor = next++;
    if (!view->tier) {
      HEDDLE_RETURN_IF_ERROR(writer->append(tensor, view->data, view->bytes));
      continue;
    }
    const int64_t rowBytes = view->rows ? view->bytes / view->rows : 0;
    HEDDLE_RETURN_IF_ERROR(forEachBlock(*view, [&](int64_t first, int64_t count, void *rows) {
      HEDDLE_RETURN_IF_ERROR(view->tier->read(first, count, rows));
      return writer->append(tensor, rows, count * rowBytes);
    }));
  }
  return writer->finish();
}

} // namespace heddle::train
