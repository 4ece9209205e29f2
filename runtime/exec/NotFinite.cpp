//===- NotFinite.cpp - finding what made a loss not finite -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/NotFinite.h"

#include "runtime/plan/PlanFile.h"

#include <cmath>

namespace heddle::exec {
namespace {

bool isFloat(plan::DType dtype) {
  return dtype == plan::DType::F32 || dtype == plan::DType::F64;
}
/// Index of the first element that is not finite, or -1.
int64_t badElement(const void *data, plan::DType dtype, uint64_t elements) {
  for (uint64_t i = 0; i < elements; ++i) {
    double value = dtype == plan::DType::F64 ? static_cast<const double *>(data)[i]
                                             : double(static_cast<const float *>(data)[i]);
    if (!std::isfinite(value))
      return static_cast<int64_t>(i);
  }
  return -1;
}

} // namespace

std::string badState(const States &states, uint32_t partition) {
  for (const StateView &view : states.views())
    if (view.data && isFloat(view.description->dtype) &&
        plan::keepsState(*view.description, partition)) {
      int64_t at = badElement(view.data, view.description->dtype, uint64_t(view.elements));
      if (at >= 0)
        return "'" + view.description->name + "' (element " + std::to_string(at) +
               "), a state that an earlier step made so";
    }
  return "";
}

std::string badRow(const plan::StateT &state, const float *slots, const int64_t *slotOf,
                   const int64_t *ids, int64_t rows, int64_t width) {
  for (int64_t i = 0; i < rows; ++i) {
    int64_t at = badElement(slots + slotOf[i] * width, plan::DType::F32, uint64_t(width));
    if (at >= 0)
      return "'" + state.name + "' (element " + std::to_string(ids[i] * width + at) +
             "), a state that an earlier step made so";
  }
  return "";
}

std::string badOutput(const plan::EntryT &entry, const plan::OpT &op,
                      const std::vector<uint64_t> &symbols,
                      const std::function<const void *(int32_t)> &data) {
  for (int32_t b : op.outputs) {
    if (b < 0 || !isFloat(entry.buffers[size_t(b)]->dtype))
      continue;
    const plan::BufferT &buffer = *entry.buffers[size_t(b)];
    uint64_t rows = plan::evaluate(*buffer.rows, symbols);
    int64_t at = badElement(data(b), buffer.dtype, rows * buffer.width);
    if (at >= 0)
      return "'" + (buffer.name.empty() ? "buffer " + std::to_string(b) : buffer.name) +
             "' (row " + std::to_string(uint64_t(at) / buffer.width) + ", column " +
             std::to_string(uint64_t(at) % buffer.width) + ") of op '" + op.name + "'" +
             (op.location.empty() ? "" : " from " + op.location);
  }
  return "";
}

absl::Status lossNotFinite(uint64_t step, float loss, const std::string &culprit) {
  std::string message = "step " + std::to_string(step) + lossIs +
                        (std::isnan(loss) ? "nan" : loss > 0 ? "inf" : "-inf") +
                        "; the first tensor that is not finite is " +
                        (culprit.empty() ? "the loss itself" : culprit) +
                        "; try a lower lr, max_grad_norm, or other features";
  return absl::AbortedError(absl::string_view(message));
}

} // namespace heddle::exec
