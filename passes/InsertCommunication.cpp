//===- InsertCommunication.cpp - one entry per partition -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Each entry becomes one per partition: the sub-DAGs of its root links with frontiers of their own
// samples, the sum of its partials (or what another merge makes of them), a collective per merge,
// and what is above the merges. Ops that both a sub-DAG and the part above need (reads of
// parameters) are there twice: a gradient from above is whole, one from below is a term, and the
// two must not be added before the terms are.
//
//===----------------------------------------------------------------------===//

#include "passes/LayeredDag.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

#include <set>

namespace heddle::passes {
#define GEN_PASS_DEF_INSERTCOMMUNICATIONPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::passes;

namespace {

/// A block of the seeds.
struct Block {
  int64_t index = 0, count = 1;
};

/// What one partition has of an entry below the merges.
struct Below {
  llvm::SetVector<Operation *> ops; ///< that compute its partials
  Closure closure;
  llvm::StringMap<Block> blocks; ///< of root links that it shares with others
};

/// An entry of the raf phase and its parts.
struct Program {
  EntryOp entry;
  SmallVector<Below> below; ///< by partition
  llvm::SetVector<Operation *> above;
};

/// Which partitions use a state, and where.
struct Use {
  std::set<int64_t> below;
  bool above = false;
};

class Splitter {
public:
  Splitter(ModuleOp module, int64_t partitions, bool leader)
      : module(module), partitions(partitions), leader(leader) {
    for (int64_t p = 0; p < partitions; ++p)
      everyone.push_back(p);
  }
  LogicalResult run();
  int64_t collectives = 0, shared = 0, bytesPerSeed = 0;

private:
  LogicalResult analyse(EntryOp entry);
  void placeStates();
  LogicalResult build(const Program &program, int64_t partition);
  FailureOr<Operation *> recreate(OpBuilder &builder, Operation *op, IRMapping &mapping,
                                  int64_t partition);
  void buildSample(OpBuilder &builder, SampleOp op, const Below &part, IRMapping &mapping,
                   int64_t partition);
  void buildFrontier(OpBuilder &builder, FrontierOp op, const Closure &closure, IRMapping &mapping,
                     int64_t partition);
  void buildMerge(OpBuilder &builder, MergeOp op, int64_t id, const IRMapping &below,
                  IRMapping &above, Value seeds, int64_t partition);

