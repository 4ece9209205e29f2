//===- HgnnInference.cpp - result types of compute ops ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// One function per op serves the verifier (inferred and written type must agree), the parser (result
// types are not written) and the unroll pass (a generic program is instantiated by inference). In a
// generic program a width may be unknown (?); unknown agrees with everything.
//
//===----------------------------------------------------------------------===//

#include "dialects/hgnn/HgnnInference.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace {

LogicalResult sameWidth(Loc loc, StringRef op, FeatType a, FeatType b) {
  if (agree(widthOf(a), widthOf(b)))
    return success();
  return emitOptionalError(loc, "'", op, "' needs operands of one width, got ", a, " and ", b,
                           "; hgnn.linear changes widths, and `shape` says a parameter's");
}
enum class Side { Source, Edge, Active, Destination };

/// The domain of one side of an adjacency.
DomainAttr sideDomain(AdjType adj, Side side) {
  MLIRContext *context = adj.getContext();
  if (adj.isGeneric())
    return DomainAttr::generic(context, side == Side::Source ? DomainKind::Src
                                        : side == Side::Edge ? DomainKind::Edge
                                                             : DomainKind::Dst);
  switch (side) {
  case Side::Source: return adj.sourceDomain();
  case Side::Edge: return DomainAttr::edges(adj.getHop(), adj.getRelation());
  case Side::Active: return DomainAttr::active(adj.getHop(), adj.getRelation());
  case Side::Destination: return DomainAttr::rows(adj.getHop(), adj.getDestination());
  }
  return {};
}

LogicalResult checkSide(Loc loc, StringRef op, FeatType type, AdjType adj, Side side) {
  if (type.getDomain() == sideDomain(adj, side))
    return success();
  StringRef what = side == Side::Source        ? adj.getUnique()
                                                     ? "the distinct sources of that adjacency"
                                                     : "rows of the source type one hop further"
                   : side == Side::Edge        ? "the edges of that adjacency"
                   : side == Side::Active      ? "the active destinations of that adjacency"
                                               : "rows of the destination type at that hop";
  StringRef remedy = side == Side::Source ? adj.getUnique()
                                                ? "hgnn.self_gather by the link of hgnn.sources brings rows there"
                                                : "its rows are the second argument of `message`"
                     : side == Side::Edge
                         ? "hgnn.gather_src and hgnn.gather_dst bring rows to edges"
                         : "hgnn.reduce_dst brings edge values there, hgnn.restrict rows";
  return emitOptionalError(loc, "'", op, "' needs a value over ", what, "; got ", type, " with ",
                           adj, "; ", remedy);
}

char kindOf(Type type) {
  return isa<FeatType>(type)     ? 't'
         : isa<AdjType>(type)    ? 'a'
         : isa<LinkType>(type)   ? 'l'
         : isa<IdsType>(type)    ? 'i'
         : isa<SparseType>(type) ? 's'
         : isa<LabelsType>(type) ? 'b'
                                 : '-';
}

/// Whether f(sums of terms) = sum of f(terms): all operands are terms, or none is.
bool isLinearInAll(StringRef op) {
  return op == "hgnn.add" || op == "hgnn.concat" || op == "hgnn.scale";
}
/// The operands (one bit each) in which an op is linear while the others are fixed: one of them may be a
/// term, if all partitions have the others. Gradients of what parameters are made of go this way.
unsigned linearOperands(StringRef op) {
  return llvm::StringSwitch<unsigned>(op)
      .Cases({"hgnn.reshape", "hgnn.slice", "hgnn.pad", "hgnn.scale_by"}, 1)
      .Cases({"hgnn.linear", "hgnn.linear_grad_weight", "hgnn.head_linear",
              "hgnn.head_linear_grad_weight", "hgnn.mul", "hgnn.scale_rows", "hgnn.row_dot"},
             1 | 2)
      .Case("hgnn.unary_grad", 2)
      .Case("hgnn.layer_norm_grad", 4)
      .Default(0);
}

