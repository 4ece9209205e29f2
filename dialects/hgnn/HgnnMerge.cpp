//===- HgnnMerge.cpp - terms of cross-relation combines that are no sum ----===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Inference and gradients of term, combine, combined and their gradient ops.
//
//===----------------------------------------------------------------------===//

#include "dialects/hgnn/HgnnInference.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace {

/// Ids of relations are exact as f32 below this.
constexpr int64_t maxLink = int64_t(1) << 24;

/// An op on terms: of a merge that has any.
LogicalResult hasTerms(Loc loc, StringRef op, MergeRule merge) {
  if (merge != Merge::Sum)
    return success();
  return emitOptionalError(loc, "'", op,
                           "' is for max, argmax and softmax; the terms of a sum are the ",
                           "values themselves");
}

/// The width of the value that `terms` are terms of.
FailureOr<int64_t> valueOf(Loc loc, StringRef op, MergeRule merge, FeatType terms) {
  if (failed(hasTerms(loc, op, merge)))
    return failure();
  int64_t width = valueWidth(merge, widthOf(terms));
  if (width == -1)
    return LogicalResult(emitOptionalError(
        loc, "'", op, "' needs terms of ", spelled(merge), " (",
        merge == Merge::Argmax ? "two numbers for each of the value"
        : merge.heads == 1     ? "the value's numbers and two more"
                               : "the value's numbers and two more for each head",
        "), got ", terms, "; say the same merge where they are made (hgnn.term)"));
  return width;
}

/// Rows where `like` is, one number each where `one`, else as many as `width`.
LogicalResult isBeside(Loc loc, StringRef op, StringRef name, FeatType type, FeatType like,
                       int64_t width) {
  if (type.getDomain() == like.getDomain() && agree(widthOf(type), width))
    return success();
  return emitOptionalError(
      loc, "'", op, "' needs ", name, " of width ",
      ShapedType::isDynamic(width) ? std::string("?") : std::to_string(width), " over ",
      like.getDomain(), ", got ", type,
      name == "a score" ? "; hgnn.row_dot with as many heads gives a number for each" : "");
}

/// What an argmax says its numbers come from: a relation, or `position` of edges.
LogicalResult checkLink(Loc loc, StringRef op, MergeRule merge, IntegerAttr attribute,
                        bool position) {
  int64_t link = attribute ? attribute.getInt() : -1;
  if (merge == Merge::Argmax && (position ? link != -1 : link < 0 || link >= maxLink))
    return emitOptionalError(
        loc, "'", op, "' of argmax needs the id of its relation as link, in [0, ", maxLink,
        "), or of edges their hgnn.edge_position; got ", link, position ? " beside that" : "");
  return success();
}

} // namespace

HGNN_INFER(TermOp, "tt?") {
  MergeRule merge = mergeOf(adaptor);
  FeatType in = tensor(adaptor.getInput());
  bool keyed = bool(adaptor.getKey());
  if (failed(hasTerms(loc, "term", merge)) ||
      failed(checkLink(loc, "term", merge, adaptor.getLinkAttr(), keyed)))
    return failure();
  if (in.getDomain().isParam())
    return emitOptionalError(loc, "'term' is of rows, got ", in);
  if (merge == Merge::Softmax ? !keyed : keyed && merge != Merge::Argmax)
    return emitOptionalError(loc, "'term' takes a score for softmax, for argmax of edges their ",
                             "positions, and for max nothing beside the value");
  if (keyed &&
      failed(isBeside(loc, "term", merge == Merge::Softmax ? "a score" : "a position",
                      tensor(adaptor.getKey()), in, merge == Merge::Softmax ? merge.heads : 1)))
    return failure();
  if (merge == Merge::Softmax && headWidth(widthOf(in), merge.heads) == -1)
    return emitOptionalError(loc, "'term' of ", spelled(merge), " needs a width that ", merge.heads,
                             " heads divide, got ", in, "; choose other heads or another width");
  results.push_back(in.withShape({termWidth(merge, widthOf(in))}));
  return success();
}

