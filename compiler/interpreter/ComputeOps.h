//===- ComputeOps.h - the reference semantics of compute ops ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_COMPUTEOPS_H
#define HEDDLE_COMPILER_INTERPRETER_COMPUTEOPS_H

#include "compiler/interpreter/Values.h"

namespace heddle::compiler {

/// What an op may need beside its operands.
struct ComputeContext {
  uint64_t seed = 0;
  uint32_t step = 0;
  bool dropout = true; ///< false: dropout is the identity
  /// In the regions of the model phase dropout has no ids: the rows that `src`, `dst` and `edge` are.
  std::shared_ptr<const Ids> source, destination, edge;
};

/// Whether compute() knows the op.
bool isComputeOp(mlir::Operation *op);

/// The result of a compute op (HgnnComputeOps.td but for `scalar`). `operands` are the op's operands in
/// order. Errors (diagnostics at the op): operands of other sizes, kinds or domains than the op takes.
/// Instantiated for double and Dual.
template <class T>
llvm::FailureOr<RuntimeValue<T>> compute(mlir::Operation *op, llvm::ArrayRef<RuntimeValue<T>> operands,
                                         const ComputeContext &context);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_COMPUTEOPS_H
