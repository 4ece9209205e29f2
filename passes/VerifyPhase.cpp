//===- VerifyPhase.cpp - the normal form of each phase ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include <map>
#include <set>

namespace heddle::passes {
#define GEN_PASS_DEF_VERIFYPHASEPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;

namespace {

bool isPartitioned(ModuleOp module) {
  return llvm::any_of(module.getOps<EntryOp>(),
                      [](EntryOp entry) { return int64_t(entry.getPartition()) >= 0; });
}

/// raf: each root link has one partial, which one merge takes.
LogicalResult verifyRaf(EntryOp entry) {
  std::set<std::string> links;
  for (auto partial : entry.getOps<PartialOp>()) {
    if (!partial.getLink())
      return partial.emitOpError("needs the root link that it ends");
    if (!links.insert(partial.getLink()->str()).second)
      return partial.emitOpError("is the second partial of root link \"")
             << *partial.getLink() << "\"";
    if (!partial.getResult().hasOneUse() || !isa<MergeOp>(*partial.getResult().getUsers().begin()))
      return partial.emitOpError("is used by one hgnn.merge, and by nothing else");
  }
  if (links.empty())
    return entry.emitOpError("has no hgnn.partial; run hgnn-relation-aggregation-first");
  return success();
}

/// What collectives of one id agree on.
struct Meeting {
  Operation *first = nullptr;
  std::set<int64_t> there;
};

/// Every destination's message of a root link is made once: by the one partition that owns the link,
/// or by the partition that samples its block of the seeds. In kernels (`fused`) a partial may be gone.
LogicalResult verifyOwners(ArrayRef<EntryOp> entries, bool fused) {
  std::map<std::string, std::map<int64_t, PartialOp>> owners; // by root link and block
  std::map<std::string, int64_t> blocksOf;
  for (EntryOp entry : entries) {
    std::map<std::string, SampleOp> samples; // at hop 0
    for (auto sample : entry.getOps<SampleOp>())
      if (auto adj = cast<AdjType>(sample.getAdj().getType()); adj.getHop() == 0)
        samples[adj.getRelation().getValue().str()] = sample;
    for (auto partial : entry.getOps<PartialOp>()) {
      if (!partial.getLink())
        continue;
      std::string link = partial.getLink()->str();
      auto sample = samples.find(link);
      int64_t block = 0, blocks = 1;
      if (sample != samples.end())
        block = sample->second.getBlock(), blocks = sample->second.getBlocks();
      if (!owners[link].try_emplace(block, partial).second)
        return partial.emitOpError("computes root link \"")
               << link << "\", which another partition owns: it would count twice";
      int64_t others = blocksOf.try_emplace(link, blocks).first->second;
      if (others != blocks)
        return partial.emitOpError("computes a block of ")
               << blocks << " of root link \"" << link << "\", another partition one of " << others;
    }
  }
  if (fused)
    return success();
  for (auto &[link, byBlock] : owners)
    for (int64_t block = 0; block < blocksOf[link]; ++block)
      if (!byBlock.count(block))
        return byBlock.begin()->second.emitOpError("is of root link \"")
               << link << "\", of which no partition computes block " << block << " of "
               << blocksOf[link];
  return success();
}

/// partitioned: the entries of one kind, by partition.
LogicalResult verifyTogether(ArrayRef<EntryOp> entries) {
  std::map<int64_t, Meeting> meetings;
  for (EntryOp entry : entries) {
    int64_t here = entry.getPartition(), last = -1;
    for (Operation &op : entry.getBody().front()) {
      for (Value result : op.getResults())
        if (PlacementAttr placement = placementOf(result.getType());
            placement && (placement.isOwned() || placement.isKept()) && placement.getOwner() != here)
          return op.emitOpError("gives a value of partition ")
                 << placement.getOwner() << " in the entry of partition " << here;
      if (auto partial = dyn_cast<PartialOp>(op)) {
        if (!placementOf(partial.getInput().getType()).isOwnedBy(here))
          return op.emitOpError("makes a term of ")
                 << partial.getInput().getType()
                 << "; a whole value would be counted once per partition";
      }
      auto collective = dyn_cast<Collective>(op);
      if (!collective)
        continue;
      int64_t id = collective.getCollectiveId();
      if (id <= last)
        return op.emitOpError("has id ")
               << id << " after " << last
               << "; ids ascend, so that all partitions meet in one order";
      last = id;
      Meeting &meeting = meetings[id];
      meeting.there.insert(here);
      if (!meeting.first)
        meeting.first = &op;
      if (op.getName() != meeting.first->getName() || // what is fetched, bytes, participants
          op.getAttrDictionary() != meeting.first->getAttrDictionary())
        return op.emitOpError("is not what collective ") << id << " is in another partition";
    }
  }
  for (auto &[id, meeting] : meetings)
    for (int64_t participant : cast<Collective>(meeting.first).getParticipants())
      if (!meeting.there.count(participant))
        return meeting.first->emitOpError("waits for partition ")
               << participant << ", which never comes to collective " << id;
  return success();
}

/// What is reduced over the batch is all there: at the seeds, of a link that is not cut.
LogicalResult verifyBatchReductions(ArrayRef<EntryOp> entries) {
  if (entries.size() < 2)
    return success();
  for (EntryOp entry : entries) {
    DenseMap<Attribute, SampleOp> cut; // by relation
    for (auto sample : entry.getOps<SampleOp>())
      if (sample.getBlocks() > 1)
        cut[cast<AdjType>(sample.getAdj().getType()).getRelation()] = sample;
    for (auto reduce : entry.getOps<BatchReduceOp>()) {
      DomainAttr domain = cast<FeatType>(reduce.getType()).getDomain();
      if (domain.getHop() > 0)
        return reduce.emitOpError("is over ")
               << domain << ", of which each partition has only the rows that its links need";
      if (domain.isActive() && cut.contains(domain.getSymbol()))
        return reduce.emitOpError("is over ") << domain << ", of which this partition has a block";
    }
  }
  return success();
}

/// Vanilla order: the blocks of the seeds are those of all partitions, each once.
LogicalResult verifyBlocks(ArrayRef<EntryOp> entries) {
  SmallVector<SeedBlockOp> blocks;
  for (EntryOp entry : entries)
    for (auto block : entry.getOps<SeedBlockOp>()) {
      if (int64_t(block.getPartition()) != int64_t(entry.getPartition()) ||
          block.getOf() != entries.size())
        return block.emitOpError("is block ")
               << block.getPartition() << " of " << block.getOf() << " in the entry of partition "
               << entry.getPartition() << " of " << entries.size()
               << "; every seed is in the block of one partition";
      blocks.push_back(block);
    }
  if (!blocks.empty() && blocks.size() != entries.size())
    return blocks.front().emitOpError("is one of ")
           << blocks.size() << " blocks for " << entries.size() << " partitions";
  return success();
}

/// Nobody reads rows of a table that others keep, and nobody asks for rows that all have.
LogicalResult verifyTableReads(const SymbolTable &symbols, EntryOp entry) {
  for (Operation &op : entry.getBody().front()) {
    auto local = dyn_cast<FetchRowsOp>(op);
    auto remote = dyn_cast<FetchRemoteRowsOp>(op);
    if (!local && !remote)
      continue;
    StringRef name = local ? local.getState() : remote.getState();
    auto state = symbols.lookup<StateOp>(name);
    if (!state)
      return op.emitOpError("reads \"") << name << "\", which is no state of the module";
    if (state.getSpread() && local)
      return op.emitOpError("reads rows of the spread table \"")
             << name << "\" that other partitions keep; use hgnn.fetch_remote_rows";
    if (!state.getSpread() && remote)
      return op.emitOpError("asks other partitions for rows of \"")
             << name << "\", which is not spread; use hgnn.fetch_rows";
  }
  return success();
}

/// A step of a spread table: by the sums of the rows that this partition keeps.
LogicalResult verifySpreadStep(RowOptimizerStepOp op, int64_t here) {
  PlacementAttr placement = placementOf(op.getGrad().getType());
  if (!placement.isKeptBy(here))
    return op.emitOpError("updates rows of \"")
           << op.getState() << "\" by " << op.getGrad().getType()
           << "; each partition steps the rows that it keeps: push the gradients to them first";
  auto push = op.getGrad().getDefiningOp<PushRowsOp>();
  if (push && push.getKept() != op.getIds())
    return op.emitOpError("has gradients of other rows than those that it updates");
  return success();
}

/// A step of a state that several partitions keep is by the whole gradient; all keepers make it.
LogicalResult verifySteps(const SymbolTable &symbols, ArrayRef<EntryOp> entries) {
  std::map<std::string, std::set<int64_t>> steps;
  for (EntryOp entry : entries)
    for (Operation &op : entry.getBody().front()) {
      auto dense = dyn_cast<OptimizerStepOp>(op);
      auto row = dyn_cast<RowOptimizerStepOp>(op);
      if (!dense && !row)
        continue;
      StringRef name = dense ? dense.getState() : row.getState();
      auto state = symbols.lookup<StateOp>(name);
      if (!state)
        return op.emitOpError("updates \"") << name << "\", which is no state of the module";
      if (!steps[name.str()].insert(int64_t(entry.getPartition())).second)
        return op.emitOpError("updates \"") << name << "\" a second time in one step";
      Type grad = op.getOperand(0).getType();
      auto keepers = state.getPartitions();
      bool alone = keepers && keepers->size() == 1;
      if (state.getSpread()) {
        if (!row)
          return op.emitOpError("updates all rows of the spread table \"") << name << "\"";
        if (failed(verifySpreadStep(row, int64_t(entry.getPartition()))))
          return failure();
      } else if (placementOf(grad).isKept()) {
        return op.emitOpError("updates \"")
               << name << "\", which is not spread, by rows that one partition keeps";
      } else if (!alone && !placementOf(grad).isReplicated())
        return op.emitOpError("updates a copy of \"")
               << name << "\" by " << grad << "; several partitions keep it: sum the terms first";
      // A table of the seeds that one partition keeps: everybody knows the seeds.
      bool known = alone && row && placementOf(row.getIds().getType()).isReplicatedWhole() &&
                   placementOf(grad) ==
                       PlacementAttr::owned(entry.getContext(), int64_t(entry.getPartition()));
      if (row && !known && placementOf(row.getIds().getType()) != placementOf(grad))
        return op.emitOpError("has rows and gradients of different places, ")
               << row.getIds().getType() << " and " << grad;
      if (keepers && !llvm::is_contained(*keepers, int64_t(entry.getPartition())))
        return op.emitOpError("updates \"") << name << "\", which this partition does not keep";
    }
  for (auto &[name, there] : steps) {
    auto keepers = symbols.lookup<StateOp>(name).getPartitions();
    size_t wanted = keepers ? keepers->size() : entries.size();
    if (there.size() != wanted)
      return symbols.getOp()->emitError("\"")
             << name << "\" has copies in " << wanted << " partitions and is "
             << "updated in " << there.size() << " of them";
  }
  return success();
}

bool isCached(Operation *op) {
  if (auto fetch = dyn_cast<FetchDenseOp>(op))
    return fetch.getCached();
  auto fetch = dyn_cast<FetchRemoteFeaturesOp>(op);
  return fetch && fetch.getCached();
}

/// One cache for each feature whose fetches go through one, and then all of them do.
LogicalResult verifyCaches(ModuleOp module) {
  SymbolTable symbols(module);
  std::map<std::pair<std::string, std::string>, std::pair<CacheOp, bool>> caches; ///< and whether used
  for (auto cache : module.getOps<CacheOp>()) {
    if (!symbols.lookup<NodeTypeOp>(cache.getType()))
      return cache.emitOpError("is of @\"") << cache.getType() << "\", which is no node type";
    if (!caches.try_emplace({cache.getType().str(), cache.getFeature().str()}, cache, false).second)
      return cache.emitOpError("is the second one of this feature");
  }
  auto check = [&](auto fetch) -> LogicalResult {
    auto feat = dyn_cast<FeatType>(fetch.getResult().getType());
    if (!feat && fetch.getCached())
      return fetch.emitOpError("is of a sparse feature: those have no cache");
    if (!feat)
      return success();
    auto found = caches.find({feat.getDomain().getSymbol().getValue().str(), fetch.getFeature().str()});
    if ((found != caches.end()) != bool(fetch.getCached()))
      return fetch.emitOpError(fetch.getCached() ? "goes through a cache that is not there"
                                                 : "goes past the cache of its feature");
    if (fetch.getCached())
      found->second.second = true;
    return success();
  };
  for (auto entry : module.getOps<EntryOp>())
    for (Operation &op : entry.getBody().front()) {
      auto dense = dyn_cast<FetchDenseOp>(op);
      auto remote = dyn_cast<FetchRemoteFeaturesOp>(op);
      if ((dense && failed(check(dense))) || (remote && failed(check(remote))))
        return failure();
    }
  for (auto &[feature, cache] : caches)
    if (!cache.second)
      return cache.first.emitOpError("has no fetch that goes through it");
  return success();
}

struct VerifyPhasePass : heddle::passes::impl::VerifyPhasePassBase<VerifyPhasePass> {
  using VerifyPhasePassBase::VerifyPhasePassBase;

