//===- Interpreter.h - executes every phase, slowly and in fp64 -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The reference that passes, generated kernels and the runtime are compared with: one loop per op,
// plain double, sums in canonical order. It shares with the runtime only the graph directory and the
// key specification. The same code run on dual numbers gives exact derivatives of the loss.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_INTERPRETER_H
#define HEDDLE_COMPILER_INTERPRETER_INTERPRETER_H

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace heddle::graph {
class GraphStore;
}

namespace heddle::compiler {

/// A row-major array.
struct NumericArray {
  std::vector<int64_t> shape;
  std::vector<double> data;
};
using NumericArrays = std::map<std::string, NumericArray>;

struct InterpreterInput {
  const graph::GraphStore *graph = nullptr; ///< may be null where no op reads the graph
  std::vector<int64_t> seeds;               ///< rows of the target type, ascending, unique: the global batch
  uint64_t seed = 0;                        ///< of all keys
  uint32_t step = 0;                        ///< global step; optimizers count t = step + 1
  std::vector<double> learningRates;        ///< per optimizer group; missing: lr of its hgnn.optimizer
  /// States by name; tables over nodes are [nodes, row shape...]. What is missing starts as its
  /// initialiser says, rounded to float so that compiled plans start from the same numbers.
  NumericArrays states;
};

struct InterpreterResult {
  /// By the name of hgnn.output: "loss" [1], "logits" [rows, classes], "ids" [rows], "grad:STATE".
  /// Rows come first in the shape of a value over rows, edges or active destinations.
  NumericArrays outputs;
  NumericArrays states; ///< all states after the step
  /// With partitions: bytes that went from one to another, by class ("activations", "dense_gradients",
  /// "embedding_rows", "remote_features"); numbers count 4 bytes, as on the wire.
  std::map<std::string, int64_t> bytes;
};

/// Runs the entry `entry` ("train_step" or "eval_step") of a module of any phase: hgnn.entry @entry
/// where there is one, else the hgnn.input / hgnn.layer programs (which give loss, logits and ids, and
/// leave the states as they are). With partitions (@"train_step:0", ...) all of them, in lock-step;
/// outputs and copies of states must have the same bits in all; rows that are split or spread over them
/// come together. Errors are diagnostics at the op.
llvm::FailureOr<InterpreterResult> interpret(mlir::ModuleOp module, llvm::StringRef entry,
                                             const InterpreterInput &input);

/// d/de of each output at e = 0 with every state moved by e times its entry in `direction` (missing: not
/// moved), exactly, by forward mode. Outputs that are ids are zeros.
llvm::FailureOr<NumericArrays> directionalDerivatives(mlir::ModuleOp module, llvm::StringRef entry,
                                                      const InterpreterInput &input,
                                                      const NumericArrays &direction);
/// The same of the output "loss" alone.
llvm::FailureOr<double> directionalDerivative(mlir::ModuleOp module, llvm::StringRef entry,
                                              const InterpreterInput &input,
                                              const NumericArrays &direction);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_INTERPRETER_H
