//===- LayerShapes.h - the values of layer programs, in words ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CHECK_LAYERSHAPES_H
#define HEDDLE_COMPILER_CHECK_LAYERSHAPES_H

#include "dialects/hgnn/Hgnn.h"

#include <string>

namespace heddle::compiler {

/// One line for every value of every region of a module's layers: where it stands, what makes it,
/// of what it has rows and how wide they are. Widths are the same for all relations and types.
/// `model`: the module in the model phase; `unrolled`: the same in the metatree phase, which says
/// for which relations and types each layer runs.
llvm::FailureOr<std::string> describeLayers(mlir::ModuleOp model, mlir::ModuleOp unrolled);

/// One line for every parameter and table of an unrolled module: name, shape, initial values, how
/// many numbers; and their sum.
std::string describeParameters(mlir::ModuleOp unrolled);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CHECK_LAYERSHAPES_H
