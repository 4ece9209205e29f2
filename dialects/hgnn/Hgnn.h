//===- Hgnn.h - the hgnn dialect ---------------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_DIALECTS_HGNN_HGNN_H
#define HEDDLE_DIALECTS_HGNN_HGNN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/hgnn/HgnnEnums.h.inc"

namespace heddle::hgnn {
/// A merge and, of softmax, how many heads it has. Where heads do not matter it is its enumerator.
struct MergeRule {
  Merge kind = Merge::Sum;
  int64_t heads = 1;
  MergeRule() = default;
  MergeRule(Merge kind, int64_t heads = 1) : kind(kind), heads(heads) {}
  operator Merge() const { return kind; }
  friend bool operator==(MergeRule, MergeRule) = default;
  friend bool operator==(MergeRule rule, Merge kind) { return rule.kind == kind; }
};
} // namespace heddle::hgnn

namespace heddle::hgnn {
/// A count or number of an op as it stands in the file: unknown (ShapedType::kDynamic), or not a
/// number, while it is an expression.
inline uint64_t countOf(mlir::Attribute attribute) {
  auto number = llvm::dyn_cast_or_null<mlir::IntegerAttr>(attribute);
  return uint64_t(number ? number.getInt() : mlir::ShapedType::kDynamic);
}
inline llvm::APFloat numberOf(mlir::Attribute attribute) {
  auto number = llvm::dyn_cast_or_null<mlir::FloatAttr>(attribute);
  return number ? number.getValue() : llvm::APFloat::getNaN(llvm::APFloat::IEEEdouble());
}
} // namespace heddle::hgnn

#include "dialects/hgnn/HgnnDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/hgnn/HgnnAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/hgnn/HgnnTypes.h.inc"

namespace heddle::hgnn {
/// How many numbers a term has whose value has `width`; unknown stays unknown.
int64_t termWidth(MergeRule merge, int64_t width);
/// How many numbers the value has whose terms have `width`; unknown stays unknown, -1 if there is
/// none.
int64_t valueWidth(MergeRule merge, int64_t width);
/// "sum", "softmax<4>": as the dialect writes it.
std::string spelled(MergeRule merge);

/// The placement of a value of one of the dialect's types; null for other types.
PlacementAttr placementOf(mlir::Type type);
/// The same type at another place; other types come back as they are.
mlir::Type withPlacement(mlir::Type type, PlacementAttr placement);
} // namespace heddle::hgnn

#include "dialects/hgnn/HgnnInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/hgnn/HgnnOps.h.inc"

namespace heddle::hgnn {
/// On dense products: the number of the group that is run together, tile by tile of its rows, within
/// an entry (hgnn-group-products).
inline constexpr llvm::StringLiteral productGroupName = "hgnn.group";

/// The merge whose terms a message yields: what a reduction of softmax over its edges gave. None
/// where it yields values.
std::optional<MergeRule> yieldedTerms(YieldOp yield);
} // namespace heddle::hgnn

#endif // HEDDLE_DIALECTS_HGNN_HGNN_H
