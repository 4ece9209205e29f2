//===- DeviceFunctions.h - what every GPU library has ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CODEGEN_DEVICEFUNCTIONS_H
#define HEDDLE_COMPILER_CODEGEN_DEVICEFUNCTIONS_H

#include "mlir/IR/BuiltinOps.h"

namespace heddle::compiler {

/// Adds the functions of runtime/plan/GpuCode.h: ops of a plan that are no generated kernels.
void emitDeviceFunctions(mlir::ModuleOp module, int lanes);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CODEGEN_DEVICEFUNCTIONS_H
