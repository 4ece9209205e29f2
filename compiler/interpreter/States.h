//===- States.h - parameters, tables and moments of a run -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_STATES_H
#define HEDDLE_COMPILER_INTERPRETER_STATES_H

#include "compiler/ParamNames.h"
#include "compiler/interpreter/Interpreter.h"
#include "compiler/interpreter/Values.h"

namespace heddle::compiler {

/// The states before the step (`initial`, which reads see) and after it (`next`). `direction` gives
/// derivatives to dual numbers.
template <class T> class States {
public:
  States(const InterpreterInput &input, const NumericArrays &direction)
      : input(input), direction(direction) {}

  /// Makes the state known: the given one, which must have this shape, or an initialised one. A table
  /// over nodes has rows = their number and `shape` of one row, other states rows = -1.
  llvm::LogicalResult declare(mlir::Operation *op, const std::string &name, int64_t rows,
                              std::vector<int64_t> shape, const Initializer &init);
  /// A declared state; null with an error at `op` for another name.
  const Tensor<T> *initial(mlir::Operation *op, llvm::StringRef name) const;
  Tensor<T> *next(mlir::Operation *op, llvm::StringRef name);
  /// Makes all rows of a declared table but [first, last) not a number: whoever reads one shows it.
  void keepRows(llvm::StringRef name, int64_t first, int64_t last);

  /// All states after the step; states that were given but not declared are passed on.
  NumericArrays results() const;

private:
  const InterpreterInput &input;
  const NumericArrays &direction;
  std::map<std::string, Tensor<T>> initialStates, nextStates;
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_STATES_H
