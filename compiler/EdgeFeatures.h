//===- EdgeFeatures.h - what a program reads of a relation's edges -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Unrolling and the reference interpreter of the model phase must agree on what hgnn.edge_feature
// gives for a relation and how wide it is, so it is decided here only.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_EDGEFEATURES_H
#define HEDDLE_COMPILER_EDGEFEATURES_H

#include "dialects/hgnn/Hgnn.h"

#include <optional>

namespace heddle::compiler {

/// What relation says of the feature that `op` reads: its dictionary, or null where the relation
/// has none and the program gives a default. Errors at `op`: a relation without it and no default,
/// a feature that is not dense.
llvm::FailureOr<mlir::DictionaryAttr> edgeFeatureOf(hgnn::EdgeFeatureOp op,
                                                    hgnn::RelationOp relation);

/// NAME of a size "edge.NAME" in the shape of a hgnn.param.
std::optional<llvm::StringRef> edgeFeatureOfSize(mlir::Attribute size);

/// The columns of feature `name` of a relation's edges: 1 where it has none, or is null.
int64_t widthOfEdgeFeature(hgnn::RelationOp relation, llvm::StringRef name);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_EDGEFEATURES_H
