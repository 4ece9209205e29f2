//===- DataParallel.cpp - vanilla order: the batch is split ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Each entry becomes one per partition, and all do the same for their block of the seeds: sample,
// fetch rows from the partitions that keep them, compute, add up. Rows are asked for once for a
// frontier, whatever is fetched or pushed for them. Sums over the rows of a split batch are terms
// by type; forward there is one, the loss, and it is merged where it is made.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

#include <map>

namespace heddle::passes {
#define GEN_PASS_DEF_DATAPARALLELPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;

namespace {

/// One entry, as one partition runs it.
class BlockBuilder {
public:
  BlockBuilder(EntryOp from, int64_t partition, int64_t partitions)
      : from(from), partition(partition), here(PlacementAttr::block(from.getContext(), partition)),
        builder(from.getContext()) {
    for (int64_t p = 0; p < partitions; ++p)
      everyone.push_back(p);
  }
  /// Puts the entry before the one that it is made of.
  LogicalResult run();
  SmallVector<Collective> collectives;
  llvm::SetVector<StringRef> tables; ///< read in the entry

private:
  LogicalResult build(Operation &op);
  LogicalResult recreate(Operation &op);
  LogicalResult mergeTerm(Operation &op, Value term);
  LogicalResult output(OutputOp op);
  Value request(Value ids, Location loc);
  template <class Fetch> void fetchFeature(Fetch op);
  void fetchTable(FetchRowsOp op);
  /// A collective has its id and participants; its bytes follow from its types.
  template <class Op> Op count(Op op) {
    op.setBytes(op.getWireBytes());
    collectives.push_back(cast<Collective>(op.getOperation()));
    return op;
  }

