//===- Differentiate.cpp - backward and optimizer steps --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A reverse walk over the straight-line code of train_step. An op is visited after all of its users,
// so its result's contributions are complete: they are added once, in program order of the users.
// The loss is divided by the global count of labelled seeds, so gradients are only ever summed.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

namespace heddle::passes {
#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;

namespace {

class Differentiator {
public:
  Differentiator(ModuleOp module, EntryOp entry)
      : module(module), entry(entry), builder(module.getContext()) {}
  LogicalResult run();
  int64_t gradients = 0;

private:
  LogicalResult findOptimizers();
  void findActive();
  LogicalResult backward(Value loss);
  void emitSteps();
  Value total(Value value, Location loc);
  Value scalar(Location loc, ScalarKind kind, int64_t group);
  FlatSymbolRefAttr addMoment(StateOp state, StringRef suffix, StateRole role);

  ModuleOp module;
  EntryOp entry;
  OpBuilder builder;
  DenseMap<int64_t, OptimizerOp> optimizers;
  DenseSet<Value> active; ///< values that depend on a state
  DenseMap<Value, SmallVector<Value>> contributions;
  llvm::MapVector<Operation *, Value> stateGradients; ///< hgnn.read / hgnn.fetch_rows -> gradient
  llvm::MapVector<std::pair<int, int64_t>, Value> scalars;
};

LogicalResult Differentiator::findOptimizers() {
  for (auto op : module.getOps<OptimizerOp>())
    if (!optimizers.try_emplace(op.getGroup(), op).second)
      return op.emitError("is a second optimizer of group ") << op.getGroup();
  return success();
}

void Differentiator::findActive() {
  for (Operation &op : entry.getBody().front())
    if (isa<ReadOp, FetchRowsOp>(op) ||
        llvm::any_of(op.getOperands(), [&](Value v) { return active.contains(v); }))
      for (Value result : op.getResults())
        if (isa<FeatType>(result.getType()))
          active.insert(result);
}

Value Differentiator::total(Value value, Location loc) {
  auto found = contributions.find(value);
  if (found == contributions.end())
    return {};
  SmallVector<Value> &parts = found->second;
  // Contributions were collected from the last user to the first.
  std::reverse(parts.begin(), parts.end());
  Value sum = parts.size() == 1 ? parts.front() : Value(AddOp::create(builder, loc, parts));
  contributions.erase(found);
  return sum;
}

LogicalResult Differentiator::backward(Value loss) {
  Block &block = entry.getBody().front();
  SmallVector<Operation *> forward;
  for (Operation &op : block)
    forward.push_back(&op);
  builder.setInsertionPointToEnd(&block);
  for (Operation *op : llvm::reverse(forward)) {
    if (op->getNumResults() != 1 || !active.contains(op->getResult(0)))
      continue;
    Value result = op->getResult(0);
    if (result == loss) {
      // loss = sum * (1 / count): seed the walk with d loss / d sum, a value the program has already.
      auto mul = dyn_cast<MulOp>(op);
      if (!mul || active.contains(mul.getRhs()))
        return op->emitError("the loss must be a sum of rows times a run-time scalar");
      contributions[mul.getLhs()].push_back(mul.getRhs());
      continue;
    }
    Value grad = total(result, op->getLoc());
    if (!grad)
      continue;
    if (isa<ReadOp, FetchRowsOp>(op)) {
      stateGradients[op] = grad;
      continue;
    }
    auto differentiable = dyn_cast<DifferentiableOp>(op);
    if (!differentiable)
      return op->emitError("has no gradient; the loss depends on it");
    SmallVector<Value> operandGradients(op->getNumOperands());
    if (failed(differentiable.buildVjp(builder, grad, operandGradients)))
      return failure();
    for (auto [operand, gradient] : llvm::zip(op->getOperands(), operandGradients)) {
      if (!gradient)
        continue;
      if (!active.contains(operand)) {
        // Nobody asks for it; what was built for it alone dies here.
        if (Operation *dead = gradient.getDefiningOp();
            dead && gradient.use_empty() && !llvm::is_contained(forward, dead) && gradient != grad &&
            llvm::none_of(operandGradients, [&](Value v) { return v != gradient && v && v.getDefiningOp() == dead; }))
          dead->erase();
        continue;
      }
      contributions[operand].push_back(gradient);
    }
  }
  return success();
}

Value Differentiator::scalar(Location loc, ScalarKind kind, int64_t group) {
  Value &value = scalars[{int(kind), group}];
  if (!value)
    value = ScalarOp::create(builder, loc,
                             FeatType::get(DomainAttr::param(module.getContext()), {1}), kind, group);
  return value;
}

FlatSymbolRefAttr Differentiator::addMoment(StateOp state, StringRef suffix, StateRole role) {
  OpBuilder atModule(module.getContext());
  atModule.setInsertionPoint(entry);
  std::string name = (state.getSymName() + suffix).str();
  auto zeros = atModule.getDictionaryAttr(
      {atModule.getNamedAttr("kind", atModule.getStringAttr("zeros")),
       atModule.getNamedAttr("a", atModule.getF64FloatAttr(0)),
       atModule.getNamedAttr("b", atModule.getF64FloatAttr(0))});
  SmallVector<int64_t> shape(state.getShape());
  if (role == StateRole::RowSteps)
    shape.assign({1});
  StateOp::create(atModule, state.getLoc(), name, role, shape, state.getRowsTypeAttr(), zeros,
                  FlatSymbolRefAttr::get(state.getSymNameAttr()), state.getGroup());
  return FlatSymbolRefAttr::get(module.getContext(), name);
}

void Differentiator::emitSteps() {
  // In program order of the reads, so that the plan does not depend on the walk.
  SmallVector<std::pair<Operation *, Value>> ordered(stateGradients.begin(), stateGradients.end());
  llvm::sort(ordered, [](const auto &a, const auto &b) { return a.first->isBeforeInBlock(b.first); });
  auto stateOf = [&](Operation *op) {
    StringRef name = isa<ReadOp>(op) ? cast<ReadOp>(op).getState() : cast<FetchRowsOp>(op).getState();
    return module.lookupSymbol<StateOp>(name);
  };
  for (auto [op, grad] : ordered)
    OutputOp::create(builder, op->getLoc(), ("grad:" + stateOf(op).getSymName()).str(), grad);
  gradients = ordered.size();

  Value clip;
  OptimizerOp dense = optimizers.lookup(0);
  if (dense && dense.getMaxGradNorm().convertToDouble() >= 0) {
    SmallVector<Value> squares;
    for (auto [op, grad] : ordered)
      if (isa<ReadOp>(op))
        squares.push_back(SumSquaresOp::create(builder, op->getLoc(), grad));
    if (!squares.empty())
      clip = ClipFactorOp::create(builder, dense.getLoc(), squares, dense.getMaxGradNormAttr());
  }
  for (auto [op, grad] : ordered) {
    Location loc = op->getLoc();
    StateOp state = stateOf(op);
    int64_t group = state.getGroup();
    OptimizerOp optimizer = optimizers.lookup(group);
    if (!optimizer)
      continue;
    bool adam = optimizer.getKind() != OptimizerKind::Sgd;
    SmallVector<Attribute> moments;
    SmallVector<Value> rates{scalar(loc, ScalarKind::LearningRate, group)};
    if (adam) {
      moments.push_back(addMoment(state, ".moment1", StateRole::Moment1));
      moments.push_back(addMoment(state, ".moment2", StateRole::Moment2));
    }
    if (auto fetch = dyn_cast<FetchRowsOp>(op)) {
      if (adam)
        moments.push_back(addMoment(state, ".row_steps", StateRole::RowSteps));
      RowOptimizerStepOp::create(builder, loc, grad, fetch.getIds(), rates, Value(),
                                 FlatSymbolRefAttr::get(state.getSymNameAttr()),
                                 builder.getArrayAttr(moments), builder.getI64IntegerAttr(group));
      continue;
    }
    if (adam) {
      rates.push_back(scalar(loc, ScalarKind::BiasCorrection1, group));
      rates.push_back(scalar(loc, ScalarKind::BiasCorrection2, group));
    } else if (!optimizer.getMomentum().isZero()) {
      moments.push_back(addMoment(state, ".momentum", StateRole::Moment1));
    }
    OptimizerStepOp::create(builder, loc, grad, rates, clip,
                            FlatSymbolRefAttr::get(state.getSymNameAttr()),
                            builder.getArrayAttr(moments), builder.getI64IntegerAttr(group));
  }
}

LogicalResult Differentiator::run() {
  Value loss;
  for (auto output : entry.getOps<OutputOp>())
    if (output.getName() == "loss")
      loss = output.getValue();
  if (!loss)
    return entry.emitError("has no output \"loss\" to differentiate");
  if (failed(findOptimizers()))
    return failure();
  findActive();
  if (!active.contains(loss)) // a model without a parameter: nothing to learn
    return success();
  if (failed(backward(loss)))
    return failure();
  emitSteps();
  return success();
}

struct DifferentiatePass : heddle::passes::impl::DifferentiatePassBase<DifferentiatePass> {
  void runOnOperation() override {
    for (auto entry : llvm::to_vector(getOperation().getOps<EntryOp>())) {
      if (entry.getKind() != EntryKind::Train)
        continue;
      Differentiator differentiator(getOperation(), entry);
      if (failed(differentiator.run()))
        return signalPassFailure();
      numGradients += differentiator.gradients;
    }
  }
};

} // namespace
