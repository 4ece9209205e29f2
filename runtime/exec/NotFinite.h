//===- NotFinite.h - finding what made a loss not finite ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_NOTFINITE_H
#define HEDDLE_RUNTIME_EXEC_NOTFINITE_H

#include "runtime/exec/States.h"

#include <functional>
#include <string>
#include <vector>

namespace heddle::exec {

/// The first state that the partition keeps with a number that is not finite, described, or "". Of
/// those that are in memory as a whole.
std::string badState(const States &states, uint32_t partition);

/// The same for rows of a table that goes through tiers: row ids[i] is in slot slotOf[i].
std::string badRow(const plan::StateT &state, const float *slots, const int64_t *slotOf,
                   const int64_t *ids, int64_t rows, int64_t width);

/// The same for the outputs of an op; `data` gives a buffer's data on the host.
std::string badOutput(const plan::EntryT &entry, const plan::OpT &op,
                      const std::vector<uint64_t> &symbols,
                      const std::function<const void *(int32_t)> &data);

/// Of an error by which partitions recognise what ended a step of another one.
inline constexpr const char *lossIs = ": the loss is ";
/// The error of a step; `culprit` may be "".
absl::Status lossNotFinite(uint64_t step, float loss, const std::string &culprit);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_NOTFINITE_H
