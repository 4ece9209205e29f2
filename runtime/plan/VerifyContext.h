//===- VerifyContext.h - shared parts of the plan verifier -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The verifier runs on plans from anywhere (its fuzzer has no checksum to stop it), so each part
// relies only on what an earlier part has checked: tables and names, then the shapes of each op,
// then the order of ops and the lifetimes of buffers.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_VERIFYCONTEXT_H
#define HEDDLE_RUNTIME_PLAN_VERIFYCONTEXT_H

#include "runtime/plan/PlanFile.h"

#include <string>

namespace heddle::plan::verify {

inline constexpr uint64_t maxRows = uint64_t(1) << 48;   ///< the keys hold 48 bits of a row
inline constexpr uint64_t maxScale = uint64_t(1) << 40;  ///< of an extent
inline constexpr uint32_t maxHop = 15;                   ///< the keys hold 4 bits of a hop
inline constexpr size_t maxNames = 65535;                ///< the keys hold 16 bits of an id
inline constexpr size_t numQueues = 5;

/// The first error wins; every check returns false after an error.
struct Context {
  explicit Context(const PlanT &plan) : plan(plan) {}

  const PlanT &plan;
  std::string error;

  bool fail(const std::string &place, const std::string &what) {
    if (!error.empty())
      return false;
    // The place may quote a name of the plan: whatever it is, the message stays one short line.
    error = (place.size() > 200 ? place.substr(0, 200) + "..." : place) + ": " + what;
    for (char &c : error)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        c = '?';
    return false;
  }
  bool check(bool ok, const std::string &place, const char *what) {
    return ok || fail(place, what);
  }
};

/// "N of M" for an index that is out of range.
inline std::string outOf(int64_t index, size_t count) {
  return std::to_string(index) + " is out of range (there are " + std::to_string(count) + ")";
}

inline std::string opPlace(const std::string &entry, size_t index, const OpT &op) {
  return entry + " op " + std::to_string(index) + (op.name.empty() ? "" : " '" + op.name + "'");
}

/// Extent is in range of the entry's symbols and cannot divide by zero or overflow by itself.
bool checkExtent(Context &context, const EntryT &entry, const Extent *extent,
                 const std::string &place);
/// Attributes, inputs and outputs of one op. Entry's tables have been checked.
bool checkOp(Context &context, const EntryT &entry, size_t index, const std::string &place);
/// Order, semaphores, lifetimes, symbols. Ops have been checked.
bool checkFlow(Context &context, const EntryT &entry, const std::string &place);

/// What the entries of several partitions must agree on. Each entry has been checked by itself.
bool checkPartitions(Context &context);
/// Of features that entries fetch. Each entry has been checked by itself.
bool checkCaches(Context &context);

inline bool sameExtent(const Extent &a, const Extent &b) {
  if (a.symbol() < 0 && b.symbol() < 0)
    return a.constant() == b.constant();
  return a.symbol() == b.symbol() && a.divisor() == b.divisor() && a.scale() == b.scale() &&
         a.constant() == b.constant();
}

} // namespace heddle::plan::verify

#endif // HEDDLE_RUNTIME_PLAN_VERIFYCONTEXT_H