  ModuleOp module;
  int64_t partitions;
  bool leader; ///< the part above the merges is in partition 0 only
  SmallVector<int64_t> everyone;
  SmallVector<Program> programs;
  llvm::MapVector<StringRef, Use> uses; ///< by state
};

StringRef stateOf(Operation *op) {
  if (auto read = dyn_cast<ReadOp>(op))
    return read.getState();
  if (auto fetch = dyn_cast<FetchRowsOp>(op))
    return fetch.getState();
  return {};
}

SmallVector<int64_t> ownersOf(PartialOp partial) {
  if (auto owners = partial.getOwners(); owners && partial.getLink())
    return SmallVector<int64_t>(*owners);
  return {int64_t(partial.getPartition())};
}

LogicalResult Splitter::analyse(EntryOp entry) {
  Program &program = programs.emplace_back();
  program.entry = entry;
  program.below.resize(partitions);
  SmallVector<SmallVector<Value>> ends(partitions);
  SmallVector<Value> outputs;
  for (Operation &op : entry.getBody().front()) {
    if (auto partial = dyn_cast<PartialOp>(op)) {
      SmallVector<int64_t> owners = ownersOf(partial);
      for (auto [block, owner] : llvm::enumerate(owners)) {
        if (owner < 0 || owner >= partitions)
          return partial.emitOpError("has partition ")
                 << owner << " of " << partitions << "; run hgnn-assign-partitions first";
        ends[owner].push_back(partial.getInput());
        if (owners.size() > 1)
          program.below[owner].blocks[*partial.getLink()] = {int64_t(block), int64_t(owners.size())};
      }
    } else if (auto output = dyn_cast<OutputOp>(op)) {
      outputs.push_back(output.getValue());
    } else if (isa<OptimizerStepOp, RowOptimizerStepOp>(op)) {
      return op.emitOpError("is there already; communication comes before hgnn-differentiate");
    }
  }
  program.above = computationOf(
      outputs, [](Value value) { return isa_and_nonnull<MergeOp>(value.getDefiningOp()); });
  for (Operation *op : program.above)
    if (StringRef state = stateOf(op); !state.empty())
      uses[state].above = true;
  for (int64_t p = 0; p < partitions; ++p) {
    Below &below = program.below[p];
    below.ops = computationOf(ends[p], [](Value) { return false; });
    below.closure = closureOf(entry, rootLinksUsedBy(below.ops));
    // A row of a table is touched where it is in a frontier, whether or not the program reads it.
    for (auto fetch : entry.getOps<FetchRowsOp>())
      if (below.closure.frontiers.contains(fetch.getIds().getDefiningOp()))
        below.ops.insert(fetch);
    for (Operation *op : below.ops)
      if (StringRef state = stateOf(op); !state.empty())
        uses[state].below.insert(p);
  }
  return success();
}

/// A state that one partition alone uses is its own; others have a copy wherever they are used.
void Splitter::placeStates() {
  for (auto state : module.getOps<StateOp>()) {
    Use use = uses.lookup(state.getSymName());
    std::set<int64_t> holders = use.below;
    if (use.above && leader)
      holders.insert(0);
    bool all = use.above && !leader;
    if (!all && !holders.empty() && (partitions == 1 || int64_t(holders.size()) < partitions))
      state.setPartitionsAttr(DenseI64ArrayAttr::get(
          module.getContext(), SmallVector<int64_t>(holders.begin(), holders.end())));
    shared += (all && partitions > 1) || holders.size() > 1;
  }
}

FailureOr<Operation *> Splitter::recreate(OpBuilder &builder, Operation *op, IRMapping &mapping,
                                          int64_t partition) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    if (!mapping.contains(operand))
      return op->emitOpError("needs a value that its partition does not have"), failure();
    operands.push_back(mapping.lookup(operand));
  }
  SmallVector<Type> types(op->getResultTypes());
  PlacementAttr everywhere = PlacementAttr::replicated(builder.getContext());
  if (auto inference = op->getName().getInterface<InferTypeOpInterface>()) {
    types.clear();
    if (failed(inference->inferReturnTypes(builder.getContext(), op->getLoc(), operands,
                                           op->getDiscardableAttrDictionary(),
                                           op->getPropertiesStorage(), {}, types)))
      return failure();
  } else if (auto read = dyn_cast<ReadOp>(op)) {
    auto holders = module.lookupSymbol<StateOp>(read.getState()).getPartitions();
    if (holders && holders->size() == 1)
      everywhere = PlacementAttr::owned(builder.getContext(), partition);
    types.front() = withPlacement(types.front(), everywhere);
  } else if (isa<FetchDenseOp, FetchEdgeOp, FetchSparseOp, FetchLabelsOp, FetchRowsOp, ZerosOp>(
                 op)) {
    types.front() = withPlacement(
        types.front(), operands.empty() ? everywhere : placementOf(operands.front().getType()));
  } else if (!isa<ScalarOp, SeedsOp>(op)) {
    return op->emitOpError("has no place in a partition"), failure();
  }
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(types);
  state.addAttributes(op->getAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  Operation *created = builder.create(state);
  for (auto [from, to] : llvm::zip(op->getResults(), created->getResults()))
    mapping.map(from, to);
  return created;
}

void Splitter::buildSample(OpBuilder &builder, SampleOp op, const Below &part, IRMapping &mapping,
                           int64_t partition) {
  auto here = PlacementAttr::owned(builder.getContext(), partition);
  auto type = cast<AdjType>(op.getAdj().getType());
  Block block;
  if (type.getHop() == 0)
    block = part.blocks.lookup(type.getRelation().getValue());
  Value adj = SampleOp::create(builder, op.getLoc(), withPlacement(type, here),
                               mapping.lookup(op.getIds()), op.getFanout(), block.index, block.count);
  mapping.map(op.getAdj(), adj);
}

/// The vertex with the samples that this partition has.
void Splitter::buildFrontier(OpBuilder &builder, FrontierOp op, const Closure &closure,
                             IRMapping &mapping, int64_t partition) {
  auto here = PlacementAttr::owned(builder.getContext(), partition);
  SmallVector<Value> samples;
  for (Value sample : op.getSamples())
    if (closure.samples.contains(sample.getDefiningOp()))
      samples.push_back(mapping.lookup(sample));
  bool self = closure.selfLinks.contains(op);
  auto created =
      FrontierOp::create(builder, op.getLoc(), withPlacement(op.getIds().getType(), here),
                         self ? withPlacement(op.getLink().getType(), here) : Type(),
                         self ? mapping.lookup(op.getPrevious()) : Value(), samples);
  mapping.map(op.getIds(), created.getIds());
  if (self)
    mapping.map(op.getLink(), created.getLink());
}

void Splitter::buildMerge(OpBuilder &builder, MergeOp op, int64_t id, const IRMapping &below,
                          IRMapping &above, Value seeds, int64_t partition) {
  Location loc = op.getLoc();
  SmallVector<Value> own;
  for (Value input : op.getInputs())
    if (Value mapped = below.lookupOrNull(input))
      own.push_back(mapped);
  MergeRule kind = op.getMerge();
  Value term;
  if (own.empty()) // it joins all the same
    term = ZerosOp::create(
        builder, loc,
        withPlacement(op.getResult().getType(), PlacementAttr::partial(builder.getContext(), kind)),
        seeds, kind);
  else if (own.size() == 1)
    term = own.front();
  else if (kind.kind == Merge::Sum)
    term = AddOp::create(builder, loc, own);
  else
    term = CombineOp::create(builder, loc, kind, own);
  if (!leader) {
    auto merge = MergeAllOp::create(builder, loc, op.getResult().getType(), term, id, everyone,
                                    Traffic::Activations, 0, kind);
    merge.setBytes(merge.getWireBytes());
    above.map(op.getResult(), merge.getResult());
    return;
  }
  Type result;
  if (partition == 0)
    result = withPlacement(op.getResult().getType(), PlacementAttr::owned(builder.getContext(), 0));
  auto merge = MergeToOp::create(builder, loc, result, term, id, everyone, /*leader=*/0,
                                 Traffic::Activations, 0, kind);
  merge.setBytes(merge.getWireBytes());
  if (partition == 0)
    above.map(op.getResult(), merge.getResult());
}

LogicalResult Splitter::build(const Program &program, int64_t partition) {
  EntryOp from = program.entry;
  const Below &part = program.below[partition];
  OpBuilder builder(module.getContext());
  builder.setInsertionPoint(from);
  auto entry =
      EntryOp::create(builder, from.getLoc(), (from.getSymName() + ":" + Twine(partition)).str(),
                      from.getKind(), partition);
  builder.setInsertionPointToStart(&entry.getBody().emplaceBlock());
  bool head = !leader || partition == 0;
  IRMapping below, above;
  Value seeds;
  int64_t nextId = 0;
  bool train = from.getKind() == EntryKind::Train;
  for (Operation &op : from.getBody().front()) {
    if (auto first = dyn_cast<SeedsOp>(op)) {
      seeds = SeedsOp::create(builder, op.getLoc(), first.getIds().getType());
      below.map(first.getIds(), seeds);
      above.map(first.getIds(), seeds);
    } else if (auto sample = dyn_cast<SampleOp>(op)) {
      if (part.closure.samples.contains(&op))
        buildSample(builder, sample, part, below, partition);
    } else if (auto frontier = dyn_cast<FrontierOp>(op)) {
      if (part.closure.frontiers.contains(&op))
        buildFrontier(builder, frontier, part.closure, below, partition);
    } else if (auto partial = dyn_cast<PartialOp>(op)) {
      if (!llvm::is_contained(ownersOf(partial), partition))
        continue;
      auto made = recreate(builder, &op, below, partition);
      if (failed(made))
        return failure();
      cast<PartialOp>(*made).setPartition(partition);
      cast<PartialOp>(*made).removeOwnersAttr();
    } else if (auto merge = dyn_cast<MergeOp>(op)) {
      buildMerge(builder, merge, nextId++, below, above, seeds, partition);
      if (train && partition == 0) {
        auto made = cast<Collective>(entry.getBody().front().back());
        bytesPerSeed += made.getWireBytes();
        ++collectives;
      }
    } else if (auto output = dyn_cast<OutputOp>(op)) {
      if (head)
        OutputOp::create(builder, op.getLoc(), output.getNameAttr(),
                         above.lookup(output.getValue()));
    } else {
      if (part.ops.contains(&op) && failed(recreate(builder, &op, below, partition)))
        return failure();
      if (head && program.above.contains(&op) && failed(recreate(builder, &op, above, partition)))
        return failure();
    }
  }
  return success();
}

LogicalResult Splitter::run() {
  for (auto entry : module.getOps<EntryOp>()) {
    if (int64_t(entry.getPartition()) >= 0)
      return entry.emitOpError("is one partition's already");
    if (failed(analyse(entry)))
      return failure();
  }
  placeStates();
  for (const Program &program : programs) {
    for (int64_t partition = 0; partition < partitions; ++partition)
      if (failed(build(program, partition)))
        return failure();
    EntryOp(program.entry).erase();
  }
  return success();
}

struct InsertCommunicationPass
    : heddle::passes::impl::InsertCommunicationPassBase<InsertCommunicationPass> {
  using InsertCommunicationPassBase::InsertCommunicationPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (mode != "replicated" && mode != "leader") {
      module.emitError("unknown mode '") << mode << "'; known: replicated, leader";
      return signalPassFailure();
    }
    PartitioningOp partitioning;
    for (auto op : module.getOps<PartitioningOp>())
      partitioning = op;
    if (!partitioning) {
      module.emitError("is not partitioned; run hgnn-assign-partitions first");
      return signalPassFailure();
    }
    int64_t partitions = partitioning.getLinks().size();
    Splitter splitter(module, partitions, mode == "leader");
    if (failed(splitter.run()))
      return signalPassFailure();
    numCollectives += splitter.collectives;
    emitRemark(partitioning.getLoc())
        << "insert-communication{mode=" << mode << "}: " << partitions << " partitions, "
        << splitter.collectives << " merges forward, activations " << splitter.bytesPerSeed
        << " bytes a seed" << (mode == "leader" ? " each way" : " and none backward")
        << ", independent of fan-out and depth; " << splitter.shared
        << " states are in more than one partition";
  }
};

} // namespace
