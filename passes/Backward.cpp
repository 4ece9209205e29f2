//===- Backward.cpp - the reverse walk over one entry ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/Backward.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::passes {

Value Backward::loss() const {
  for (auto output : EntryOp(entry).getOps<OutputOp>())
    if (output.getName() == "loss")
      return output.getValue();
  return {};
}

void Backward::findActive(const std::set<int64_t> &activeMerges) {
  for (Operation &op : entry.getBody().front()) {
    auto collective = dyn_cast<Collective>(op);
    if (isa<ReadOp, FetchRowsOp, FetchRemoteRowsOp>(op) ||
        llvm::any_of(op.getOperands(), [&](Value v) { return active.contains(v); }) ||
        (collective && activeMerges.count(collective.getCollectiveId())))
      for (Value result : op.getResults())
        if (isa<FeatType>(result.getType()))
          active.insert(result);
  }
}

/// Whether an op gives terms of a merge that is no sum. Their gradients say what all terms together
/// gave, and cannot be added.
static bool givesTerms(Operation *op) {
  auto merge = op->getAttrOfType<MergeAttr>("merge");
  return merge && merge.getValue() != Merge::Sum &&
         isa<TermOp, ReduceDstOp, ExpandOp, PartialOp, CombineOp, MergeOp, MergeAllOp, MergeToOp>(
             op);
}

FailureOr<Value> Backward::total(Value value, Operation *op) {
  auto found = contributions.find(value);
  if (found == contributions.end())
    return Value();
  SmallVector<Value> &parts = found->second;
  if (parts.size() > 1 && givesTerms(op))
    return op->emitOpError(
        "gives terms that are used twice; a term goes into one merge, and hgnn.combined "
        "takes the value out of merged terms once");
  // Contributions were collected from the last user to the first.
  std::reverse(parts.begin(), parts.end());
  // A whole gradient and one partition's term have no sum before the terms are exchanged.
  for (Value part : parts)
    if (part.getType() != parts.front().getType())
      return op->emitOpError("has gradients of ")
             << parts.front().getType() << " and " << part.getType()
             << "; what is used both above and below a merge must be read twice";
  Value sum =
      parts.size() == 1 ? parts.front() : Value(AddOp::create(builder, op->getLoc(), parts));
  contributions.erase(found);
  return sum;
}

LogicalResult Backward::fromLoss(Operation *op) {
  // loss = sum * (1 / count): seed the walk with d loss / d sum, a value the program has already.
  auto mul = dyn_cast<MulOp>(op);
  if (!mul || active.contains(mul.getRhs()))
    return op->emitError("the loss must be a sum of rows times a run-time scalar");
  contributions[mul.getLhs()].push_back(mul.getRhs());
  return success();
}

/// The gradient of a merge is that of its result, which the leader alone has: it sends it to all.
LogicalResult Backward::throughLeader(MergeToOp op, Broadcasts &broadcasts, int64_t &nextId) {
  int64_t id = op.getId();
  Value own;
  if (op.getResult()) {
    FailureOr<Value> grad = total(op.getResult(), op);
    if (failed(grad))
      return failure();
    own = *grad;
    if (own)
      broadcasts[id] = nextId++;
  }
  auto found = broadcasts.find(id);
  if (found == broadcasts.end())
    return success();
  Type type = withPlacement(op.getInput().getType(), PlacementAttr::replicated(op.getContext()));
  auto broadcast = BroadcastOp::create(builder, op.getLoc(), type, own, found->second,
                                       op.getPartitions(), op.getLeader(), op.getTraffic(), 0);
  broadcast.setBytes(broadcast.getWireBytes());
  if (active.contains(op.getInput()))
    contributions[op.getInput()].push_back(broadcast.getResult());
  return success();
}

LogicalResult Backward::through(Operation *op, Value grad, ArrayRef<Operation *> forward) {
  auto differentiable = dyn_cast<DifferentiableOp>(op);
  if (!differentiable)
    return op->emitError("has no gradient; the loss depends on it: make the value of ops that have "
                         "one (HgnnComputeOps.td), or of the graph alone");
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
          llvm::none_of(operandGradients,
                        [&](Value v) { return v != gradient && v && v.getDefiningOp() == dead; }))
        dead->erase();
      continue;
    }
    contributions[operand].push_back(gradient);
  }
  return success();
}

