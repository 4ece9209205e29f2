//===- HgnnComm.cpp - root links, merges and communication -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Inference, verification and gradients of the ops that change placements.
//
//===----------------------------------------------------------------------===//

#include "dialects/hgnn/HgnnInference.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace heddle::hgnn;

static constexpr int64_t numberBytes = 4, idBytes = 8, countBytes = 4;

//===----------------------------------------------------------------------===//
// partial, merge, own
//===----------------------------------------------------------------------===//

/// "sums terms (partial_sum), got ": what is wrong with another operand of a merge.
static std::string mergesTerms(MLIRContext *context, MergeRule merge) {
  std::string verb = merge == Merge::Sum ? "sums" : "of " + spelled(merge) + " merges its";
  PlacementKind kind = PlacementAttr::partial(context, merge).getKind();
  return verb + " terms (" + stringifyPlacementKind(kind).str() + "), got ";
}

static FailureOr<FeatType> tensorOperand(std::optional<Location> loc, StringRef op,
                                         ValueRange operands, size_t index) {
  auto type = index < operands.size() ? dyn_cast<FeatType>(operands[index].getType()) : FeatType();
  if (!type)
    return LogicalResult(
        emitOptionalError(loc, "'", op, "' takes !hgnn.tensor as operand ", index));
  return type;
}

LogicalResult PartialOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc,
                                          PartialOp::Adaptor adaptor,
                                          SmallVectorImpl<Type> &results) {
  auto type = tensorOperand(loc, "partial", adaptor.getOperands(), 0);
  if (failed(type))
    return failure();
  if (type->getPlacement().isPartial())
    return emitOptionalError(loc, "'partial' has a term of a sum already, ", *type);
  MergeRule merge = mergeOf(adaptor);
  if (valueWidth(merge, type->getWidth()) < 1)
    return emitOptionalError(loc, "'partial' of ", spelled(merge),
                             " takes a term of that merge, got ", *type,
                             "; in a layer there are none, passes cut it");
  results.push_back(type->withPlacement(PlacementAttr::partial(context, merge)));
  return success();
}

LogicalResult MergeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc,
                                        MergeOp::Adaptor adaptor, SmallVectorImpl<Type> &results) {
  if (adaptor.getOperands().empty())
    return emitOptionalError(loc, "'merge' needs at least one operand");
  FeatType first;
  for (size_t i = 0; i < adaptor.getOperands().size(); ++i) {
    auto type = tensorOperand(loc, "merge", adaptor.getOperands(), i);
    if (failed(type))
      return failure();
    if (!type->getPlacement().isPartial(mergeOf(adaptor)))
      return emitOptionalError(loc, "'merge' ", mergesTerms(context, mergeOf(adaptor)), *type,
                               "; end each sub-DAG with hgnn.partial");
    if (first && first != *type)
      return emitOptionalError(loc, "'merge' needs terms of one type, got ", first, " and ", *type);
    first = *type;
  }
  results.push_back(first.withPlacement(PlacementAttr::replicated(context)));
  return success();
}

LogicalResult OwnOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc,
                                      OwnOp::Adaptor adaptor, SmallVectorImpl<Type> &results) {
  auto type = tensorOperand(loc, "own", adaptor.getOperands(), 0);
  if (failed(type))
    return failure();
  if (!type->getPlacement().isReplicated())
    return emitOptionalError(loc, "'own' takes a replicated value, got ", *type);
  // The parser infers before it has moved the attribute into the properties.
  int64_t partition = -1;
  if (auto attribute = dyn_cast_or_null<IntegerAttr>(
          adaptor.getAttributes() ? adaptor.getAttributes().get("partition") : Attribute()))
    partition = attribute.getInt();
  else if (IntegerAttr property = adaptor.getProperties().partition)
    partition = property.getInt();
  if (partition < 0)
    return emitOptionalError(loc, "'own' needs a partition of at least 0");
  results.push_back(type->withPlacement(PlacementAttr::owned(context, partition)));
  return success();
}

