//===- HgnnVerify.cpp - verifiers of structure ops -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "dialects/hgnn/Hgnn.h"

using namespace mlir;
using namespace heddle::hgnn;

/// Whether a message yields terms of a softmax: what a reduction over its edges gave.
std::optional<MergeRule> heddle::hgnn::yieldedTerms(YieldOp yield) {
  if (yield.getValues().size() != 1)
    return std::nullopt;
  auto reduce = yield.getValues().front().getDefiningOp<ReduceDstOp>();
  if (!reduce || !(reduce.getMerge() == Merge::Softmax))
    return std::nullopt;
  return reduce.getMerge();
}

/// Checks the block arguments of a layer's region and that it yields one `dst` tensor, with
/// `scored` two, or one of terms.
static LogicalResult verifyLayerRegion(LayerOp op, Region &region, StringRef name,
                                       ArrayRef<Type> arguments, bool scored = false) {
  if (!region.hasOneBlock())
    return op.emitOpError() << name << " needs exactly one block; programs have no control flow";
  Block &block = region.front();
  if (block.getNumArguments() != arguments.size())
    return op.emitOpError() << name << " takes " << arguments.size() << " arguments, got "
                            << block.getNumArguments() << "; they are "
                            << (arguments.size() == 2        ? "(own rows, ids)"
                                : isa<AdjType>(arguments[0]) ? "(adjacency, source rows, own rows)"
                                                             : "(combined rows, own rows, ids)");
  for (auto [argument, type] : llvm::zip(block.getArguments(), arguments))
    if (argument.getType() != type)
      return op.emitOpError() << name << " argument " << argument.getArgNumber() << " must be "
                              << type << ", got " << argument.getType();
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  bool terms = yield && yieldedTerms(yield);
  if (!yield || (yield.getValues().size() != (scored ? 2 : 1) && !(scored && terms)))
    return op.emitOpError() << name << " must end with hgnn.yield of "
                            << (scored
                                    ? "a value and its score (combine softmax), or of terms that "
                                      "hgnn.reduce_dst of softmax gives"
                                    : "one value");
  if (terms && !scored)
    return yield.emitOpError() << "yields terms of a softmax; take the value out with "
                                  "hgnn.combined, or let the layer combine softmax";
  for (Value value : yield.getValues()) {
    auto type = dyn_cast<FeatType>(value.getType());
    if (!type || type.getDomain().getKind() != DomainKind::Dst)
      return yield.emitOpError() << "must yield rows of the destination (domain dst), got "
                                 << value.getType() << "; reduce edge values with hgnn.reduce_dst";
  }
  if (!scored || terms)
    return success();
  auto value = cast<FeatType>(yield.getValues().front().getType());
  auto score = cast<FeatType>(yield.getValues().back().getType());
  auto known = [](FeatType type) { return !llvm::any_of(type.getShape(), ShapedType::isDynamic); };
  if (known(score) && known(value) && value.getWidth() % score.getWidth())
    return yield.emitOpError()
           << "must yield a score of width 1, or one for each head of the value, got " << score
           << " for " << value;
  return success();
}

LogicalResult LayerOp::verify() {
  MLIRContext *context = getContext();
  auto rows = [&](DomainKind kind) -> Type {
    return FeatType::get(DomainAttr::generic(context, kind), {ShapedType::kDynamic});
  };
  Type dst = rows(DomainKind::Dst), src = rows(DomainKind::Src);
  if (int64_t(getInSize()) < 0 || int64_t(getOutSize()) < 0)
    return emitOpError("in_size and out_size must not be negative");
  if (failed(verifyLayerRegion(*this, getMessage(), "message",
                               {AdjType::generic(context), src, dst},
                               getCombine() == Combine::Softmax)))
    return failure();
  Type ids = IdsType::get(context, DomainAttr::generic(context, DomainKind::Dst));
  if (!getSelf().empty()) {
    if (getCombine() != Combine::Softmax)
      return emitOpError(
                 "has a region `self`, which gives the identity link's part of a softmax; with "
                 "combine ")
             << stringifyCombine(getCombine()) << " use the own rows in `update`";
    if (failed(verifyLayerRegion(*this, getSelf(), "self", {dst, ids}, /*scored=*/true)))
      return failure();
  }
  return verifyLayerRegion(*this, getUpdate(), "update", {dst, dst, ids});
}

LogicalResult ZerosOp::verify() {
  auto type = cast<FeatType>(getResult().getType());
  if (getMerge() == Merge::Sum)
    return success();
  if (!getLike())
    return emitOpError("makes empty terms of ")
           << spelled(getMerge()) << ", which are rows; name the ids of those";
  if (valueWidth(getMerge(), type.getWidth()) < 1)
    return emitOpError("gives ") << type << ", which is no term of " << spelled(getMerge());
  return success();
}