  void runOnOperation() override {
    markAllAnalysesPreserved(); // nothing changes: the ops need not be verified once more
    const bool cached = phase == "cached" || phase == "kernels";
    if (failed(verifyOps()) || failed(verifyEntries()) ||
        (cached && failed(verifyCaches(getOperation()))))
      signalPassFailure();
  }

private:
  LogicalResult verifyOps();
  LogicalResult verifyEntries();
};

/// What may stand where, op by op.
LogicalResult VerifyPhasePass::verifyOps() {
  ModuleOp module = getOperation();
  std::string name = phase;
  if (name != "model" && name != "metatree" && name != "raf" && name != "partitioned" &&
      name != "training" && name != "cached" && name != "kernels")
    return module.emitError("unknown phase '")
           << name << "'; known: model, metatree, raf, partitioned, training, cached, kernels";
  bool partitioned = isPartitioned(module);
  auto refuse = [&](Operation *op, StringRef why) {
    op->emitOpError("may not occur in the ") << name << " phase: " << why;
    return WalkResult::interrupt();
  };
  auto result = module.walk([&](Operation *op) -> WalkResult {
    if (name == "model") {
      if (isa<EntryOp, StateOp, KernelOp>(op))
        return refuse(op, "run hgnn-unroll on what comes before it");
      // Of edges a program makes terms, and takes the value out of what they merge to.
      auto term = dyn_cast<TermOp>(op);
      auto combined = dyn_cast<CombinedOp>(op);
      if (isa<CombineOp, CombinedGradOp, TermGradOp>(op) ||
          (term && cast<FeatType>(term.getType()).getDomain().getKind() != DomainKind::Edge) ||
          (combined && !combined.getInput().getDefiningOp<ReduceDstOp>()))
        return refuse(op, "the layer's `combine` says it; hgnn-unroll makes terms of the messages");
      return WalkResult::advance();
    }
    if (isa<InputOp, LayerOp, ParamOp, FeatureOp, EdgeFeatureOp, LearnableOp, BroadcastDstOp>(op))
      return refuse(op, "hgnn-unroll instantiates layer and input programs");
    for (Value result : op->getResults())
      if (auto type = dyn_cast<FeatType>(result.getType()); type && type.isGeneric())
        return refuse(op, "a generic type is left");
    if ((name == "metatree" || name == "raf" || name == "partitioned") &&
        isa<OptimizerStepOp, RowOptimizerStepOp, UnaryGradOp, TermGradOp, CombinedGradOp>(op))
      return refuse(op, "gradients come with hgnn-differentiate");
    if ((name == "metatree" || name == "raf" || name == "partitioned") && isa<SourcesOp>(op))
      return refuse(op, "sources are compacted before gradients are made");
    if (name == "metatree" && isa<PartialOp, MergeOp>(op))
      return refuse(op, "partials come with hgnn-relation-aggregation-first");
    if ((name == "metatree" || name == "raf") && isa<Collective, OwnOp, SeedBlockOp>(op))
      return refuse(op, "communication comes with hgnn-insert-communication, or hgnn-data-parallel");
    if ((name == "partitioned" || partitioned) && isa<MergeOp>(op))
      return refuse(op, "hgnn-insert-communication makes a collective of it");
    if (name != "cached" && name != "kernels" && (isa<CacheOp>(op) || isCached(op)))
      return refuse(op, "caches come with hgnn-insert-cache");
    if (name != "kernels" && isa<KernelOp, LaunchOp>(op))
      return refuse(op, "kernels come with hgnn-fuse");
    if (name != "kernels" && (isa<LinearSumOp>(op) || op->hasAttr(productGroupName)))
      return refuse(op, "products are grouped by hgnn-group-products, after the cached phase");
    if (name == "kernels" && isa_and_nonnull<EntryOp>(op->getParentOp()) &&
        !isa<SeedsOp, SampleOp, FrontierOp, SourcesOp, FetchDenseOp, FetchEdgeOp, FetchSparseOp, FetchLabelsOp,
             FetchRowsOp, ReadOp, ScalarOp, EdgeIdsOp, ReshapeOp, LinearOp, LinearSumOp, LinearGradWeightOp,
             HeadLinearOp, HeadLinearGradWeightOp, LaunchOp, OutputOp, PartialOp, OwnOp,
             SeedBlockOp, Collective>(op))
      return refuse(op, "hgnn-fuse puts it into a kernel");
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// What the entries say together.
LogicalResult VerifyPhasePass::verifyEntries() {
  ModuleOp module = getOperation();
  std::map<EntryKind, SmallVector<EntryOp>> kinds;
  bool partitioned = isPartitioned(module);
  for (auto entry : module.getOps<EntryOp>()) {
    int64_t partition = entry.getPartition();
    if (phase == "raf") {
      if (partition >= 0)
        return entry.emitOpError("is one partition's; those come with hgnn-insert-communication");
      if (failed(verifyRaf(entry)))
        return failure();
    }
    if (phase != "partitioned" &&
        !((phase == "training" || phase == "cached" || phase == "kernels") && partitioned))
      continue;
    if (partition < 0)
      return entry.emitOpError("has no partition; run hgnn-insert-communication");
    SmallVector<EntryOp> &same = kinds[entry.getKind()];
    if (partition != int64_t(same.size()))
      return entry.emitOpError("is partition ") << partition << ", expected " << same.size()
                                                << ": they are numbered from 0 without gaps";
    same.push_back(entry);
  }
  if (kinds.empty())
    return success();
  SymbolTable symbols(module);
  for (auto &[kind, entries] : kinds)
    if (failed(verifyTogether(entries)) || failed(verifyOwners(entries, phase == "kernels")) ||
        failed(verifyBlocks(entries)) || failed(verifyBatchReductions(entries)) ||
        llvm::any_of(entries, [&](EntryOp e) { return failed(verifyTableReads(symbols, e)); }) ||
        ((phase == "training" || phase == "cached") && failed(verifySteps(symbols, entries))))
      return failure();
  return success();
}

} // namespace
