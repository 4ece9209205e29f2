//===- Target.h - the processors that kernels are compiled for -------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CODEGEN_TARGET_H
#define HEDDLE_COMPILER_CODEGEN_TARGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace heddle::compiler {

struct TargetSpec {
  llvm::StringRef name; ///< as in the plan
  llvm::StringRef triple;
  llvm::StringRef cpu;
  int lanes;                ///< f32 lanes of a vector register: 4, 8 or 16; of a GPU's widest load
  bool shipped = true;      ///< false: for tests only
  llvm::StringRef features; ///< of a GPU: the lowest PTX version that knows it
  bool isGpu() const { return !features.empty(); }
};

/// All known CPU levels and GPUs, lowest first per architecture.
llvm::ArrayRef<TargetSpec> allTargets();
/// Null if unknown or if LLVM here lacks the back end.
const TargetSpec *findTarget(llvm::StringRef name);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CODEGEN_TARGET_H