LogicalResult Backward::run(Value loss, Broadcasts &broadcasts, int64_t &nextId) {
  Block &block = entry.getBody().front();
  SmallVector<Operation *> forward;
  for (Operation &op : block)
    forward.push_back(&op);
  builder.setInsertionPointToEnd(&block);
  for (Operation *op : llvm::reverse(forward)) {
    if (auto merge = dyn_cast<MergeToOp>(op)) {
      if (failed(throughLeader(merge, broadcasts, nextId)))
        return failure();
      continue;
    }
    if (op->getNumResults() != 1 || !active.contains(op->getResult(0)))
      continue;
    Value result = op->getResult(0);
    if (result == loss) {
      if (failed(fromLoss(op)))
        return failure();
      continue;
    }
    FailureOr<Value> grad = total(result, op);
    if (failed(grad))
      return failure();
    if (!*grad)
      continue;
    if (isa<ReadOp, FetchRowsOp, FetchRemoteRowsOp>(op))
      gradients[op] = *grad;
    else if (failed(through(op, *grad, forward)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Optimizer steps
//===----------------------------------------------------------------------===//

FailureOr<DenseMap<int64_t, OptimizerOp>> StepBuilder::optimizersOf(ModuleOp module) {
  DenseMap<int64_t, OptimizerOp> optimizers;
  for (auto op : module.getOps<OptimizerOp>())
    if (!optimizers.try_emplace(op.getGroup(), op).second)
      return op.emitError("is a second optimizer of group ") << op.getGroup(), failure();
  return optimizers;
}

OptimizerOp StepBuilder::clipping() const {
  OptimizerOp dense = optimizers.lookup(0);
  return dense && dense.getMaxGradNorm().convertToDouble() >= 0 ? dense : OptimizerOp();
}

Value StepBuilder::scalar(Location loc, ScalarKind kind, int64_t group) {
  Value &value = scalars[{int(kind), group}];
  if (!value)
    value = ScalarOp::create(
        builder, loc, FeatType::get(DomainAttr::param(builder.getContext()), {1}), kind, group);
  return value;
}

FlatSymbolRefAttr StepBuilder::moment(StateOp state, StringRef suffix, StateRole role) {
  std::string name = (state.getSymName() + suffix).str();
  auto symbol = FlatSymbolRefAttr::get(builder.getContext(), name);
  if (symbols.lookup<StateOp>(symbol.getAttr())) // another partition's step made it
    return symbol;
  if (!place)
    place = int64_t(entry.getPartition()) < 0
                ? entry
                : *cast<ModuleOp>(symbols.getOp()).getOps<EntryOp>().begin();
  OpBuilder atModule(place);
  auto zeros =
      atModule.getDictionaryAttr({atModule.getNamedAttr("kind", atModule.getStringAttr("zeros")),
                                  atModule.getNamedAttr("a", atModule.getF64FloatAttr(0)),
                                  atModule.getNamedAttr("b", atModule.getF64FloatAttr(0))});
  SmallVector<int64_t> shape(state.getShape());
  if (role == StateRole::RowSteps)
    shape.assign({1});
  symbols.insert(StateOp::create(atModule, state.getLoc(), name, role, shape,
                                 state.getRowsTypeAttr(), zeros,
                                 FlatSymbolRefAttr::get(state.getSymNameAttr()), state.getGroup(),
                                 state.getPartitionsAttr(), state.getSpread()));
  return symbol;
}

void StepBuilder::step(Location loc, StateOp state, Value grad, Value ids, Value clip) {
  int64_t group = state.getGroup();
  OptimizerOp optimizer = optimizers.lookup(group);
  if (!optimizer)
    return;
  bool adam = optimizer.getKind() != OptimizerKind::Sgd;
  SmallVector<Attribute> moments;
  SmallVector<Value> rates{scalar(loc, ScalarKind::LearningRate, group)};
  if (adam) {
    moments.push_back(moment(state, ".moment1", StateRole::Moment1));
    moments.push_back(moment(state, ".moment2", StateRole::Moment2));
  }
  auto symbol = FlatSymbolRefAttr::get(state.getSymNameAttr());
  if (ids) {
    if (adam)
      moments.push_back(moment(state, ".row_steps", StateRole::RowSteps));
    RowOptimizerStepOp::create(builder, loc, grad, ids, rates, Value(), symbol,
                               builder.getArrayAttr(moments), builder.getI64IntegerAttr(group));
    return;
  }
  if (adam) {
    rates.push_back(scalar(loc, ScalarKind::BiasCorrection1, group));
    rates.push_back(scalar(loc, ScalarKind::BiasCorrection2, group));
  } else if (!optimizer.getMomentum().isZero()) {
    moments.push_back(moment(state, ".momentum", StateRole::Moment1));
  }
  OptimizerStepOp::create(builder, loc, grad, rates, clip, symbol, builder.getArrayAttr(moments),
                          builder.getI64IntegerAttr(group));
}

} // namespace heddle::passes
