//===- Losses.h - the reference semantics of losses -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_LOSSES_H
#define HEDDLE_COMPILER_INTERPRETER_LOSSES_H

#include "compiler/interpreter/Values.h"

namespace heddle::compiler {

/// softmax_xent, sigmoid_xent and their gradients, in the words of HgnnComputeOps.td. Errors at `op`:
/// operands of other sizes than it takes.
template <class T>
llvm::FailureOr<Tensor<T>> computeLoss(mlir::Operation *op,
                                       llvm::ArrayRef<RuntimeValue<T>> operands);

/// What softmax_xent (single-label) or sigmoid_xent (multi-label) gives, width 1; errors at `at`.
template <class T>
llvm::FailureOr<Tensor<T>> rowLosses(mlir::Operation *at, const Tensor<T> &logits,
                                     std::shared_ptr<const Labels> labels,
                                     std::optional<llvm::ArrayRef<double>> classWeights);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_LOSSES_H
