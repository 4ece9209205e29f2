//===- Differentiate.cpp - backward and optimizer steps --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/Backward.h"
#include "passes/Passes.h"

namespace heddle::passes {
#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::passes;

namespace {

struct DifferentiatePass : heddle::passes::impl::DifferentiatePassBase<DifferentiatePass> {
  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  using Optimizers = DenseMap<int64_t, OptimizerOp>;
  LogicalResult run();
  LogicalResult differentiate(EntryOp entry, SymbolTable &symbols, const Optimizers &optimizers);
};

/// One entry that does everything.
LogicalResult DifferentiatePass::differentiate(EntryOp entry, SymbolTable &symbols,
                                               const Optimizers &optimizers) {
  Backward backward(entry);
  Value loss = backward.loss();
  if (!loss)
    return entry.emitError("has no output \"loss\" to differentiate");
  backward.findActive();
  if (!backward.isActive(loss)) // a model without a parameter: nothing to learn
    return success();
  Backward::Broadcasts none;
  int64_t id = 0;
  if (failed(backward.run(loss, none, id)))
    return failure();
  // In program order of the reads, so that the plan does not depend on the walk.
  SmallVector<std::pair<Operation *, Value>> ordered(backward.gradients.begin(),
                                                     backward.gradients.end());
  llvm::sort(ordered,
             [](const auto &a, const auto &b) { return a.first->isBeforeInBlock(b.first); });
  auto stateOf = [&](Operation *op) {
    StringRef name =
        isa<ReadOp>(op) ? cast<ReadOp>(op).getState() : cast<FetchRowsOp>(op).getState();
    return symbols.lookup<StateOp>(name);
  };
  OpBuilder &builder = backward.builder;
  for (auto [op, grad] : ordered)
    OutputOp::create(builder, op->getLoc(), ("grad:" + stateOf(op).getSymName()).str(), grad);
  numGradients += ordered.size();

  StepBuilder steps(symbols, entry, builder, optimizers);
  Value clip;
  if (OptimizerOp bound = steps.clipping()) {
    SmallVector<Value> squares;
    for (auto [op, grad] : ordered)
      if (isa<ReadOp>(op))
        squares.push_back(SumSquaresOp::create(builder, op->getLoc(), grad));
    if (!squares.empty())
      clip = ClipFactorOp::create(builder, bound.getLoc(), squares, bound.getMaxGradNormAttr());
  }
  for (auto [op, grad] : ordered) {
    auto fetch = dyn_cast<FetchRowsOp>(op);
    steps.step(op->getLoc(), stateOf(op), grad, fetch ? fetch.getIds() : Value(), clip);
  }
  return success();
}

LogicalResult DifferentiatePass::run() {
  ModuleOp module = getOperation();
  SymbolTable symbols(module);
  SmallVector<EntryOp> whole, partitioned;
  for (auto entry : module.getOps<EntryOp>())
    if (entry.getKind() == EntryKind::Train)
      (int64_t(entry.getPartition()) < 0 ? whole : partitioned).push_back(entry);
  for (EntryOp entry : whole) {
    if (!Backward(entry).loss())
      return entry.emitError("has no output \"loss\" to differentiate");
    auto optimizers = StepBuilder::optimizersOf(module);
    if (failed(optimizers) || failed(differentiate(entry, symbols, *optimizers)))
      return failure();
  }
  if (partitioned.empty())
    return success();
  auto optimizers = StepBuilder::optimizersOf(module);
  if (failed(optimizers))
    return failure();
  auto gradients = differentiatePartitions(module, symbols, partitioned, *optimizers);
  if (failed(gradients))
    return failure();
  numGradients += *gradients;
  return success();
}

} // namespace
