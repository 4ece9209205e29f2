//===- AssignPartitions.cpp - who owns which root link ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Each root link goes to exactly one partition, by the weight of its sub-DAG, largest first to the
// least loaded. Where there are more partitions than root links, and on request where loads are
// uneven, heavy links are cut: each of several partitions aggregates one for a block of the seeds, as
// every destination's message is made of its own edges. Links below the root are not assigned: a
// partition has all that its sub-DAGs need, each once. The decision reads the schema and the
// statistics in graph.json only.
//
//===----------------------------------------------------------------------===//

#include "compiler/cost/Balance.h"
#include "passes/LinkWeights.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/FormatVariadic.h"

namespace heddle::passes {
#define GEN_PASS_DEF_ASSIGNPARTITIONSPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::passes;
using namespace heddle::compiler;

namespace {

constexpr int64_t maxPartitions = 65536; ///< as plans have

/// A root link with what it needs.
struct Item {
  std::string name;
  llvm::SetVector<Operation *> ops; ///< that compute its partial
  Closure closure;
};

struct AssignPartitionsPass : heddle::passes::impl::AssignPartitionsPassBase<AssignPartitionsPass> {
  using AssignPartitionsPassBase::AssignPartitionsPassBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run();
  FailureOr<SmallVector<Item>> itemsOf(EntryOp entry);
  LogicalResult checkBatchReductions();
  LogicalResult noMorePieces(EntryOp entry, ArrayRef<Item> items, int64_t count);
  FailureOr<Pieces> place(EntryOp entry, ArrayRef<Item> items, WeightRule rule);
  LogicalResult mark(const llvm::StringMap<ArrayRef<uint32_t>> &owners);
  void record(EntryOp entry, ArrayRef<Item> items, const Pieces &pieces);
  void remark(EntryOp entry, ArrayRef<Item> items, const Pieces &pieces);
  DenseMap<std::pair<size_t, uint32_t>, uint64_t> weightOf; ///< by item and number of pieces
};

FailureOr<SmallVector<Item>> AssignPartitionsPass::itemsOf(EntryOp entry) {
  // Partials by link; a link's place in this order is canonical.
  llvm::StringMap<PartialOp> partials;
  for (auto partial : entry.getOps<PartialOp>())
    if (partial.getLink() && !partials.try_emplace(*partial.getLink(), partial).second)
      return partial.emitOpError("is the second partial of root link \"")
                 << *partial.getLink() << "\"",
             failure();
  SmallVector<Item> items;
  for (const RootLink &link : rootLinksOf(entry)) {
    auto found = partials.find(link.name);
    if (found == partials.end())
      continue; // own rows that only messages read: part of the sub-DAGs of the relations
    Item item{link.name, computationOf(Value(found->second.getInput()), [](Value) { return false; }),
              {}};
    item.closure = closureOf(entry, rootLinksUsedBy(item.ops));
    items.push_back(std::move(item));
  }
  return items;
}

/// More partitions than there are links, and nothing to cut.
LogicalResult AssignPartitionsPass::noMorePieces(EntryOp entry, ArrayRef<Item> items,
                                                 int64_t count) {
  for (const Item &item : items)
    for (Operation *op : item.ops)
      if (isa<BatchReduceOp>(op))
        return op->emitOpError("is over all seeds of the batch, so its root link is not cut; there are ")
               << count << " pieces for " << int64_t(partitions) << " partitions: use at most "
               << count;
  return entry.emitOpError("has no root link but the identity link of the seeds, which is not cut into ")
         << int64_t(partitions) << "; use partitions=1, or order=vanilla";
}

/// With several partitions, of a vertex below the seeds each has the rows that its own links need.
LogicalResult AssignPartitionsPass::checkBatchReductions() {
  for (auto entry : getOperation().getOps<EntryOp>())
    for (auto reduce : entry.getOps<BatchReduceOp>()) {
      DomainAttr domain = cast<FeatType>(reduce.getType()).getDomain();
      if (partitions > 1 && domain.getHop() > 0)
        return reduce.emitOpError("is over ")
               << domain << ", of which each partition has only the rows that its links need; with "
               << "several partitions it stands in the last layer, or compile for one";
    }
  return success();
}

FailureOr<Pieces> AssignPartitionsPass::place(EntryOp entry, ArrayRef<Item> items, WeightRule rule) {
  auto tables = ModuleTables::read(getOperation());
  if (failed(tables))
    return failure();
  // The identity link's rows are all rows: there is no block of it to leave out. What is summed over
  // the batch must be in one place.
  SmallVector<bool> canCut;
  for (const Item &item : items)
    canCut.push_back(item.name != "self" &&
                     llvm::none_of(item.ops, [](Operation *op) { return isa<BatchReduceOp>(op); }));
  bool good = true;
  auto weigh = [&](size_t i, uint32_t pieces) {
    auto [known, isNew] = weightOf.try_emplace({i, pieces}, 0);
    if (isNew) {
      auto weight = linkWeight(rule, entry, items[i].ops, items[i].closure, *tables, pieces);
      good &= succeeded(weight);
      known->second = succeeded(weight) ? *weight : 0;
    }
    return known->second;
  };
  Pieces pieces = cutAndBalance(std::span<const bool>(canCut.data(), canCut.size()),
                                uint32_t(partitions), split == "balance", weigh);
  if (!good)
    return failure();
  size_t count = 0;
  for (const auto &owners : pieces.owners)
    count += owners.size();
  if (count < size_t(partitions))
    return noMorePieces(entry, items, int64_t(count));
  return pieces;
}

LogicalResult AssignPartitionsPass::mark(const llvm::StringMap<ArrayRef<uint32_t>> &owners) {
  for (auto entry : getOperation().getOps<EntryOp>())
    for (auto partial : entry.getOps<PartialOp>()) {
      auto found = owners.find(partial.getLink().value_or(""));
      if (found == owners.end())
        return partial.emitOpError("ends a root link that train_step does not have");
      ArrayRef<uint32_t> own = found->second;
      if (own.size() == 1)
        partial.setPartition(own.front());
      else
        partial.setOwners(SmallVector<int64_t>(own.begin(), own.end()));
    }
  return success();
}

void AssignPartitionsPass::remark(EntryOp entry, ArrayRef<Item> items, const Pieces &pieces) {
  double total = 0, largest = 0;
  for (uint64_t load : pieces.loads) {
    total += double(load);
    largest = std::max(largest, double(load));
  }
  // Links below the root that several partitions have.
  DenseMap<Operation *, DenseSet<uint32_t>> users;
  SmallVector<std::string> owned(pieces.loads.size());
  int64_t cut = 0;
  for (auto [i, item] : llvm::enumerate(items)) {
    ArrayRef<uint32_t> owners = pieces.owners[i];
    cut += owners.size() > 1;
    uint64_t weight = weightOf.lookup({i, uint32_t(owners.size())});
    for (auto [block, owner] : llvm::enumerate(owners)) {
      for (Operation *sample : item.closure.samples)
        users[sample].insert(owner);
      std::string piece =
          owners.size() > 1 ? llvm::formatv(", block {0} of {1}", block, owners.size()).str() : "";
      owned[owner] +=
          llvm::formatv("{0}{1} ({2}{3})", owned[owner].empty() ? "" : ", ", item.name, weight, piece);
    }
  }
  std::string replicated;
  int64_t links = 0, copies = 0;
  for (auto sample : entry.getOps<SampleOp>()) {
    auto found = users.find(sample);
    if (found == users.end())
      continue;
    ++links;
    copies += int64_t(found->second.size());
    if (found->second.size() < 2)
      continue;
    auto adj = cast<AdjType>(sample.getAdj().getType());
    replicated += llvm::formatv("{0}{1}@{2}", replicated.empty() ? "" : ", ",
                                adj.getRelation().getValue(), adj.getHop());
  }
  for (auto [p, text] : llvm::enumerate(owned))
    emitRemark(entry.getLoc())
        << "partition " << p << " of " << owned.size() << " owns " << text << "; load "
        << pieces.loads[p] << ", "
        << llvm::formatv("{0:f1}", total > 0 ? 100 * double(pieces.loads[p]) / total : 0.0).str()
        << " %";
  emitRemark(entry.getLoc())
      << "assign-partitions by " << weights << ": largest load "
      << llvm::formatv("{0:f2}", total > 0 ? largest * double(owned.size()) / total : 1.0).str()
      << " times the mean; "
      << (cut ? llvm::formatv("{0} root link{1} shared by blocks of the seeds; ", cut,
                              cut == 1 ? "" : "s")
                    .str()
              : "")
      << copies << " copies of " << links
      << " links; in more than one partition: " << (replicated.empty() ? "none" : replicated);
}

/// hgnn.partitioning: who owns what.
void AssignPartitionsPass::record(EntryOp entry, ArrayRef<Item> items, const Pieces &pieces) {
  OpBuilder builder(getOperation().getContext());
  SmallVector<SmallVector<Attribute>> names(pieces.loads.size());
  for (auto [i, item] : llvm::enumerate(items)) {
    StringAttr name = builder.getStringAttr(item.name);
    int64_t blocks = pieces.owners[i].size();
    for (auto [block, owner] : llvm::enumerate(pieces.owners[i]))
      names[owner].push_back(blocks == 1 ? Attribute(name)
                                         : builder.getArrayAttr({name, builder.getI64IntegerAttr(block),
                                                                 builder.getI64IntegerAttr(blocks)}));
  }
  SmallVector<Attribute> lists;
  for (const auto &own : names)
    lists.push_back(builder.getArrayAttr(own));
  builder.setInsertionPoint(entry);
  PartitioningOp::create(
      builder, entry.getLoc(), builder.getStringAttr(weights), builder.getArrayAttr(lists),
      builder.getDenseI64ArrayAttr(SmallVector<int64_t>(pieces.loads.begin(), pieces.loads.end())));
}

LogicalResult AssignPartitionsPass::run() {
  ModuleOp module = getOperation();
  std::optional<WeightRule> rule = parseWeightRule(weights);
  if (!rule)
    return module.emitError("unknown weights '") << weights << "'; known: sampled, heta, heta-code";
  if (split != "needed" && split != "balance")
    return module.emitError("unknown split '") << split << "'; known: needed, balance";
  EntryOp train;
  for (auto entry : module.getOps<EntryOp>())
    if (!train || (entry.getKind() == EntryKind::Train && train.getKind() != EntryKind::Train))
      train = entry;
  if (!train)
    return module.emitError("has no hgnn.entry to partition; run hgnn-unroll and "
                            "hgnn-relation-aggregation-first first");
  for (auto old : module.getOps<PartitioningOp>())
    return old.emitOpError("is there already; the module is partitioned once");
  auto items = itemsOf(train);
  if (failed(items))
    return failure();
  if (items->empty())
    return train.emitOpError("has no hgnn.partial; run hgnn-relation-aggregation-first first");
  if (partitions < 1)
    return train.emitOpError("cannot be cut into ")
           << int64_t(partitions) << " partitions; use at least 1";
  if (partitions > maxPartitions)
    return train.emitOpError("cannot be cut into ")
           << int64_t(partitions) << " partitions; use at most " << maxPartitions;
  if (failed(checkBatchReductions()))
    return failure();
  auto pieces = place(train, *items, *rule);
  if (failed(pieces))
    return failure();
  llvm::StringMap<ArrayRef<uint32_t>> owners;
  for (auto [i, item] : llvm::enumerate(*items))
    owners[item.name] = pieces->owners[i];
  if (failed(mark(owners)))
    return failure();
  record(train, *items, *pieces);
  remark(train, *items, *pieces);
  numLinks += items->size();
  return success();
}

} // namespace