HGNN_INFER(TermGradOp, "t*") {
  MergeRule merge = mergeOf(adaptor);
  auto inputs = adaptor.getInputs();
  bool softmax = merge == Merge::Softmax;
  if (softmax ? inputs.size() != 2 && inputs.size() != 3 : inputs.size() != 1 && inputs.size() != 2)
    return emitOptionalError(loc,
                             "'term_grad' takes the gradient of the terms; for softmax also the ",
                             "score, and for the gradient of that also the value; for argmax of ",
                             "edges also their positions");
  if (merge == Merge::Max)
    return emitOptionalError(loc,
                             "'term_grad' of max does not know which relation won; use argmax");
  FeatType grad = tensor(inputs[0]);
  FailureOr<int64_t> width = valueOf(loc, "term_grad", merge, grad);
  if (failed(width) || failed(checkLink(loc, "term_grad", merge, adaptor.getLinkAttr(),
                                        !softmax && inputs.size() == 2)))
    return failure();
  if (inputs.size() > 1 && failed(isBeside(loc, "term_grad", softmax ? "a score" : "a position",
                                           tensor(inputs[1]), grad, softmax ? merge.heads : 1)))
    return failure();
  if (inputs.size() == 3 &&
      failed(isBeside(loc, "term_grad", "a value", tensor(inputs[2]), grad, *width)))
    return failure();
  results.push_back(grad.withShape({inputs.size() == 3 ? merge.heads : *width}));
  return success();
}

HGNN_INFER(CombineOp, "t*") {
  MergeRule merge = mergeOf(adaptor);
  if (adaptor.getInputs().empty())
    return emitOptionalError(loc, "'combine' needs at least one term");
  FeatType first = tensor(adaptor.getInputs().front());
  if (failed(valueOf(loc, "combine", merge, first)))
    return failure();
  PlacementAttr placement = first.getPlacement();
  if (placement.isPartial() && !placement.isPartial(merge))
    return emitOptionalError(loc, "'combine' of ", stringifyMerge(merge),
                             " takes terms of that merge, got ", first);
  for (Value input : adaptor.getInputs())
    if (tensor(input) != first)
      return emitOptionalError(loc, "'combine' needs terms of one type, got ", first, " and ",
                               tensor(input));
  results.push_back(first);
  return success();
}

HGNN_INFER(CombinedOp, "t") {
  FeatType in = tensor(adaptor.getInput());
  FailureOr<int64_t> width = valueOf(loc, "combined", mergeOf(adaptor), in);
  if (failed(width))
    return failure();
  results.push_back(in.withShape({*width}));
  return success();
}

HGNN_INFER(CombinedGradOp, "tt") {
  MergeRule merge = mergeOf(adaptor);
  FeatType merged = tensor(adaptor.getMerged());
  if (merge == Merge::Max)
    return emitOptionalError(loc,
                             "'combined_grad' of max does not know which relation won; use argmax");
  FailureOr<int64_t> width = valueOf(loc, "combined_grad", merge, merged);
  if (failed(width) || failed(isBeside(loc, "combined_grad", "a gradient",
                                       tensor(adaptor.getGrad()), merged, *width)))
    return failure();
  results.push_back(merged);
  return success();
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

LogicalResult TermOp::buildVjp(OpBuilder &builder, ValueRange gradResults,
                               MutableArrayRef<Value> gradOperands) {
  Location loc = getLoc();
  Value grad = gradResults[0];
  if (getMerge() == Merge::Max)
    return emitOpError("of max has no gradient: it does not know which relation won; use argmax");
  SmallVector<Value> inputs{grad};
  if (getKey())
    inputs.push_back(getKey());
  gradOperands[0] = TermGradOp::create(builder, loc, getMerge(), inputs, getLink());
  if (getMerge() != Merge::Softmax)
    return success();
  inputs.push_back(getInput());
  gradOperands[1] = TermGradOp::create(builder, loc, getMerge(), inputs, getLink());
  return success();
}
LogicalResult CombineOp::buildVjp(OpBuilder &, ValueRange gradResults,
                                  MutableArrayRef<Value> gradOperands) {
  for (Value &grad : gradOperands)
    grad = gradResults[0];
  return success();
}
LogicalResult CombinedOp::buildVjp(OpBuilder &builder, ValueRange gradResults,
                                   MutableArrayRef<Value> gradOperands) {
  if (getMerge() == Merge::Max)
    return emitOpError("of max has no gradient: it does not know which relation won; use argmax");
  gradOperands[0] =
      CombinedGradOp::create(builder, getLoc(), getMerge(), gradResults[0], getInput());
  return success();
}
