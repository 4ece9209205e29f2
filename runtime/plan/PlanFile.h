//===- PlanFile.h - load, verify and save plan files -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A plan is used in memory as plan::PlanT, the plain structs that flatc generates from plan.fbs.
// loadPlan verifies the file completely (structure, bounds, ids, shapes, sizes, checksums); the
// executor relies on it and checks none of it again.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_PLANFILE_H
#define HEDDLE_RUNTIME_PLAN_PLANFILE_H

#include "runtime/base/Status.h"
#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::plan {

inline constexpr uint16_t planMajor = 1;
inline constexpr uint16_t planMinor = 9;
inline constexpr uint64_t knownFeatures = 0;

/// Reads and verifies `path`. Errors name the file, the place ("entry 1 op 17 input 2") and the
/// remedy ("recompile with heddle-compile", "written by a newer heddle, major 2").
absl::StatusOr<std::unique_ptr<PlanT>> loadPlan(const std::string &path);

/// The same from memory; `name` stands for the file in messages.
absl::StatusOr<std::unique_ptr<PlanT>> parsePlan(const uint8_t *bytes, size_t size,
                                                 const std::string &name);

/// Semantic verification of an unpacked plan: every index in range, dtypes and widths as each op's
/// table in plan.fbs says, waves ascending per queue, an op reads only what an earlier wave or a
/// waited-for queue wrote, regions hold buffers that are never alive together, semaphores signalled
/// once, kernels with the right number of arguments; with several partitions, an entry of each kind
/// for each of them, that agree on every collective. Also run by the plan writer on what it wrote.
absl::Status verifyPlan(const PlanT &plan);

/// Serialises (sorted, deterministic: the same plan gives the same bytes).
std::vector<uint8_t> serializePlan(const PlanT &plan);
/// Writes atomically; an existing file is refused without `force`.
absl::Status savePlan(const PlanT &plan, const std::string &path, bool force);

/// Whether the partition keeps a copy of the state.
bool keepsState(const StateT &state, uint32_t partition);
/// Whether the index of such a symbol is a relation's; else it is a node type's.
inline bool isOfRelation(SymbolKind kind) {
  return kind == SymbolKind::Edges || kind == SymbolKind::Active || kind == SymbolKind::Unique;
}
/// Bytes of one element.
int64_t sizeOf(DType dtype);
/// scale * ceil(value / divisor) + constant with overflow saturated; value of symbol -1 is 0.
uint64_t evaluate(const Extent &extent, const std::vector<uint64_t> &symbolValues);
/// Bytes of `buffer` with these symbol values, saturated.
uint64_t bufferBytes(const BufferT &buffer, const std::vector<uint64_t> &symbolValues);
/// Regions' sizes from symbol values: the straight-line memory program. Returns the total and fills
/// `offsets` (one per region).
uint64_t layoutArena(const EntryT &entry, const std::vector<uint64_t> &symbolValues,
                     std::vector<uint64_t> &offsets);

/// zlib. Longer text is cut off when it is compressed and refused when it is read.
inline constexpr uint64_t maximumText = uint64_t(256) << 20; ///< bytes
std::vector<uint8_t> compressText(std::string_view text);
absl::StatusOr<std::string> decompressText(const std::vector<uint8_t> &bytes, uint64_t size);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_PLANFILE_H
