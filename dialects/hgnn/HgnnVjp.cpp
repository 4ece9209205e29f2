//===- HgnnVjp.cpp - vector-Jacobian products ------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Each rule is checked against forward-mode derivatives and finite differences by the tests.
//
//===----------------------------------------------------------------------===//

#include "dialects/hgnn/Hgnn.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace heddle::hgnn;

#define HGNN_VJP(OpName)                                                                           \
  LogicalResult OpName::buildVjp(OpBuilder &builder, ValueRange gradResults,                       \
                                 MutableArrayRef<Value> gradOperands)

static int64_t width(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

HGNN_VJP(GatherSrcOp) {
  gradOperands[0] = ReduceSrcOp::create(builder, getLoc(), gradResults[0], getAdj());
  return success();
}
HGNN_VJP(GatherDstOp) {
  gradOperands[0] = ReduceDstOp::create(builder, getLoc(), gradResults[0], getAdj());
  return success();
}
HGNN_VJP(ReduceDstOp) {
  gradOperands[0] = GatherDstOp::create(builder, getLoc(), gradResults[0], getAdj());
  return success();
}
HGNN_VJP(ReduceSrcOp) {
  gradOperands[0] = GatherSrcOp::create(builder, getLoc(), gradResults[0], getAdj());
  return success();
}
HGNN_VJP(ExpandOp) {
  gradOperands[0] = RestrictOp::create(builder, getLoc(), gradResults[0], getAdj());
  return success();
}
HGNN_VJP(RestrictOp) {
  gradOperands[0] = ExpandOp::create(builder, getLoc(), gradResults[0], getAdj());
  return success();
}
HGNN_VJP(SelfGatherOp) {
  gradOperands[0] = SelfScatterOp::create(builder, getLoc(), gradResults[0], getLink());
  return success();
}
HGNN_VJP(SelfScatterOp) {
  gradOperands[0] = SelfGatherOp::create(builder, getLoc(), gradResults[0], getLink());
  return success();
}
HGNN_VJP(BroadcastRowsOp) {
  Value ids = isa<IdsType>(getLike().getType()) ? getLike() : Value();
  gradOperands[0] = ColSumOp::create(builder, getLoc(), gradResults[0], ids);
  return success();
}
HGNN_VJP(ColSumOp) {
  if (!getLike())
    return emitOpError("needs the ids of its rows to be differentiated");
  gradOperands[0] = BroadcastRowsOp::create(builder, getLoc(), gradResults[0], getLike());
  return success();
}

HGNN_VJP(LinearOp) {
  Value grad = gradResults[0];
  bool transposed = getTranspose();
  auto product = LinearOp::create(builder, getLoc(), grad, getWeight(), !transposed);
  gradOperands[0] = product;
  gradOperands[1] = transposed
                        ? LinearGradWeightOp::create(builder, getLoc(), grad, getInput())
                        : LinearGradWeightOp::create(builder, getLoc(), getInput(), grad);
  return success();
}
HGNN_VJP(LinearGradWeightOp) {
  // y = x^T g: dx = g dy^T, dg = x dy.
  Value grad = gradResults[0];
  gradOperands[0] = LinearOp::create(builder, getLoc(), getGrad(), grad, /*transpose=*/true);
  gradOperands[1] = LinearOp::create(builder, getLoc(), getInput(), grad, /*transpose=*/false);
  return success();
}
HGNN_VJP(HeadLinearOp) {
  Value grad = gradResults[0];
  bool transposed = getTranspose();
  int64_t heads = cast<FeatType>(getWeight().getType()).getShape()[0];
  gradOperands[0] = HeadLinearOp::create(builder, getLoc(), grad, getWeight(), !transposed);
  gradOperands[1] =
      transposed ? HeadLinearGradWeightOp::create(builder, getLoc(), grad, getInput(), heads)
                 : HeadLinearGradWeightOp::create(builder, getLoc(), getInput(), grad, heads);
  return success();
}
HGNN_VJP(HeadLinearGradWeightOp) {
  // y = x^T g for each head: dx = g dy^T, dg = x dy.
  Value grad = gradResults[0];
  gradOperands[0] = HeadLinearOp::create(builder, getLoc(), getGrad(), grad, /*transpose=*/true);
  gradOperands[1] = HeadLinearOp::create(builder, getLoc(), getInput(), grad, /*transpose=*/false);
  return success();
}
HGNN_VJP(SparseLinearOp) {
  gradOperands[1] = SparseLinearGradWeightOp::create(builder, getLoc(), getInput(), gradResults[0]);
  return success();
}

/// The gradient of a param that all rows shared, of what each row gives it.
static Value sumOverRows(OpBuilder &builder, Location loc, Value rows, Value param) {
  Value sum = ColSumOp::create(builder, loc, rows, Value());
  ArrayRef<int64_t> shape = cast<FeatType>(param.getType()).getShape();
  if (sum.getType() == param.getType())
    return sum;
  return ReshapeOp::create(builder, loc, sum, builder.getDenseI64ArrayAttr(shape));
}
static bool isParam(Value value) { return cast<FeatType>(value.getType()).getDomain().isParam(); }

HGNN_VJP(ScaleRowsOp) {
  Value grad = gradResults[0];
  bool rows = !isParam(getResult());
  Value ofInput = ScaleRowsOp::create(builder, getLoc(), grad, getScale());
  gradOperands[0] =
      rows && isParam(getInput()) ? sumOverRows(builder, getLoc(), ofInput, getInput()) : ofInput;
  // Normalisers are functions of the sampled graph alone; a scale made of them carries no gradient.
  Operation *scale = getScale().getDefiningOp();
  auto constant = [](Operation *op) {
    if (auto unary = dyn_cast_or_null<UnaryOp>(op))
      op = unary.getInput().getDefiningOp();
    return isa_and_nonnull<DegreeOp>(op);
  };
  if (constant(scale))
    return success();
  Value ofScale = RowDotOp::create(builder, getLoc(), grad, getInput(), width(getScale()));
  gradOperands[1] =
      rows && isParam(getScale()) ? sumOverRows(builder, getLoc(), ofScale, getScale()) : ofScale;
  return success();
}
HGNN_VJP(RowDotOp) {
  gradOperands[0] = ScaleRowsOp::create(builder, getLoc(), getRhs(), gradResults[0]);
  Value ofRhs = ScaleRowsOp::create(builder, getLoc(), getLhs(), gradResults[0]);
  gradOperands[1] = isParam(getRhs()) && !isParam(getLhs())
                        ? sumOverRows(builder, getLoc(), ofRhs, getRhs())
                        : ofRhs;
  return success();
}
HGNN_VJP(AddOp) {
  for (Value &grad : gradOperands)
    grad = gradResults[0];
  return success();
}
HGNN_VJP(MulOp) {
  gradOperands[0] = MulOp::create(builder, getLoc(), gradResults[0], getRhs());
  gradOperands[1] = MulOp::create(builder, getLoc(), gradResults[0], getLhs());
  return success();
}
HGNN_VJP(ScaleOp) {
  gradOperands[0] = ScaleOp::create(builder, getLoc(), gradResults[0], getFactorAttr());
  return success();
}
HGNN_VJP(AddBiasOp) {
  gradOperands[0] = gradResults[0];
  gradOperands[1] = ColSumOp::create(builder, getLoc(), gradResults[0], Value());
  return success();
}
HGNN_VJP(UnaryOp) {
  gradOperands[0] =
      UnaryGradOp::create(builder, getLoc(), getFnAttr(), getInput(), gradResults[0], getAlphaAttr());
  return success();
}
HGNN_VJP(DropoutOp) {
  gradOperands[0] =
      DropoutOp::create(builder, getLoc(), gradResults[0], getIds(), getP(), getSite(), getHeads());
  return success();
}
HGNN_VJP(LayerNormOp) {
  Value grad = gradResults[0];
  gradOperands[0] =
      LayerNormGradOp::create(builder, getLoc(), getInput(), getGamma(), grad, getEpsAttr());
  Value xhat = LayerNormXhatOp::create(builder, getLoc(), getInput(), getEpsAttr());
  Value product = MulOp::create(builder, getLoc(), grad, xhat);
  gradOperands[1] = ColSumOp::create(builder, getLoc(), product, Value());
  gradOperands[2] = ColSumOp::create(builder, getLoc(), grad, Value());
  return success();
}
HGNN_VJP(ConcatOp) {
  int64_t offset = 0;
  for (auto [grad, input] : llvm::zip(gradOperands, getInputs())) {
    int64_t size = width(input);
    grad = SliceOp::create(builder, getLoc(), gradResults[0], builder.getI64IntegerAttr(offset),
                           builder.getI64IntegerAttr(size));
    offset += size;
  }
  return success();
}
HGNN_VJP(SliceOp) {
  gradOperands[0] = PadOp::create(builder, getLoc(), gradResults[0], getOffsetAttr(),
                                  builder.getI64IntegerAttr(width(getInput())));
  return success();
}
HGNN_VJP(ReshapeOp) {
  gradOperands[0] = ReshapeOp::create(
      builder, getLoc(), gradResults[0],
      builder.getDenseI64ArrayAttr(cast<FeatType>(getInput().getType()).getShape()));
  return success();
}
HGNN_VJP(SoftmaxXentOp) {
  gradOperands[0] = SoftmaxXentGradOp::create(builder, getLoc(), getLogits(), getLabels(),
                                              gradResults[0], getClassWeightsAttr());
  return success();
}
HGNN_VJP(SigmoidXentOp) {
  gradOperands[0] = SigmoidXentGradOp::create(builder, getLoc(), getLogits(), getLabels(),
                                              gradResults[0], getClassWeightsAttr());
  return success();
}