LogicalResult StateOp::verify() {
  if (getSpread() && !getRowsType())
    return emitOpError("spreads what has no row per node; only tables (`rows_type`) are spread");
  return success();
}

LogicalResult SeedBlockOp::verify() {
  auto seeds = cast<IdsType>(getSeeds().getType());
  int64_t partition = getPartition(), of = getOf();
  if (partition < 0 || partition >= of)
    return emitOpError("is block ") << partition << " of " << of;
  if (!seeds.getPlacement().isReplicatedWhole() || !seeds.getDomain().isRows() ||
      seeds.getDomain().getHop() != 0)
    return emitOpError("takes the seeds of the whole batch, got ") << seeds;
  Type wanted = withPlacement(seeds, PlacementAttr::block(getContext(), partition));
  if (getIds().getType() != wanted)
    return emitOpError("gives ") << wanted << ", not " << getIds().getType();
  return success();
}

LogicalResult SampleOp::verify() {
  auto adj = cast<AdjType>(getAdj().getType());
  auto ids = cast<IdsType>(getIds().getType());
  if (adj.isGeneric())
    return emitOpError("samples a concrete relation, got ") << adj;
  if (ids.getDomain() != DomainAttr::rows(adj.getHop(), adj.getDestination()))
    return emitOpError("samples in-edges of rows(")
           << adj.getHop() << ", " << adj.getDestination() << "), got " << ids;
  // Seeds are everywhere; whose sample it is says the result.
  if (ids.getPlacement().isReplicated() &&
      ids.getPlacement().getSplit() != adj.getPlacement().getSplit())
    return emitOpError("of ") << ids << " cannot give " << adj
                              << "; a split batch begins with hgnn.seed_block";
  if (!ids.getPlacement().isReplicated() && adj.getPlacement() != ids.getPlacement())
    return emitOpError("of ") << ids << " cannot give " << adj << ": only partition "
                              << ids.getPlacement().getOwner() << " has those rows";
  if (int64_t(getFanout()) < -1)
    return emitOpError("fanout must be -1 (all) or at least 0, got ") << int64_t(getFanout());
  int64_t block = getBlock(), blocks = getBlocks();
  if (blocks < 1 || block < 0 || block >= blocks)
    return emitOpError("samples block ") << block << " of " << blocks << "; blocks count from 0";
  if (blocks > 1 && (adj.getHop() != 0 || !adj.getPlacement().isOwned() || adj.getPlacement().getSplit()))
    return emitOpError("samples a block of ")
           << ids << " for " << adj << "; only one partition's root link has blocks, of the seeds";
  return success();
}

/// Rows are where the ids are.
template <class Op> static LogicalResult verifyFetch(Op op) {
  auto ids = cast<IdsType>(op.getIds().getType());
  PlacementAttr placement = placementOf(op.getResult().getType());
  if (placement == ids.getPlacement())
    return success();
  return op.emitOpError("gives ") << op.getResult().getType() << " for " << ids
                                  << "; rows are placed where their ids are";
}
LogicalResult FetchDenseOp::verify() { return verifyFetch(*this); }
LogicalResult FetchSparseOp::verify() { return verifyFetch(*this); }
LogicalResult FetchLabelsOp::verify() { return verifyFetch(*this); }
LogicalResult FetchRowsOp::verify() { return verifyFetch(*this); }

LogicalResult CacheOp::verify() {
  ArrayRef<double> kept = getKept(), hits = getHits();
  auto shares = [](ArrayRef<double> values) {
    double last = 0;
    for (double value : values) {
      if (!(value >= last && value <= 1))
        return false;
      last = value;
    }
    return true;
  };
  if (kept.size() != hits.size() || !shares(kept) || !shares(hits))
    return emitOpError("`kept` and `hits` are ascending shares, 0 to 1, as many of each");
  double requested = getRequested().convertToDouble();
  if (!(requested >= 0) || std::isinf(requested))
    return emitOpError("`requested` is a number of rows, not ") << requested;
  return success();
}

LogicalResult FetchEdgeOp::verify() {
  auto adj = cast<AdjType>(getAdj().getType());
  auto type = cast<FeatType>(getResult().getType());
  if (adj.isGeneric())
    return emitOpError("reads the edges of a concrete relation, got ") << adj;
  if (type.getDomain() != DomainAttr::edges(adj.getHop(), adj.getRelation()) ||
      type.getShape().size() != 1)
    return emitOpError("gives rows of edges(")
           << adj.getHop() << ", " << adj.getRelation() << "), not " << type;
  if (placementOf(type) != adj.getPlacement())
    return emitOpError("gives ") << type << " for " << adj
                                 << "; rows are placed where their edges are";
  return success();
}

