//===- ModelPhase.h - what a module of the model phase says  ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_MODELPHASE_H
#define HEDDLE_PASSES_MODELPHASE_H

#include "dialects/hgnn/Hgnn.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

namespace heddle::passes {

/// A relation that the model uses.
struct Relation {
  hgnn::RelationOp op;
  mlir::FlatSymbolRefAttr symbol, source, destination;
};

/// What the module says, in canonical order.
struct Model {
  hgnn::TaskOp task;
  hgnn::SamplingOp sampling;
  llvm::SmallVector<hgnn::NodeTypeOp> types;
  llvm::SmallVector<Relation> relations;
  llvm::SmallVector<hgnn::LayerOp> layers;
  llvm::DenseMap<mlir::StringAttr, hgnn::InputOp> inputs; ///< by node type
  llvm::DenseMap<mlir::StringAttr, hgnn::NodeTypeOp> typeOf;
};

/// Reads `module`; an op that contradicts the rest gets an error at its place.
llvm::FailureOr<Model> readModel(mlir::ModuleOp module);

} // namespace heddle::passes

#endif // HEDDLE_PASSES_MODELPHASE_H