/// A term among the operands: what the others must be.
LogicalResult checkTerm(Loc loc, StringRef op, ValueRange operands) {
  if (op == "hgnn.combine") // its inference has seen that all are terms of its merge
    return success();
  StringRef name = op.drop_front(5);
  unsigned linear = linearOperands(op), terms = 0;
  for (auto [i, operand] : llvm::enumerate(operands)) {
    PlacementAttr placement = placementOf(operand.getType());
    if (!placement || !placement.isPartial())
      continue;
    if (!placement.isPartial(Merge::Sum))
      return emitOptionalError(loc, "'", name, "' cannot use one partition's term of a maximum or ",
                               "softmax, ", operand.getType(),
                               "; merge the terms first (hgnn.merge_all)");
    if (!isLinearInAll(op) && (!(linear >> i & 1) || terms++))
      return emitOptionalError(loc, "'", name, "' cannot use one partition's term of a sum, ",
                               operand.getType(), "; merge the terms first (hgnn.merge_all)");
  }
  bool same = true, replicated = true;
  for (Value operand : operands) {
    PlacementAttr placement = placementOf(operand.getType());
    same &= placement == placementOf(operands.front().getType());
    replicated &= !placement || placement.isPartial() || placement.isReplicatedWhole();
  }
  if (isLinearInAll(op) && !same)
    return emitOptionalError(loc, "'", name, "' adds one partition's term of a sum to a whole value, ",
                             "which every partition would then add; merge the terms first");
  if (!replicated)
    return emitOptionalError(loc, "'", name, "' has one partition's term of a sum and another value of ",
                             "its own; merge the terms first");
  return success();
}

} // namespace

LogicalResult heddle::hgnn::sameRows(Loc loc, StringRef op, FeatType a, FeatType b) {
  if (a.getDomain() == b.getDomain())
    return success();
  return emitOptionalError(loc, "'", op, "' needs operands of one domain, got ", a, " and ", b,
                           "; change the domain of one with gather/reduce/expand/restrict");
}

LogicalResult heddle::hgnn::isParam(Loc loc, StringRef op, StringRef name, FeatType type, int64_t rank) {
  if (!type.getDomain().isParam())
    return emitOptionalError(loc, "'", op, "' needs a parameter as ", name, ", got ", type,
                             "; make one with hgnn.param");
  bool unknown = llvm::any_of(type.getShape(), ShapedType::isDynamic);
  if (rank >= 0 && !unknown && int64_t(type.getShape().size()) != rank)
    return emitOptionalError(loc, "'", op, "' needs ", name, " of rank ", rank, ", got ", type,
                             "; give `shape` that many sizes");
  return success();
}

LogicalResult heddle::hgnn::checkOperands(Loc loc, StringRef op, StringRef kinds,
                                          ValueRange operands) {
  bool any = kinds.consume_back("*"), optional = kinds.consume_back("?");
  size_t count = operands.size();
  if (!any && count != kinds.size() && !(optional && count + 1 == kinds.size()))
    return emitOptionalError(loc, "'", op.drop_front(5), "' takes ", optional ? "at most " : "",
                             kinds.size(), " operands, got ", count);
  for (size_t i = 0; i < count; ++i) {
    char kind = kinds[std::min(i, kinds.size() - 1)];
    if (kindOf(operands[i].getType()) == kind)
      continue;
    StringRef name = kind == 't'   ? "hgnn.tensor"
                     : kind == 'a' ? "hgnn.adj"
                     : kind == 'l' ? "hgnn.link"
                     : kind == 'i' ? "hgnn.ids"
                     : kind == 's' ? "hgnn.sparse"
                                   : "hgnn.labels";
    return emitOptionalError(loc, "'", op.drop_front(5), "' takes !", name, " as operand ", i,
                             ", got ", operands[i].getType());
  }
  return success();
}

