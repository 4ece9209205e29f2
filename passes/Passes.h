//===- Passes.h - the passes over hgnn ---------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_PASSES_H
#define HEDDLE_PASSES_PASSES_H

#include "dialects/hgnn/Hgnn.h"

#include "mlir/Pass/Pass.h"

namespace heddle::passes {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace heddle::passes

#endif // HEDDLE_PASSES_PASSES_H