LogicalResult EdgeFeatureOp::verify() {
  auto layer = (*this)->getParentOfType<LayerOp>();
  if (!layer || (*this)->getParentRegion() != &layer.getMessage())
    return emitOpError("stands in the `message` of a layer only: edges are a relation's");
  auto type = cast<FeatType>(getResult().getType());
  if (type.getDomain().getKind() != DomainKind::Edge || type.getShape().size() != 1)
    return emitOpError("gives rows of edges, !hgnn.tensor<edge : ?xf32>, not ") << type;
  if (getName().empty())
    return emitOpError("needs the name of a feature");
  return success();
}

LogicalResult LearnableOp::verify() {
  auto layer = (*this)->getParentOfType<LayerOp>();
  if (!layer) {
    if (getScope())
      return emitOpError("has a scope, which is for layers: an input program is of one type");
    return success();
  }
  if (!getScope() || !getWidth())
    return emitOpError("in a layer needs `scope` and `width`; a layer is for many types");
  bool message = (*this)->getParentRegion() == &layer.getMessage();
  bool fits = message ? *getScope() == Scope::Relation || *getScope() == Scope::SourceType
                      : *getScope() == Scope::DestinationType;
  if (!fits)
    return emitOpError("has scope ") << stringifyScope(*getScope()) << "; the tables of "
                                     << (message ? "`message` are of a relation or source_type"
                                                 : "`update` are of a destination_type");
  DomainAttr wanted =
      DomainAttr::generic(getContext(), message ? DomainKind::Src : DomainKind::Dst);
  auto type = cast<FeatType>(getResult().getType());
  if (type.getDomain() != wanted || type.getShape().size() != 1)
    return emitOpError("gives rows of ")
           << (message ? "its sources, !hgnn.tensor<src : ?xf32>"
                       : "its destinations, !hgnn.tensor<dst : ?xf32>")
           << ", not " << type;
  return success();
}

LogicalResult FrontierOp::verify() {
  DomainAttr domain = cast<IdsType>(getIds().getType()).getDomain();
  if (!domain.isRows() || domain.getHop() < 1)
    return emitOpError("is for rows at hop 1 or beyond, got ") << domain;
  PlacementAttr placement = placementOf(getIds().getType());
  if (getLink() && placementOf(getLink().getType()) != placement)
    return emitOpError("places ") << getIds().getType() << " and " << getLink().getType() << " apart";
  for (Value sample : getSamples()) {
    auto adj = cast<AdjType>(sample.getType());
    if (adj.getPlacement() != placement)
      return emitOpError("of ") << getIds().getType() << " takes samples that are there too, got " << adj;
    if (adj.isGeneric() || adj.getHop() + 1 != domain.getHop() ||
        adj.getSource() != domain.getSymbol())
      return emitOpError("of ") << domain << " takes samples of the hop before with that source type, got "
                                << adj;
  }
  if (bool(getPrevious()) != bool(getLink()))
    return emitOpError("has a link exactly when it has the previous hop's rows");
  if (getPrevious()) {
    auto previous = cast<IdsType>(getPrevious().getType()).getDomain();
    auto link = cast<LinkType>(getLink().getType());
    if (previous != DomainAttr::rows(domain.getHop() - 1, domain.getSymbol()) ||
        link.getHop() != previous.getHop() || link.getNodeType() != domain.getSymbol())
      return emitOpError("links rows(") << domain.getHop() - 1 << ", " << domain.getSymbol()
                                        << "), got " << getPrevious().getType() << " and " << link;
  }
  return success();
}

LogicalResult SourcesOp::verify() {
  auto adj = cast<AdjType>(getAdj().getType());
  auto ids = cast<IdsType>(getIds().getType());
  if (adj.isGeneric() || !adj.getUnique())
    return emitOpError("is of an adjacency with `unique` sources, got ") << adj;
  auto frontier = getIds().getDefiningOp<FrontierOp>();
  if (!frontier || !llvm::is_contained(frontier.getSamples(), getAdj()))
    return emitOpError("finds ") << adj << " among " << ids
                                 << ", whose frontier does not take that sample";
  if (getLink().getType() != LinkType::ofSources(adj))
    return emitOpError("gives ") << LinkType::ofSources(adj) << ", not " << getLink().getType();
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("launches ") << getKernelAttr() << ", which is not a kernel";
  Block &body = kernel.getBody().front();
  if (body.getNumArguments() != getInputs().size())
    return emitOpError("gives ") << getInputs().size() << " operands to " << getKernelAttr()
                                 << ", which takes " << body.getNumArguments();
  for (auto [argument, operand] : llvm::zip(body.getArguments(), getInputs())) {
    Type a = argument.getType(), b = operand.getType();
    auto ta = dyn_cast<FeatType>(a), tb = dyn_cast<FeatType>(b);
    bool same = ta && tb ? ta.getShape() == tb.getShape() &&
                               ta.getDomain().getKind() == tb.getDomain().getKind()
                         : a.getTypeID() == b.getTypeID();
    if (!same)
      return emitOpError("operand ") << argument.getArgNumber() << " is " << b << ", the kernel takes "
                                     << a << " (up to renaming)";
  }
  return success();
}
