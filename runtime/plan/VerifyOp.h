//===- VerifyOp.h - shapes of one op's buffers -------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_VERIFYOP_H
#define HEDDLE_RUNTIME_PLAN_VERIFYOP_H

#include "runtime/plan/VerifyContext.h"

namespace heddle::plan::verify {

/// What the checks of all kinds of ops ask about an op's inputs and outputs, and how they say what
/// is wrong with them. Every function returns false after an error.
class OpShape {
public:
  OpShape(Context &context, const EntryT &entry, size_t index, std::string place)
      : c_(context), e_(entry), index_(index), op_(*entry.ops[index]), place_(std::move(place)) {}

protected:
  bool fail(const std::string &what) { return c_.fail(place_, what); }
  std::string inputPlace(size_t i) const { return place_ + " input " + std::to_string(i); }
  std::string outputPlace(size_t i) const { return place_ + " output " + std::to_string(i); }

  bool checkIndex(int32_t buffer, const std::string &place);
  const BufferT &buffer(int32_t index) const { return *e_.buffers[static_cast<size_t>(index)]; }
  bool counts(size_t inputs, size_t outputs);
  /// At least one term, of so many inputs and outputs each.
  bool terms(size_t inputs, size_t outputs);
  bool queueIs(Queue queue);
  bool nodeType(uint32_t type);

  /// Present, of this dtype and, unless it is 0, of this width.
  bool typed(int32_t index, const std::string &place, DType dtype, uint64_t width);
  /// Rows are the symbol of that meaning, plus a constant.
  bool rowsAre(int32_t index, const std::string &place, SymbolKind kind, uint32_t hop, uint32_t id,
               uint64_t constant = 0);
  bool inSlot(int32_t index, const std::string &place);
  bool inArena(int32_t index, const std::string &place);
  bool constantElements(int32_t index, const std::string &place, uint64_t elements);

  /// An output of the sample or fetch queue that may be absent.
  bool slotOutput(size_t i, DType dtype, uint64_t width, SymbolKind kind, uint32_t hop, uint32_t id,
                  uint64_t constant = 0);
  /// The six arrays of sparse rows of (hop, type) from output `first` on, in the order of
  /// FetchSparseAttrs.
  bool sparseOutputs(uint32_t hop, uint32_t type, uint64_t dim, size_t first = 0);
  bool idsInput(size_t i, uint32_t hop, uint32_t type);
  /// The hop of an ids buffer of `type`, or -1 after an error.
  int64_t idsHop(size_t i, uint32_t type);

  Context &c_;
  const EntryT &e_;
  const size_t index_;
  const OpT &op_;
  std::string place_;
};

/// Those of rows that are spread and of split batches. Participants have been checked.
bool checkSpread(Context &context, const EntryT &entry, size_t index, const std::string &place);

/// The collectives; what all their participants must agree on is checkPartitions' part.
bool checkCollective(Context &context, const EntryT &entry, size_t index, const std::string &place);

} // namespace heddle::plan::verify

#endif // HEDDLE_RUNTIME_PLAN_VERIFYOP_H