LogicalResult PartialOp::buildVjp(OpBuilder &builder, ValueRange gradResults,
                                  MutableArrayRef<Value> gradOperands) {
  PlacementAttr placement = placementOf(getInput().getType());
  gradOperands[0] = gradResults[0];
  if (placement.isOwned() && placementOf(gradResults[0].getType()).isReplicated())
    gradOperands[0] = OwnOp::create(builder, getLoc(), gradResults[0], placement.getOwner());
  return success();
}
LogicalResult MergeOp::buildVjp(OpBuilder &, ValueRange gradResults,
                                MutableArrayRef<Value> gradOperands) {
  for (Value &grad : gradOperands)
    grad = gradResults[0];
  return success();
}
LogicalResult MergeAllOp::buildVjp(OpBuilder &, ValueRange gradResults,
                                   MutableArrayRef<Value> gradOperands) {
  // Each partition's use of the sum has a gradient of its own where the batch is split above it.
  if (placementOf(gradResults[0].getType()).isPartial())
    return emitOpError("has a gradient that is one partition's term, ")
           << gradResults[0].getType() << "; rows of a split batch depend on a sum over all of it";
  gradOperands[0] = gradResults[0];
  return success();
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

/// The numbers of one row, or of the whole parameter.
static int64_t numbersOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }
static int64_t others(ArrayRef<int64_t> partitions) { return int64_t(partitions.size()) - 1; }

Traffic MergeAllOp::getTrafficClass() { return getTraffic(); }
Traffic MergeToOp::getTrafficClass() { return getTraffic(); }
Traffic BroadcastOp::getTrafficClass() { return getTraffic(); }
Traffic ExchangeRowsOp::getTrafficClass() { return Traffic::EmbeddingRows; }
Traffic GatherBlocksOp::getTrafficClass() { return getTraffic(); }
Traffic RequestRowsOp::getTrafficClass() { return getTraffic(); }
Traffic FetchRemoteFeaturesOp::getTrafficClass() { return Traffic::RemoteFeatures; }
Traffic FetchRemoteRowsOp::getTrafficClass() { return Traffic::EmbeddingRows; }
Traffic PushRowsOp::getTrafficClass() { return Traffic::EmbeddingRows; }

int64_t MergeAllOp::getWireBytes() {
  return 2 * others(getPartitions()) * numbersOf(getInput()) * numberBytes;
}
int64_t MergeToOp::getWireBytes() {
  return others(getPartitions()) * numbersOf(getInput()) * numberBytes;
}
int64_t BroadcastOp::getWireBytes() {
  return others(getPartitions()) * numbersOf(getResult()) * numberBytes;
}
int64_t ExchangeRowsOp::getWireBytes() {
  // Tables of one frontier are summed over the same rows: their ids travel with the first.
  bool idsTravel = llvm::none_of(getIds().getUsers(), [&](Operation *user) {
    auto other = dyn_cast<ExchangeRowsOp>(user);
    return other && other->getBlock() == (*this)->getBlock() &&
           other.getPartitions() == getPartitions() && other->isBeforeInBlock(*this);
  });
  return others(getPartitions()) *
         (numbersOf(getRows()) * numberBytes + (idsTravel ? idBytes : 0));
}

int64_t GatherBlocksOp::getWireBytes() {
  return others(getPartitions()) * numbersOf(getInput()) * numberBytes;
}
int64_t RequestRowsOp::getWireBytes() { return idBytes; }
int64_t FetchRemoteFeaturesOp::getWireBytes() {
  auto dense = dyn_cast<FeatType>(getResult().getType());
  return dense ? dense.getWidth() * numberBytes : countBytes;
}
int64_t FetchRemoteRowsOp::getWireBytes() { return numbersOf(getResult()) * numberBytes; }
int64_t PushRowsOp::getWireBytes() { return numbersOf(getRows()) * numberBytes; }

