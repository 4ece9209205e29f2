//===- LayeredDag.cpp - which links and vertices a root link needs ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/LayeredDag.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::passes {

static bool isRootLink(Value value) {
  if (auto adj = dyn_cast<AdjType>(value.getType()))
    return adj.getHop() == 0;
  auto link = dyn_cast<LinkType>(value.getType());
  return link && link.isIdentity() && link.getHop() == 0;
}

SmallVector<RootLink> rootLinksOf(EntryOp entry) {
  SmallVector<RootLink> links;
  Value self;
  for (Operation &op : entry.getBody().front()) {
    if (auto sample = dyn_cast<SampleOp>(op)) {
      auto adj = cast<AdjType>(sample.getAdj().getType());
      if (adj.getHop() == 0)
        links.push_back({adj.getRelation().getValue().str(), sample.getAdj()});
    } else if (auto frontier = dyn_cast<FrontierOp>(op)) {
      if (frontier.getLink() && isRootLink(frontier.getLink()))
        self = frontier.getLink();
    }
  }
  if (self)
    links.push_back({"self", self});
  return links;
}

Closure closureOf(EntryOp entry, const DenseSet<Value> &links) {
  Closure closure;
  // In program order a vertex comes after the links that reach it and before those that leave it.
  for (Operation &op : entry.getBody().front()) {
    if (auto sample = dyn_cast<SampleOp>(op)) {
      bool root = isRootLink(sample.getAdj());
      if (root ? links.contains(sample.getAdj())
               : closure.frontiers.contains(sample.getIds().getDefiningOp()))
        closure.samples.insert(&op);
    } else if (auto frontier = dyn_cast<FrontierOp>(op)) {
      bool self = frontier.getLink() &&
                  (isRootLink(frontier.getLink())
                       ? links.contains(frontier.getLink())
                       : closure.frontiers.contains(frontier.getPrevious().getDefiningOp()));
      bool reached = llvm::any_of(frontier.getSamples(), [&](Value sample) {
        return closure.samples.contains(sample.getDefiningOp());
      });
      if (self)
        closure.selfLinks.insert(&op);
      if (self || reached)
        closure.frontiers.insert(&op);
    }
  }
  return closure;
}

llvm::SetVector<Operation *> computationOf(ArrayRef<Value> values,
                                           llvm::function_ref<bool(Value)> stop) {
  llvm::SetVector<Operation *> ops;
  SmallVector<Value> pending(values);
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || stop(value) || isa<SampleOp, FrontierOp>(op) || !ops.insert(op))
      continue;
    llvm::append_range(pending, op->getOperands());
  }
  return ops;
}

DenseSet<Value> rootLinksUsedBy(const llvm::SetVector<Operation *> &ops) {
  DenseSet<Value> links;
  for (Operation *op : ops)
    for (Value operand : op->getOperands())
      if (isRootLink(operand))
        links.insert(operand);
  return links;
}

} // namespace heddle::passes
