//===- Products.h - the reference semantics of products ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_PRODUCTS_H
#define HEDDLE_COMPILER_INTERPRETER_PRODUCTS_H

#include "compiler/interpreter/Values.h"

namespace heddle::compiler {

/// linear, head_linear, sparse_linear and the gradients of their weights, in the words of
/// HgnnComputeOps.td. Errors at `op`: operands of other sizes than it takes.
template <class T>
llvm::FailureOr<Tensor<T>> computeProduct(mlir::Operation *op,
                                          llvm::ArrayRef<RuntimeValue<T>> operands);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_PRODUCTS_H
