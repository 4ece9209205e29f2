//===- Recompute.h - what kernels evaluate again -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_RECOMPUTE_H
#define HEDDLE_PASSES_RECOMPUTE_H

#include "passes/ExpectedRows.h"

namespace heddle::passes {

/// Decides, for values that several kernels read or that one reads once per edge, whether each
/// evaluates them again from what is stored, or one kernel stores them.
class Recompute {
public:
  /// What is known of a step so far.
  struct Known {
    llvm::function_ref<bool(mlir::Value)> isStored;      ///< there before any kernel reads it
    llvm::function_ref<bool(mlir::Operation *)> isLight; ///< evaluated where it is read
  };

  Recompute(Decision decision, const ExpectedRows *expected)
      : decision_(decision), expected_(expected) {}

  /// Whether `op`, which the kernels of `users` read, is evaluated in each of them. Never where it
  /// is more than arithmetic on numbers of one row, or made of something that is not stored.
  bool evaluatesAgain(mlir::Operation *op, llvm::ArrayRef<mlir::Operation *> users, Known known);
  const Tally &tally() const { return tally_; }

private:
  struct Leaves;
  bool collect(mlir::Operation *op, Known known, Leaves &leaves) const;

  Decision decision_;
  const ExpectedRows *expected_;
  Tally tally_;
};

} // namespace heddle::passes

#endif // HEDDLE_PASSES_RECOMPUTE_H
