//===- AssignPartitions.cpp - who owns which root link ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Each root link goes to exactly one partition, by the weight of its sub-DAG, largest first to the
// least loaded. Links below the root are not assigned: a partition has all that its sub-DAGs need,
// each once. The decision reads the schema and the statistics in graph.json only.
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

/// A root link with what it needs.
struct Item {
  std::string name;
  Closure closure;
  uint64_t weight = 0;
};

struct AssignPartitionsPass : heddle::passes::impl::AssignPartitionsPassBase<AssignPartitionsPass> {
  using AssignPartitionsPassBase::AssignPartitionsPassBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run();
  FailureOr<SmallVector<Item>> itemsOf(EntryOp entry, WeightRule rule);
  LogicalResult mark(const llvm::StringMap<uint32_t> &owner);
  void remark(EntryOp entry, ArrayRef<Item> items, ArrayRef<uint32_t> owner,
              ArrayRef<int64_t> loads);
};

FailureOr<SmallVector<Item>> AssignPartitionsPass::itemsOf(EntryOp entry, WeightRule rule) {
  auto tables = ModuleTables::read(getOperation());
  if (failed(tables))
    return failure();
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
    auto ops = computationOf(Value(found->second.getInput()), [](Value) { return false; });
    Item item{link.name, closureOf(entry, rootLinksUsedBy(ops)), 0};
    auto weight = linkWeight(rule, entry, ops, item.closure, *tables);
    if (failed(weight))
      return failure();
    item.weight = *weight;
    items.push_back(std::move(item));
  }
  return items;
}

LogicalResult AssignPartitionsPass::mark(const llvm::StringMap<uint32_t> &owner) {
  for (auto entry : getOperation().getOps<EntryOp>())
    for (auto partial : entry.getOps<PartialOp>()) {
      auto found = owner.find(partial.getLink().value_or(""));
      if (found == owner.end())
        return partial.emitOpError("ends a root link that train_step does not have");
      partial.setPartition(found->second);
    }
  return success();
}

void AssignPartitionsPass::remark(EntryOp entry, ArrayRef<Item> items, ArrayRef<uint32_t> owner,
                                  ArrayRef<int64_t> loads) {
  double total = 0, largest = 0;
  for (int64_t load : loads) {
    total += double(load);
    largest = std::max(largest, double(load));
  }
  // Links below the root that several partitions have.
  DenseMap<Operation *, DenseSet<uint32_t>> users;
  for (auto [i, item] : llvm::enumerate(items))
    for (Operation *sample : item.closure.samples)
      users[sample].insert(owner[i]);
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
  for (uint32_t p = 0; p < loads.size(); ++p) {
    std::string owned;
    for (auto [i, item] : llvm::enumerate(items))
      if (owner[i] == p)
        owned += llvm::formatv("{0}{1} ({2})", owned.empty() ? "" : ", ", item.name, item.weight);
    emitRemark(entry.getLoc())
        << "partition " << p << " of " << loads.size() << " owns " << owned << "; load " << loads[p]
        << ", " << llvm::formatv("{0:f1}", total > 0 ? 100 * double(loads[p]) / total : 0.0).str()
        << " %";
  }
  emitRemark(entry.getLoc())
      << "assign-partitions by " << weights << ": largest load "
      << llvm::formatv("{0:f2}", total > 0 ? largest * double(loads.size()) / total : 1.0).str()
      << " times the mean; " << copies << " copies of " << links
      << " links; in more than one partition: " << (replicated.empty() ? "none" : replicated);
}

LogicalResult AssignPartitionsPass::run() {
  ModuleOp module = getOperation();
  std::optional<WeightRule> rule = parseWeightRule(weights);
  if (!rule)
    return module.emitError("unknown weights '") << weights << "'; known: sampled, heta, heta-code";
  EntryOp train;
  for (auto entry : module.getOps<EntryOp>())
    if (!train || (entry.getKind() == EntryKind::Train && train.getKind() != EntryKind::Train))
      train = entry;
  if (!train)
    return module.emitError("has no hgnn.entry to partition; run hgnn-unroll and "
                            "hgnn-relation-aggregation-first first");
  for (auto old : module.getOps<PartitioningOp>())
    return old.emitOpError("is there already; the module is partitioned once");
  auto items = itemsOf(train, *rule);
  if (failed(items))
    return failure();
  if (items->empty())
    return train.emitOpError("has no hgnn.partial; run hgnn-relation-aggregation-first first");
  if (partitions < 1)
    return train.emitOpError("cannot be cut into ")
           << int64_t(partitions) << " partitions; use at least 1";
  if (partitions > int64_t(items->size()))
    return train.emitOpError("has ")
           << items->size() << " root links, which " << int64_t(partitions)
           << " partitions cannot share: each owns at least one; use partitions=" << items->size()
           << " or fewer";
  SmallVector<uint64_t> itemWeights;
  for (const Item &item : *items)
    itemWeights.push_back(item.weight);
  auto owner = balanceLargestFirst(itemWeights, uint32_t(partitions));

  llvm::StringMap<uint32_t> ownerOf;
  SmallVector<int64_t> loads(partitions, 0);
  SmallVector<SmallVector<Attribute>> names(partitions);
  OpBuilder builder(module.getContext());
  for (auto [i, item] : llvm::enumerate(*items)) {
    ownerOf[item.name] = owner[i];
    loads[owner[i]] += int64_t(item.weight);
    names[owner[i]].push_back(builder.getStringAttr(item.name));
  }
  if (failed(mark(ownerOf)))
    return failure();
  SmallVector<Attribute> lists;
  for (const auto &own : names)
    lists.push_back(builder.getArrayAttr(own));
  builder.setInsertionPoint(train);
  PartitioningOp::create(builder, train.getLoc(), builder.getStringAttr(weights),
                         builder.getArrayAttr(lists), builder.getDenseI64ArrayAttr(loads));
  remark(train, *items, owner, loads);
  numLinks += items->size();
  return success();
}

} // namespace
