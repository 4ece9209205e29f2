//===- Operands.h - what an op is given at run time -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_OPERANDS_H
#define HEDDLE_COMPILER_INTERPRETER_OPERANDS_H

#include "compiler/interpreter/Values.h"

namespace heddle::compiler {

/// The run-time operands of an op, and errors at the op where they do not fit.
template <class T> class Operands {
protected:
  Operands(mlir::Operation *op, llvm::ArrayRef<RuntimeValue<T>> operands)
      : op(op), operands(operands) {}

  const Tensor<T> &tensor(unsigned i) const { return std::get<Tensor<T>>(operands[i]); }
  template <class Kind> const Kind &object(unsigned i) const {
    return *std::get<std::shared_ptr<const Kind>>(operands[i]);
  }
  const Adjacency &adjacency(unsigned i) const {
    return *std::get<std::shared_ptr<Adjacency>>(operands[i]);
  }
  /// An error if `ok` is false.
  llvm::LogicalResult need(bool ok, const llvm::Twine &what) {
    return ok ? llvm::success() : llvm::LogicalResult(op->emitError("interpreting: ") << what);
  }
  llvm::LogicalResult needRows(const Tensor<T> &tensor, int64_t rows, const llvm::Twine &what) {
    return need(tensor.rows == rows,
                what + " has " + llvm::Twine(tensor.rows) + " rows where " + llvm::Twine(rows) + " are needed");
  }
  llvm::LogicalResult needAlike(const Tensor<T> &a, const Tensor<T> &b) {
    return need(a.rows == b.rows && a.width() == b.width(), "operands differ in rows or width");
  }
  llvm::LogicalResult needVector(const Tensor<T> &vector, int64_t width) {
    return need(vector.isParam() && vector.width() == width,
                "needs a parameter of " + llvm::Twine(width) + " numbers");
  }

  mlir::Operation *op;
  llvm::ArrayRef<RuntimeValue<T>> operands;
};

} // namespace heddle::compiler

/// In a template, names of a base that depends on T are not found by themselves.
#define HEDDLE_USE_OPERANDS(T)                                                                     \
  using Operands<T>::op;                                                                           \
  using Operands<T>::operands;                                                                     \
  using Operands<T>::tensor;                                                                       \
  using Operands<T>::need;                                                                         \
  using Operands<T>::needRows;                                                                     \
  using Operands<T>::needAlike;                                                                    \
  using Operands<T>::needVector;                                                                   \
  using Operands<T>::adjacency;                                                                    \
  template <class Kind> const Kind &object(unsigned i) const {                                     \
    return Operands<T>::template object<Kind>(i);                                                  \
  }

#endif // HEDDLE_COMPILER_INTERPRETER_OPERANDS_H