/// What all collectives have: ascending participants, and bytes that follow from the types.
template <class Op> static LogicalResult verifyCollective(Op op) {
  ArrayRef<int64_t> partitions = op.getPartitions();
  if (partitions.empty())
    return op.emitOpError("needs at least one partition");
  for (size_t i = 0; i < partitions.size(); ++i)
    if (partitions[i] < 0 || (i && partitions[i] <= partitions[i - 1]))
      return op.emitOpError("needs ascending partitions of at least 0");
  if (int64_t(op.getId()) < 0)
    return op.emitOpError("needs an id of at least 0, got ") << int64_t(op.getId());
  if (int64_t(op.getBytes()) != op.getWireBytes())
    return op.emitOpError("says ") << int64_t(op.getBytes())
                                   << " bytes, its types and partitions say " << op.getWireBytes();
  if (auto entry = dyn_cast_or_null<EntryOp>(op->getParentOp());
      entry && !llvm::is_contained(partitions, int64_t(entry.getPartition())))
    return op.emitOpError("stands in the entry of partition ")
           << int64_t(entry.getPartition()) << ", which does not take part";
  return success();
}

template <class Op> static LogicalResult verifyTerm(Op op, Value input) {
  auto type = cast<FeatType>(input.getType());
  if (!type.getPlacement().isPartial(op.getMerge()))
    return op.emitOpError() << mergesTerms(op.getContext(), op.getMerge()) << type
                            << "; a whole value would be counted once per partition";
  if (op.getMerge() != Merge::Sum && type.getDomain().isParam())
    return op.emitOpError() << "of " << stringifyMerge(op.getMerge()) << " merges rows, got "
                            << type;
  if (valueWidth(op.getMerge(), type.getWidth()) < 1)
    return op.emitOpError() << "of " << spelled(op.getMerge())
                            << " merges its terms, got rows of width " << type.getWidth();
  return success();
}

LogicalResult MergeAllOp::verify() {
  if (failed(verifyTerm(*this, getInput())) || failed(verifyCollective(*this)))
    return failure();
  Type wanted = withPlacement(getInput().getType(), PlacementAttr::replicated(getContext()));
  if (getResult().getType() != wanted)
    return emitOpError("gives ") << wanted << ", not " << getResult().getType();
  return success();
}

/// An op of a leader and followers: whether the one of `leader` has its operand or result.
template <class Op>
static LogicalResult verifyLeader(Op op, Value there, Type thereType, StringRef what) {
  if (!llvm::is_contained(op.getPartitions(), int64_t(op.getLeader())))
    return op.emitOpError("has a leader that does not take part");
  auto entry = dyn_cast_or_null<EntryOp>(op->getParentOp());
  if (!entry)
    return success();
  bool leads = int64_t(entry.getPartition()) == int64_t(op.getLeader());
  if (leads != bool(there))
    return op.emitOpError("has ") << what << " in the leader's entry, and only there";
  if (there && there.getType() != thereType)
    return op.emitOpError("has ") << thereType << " in the leader's entry, not "
                                  << there.getType();
  return success();
}

LogicalResult MergeToOp::verify() {
  if (failed(verifyTerm(*this, getInput())) || failed(verifyCollective(*this)))
    return failure();
  Type owned =
      withPlacement(getInput().getType(), PlacementAttr::owned(getContext(), int64_t(getLeader())));
  return verifyLeader(*this, getResult(), owned, "a result");
}

LogicalResult BroadcastOp::verify() {
  if (failed(verifyCollective(*this)))
    return failure();
  if (!placementOf(getResult().getType()).isReplicatedWhole())
    return emitOpError("gives a replicated value, not ") << getResult().getType();
  Type owned = withPlacement(getResult().getType(),
                             PlacementAttr::owned(getContext(), int64_t(getLeader())));
  return verifyLeader(*this, getInput(), owned, "an operand");
}

