//===- CheckLayer.h - what a model's layers come to, checked -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CHECK_CHECKLAYER_H
#define HEDDLE_COMPILER_CHECK_CHECKLAYER_H

#include "runtime/base/Status.h"

#include <string>

namespace heddle::compiler {

struct LayerReport {
  std::string text;    ///< shapes of all values, the parameters, the gradients' check
  std::string problem; ///< the worst entry of a gradient that is wrong; empty: all agree
};

/// Reads a model spec and a graph's schema as heddle-compile does and says what the layers come to:
/// the kind and width of every value of message, self and update with the relations and node types
/// that they run for, and every parameter. Then all gradients are compared with finite differences
/// by the reference interpreter, on a few random nodes of the graph's kinds (checkGradients()).
/// Errors: as those of compileToPlan.
absl::StatusOr<LayerReport> checkLayers(const std::string &graph, const std::string &model);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CHECK_CHECKLAYER_H
