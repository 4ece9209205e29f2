//===- Gradients.h - gradients against finite differences --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CHECK_GRADIENTS_H
#define HEDDLE_COMPILER_CHECK_GRADIENTS_H

#include "compiler/interpreter/Interpreter.h"

#include <string>
#include <vector>

namespace heddle::compiler {

/// The gradient of one parameter (or table of learnable rows) along a random unit direction u of
/// it.
struct GradientCheck {
  std::string parameter;
  double finite = 0;   ///< (loss(w + t u) - loss(w - t u)) / 2t
  double computed = 0; ///< gradient . u
  double norm = 0;     ///< of the whole gradient
  bool ok = false;     ///< apart by at most 1e-6 norm + 1e-9 max(1, |loss|)
  /// Where it is not ok: an entry with a large difference, found by halving the parameter, and the
  /// two derivatives by it.
  std::vector<int64_t> entry;
  double entryFinite = 0, entryComputed = 0;
};

/// Compares the gradients of all states of `input.states`. `forward`: a module with an entry
/// @train_step that gives "loss"; `step`: its training phase with SGD of learning rate 1 for both
/// groups, without momentum, decay or clipping, so that what a step takes off a state is its
/// gradient. A parameter that fails is tried along two more directions with other steps first: a
/// direction may cross the corner of a relu. Failure (a diagnostic): what the interpreter refuses.
llvm::FailureOr<std::vector<GradientCheck>>
checkGradients(mlir::ModuleOp forward, mlir::ModuleOp step, const InterpreterInput &input);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CHECK_GRADIENTS_H