LogicalResult ExchangeRowsOp::verify() {
  auto ids = cast<IdsType>(getIds().getType());
  auto rows = cast<FeatType>(getRows().getType());
  if (ids.getDomain() != rows.getDomain() || !ids.getDomain().isRows())
    return emitOpError("needs rows and their ids, got ") << rows << " and " << ids;
  if (!rows.getPlacement().isOwned() || ids.getPlacement() != rows.getPlacement())
    return emitOpError("exchanges what one partition owns, got ")
           << rows << " and " << ids << "; a replicated gradient is whole already";
  PlacementAttr everywhere = PlacementAttr::replicated(getContext());
  if (getAllIds().getType() != withPlacement(ids, everywhere) ||
      getSums().getType() != withPlacement(rows, everywhere))
    return emitOpError("gives ") << withPlacement(ids, everywhere) << " and "
                                 << withPlacement(rows, everywhere);
  return verifyCollective(*this);
}

//===----------------------------------------------------------------------===//
// A split batch and rows that are spread
//===----------------------------------------------------------------------===//

LogicalResult GatherBlocksOp::verify() {
  auto input = cast<FeatType>(getInput().getType());
  PlacementAttr placement = input.getPlacement();
  if (!placement.isOwned() || !placement.getSplit() || !input.getDomain().isRows() ||
      input.getDomain().getHop() != 0)
    return emitOpError("gathers a partition's rows of the seeds, got ") << input;
  Type wanted = withPlacement(input, PlacementAttr::replicated(getContext()));
  if (getResult().getType() != wanted)
    return emitOpError("gives ") << wanted << ", not " << getResult().getType();
  return verifyCollective(*this);
}

LogicalResult RequestRowsOp::verify() {
  auto ids = cast<IdsType>(getIds().getType());
  PlacementAttr placement = ids.getPlacement();
  if (!placement.isOwned() || !placement.getSplit() || !ids.getDomain().isRows())
    return emitOpError("is for the rows of a partition of a split batch, got ") << ids;
  Type wanted = withPlacement(ids, PlacementAttr::kept(getContext(), placement.getOwner()));
  if (getKept().getType() != wanted)
    return emitOpError("gives ") << wanted << ", not " << getKept().getType();
  return verifyCollective(*this);
}

/// An op on the rows of a request: of the same rows, with the same partitions.
template <class Op> static LogicalResult verifyRequested(Op op) {
  auto request = op.getKept().template getDefiningOp<RequestRowsOp>();
  if (!request || request.getIds() != op.getIds())
    return op.emitOpError("is for rows that were asked for; `kept` is the hgnn.request_rows of `ids`");
  if (request.getPartitions() != op.getPartitions())
    return op.emitOpError("has other partitions than the request of its rows");
  return verifyCollective(op);
}

/// A fetch: a result for each of the ids, where they are.
template <class Op> static LogicalResult verifyRemoteFetch(Op op) {
  Type result = op.getResult().getType();
  auto ids = cast<IdsType>(op.getIds().getType());
  DomainAttr domain = isa<FeatType>(result) ? cast<FeatType>(result).getDomain()
                                            : cast<SparseType>(result).getDomain();
  if (domain != ids.getDomain() || placementOf(result) != ids.getPlacement())
    return op.emitOpError("gives ") << result << " for " << ids
                                    << "; rows are placed where their ids are";
  return verifyRequested(op);
}
LogicalResult FetchRemoteFeaturesOp::verify() { return verifyRemoteFetch(*this); }
LogicalResult FetchRemoteRowsOp::verify() { return verifyRemoteFetch(*this); }

LogicalResult PushRowsOp::verify() {
  auto rows = cast<FeatType>(getRows().getType());
  auto ids = cast<IdsType>(getIds().getType());
  if (rows.getDomain() != ids.getDomain() || rows.getPlacement() != ids.getPlacement())
    return emitOpError("needs rows and their ids, got ") << rows << " and " << ids;
  if (failed(verifyRequested(*this)))
    return failure();
  Type wanted = withPlacement(rows, placementOf(getKept().getType()));
  if (getSums().getType() != wanted)
    return emitOpError("gives ") << wanted << ", not " << getSums().getType();
  return success();
}
