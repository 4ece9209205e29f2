//===- LayerSizes.h - what texts of a layer program stand for ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Sizes and numbers of a layer may be texts over "in", "out" and the layer's arguments (attribute
// `args`). Unrolling, the reference interpreter and the front end must agree on them, so they are
// evaluated here only.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_LAYERSIZES_H
#define HEDDLE_COMPILER_LAYERSIZES_H

#include "dialects/hgnn/Hgnn.h"

namespace heddle::compiler {

/// What `text` gives in `layer` (null: without its names): numbers, names, + - * /, brackets and
/// sqrt(x). Errors, emitted at `op`: syntax, an unknown name (with the nearest one), a division by
/// zero, a root of a negative number, an argument that is no number.
llvm::FailureOr<double> evaluateNumber(mlir::Operation *op, llvm::StringRef text,
                                       hgnn::LayerOp layer);

/// A size: an integer, or a text that gives a whole number. In [1, 2^40], else an error at `op`.
llvm::FailureOr<int64_t> evaluateSize(mlir::Operation *op, mlir::Attribute size,
                                      hgnn::LayerOp layer);

/// Puts numbers in place of the texts of `layer`'s ops (heads, factor, alpha, p, the heads of a
/// softmax) and infers their result types anew. Errors are emitted at the ops.
llvm::LogicalResult evaluateLayer(hgnn::LayerOp layer);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_LAYERSIZES_H
