//===- Programs.h - the two forms that a step's program has -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_PROGRAMS_H
#define HEDDLE_COMPILER_INTERPRETER_PROGRAMS_H

#include "compiler/interpreter/Batch.h"
#include "compiler/interpreter/States.h"

namespace heddle::compiler {

template <class T> using Outputs = std::map<std::string, RuntimeValue<T>>;

/// Runs the straight-line program of an hgnn.entry (metatree and later phases).
template <class T>
llvm::LogicalResult runEntry(hgnn::EntryOp entry, const Batch &batch, States<T> &states,
                             Outputs<T> &outputs);

/// What the entries of all partitions did together.
template <class T> struct PartitionedStep {
  Outputs<T> outputs;
  NumericArrays states;
  std::map<std::string, int64_t> bytes; ///< sent, by class of traffic
};

/// Runs the entries of one kind, by partition, in lock-step: each until its next collective, which runs
/// when all its partitions are there. Every partition has copies of the states that it keeps. Errors:
/// a collective that someone never comes to; copies or outputs whose bits differ afterwards.
template <class T>
llvm::FailureOr<PartitionedStep<T>> runPartitions(llvm::ArrayRef<hgnn::EntryOp> entries,
                                                  const Batch &batch,
                                                  const NumericArrays &direction);

/// Runs the hgnn.input and hgnn.layer programs (model phase). `train` chooses fan-outs and dropout.
template <class T>
llvm::LogicalResult runModel(const Batch &batch, bool train, States<T> &states, Outputs<T> &outputs);

/// optimizer_step and row_optimizer_step. `operands` are the op's; `names`: the state, then its moments.
template <class T>
llvm::LogicalResult optimizerStep(mlir::Operation *op, llvm::ArrayRef<RuntimeValue<T>> operands,
                                  llvm::ArrayRef<llvm::StringRef> names, const Batch &batch,
                                  States<T> &states);

/// The module's hgnn.optimizer of a group; an error at `op` if there is none.
llvm::FailureOr<hgnn::OptimizerOp> optimizerOf(mlir::Operation *op, const Batch &batch, int64_t group);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_PROGRAMS_H
