//===- HgnnProducts.cpp - result types of products -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "dialects/hgnn/HgnnInference.h"

using namespace mlir;
using namespace heddle::hgnn;

/// The width of a row; a param is a matrix, whose rows are those of the product.
static int64_t rowWidth(FeatType type) {
  return type.getDomain().isParam() && type.getShape().size() == 2 ? type.getShape()[1]
                                                                   : widthOf(type);
}

/// Rows that are as wide as `width`, of a param as many as `in` has.
static FeatType madeOf(FeatType in, int64_t width) {
  if (in.getDomain().isParam() && in.getShape().size() == 2)
    return in.withShape({in.getShape()[0], width});
  return in.withShape({width});
}

static FailureOr<FeatType> linearType(Loc loc, StringRef op, FeatType in, FeatType weight,
                                      bool transpose) {
  if (failed(isParam(loc, op, "weight", weight, 2)))
    return failure();
  if (weight.getShape().size() != 2) // a generic parameter
    return in.withShape({ShapedType::kDynamic});
  int64_t k = weight.getShape()[0], n = weight.getShape()[1];
  if (transpose)
    std::swap(k, n);
  int64_t last = in.getShape().empty() ? 1 : in.getShape().back();
  if (!agree(last, k))
    return emitOptionalError(loc, "'", op, "' of rows of width ", last, " needs a weight with ",
                             last, transpose ? " columns" : " rows", ", got ", weight,
                             "; change its `shape`, or the rows");
  return madeOf(in, n);
}

static FailureOr<FeatType> headLinearType(Loc loc, StringRef op, FeatType in, FeatType weight,
                                          bool transpose) {
  if (failed(isParam(loc, op, "weight", weight, 3)))
    return failure();
  if (weight.getShape().size() != 3) // a generic parameter
    return in.withShape({ShapedType::kDynamic});
  int64_t heads = weight.getShape()[0], k = weight.getShape()[1], n = weight.getShape()[2];
  if (transpose)
    std::swap(k, n);
  int64_t width = rowWidth(in), own = headWidth(width, heads);
  if (own == -1 || !agree(own, k))
    return emitOptionalError(loc, "'", op, "' of rows of width ", width,
                             " needs a weight of heads times ", width, " / heads, got ", weight,
                             "; change its `shape`: [heads, width / heads, new width / heads]");
  bool known = !ShapedType::isDynamic(n) && !ShapedType::isDynamic(heads);
  return madeOf(in, known ? heads * n : ShapedType::kDynamic);
}

HGNN_INFER(LinearOp, "tt") {
  FailureOr<FeatType> made = linearType(loc, "linear", tensor(adaptor.getInput()),
                                        tensor(adaptor.getWeight()), adaptor.getTranspose());
  if (succeeded(made))
    results.push_back(*made);
  return made;
}
HGNN_INFER(LinearGradWeightOp, "tt") {
  FeatType in = tensor(adaptor.getInput()), grad = tensor(adaptor.getGrad());
  if (failed(sameRows(loc, "linear_grad_weight", in, grad)))
    return failure();
  if (in.getShape().empty() || grad.getShape().empty())
    return emitOptionalError(loc, "'linear_grad_weight' needs rows with a width");
  results.push_back(param(context, {in.getShape().back(), grad.getShape().back()}));
  return success();
}
HGNN_INFER(HeadLinearOp, "tt") {
  FailureOr<FeatType> made = headLinearType(loc, "head_linear", tensor(adaptor.getInput()),
                                            tensor(adaptor.getWeight()), adaptor.getTranspose());
  if (succeeded(made))
    results.push_back(*made);
  return made;
}
HGNN_INFER(LinearSumOp, "t*") {
  const size_t terms = adaptor.getOperands().size() / 2;
  if (terms == 0 || adaptor.getOperands().size() != 2 * terms)
    return emitOptionalError(loc,
                             "'linear_sum' takes rows and as many weights, at least one of each");
  for (size_t i = 0; i < terms; ++i) {
    FeatType in = tensor(adaptor.getOperands()[i]),
             weight = tensor(adaptor.getOperands()[terms + i]);
    auto typeOf = weight.getShape().size() == 3 ? headLinearType : linearType;
    FailureOr<FeatType> made = typeOf(loc, "linear_sum", in, weight, adaptor.getTranspose());
    if (failed(made))
      return failure();
    if (results.empty())
      results.push_back(*made);
    FeatType first = cast<FeatType>(results.front());
    if (failed(sameRows(loc, "linear_sum", first, *made)))
      return failure();
    if (first.getShape() != made->getShape())
      return emitOptionalError(loc, "'linear_sum' adds products of one type; product ", i, " is ",
                               *made, ", the first ", first);
  }
  return success();
}
HGNN_INFER(HeadLinearGradWeightOp, "tt") {
  FeatType in = tensor(adaptor.getInput()), grad = tensor(adaptor.getGrad());
  if (failed(sameRows(loc, "head_linear_grad_weight", in, grad)))
    return failure();
  int64_t heads = adaptor.getHeadsAttr() ? adaptor.getHeadsAttr().getInt() : 0;
  int64_t k = headWidth(rowWidth(in), heads), n = headWidth(rowWidth(grad), heads);
  if (k == -1 || n == -1)
    return emitOptionalError(loc, "'head_linear_grad_weight' needs rows of ", heads, " heads, got ",
                             in, " and ", grad);
  results.push_back(param(context, {heads, k, n}));
  return success();
}
HGNN_INFER(SparseLinearOp, "st") {
  auto in = cast<SparseType>(adaptor.getInput().getType());
  FeatType weight = tensor(adaptor.getWeight());
  if (failed(isParam(loc, "sparse_linear", "weight", weight, 2)))
    return failure();
  int64_t n = weight.getShape().size() == 2 ? weight.getShape()[1] : ShapedType::kDynamic;
  if (weight.getShape().size() == 2 && !agree(weight.getShape()[0], in.getDim()))
    return emitOptionalError(loc, "'sparse_linear' of rows of dim ", in.getDim(),
                             " needs a weight with as many rows, got ", weight);
  results.push_back(FeatType::get(in.getDomain(), {n}));
  return success();
}
HGNN_INFER(SparseLinearGradWeightOp, "st") {
  auto in = cast<SparseType>(adaptor.getInput().getType());
  FeatType grad = tensor(adaptor.getGrad());
  if (in.getDomain() != grad.getDomain())
    return emitOptionalError(loc, "'sparse_linear_grad_weight' needs operands of one domain, got ",
                             in, " and ", grad);
  results.push_back(param(context, {in.getDim(), widthOf(grad)}));
  return success();
}
