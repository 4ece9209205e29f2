//===- EntryRunner.h - one straight-line entry, op by op --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_ENTRYRUNNER_H
#define HEDDLE_COMPILER_INTERPRETER_ENTRYRUNNER_H

#include "compiler/interpreter/ComputeOps.h"
#include "compiler/interpreter/Programs.h"

namespace heddle::compiler {

/// Holds the values of an entry while it runs. Defined in Entry.cpp for double and Dual.
template <class T> class EntryRunner {
public:
  EntryRunner(const Batch &batch, States<T> &states, Outputs<T> &outputs)
      : batch(batch), states(states), outputs(outputs) {
    context.seed = batch.input.seed;
    context.step = batch.input.step;
  }

  /// Those that `partition` keeps; -1: all.
  mlir::LogicalResult declareStates(int64_t partition = -1);
  /// Any op of an entry but a collective.
  mlir::LogicalResult run(mlir::Operation *op);

  RuntimeValue<T> lookup(mlir::Value value) const { return environment.lookup(value); }
  void assign(mlir::Value value, RuntimeValue<T> what) { environment[value] = std::move(what); }

private:
  llvm::SmallVector<RuntimeValue<T>> operandsOf(mlir::Operation *op) {
    llvm::SmallVector<RuntimeValue<T>> values;
    for (mlir::Value operand : op->getOperands())
      values.push_back(environment.lookup(operand));
    return values;
  }
  const Ids &ids(mlir::Value value) {
    return *std::get<std::shared_ptr<const Ids>>(environment.find(value)->second);
  }
  template <class V> mlir::LogicalResult set(mlir::Value result, llvm::FailureOr<V> value) {
    if (failed(value))
      return mlir::failure();
    environment[result] = std::move(*value);
    return mlir::success();
  }

  mlir::LogicalResult frontier(hgnn::FrontierOp op);
  mlir::LogicalResult fetchRows(hgnn::FetchRowsOp op);
  mlir::LogicalResult scalar(hgnn::ScalarOp op);
  mlir::LogicalResult launch(hgnn::LaunchOp op);

  const Batch &batch;
  States<T> &states;
  Outputs<T> &outputs;
  ComputeContext context;
  Environment<T> environment;
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_ENTRYRUNNER_H
