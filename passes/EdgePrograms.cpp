//===- EdgePrograms.cpp - what programs read of edges comes to life ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "passes/Programs.h"

#include "compiler/EdgeFeatures.h"

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::compiler;

namespace heddle::passes {

FailureOr<Value> ProgramBuilder::edgeRows(EdgeFeatureOp op, Value adjacency) {
  auto adj = cast<AdjType>(adjacency.getType());
  auto relation = symbols.lookup<RelationOp>(adj.getRelation().getAttr());
  auto type = cast<FeatType>(op.getResult().getType());
  const bool any = ShapedType::isDynamic(type.getWidth());
  FailureOr<DictionaryAttr> feature = edgeFeatureOf(op, relation);
  if (failed(feature))
    return failure();
  if (!*feature)
    return EdgeConstantOp::create(builder, op.getLoc(), adjacency, op.getDefaultValueAttr(),
                                  builder.getI64IntegerAttr(any ? 1 : type.getWidth()))
        .getResult();
  int64_t width = widthOfEdgeFeature(relation, op.getName());
  if (!any && type.getWidth() != width)
    return op.emitError("reads '") << op.getName() << "' as " << type.getWidth()
                                   << " columns, of which @" << adj.getRelation().getValue()
                                   << " has " << width << "; write that width, or ? for any";
  Value &fetched = edgeReads[{adjacency, op.getNameAttr()}];
  if (!fetched)
    fetched = FetchEdgeOp::create(
        builder, op.getLoc(),
        FeatType::get(DomainAttr::edges(adj.getHop(), adj.getRelation()), {width}), adjacency,
        op.getNameAttr());
  return fetched;
}

static bool isZero(Value value) {
  auto same = value.getDefiningOp<EdgeConstantOp>();
  return same && same.getValue().isZero();
}

/// What an op makes of the zeros that stand for an edge feature which the relation does not have,
/// where that is known: a term of a score that such relations do without costs them nothing. Null:
/// not known.
FailureOr<Value> ProgramBuilder::foldZeroEdges(Operation *op, ArrayRef<Value> operands) {
  auto zero = llvm::find_if(operands, isZero);
  if (zero == operands.end())
    return Value();
  if (isa<AddOp>(op)) {
    SmallVector<Value> others;
    llvm::copy_if(operands, std::back_inserter(others), [](Value v) { return !isZero(v); });
    if (others.size() > 1)
      return AddOp::create(builder, op->getLoc(), others).getResult();
    return others.empty() ? *zero : others.front();
  }
  if (!isa<LinearOp, HeadLinearOp, RowDotOp, ScaleRowsOp, MulOp, ScaleOp>(op))
    return Value();
  // As wide as the op would make it.
  FailureOr<Operation *> created = recreate(builder, op, operands);
  if (failed(created))
    return failure();
  int64_t width = cast<FeatType>((*created)->getResult(0).getType()).getWidth();
  (*created)->erase();
  return EdgeConstantOp::create(builder, op->getLoc(),
                                zero->getDefiningOp<EdgeConstantOp>().getAdj(),
                                builder.getF64FloatAttr(0), builder.getI64IntegerAttr(width))
      .getResult();
}

/// Parameters of a relation that nothing reads, because it does not have the edge feature that they
/// are for, are none.
void ProgramBuilder::dropUnread(ArrayRef<Value> params) {
  for (Value value : params) {
    if (!value.use_empty())
      continue;
    auto read = value.getDefiningOp<ReadOp>();
    auto state = symbols.lookup<StateOp>(read.getState());
    reads.erase(read.getState());
    ofRelation.erase(value);
    read.erase();
    symbols.erase(state);
  }
}

} // namespace heddle::passes