  EntryOp from;
  int64_t partition;
  PlacementAttr here;
  OpBuilder builder;
  SmallVector<int64_t> everyone;
  IRMapping mapping;
  Value whole, block; ///< the seeds of all, and of this partition
  int64_t nextId = 0;
  DenseMap<Value, Value> requests;                         ///< by ids
  std::map<std::pair<void *, std::string>, Value> fetched; ///< by ids and feature or table
};

/// Asks the keepers for the rows of a frontier, once. Ids are of the class of what they are for;
/// features come first where they are for both.
Value BlockBuilder::request(Value ids, Location loc) {
  Value &kept = requests[ids];
  if (kept)
    return kept;
  bool features = llvm::any_of(from.getBody().front(), [&](Operation &op) {
    return isa<FetchDenseOp, FetchSparseOp>(op) && mapping.lookupOrNull(op.getOperand(0)) == ids;
  });
  Type type = withPlacement(ids.getType(), PlacementAttr::kept(builder.getContext(), partition));
  kept =
      count(RequestRowsOp::create(builder, loc, type, ids, nextId++, everyone,
                                  features ? Traffic::RemoteFeatures : Traffic::EmbeddingRows, 0))
          .getKept();
  return kept;
}

template <class Fetch> void BlockBuilder::fetchFeature(Fetch op) {
  Value ids = mapping.lookup(op.getIds());
  Value &rows = fetched[{ids.getAsOpaquePointer(), "feature " + op.getFeature().str()}];
  if (!rows) {
    Value kept = request(ids, op.getLoc());
    rows = count(FetchRemoteFeaturesOp::create(builder, op.getLoc(),
                                               withPlacement(op.getResult().getType(), here), ids,
                                               kept, op.getFeature(), nextId++, everyone, 0))
               .getResult();
  }
  mapping.map(op.getResult(), rows);
}

void BlockBuilder::fetchTable(FetchRowsOp op) {
  Value ids = mapping.lookup(op.getIds());
  Value &rows = fetched[{ids.getAsOpaquePointer(), "table " + op.getState().str()}];
  if (!rows) {
    Value kept = request(ids, op.getLoc());
    rows = count(FetchRemoteRowsOp::create(builder, op.getLoc(),
                                           withPlacement(op.getResult().getType(), here), ids, kept,
                                           op.getState(), nextId++, everyone, 0))
               .getResult();
  }
  tables.insert(op.getState());
  mapping.map(op.getResult(), rows);
}

/// A sum over the seeds is one term for each block; further from the seeds a row may be in several
/// frontiers, and would count once in each.
LogicalResult BlockBuilder::mergeTerm(Operation &op, Value term) {
  for (Value operand : op.getOperands())
    if (auto type = dyn_cast<FeatType>(operand.getType()))
      if (!type.getDomain().isParam() && type.getDomain().getHop() > 0)
        return op.emitOpError("sums over ")
               << type.getDomain() << ", of which partitions of a split batch have rows in common; "
               << "vanilla order takes sums over the seeds and their edges only";
  auto merge = count(MergeAllOp::create(
      builder, op.getLoc(),
      withPlacement(term.getType(), PlacementAttr::replicated(builder.getContext())), term,
      nextId++, everyone, Traffic::Activations, 0));
  mapping.map(op.getResult(0), merge.getResult());
  return success();
}

/// Rows of the seeds are gathered where they are results, in evaluation; in training each partition
/// would gather what nobody reads.
LogicalResult BlockBuilder::output(OutputOp op) {
  Value value = mapping.lookup(op.getValue());
  if (value == block)
    value = whole;
  if (placementOf(value.getType()) == here) {
    if (from.getKind() == EntryKind::Train)
      return success();
    auto type = dyn_cast<FeatType>(value.getType());
    if (!type || type.getDomain() != cast<IdsType>(block.getType()).getDomain())
      return op.emitOpError("shows ")
             << value.getType() << "; results of a split batch are rows of the seeds";
    value = count(GatherBlocksOp::create(
                      builder, op.getLoc(),
                      withPlacement(type, PlacementAttr::replicated(builder.getContext())), value,
                      nextId++, everyone, Traffic::Activations, 0))
                .getResult();
  }
  OutputOp::create(builder, op.getLoc(), op.getNameAttr(), value);
  return success();
}

/// The op on this partition's values.
LogicalResult BlockBuilder::recreate(Operation &op) {
  Operation *created = builder.clone(op, mapping);
  SmallVector<Type> types(op.getResultTypes());
  if (auto inference = op.getName().getInterface<InferTypeOpInterface>()) {
    types.clear();
    if (failed(inference->inferReturnTypes(
            builder.getContext(), op.getLoc(), created->getOperands(),
            op.getDiscardableAttrDictionary(), created->getPropertiesStorage(), {}, types)))
      return failure();
  } else {
    for (Type &type : types)
      if (auto tensor = dyn_cast<FeatType>(type); !tensor || !tensor.getDomain().isParam())
        type = withPlacement(type, here);
  }
  for (auto [result, type] : llvm::zip(created->getResults(), types))
    result.setType(type);
  if (types.size() == 1 && placementOf(types.front()) && placementOf(types.front()).isPartial())
    return mergeTerm(op, created->getResult(0));
  return success();
}

LogicalResult BlockBuilder::build(Operation &op) {
  if (auto seeds = dyn_cast<SeedsOp>(op)) {
    whole = SeedsOp::create(builder, op.getLoc(), seeds.getIds().getType());
    block = SeedBlockOp::create(builder, op.getLoc(), withPlacement(whole.getType(), here), whole,
                                partition, int64_t(everyone.size()));
    mapping.map(seeds.getIds(), block);
    return success();
  }
  if (auto dense = dyn_cast<FetchDenseOp>(op))
    return fetchFeature(dense), success();
  if (auto sparse = dyn_cast<FetchSparseOp>(op))
    return fetchFeature(sparse), success();
  if (auto rows = dyn_cast<FetchRowsOp>(op))
    return fetchTable(rows), success();
  if (auto out = dyn_cast<OutputOp>(op))
    return output(out);
  return recreate(op);
}

LogicalResult BlockBuilder::run() {
  for (Operation &op : from.getBody().front()) {
    if (isa<Collective, PartialOp, MergeOp, OwnOp>(op))
      return op.emitOpError(
          "is of another order of the step; hgnn-data-parallel takes the metatree "
          "phase");
    if (isa<OptimizerStepOp, RowOptimizerStepOp>(op))
      return op.emitOpError("is there already; communication comes before hgnn-differentiate");
  }
  builder.setInsertionPoint(from);
  auto entry =
      EntryOp::create(builder, from.getLoc(), (from.getSymName() + ":" + Twine(partition)).str(),
                      from.getKind(), partition);
  builder.setInsertionPointToStart(&entry.getBody().emplaceBlock());
  for (Operation &op : from.getBody().front())
    if (failed(build(op)))
      return failure();
  return success();
}

struct DataParallelPass : heddle::passes::impl::DataParallelPassBase<DataParallelPass> {
  using DataParallelPassBase::DataParallelPassBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run();
  void remark(EntryOp train, ArrayRef<Collective> collectives);
};

LogicalResult DataParallelPass::run() {
  ModuleOp module = getOperation();
  if (partitions < 1)
    return module.emitError("cannot be cut into ")
           << int64_t(partitions) << " partitions; use at least 1";
  SmallVector<EntryOp> entries(module.getOps<EntryOp>());
  if (entries.empty())
    return module.emitError("has no hgnn.entry to cut; run hgnn-unroll first");
  for (EntryOp entry : entries)
    if (int64_t(entry.getPartition()) >= 0)
      return entry.emitOpError("is one partition's already");
  llvm::SetVector<StringRef> tables;
  for (EntryOp entry : entries) {
    for (int64_t p = 0; p < partitions; ++p) {
      BlockBuilder block(entry, p, partitions);
      if (failed(block.run()))
        return failure();
      tables.insert_range(block.tables);
      if (p == 0 && entry.getKind() == EntryKind::Train) {
        numCollectives += block.collectives.size();
        remark(entry, block.collectives);
      }
    }
  }
  for (StringRef table : tables)
    module.lookupSymbol<StateOp>(table).setSpread(true);
  for (EntryOp entry : entries)
    entry.erase();
  return success();
}

/// What a step sends forward, by class.
void DataParallelPass::remark(EntryOp train, ArrayRef<Collective> collectives) {
  int64_t activations = 0;
  std::map<Traffic, llvm::MapVector<Attribute, std::pair<int64_t, bool>>> rows; // by domain
  for (Collective op : collectives) {
    if (op.getTrafficClass() == Traffic::Activations) {
      activations += op.getWireBytes();
      continue;
    }
    auto &[bytes, sparse] =
        rows[op.getTrafficClass()][cast<IdsType>(op->getOperand(0).getType()).getDomain()];
    bytes += op.getWireBytes();
    sparse |= isa<SparseType>(op->getResult(0).getType());
  }
  auto text = [&](Traffic traffic) {
    std::string text;
    for (const auto &[domain, cost] : rows[traffic]) {
      text += (text.empty() ? "" : ", ") + std::to_string(cost.first) + " bytes a row of @" +
              cast<DomainAttr>(domain).getSymbol().getValue().str();
      if (cost.second)
        text += " and 8 a stored number";
    }
    return text.empty() ? std::string("none") : text + ", for rows that another partition keeps";
  };
  emitRemark(train.getLoc()) << "data-parallel: " << int64_t(partitions)
                             << " partitions, each with its block of the seeds; activations "
                             << activations << " bytes a step; remote_features "
                             << text(Traffic::RemoteFeatures) << "; embedding_rows forward "
                             << text(Traffic::EmbeddingRows);
}

} // namespace