LogicalResult heddle::hgnn::place(Loc loc, StringRef op, ValueRange operands, Types &results) {
  StringRef name = op.drop_front(5);
  PlacementAttr joined, rows; // of all operands; of those with rows
  bool split = false, partial = false;
  for (Value operand : operands) {
    PlacementAttr placement = placementOf(operand.getType());
    if (!placement)
      continue;
    if (placement.isKept())
      return emitOptionalError(loc, "'", name, "' cannot use rows that partition ",
                               placement.getOwner(), " keeps, ", operand.getType(),
                               "; they go into its row_optimizer_step");
    partial |= placement.isPartial();
    auto type = dyn_cast<FeatType>(operand.getType());
    if (!type || !type.getDomain().isParam()) {
      if (rows && rows.getSplit() != placement.getSplit())
        return emitOptionalError(loc, "'", name, "' has rows of the whole batch and of a split one; ",
                                 "both must be whole or split");
      rows = placement;
      split |= placement.getSplit();
    }
    if (joined && joined.isOwned() && placement.isOwned() && joined.getOwner() != placement.getOwner())
      return emitOptionalError(loc, "'", name, "' has operands of partitions ", joined.getOwner(),
                               " and ", placement.getOwner(),
                               "; a value of another partition comes by a communication op only");
    if (!joined || joined.isReplicated())
      joined = placement;
  }
  if (!joined)
    return success();
  if (partial && failed(checkTerm(loc, op, operands)))
    return failure();
  for (Type &result : results) {
    auto type = dyn_cast<FeatType>(result);
    if (!type)
      continue;
    PlacementAttr placement =
        PlacementAttr::get(type.getContext(), joined.getKind(), joined.getOwner(), split);
    if (split && type.getDomain().isParam())
      placement = PlacementAttr::partialSum(type.getContext());
    result = type.withPlacement(placement);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Changes of domain
//===----------------------------------------------------------------------===//

/// Ops that move a value from one side of an adjacency to another.
static LogicalResult inferMove(Loc loc, StringRef op, Value input, Value adjacency, Side from,
                               Side to, Types &results) {
  auto adj = cast<AdjType>(adjacency.getType());
  FeatType in = tensor(input);
  if (failed(checkSide(loc, op, in, adj, from)))
    return failure();
  results.push_back(in.withDomain(sideDomain(adj, to)));
  return success();
}
#define HGNN_INFER_MOVE(OpName, text, from, to)                                                    \
  HGNN_INFER(OpName, "ta") {                                                                       \
    return inferMove(loc, text, adaptor.getInput(), adaptor.getAdj(), from, to, results);          \
  }
HGNN_INFER_MOVE(GatherSrcOp, "gather_src", Side::Source, Side::Edge)
HGNN_INFER_MOVE(GatherDstOp, "gather_dst", Side::Active, Side::Edge)
HGNN_INFER_MOVE(ReduceSrcOp, "reduce_src", Side::Edge, Side::Source)
HGNN_INFER_MOVE(RestrictOp, "restrict", Side::Destination, Side::Active)

HGNN_INFER(ReduceDstOp, "ta") {
  FeatType in = tensor(adaptor.getInput());
  MergeRule merge = mergeOf(adaptor);
  if (valueWidth(merge, widthOf(in)) == -1)
    return emitOptionalError(loc, "'reduce_dst' of ", spelled(merge), " merges terms, got ", in,
                             "; make them with hgnn.term");
  return inferMove(loc, "reduce_dst", adaptor.getInput(), adaptor.getAdj(), Side::Edge,
                   Side::Active, results);
}
HGNN_INFER(EdgePositionOp, "a") {
  results.push_back(
      FeatType::get(sideDomain(cast<AdjType>(adaptor.getAdj().getType()), Side::Edge), {1}));
  return success();
}
HGNN_INFER(EdgeConstantOp, "a") {
  auto width = adaptor.getWidthAttr();
  if (!adaptor.getValueAttr() || !width || width.getInt() < 1)
    return emitOptionalError(loc, "'edge_constant' needs a value, and a width of at least 1");
  results.push_back(FeatType::get(sideDomain(cast<AdjType>(adaptor.getAdj().getType()), Side::Edge),
                                  {width.getInt()}));
  return success();
}
LogicalResult EdgeIdsOp::inferReturnTypes(MLIRContext *context, Loc loc, EdgeIdsOp::Adaptor adaptor,
                                          Types &results) {
  if (failed(checkOperands(loc, getOperationName(), "a", adaptor.getOperands())))
    return failure();
  // Whose edges they are says the adjacency.
  auto adj = cast<AdjType>(adaptor.getAdj().getType());
  results.push_back(
      withPlacement(IdsType::get(context, sideDomain(adj, Side::Edge)), adj.getPlacement()));
  return success();
}
HGNN_INFER(ExpandOp, "ta") {
  FeatType in = tensor(adaptor.getInput());
  if (valueWidth(mergeOf(adaptor), widthOf(in)) == -1)
    return emitOptionalError(loc, "'expand' of ", spelled(mergeOf(adaptor)),
                             " moves terms of that merge, got ", in);
  return inferMove(loc, "expand", adaptor.getInput(), adaptor.getAdj(), Side::Active,
                   Side::Destination, results);
}

HGNN_INFER(SelfGatherOp, "tl") {
  auto link = cast<LinkType>(adaptor.getLink().getType());
  FeatType in = tensor(adaptor.getInput());
  if (in.getDomain() != link.farDomain())
    return emitOptionalError(loc, "'self_gather' needs rows one hop beyond the link; got ", in,
                             " with ", link);
  results.push_back(in.withDomain(link.nearDomain()));
  return success();
}
HGNN_INFER(SelfScatterOp, "tl") {
  auto link = cast<LinkType>(adaptor.getLink().getType());
  FeatType in = tensor(adaptor.getInput());
  if (in.getDomain() != link.nearDomain())
    return emitOptionalError(loc, "'self_scatter' needs ",
                             link.isIdentity() ? "rows at the link's hop" : "the relation's sources",
                             "; got ", in, " with ", link);
  results.push_back(in.withDomain(link.farDomain()));
  return success();
}
HGNN_INFER(DegreeOp, "a") {
  results.push_back(
      FeatType::get(sideDomain(cast<AdjType>(adaptor.getAdj().getType()), Side::Active), {1}));
  return success();
}

//===----------------------------------------------------------------------===//
// Row-wise and element-wise
//===----------------------------------------------------------------------===//

HGNN_INFER(ScaleRowsOp, "tt") {
  FeatType in = tensor(adaptor.getInput()), scale = tensor(adaptor.getScale());
  bool sameForAll = in.getDomain().isParam() != scale.getDomain().isParam();
  if (!sameForAll && failed(sameRows(loc, "scale_rows", in, scale)))
    return failure();
  if (headWidth(widthOf(in), widthOf(scale)) == -1)
    return emitOptionalError(
        loc, "'scale_rows' needs a scale of width 1, or one number for each head, got ", scale,
        " for ", in, "; choose heads that divide the width");
  results.push_back(in.getDomain().isParam() && sameForAll ? scale.withShape({widthOf(in)}) : in);
  return success();
}
HGNN_INFER(RowDotOp, "tt") {
  FeatType lhs = tensor(adaptor.getLhs()), rhs = tensor(adaptor.getRhs());
  if ((!rhs.getDomain().isParam() || lhs.getDomain().isParam()) &&
      failed(sameRows(loc, "row_dot", lhs, rhs)))
    return failure();
  if (failed(sameWidth(loc, "row_dot", lhs, rhs)))
    return failure();
  auto known = [](FeatType type) { return !ShapedType::isDynamic(widthOf(type)); };
  if (lhs.getDomain().isParam() && known(lhs) && known(rhs) && lhs.getShape() != rhs.getShape())
    return emitOptionalError(loc, "'row_dot' needs params of one shape, got ", lhs, " and ", rhs,
                             "; hgnn.reshape one of them");
  int64_t heads = adaptor.getHeadsAttr() ? int64_t(countOf(adaptor.getHeadsAttr())) : 1;
  if (headWidth(widthOf(lhs), heads) == -1 || (heads < 1 && !ShapedType::isDynamic(heads)))
    return emitOptionalError(loc, "'row_dot' of ", heads,
                             " heads needs rows of a width that they divide, got ", lhs,
                             "; choose other heads or another width");
  results.push_back(lhs.withShape({heads}));
  return success();
}
HGNN_INFER(AddOp, "t*") {
  if (adaptor.getInputs().empty())
    return emitOptionalError(loc, "'add' needs at least one operand");
  FeatType first = tensor(adaptor.getInputs().front());
  for (Value input : adaptor.getInputs()) {
    FeatType type = tensor(input);
    if (failed(sameRows(loc, "add", first, type)) || failed(sameWidth(loc, "add", first, type)))
      return failure();
    if (first.isGeneric() && !type.isGeneric())
      first = type;
  }
  results.push_back(first);
  return success();
}
HGNN_INFER(MulOp, "tt") {
  FeatType lhs = tensor(adaptor.getLhs()), rhs = tensor(adaptor.getRhs());
  if (failed(sameRows(loc, "mul", lhs, rhs)) || failed(sameWidth(loc, "mul", lhs, rhs)))
    return failure();
  results.push_back(lhs);
  return success();
}
HGNN_INFER(ScaleOp, "t") {
  results.push_back(adaptor.getInput().getType());
  return success();
}
HGNN_INFER(ScaleByOp, "tt") {
  FeatType factor = tensor(adaptor.getFactor());
  if (failed(isParam(loc, "scale_by", "factor", factor, 1)))
    return failure();
  if (!agree(widthOf(factor), 1))
    return emitOptionalError(loc, "'scale_by' needs a factor of width 1, got ", factor);
  results.push_back(adaptor.getInput().getType());
  return success();
}
HGNN_INFER(AddBiasOp, "tt") {
  FeatType in = tensor(adaptor.getInput()), bias = tensor(adaptor.getBias());
  if (failed(isParam(loc, "add_bias", "bias", bias, 1)) ||
      failed(sameWidth(loc, "add_bias", in, bias)))
    return failure();
  results.push_back(in);
  return success();
}
HGNN_INFER(UnaryOp, "t") {
  results.push_back(adaptor.getInput().getType());
  return success();
}
HGNN_INFER(UnaryGradOp, "tt") {
  FeatType in = tensor(adaptor.getInput()), grad = tensor(adaptor.getGrad());
  if (failed(sameRows(loc, "unary_grad", in, grad)) ||
      failed(sameWidth(loc, "unary_grad", in, grad)))
    return failure();
  results.push_back(in);
  return success();
}
HGNN_INFER(DropoutOp, "ti?") {
  double p = adaptor.getP().convertToDouble();
  if (!(p >= 0 && p < 1) && !isa_and_nonnull<StringAttr>(adaptor.getPAttr()))
    return emitOptionalError(loc, "'dropout' needs p in [0, 1), got ", p,
                             "; it is the part that is dropped");
  if (int64_t site = adaptor.getSite(); site < 0 || site > 65535)
    return emitOptionalError(loc, "'dropout' needs a site in [0, 65535], got ", site,
                             "; number the dropouts of a layer from 0");
  FeatType in = tensor(adaptor.getInput());
  int64_t heads = adaptor.getHeadsAttr() ? int64_t(countOf(adaptor.getHeadsAttr())) : 0;
  if (heads != 0 && headWidth(widthOf(in), heads) == -1)
    return emitOptionalError(loc, "'dropout' of ", heads,
                             " heads needs rows of a width that they divide, got ", in,
                             "; choose other heads or another width");
  results.push_back(in);
  return success();
}
static LogicalResult inferLayerNorm(Loc loc, FeatType in, FeatType gamma, Types &results) {
  if (failed(isParam(loc, "layer_norm", "gamma", gamma, 1)) ||
      failed(sameWidth(loc, "layer_norm", in, gamma)))
    return failure();
  results.push_back(in);
  return success();
}
HGNN_INFER(LayerNormOp, "ttt") {
  FeatType beta = tensor(adaptor.getBeta());
  if (failed(isParam(loc, "layer_norm", "beta", beta, 1)) ||
      failed(sameWidth(loc, "layer_norm", tensor(adaptor.getInput()), beta)))
    return failure();
  return inferLayerNorm(loc, tensor(adaptor.getInput()), tensor(adaptor.getGamma()), results);
}
HGNN_INFER(LayerNormXhatOp, "t") {
  results.push_back(adaptor.getInput().getType());
  return success();
}
HGNN_INFER(LayerNormGradOp, "ttt") {
  if (failed(sameRows(loc, "layer_norm_grad", tensor(adaptor.getInput()), tensor(adaptor.getGrad()))))
    return failure();
  return inferLayerNorm(loc, tensor(adaptor.getInput()), tensor(adaptor.getGamma()), results);
}
HGNN_INFER(ConcatOp, "t*") {
  if (adaptor.getInputs().empty())
    return emitOptionalError(loc, "'concat' needs at least one operand");
  FeatType first = tensor(adaptor.getInputs().front());
  int64_t width = 0;
  for (Value input : adaptor.getInputs()) {
    FeatType type = tensor(input);
    if (failed(sameRows(loc, "concat", first, type)))
      return failure();
    int64_t own = widthOf(type);
    width = ShapedType::isDynamic(own) || ShapedType::isDynamic(width) ? ShapedType::kDynamic
                                                                       : width + own;
  }
  results.push_back(first.withShape({width}));
  return success();
}
HGNN_INFER(SliceOp, "t") {
  FeatType in = tensor(adaptor.getInput());
  auto offsetAttr = adaptor.getOffsetAttr();
  auto sizeAttr = adaptor.getSizeAttr();
  if (!offsetAttr || !sizeAttr)
    return emitOptionalError(loc, "'slice' needs attributes offset and size");
  int64_t offset = offsetAttr.getInt(), size = sizeAttr.getInt(), width = widthOf(in);
  if (offset < 0 || size < 1 || (!ShapedType::isDynamic(width) && offset > width - size))
    return emitOptionalError(loc, "'slice' of columns [", offset, ", ", offset + size,
                             ") is outside rows of width ", width, "; offset counts from 0");
  results.push_back(in.withShape({size}));
  return success();
}
HGNN_INFER(PadOp, "t") {
  FeatType in = tensor(adaptor.getInput());
  auto offsetAttr = adaptor.getOffsetAttr();
  auto sizeAttr = adaptor.getSizeAttr();
  if (!offsetAttr || !sizeAttr)
    return emitOptionalError(loc, "'pad' needs attributes offset and size");
  int64_t offset = offsetAttr.getInt(), size = sizeAttr.getInt(), width = widthOf(in);
  if (offset < 0 || (!ShapedType::isDynamic(width) && offset > size - width))
    return emitOptionalError(loc, "'pad' of width ", width, " at ", offset,
                             " does not fit rows of width ", size);
  results.push_back(in.withShape({size}));
  return success();
}
HGNN_INFER(ReshapeOp, "t") {
  FeatType in = tensor(adaptor.getInput());
  if (failed(isParam(loc, "reshape", "input", in, -1)))
    return failure();
  auto shape = adaptor.getShapeAttr();
  if (!shape)
    return emitOptionalError(loc, "'reshape' needs the attribute shape");
  FeatType out = in.withShape(shape.asArrayRef());
  if (!agree(widthOf(in), widthOf(out)))
    return emitOptionalError(loc, "'reshape' of ", in, " to ", out, " changes how many numbers there are");
  results.push_back(out);
  return success();
}

//===----------------------------------------------------------------------===//
// Losses and norms
//===----------------------------------------------------------------------===//

static LogicalResult checkLoss(Loc loc, StringRef op, FeatType logits, LabelsType labels,
                               bool multilabel, std::optional<ArrayRef<double>> weights) {
  if (logits.getDomain() != labels.getDomain())
    return emitOptionalError(loc, "'", op, "' needs logits and labels of one domain, got ", logits,
                             " and ", labels);
  if (labels.getMultilabel() != multilabel)
    return emitOptionalError(loc, "'", op, "' needs ", multilabel ? "multi-label" : "single-label",
                             " labels, got ", labels);
  if (!agree(widthOf(logits), labels.getNumClasses()))
    return emitOptionalError(loc, "'", op, "' needs logits of width ", labels.getNumClasses(),
                             " (the number of classes), got ", logits);
  if (weights && int64_t(weights->size()) != labels.getNumClasses())
    return emitOptionalError(loc, "'", op, "' needs ", labels.getNumClasses(),
                             " class weights, got ", weights->size());
  return success();
}
#define HGNN_INFER_LOSS(OpName, GradName, text, multilabel)                                        \
  HGNN_INFER(OpName, "tb") {                                                                       \
    FeatType logits = tensor(adaptor.getLogits());                                               \
    if (failed(checkLoss(loc, text, logits, cast<LabelsType>(adaptor.getLabels().getType()),       \
                         multilabel, adaptor.getClassWeights())))                                  \
      return failure();                                                                            \
    results.push_back(logits.withShape({1}));                                                      \
    return success();                                                                              \
  }                                                                                                \
  HGNN_INFER(GradName, "tbt") {                                                                    \
    FeatType logits = tensor(adaptor.getLogits());                                               \
    if (failed(checkLoss(loc, text "_grad", logits,                                                \
                         cast<LabelsType>(adaptor.getLabels().getType()), multilabel,              \
                         adaptor.getClassWeights())))                                              \
      return failure();                                                                            \
    if (!agree(widthOf(tensor(adaptor.getGrad())), 1))                                             \
      return emitOptionalError(loc, "'" text "_grad' needs a gradient of width 1");                \
    results.push_back(logits);                                                                     \
    return success();                                                                              \
  }
HGNN_INFER_LOSS(SoftmaxXentOp, SoftmaxXentGradOp, "softmax_xent", false)
HGNN_INFER_LOSS(SigmoidXentOp, SigmoidXentGradOp, "sigmoid_xent", true)

HGNN_INFER(SumSquaresOp, "t") {
  results.push_back(param(context, {1}));
  return success();
}
HGNN_INFER(ClipFactorOp, "t*") {
  for (Value input : adaptor.getInputs())
    if (failed(isParam(loc, "clip_factor", "each input", tensor(input), 1)))
      return failure();
  results.push_back(param(context, {1}));
  return success();
}
