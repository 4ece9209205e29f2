//===- Fuse.cpp - kernels out of compute ops -------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Every compute op either is materialized (its result is written to memory by a kernel of its own
// root) or is evaluated inside the kernels of its users. Evaluating twice what only moves data
// costs no more than reading a stored copy, so moves are never stored for sharing's sake alone;
// anything that computes is stored as soon as two kernels need it, or when a user would evaluate it
// once per edge, unless it is cheaper to evaluate it again (Recompute.h).
//
// A reduction over the batch is two loops, a sum and what reads it: it is made of ops that are
// kernels before all else.
//
// Partials and own uses only say where a value lives. They are never stored: inside a kernel they
// are nothing, and where what they take is stored they stay beside the launches, as other names for
// it.
//
//===----------------------------------------------------------------------===//

#include "passes/OutlineKernels.h"
#include "passes/Passes.h"
#include "passes/Recompute.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SetVector.h"

namespace heddle::passes {
#define GEN_PASS_DEF_FUSEPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::passes;

namespace {

bool isCompute(Operation *op) {
  return op->getNumResults() == 1 && isa<FeatType>(op->getResult(0).getType()) &&
         !isa<FetchDenseOp, FetchEdgeOp, FetchRowsOp, ReadOp, ScalarOp, LaunchOp, Collective>(op);
}
/// What stays at the top level: products of rows by a library, and views of parameters.
bool isLibrary(Operation *op) {
  return isa<LinearOp, LinearSumOp, LinearGradWeightOp, HeadLinearOp, HeadLinearGradWeightOp,
             ReshapeOp>(op);
}
/// Reads its operand at another index, computes nothing.
bool isMove(Operation *op) {
  return isa<GatherSrcOp, GatherDstOp, ExpandOp, RestrictOp, SelfGatherOp, SelfScatterOp>(op);
}
/// Costs about as much as reading a stored result.
bool isCheap(Operation *op) {
  if (isMove(op) || isView(op) ||
      isa<ScaleOp, ScaleByOp, DegreeOp, EdgePositionOp, EdgeConstantOp, SliceOp, PadOp, ZerosOp,
          BroadcastRowsOp, TermOp, OnesOp>(op))
    return true;
  // A draw for each head is less than to write and read values as wide as all heads.
  if (auto dropout = dyn_cast<DropoutOp>(op))
    return dropout.getHeads() > 0 &&
           cast<FeatType>(op->getResult(0).getType()).getDomain().isEdges();
  if (auto unary = dyn_cast<UnaryOp>(op))
    return unary.getFn() == UnaryFn::Reciprocal;
  return isa<ScaleRowsOp>(op);
}
/// Sums over the rows of its domain: its own loop ends with it.
bool endsLoop(Operation *op) {
  return isa<ColSumOp, SumSquaresOp, SparseLinearGradWeightOp, ClipFactorOp>(op);
}
DomainAttr domainOf(Value value) { return cast<FeatType>(value.getType()).getDomain(); }
/// The ops that use the result of `op`, those of a view instead of the view.
void collectUsers(Operation *op, SmallVectorImpl<Operation *> &users) {
  for (Operation *user : op->getUsers())
    if (isView(user))
      collectUsers(user, users);
    else
      users.push_back(user);
}
SmallVector<Operation *> usersOf(Operation *op) {
  SmallVector<Operation *> users;
  collectUsers(op, users);
  return users;
}

class Fuser {
public:
  Fuser(EntryOp entry, int64_t maxFused, KernelTable &kernels, Recompute &again)
      : entry(entry), maxFused(maxFused), kernels(kernels), again(again) {}
  void run();
  int64_t launches = 0;

private:
  /// Whether kernels that read a value evaluate it: it must be stored; it may be evaluated by each,
  /// where that is cheaper; or there is one kernel, or nothing to evaluate.
  enum class Storing { Must, Choice, No };

  void chooseMaterialized();
  Storing storing(Operation *op);
  /// Evaluated by each kernel that reads it.
  bool isLight(Operation *op) const { return isCheap(op) || evaluatedAgain.contains(op); }
  /// A value that is there before a kernel that reads it starts.
  bool isStored(Value value) {
    Operation *def = value.getDefiningOp();
    if (def && isView(def))
      return isStored(def->getOperand(0));
    return !def || !isCompute(def) || isLibrary(def) || materialized.contains(def);
  }
  void buildLaunch(Operation *root);
  void collect(Operation *op, SetVector<Operation *> &body, SetVector<Value> &inputs);

  EntryOp entry;
  int64_t maxFused;
  KernelTable &kernels;
  Recompute &again;
  DenseSet<Operation *> materialized, evaluatedAgain;
  DenseMap<Operation *, int64_t> fusedSize;
};

Fuser::Storing Fuser::storing(Operation *op) {
  if (endsLoop(op) || maxFused == 1)
    return Storing::Must;
  // Heads of a param need it as one row; a loop over rows reads the numbers of a param one by one.
  auto heads = dyn_cast<ScaleRowsOp>(op);
  if (domainOf(op->getResult(0)).isParam() &&
      (isa<RowDotOp>(op) || (heads && cast<FeatType>(heads.getScale().getType()).getWidth() > 1)))
    return Storing::Must;
  SmallPtrSet<Operation *, 4> roots; // kernels that would evaluate it
  bool cheap = isCheap(op), perEdge = false;
  for (Operation *user : usersOf(op)) {
    if (!isCompute(user) || isLibrary(user) || isStep(user))
      return Storing::Must; // read from memory by something that is not a kernel of ours
    perEdge |= isMove(user) && !cheap;
    // A softmax over edges reads its scores for the largest, for the sum and for the values;
    // numbers for each head are read as often as the values are.
    if (auto term = dyn_cast<TermOp>(user);
        term && !cheap && term.getKey() == op->getResult(0) && domainOf(term.getKey()).isEdges())
      return Storing::Must;
    if (isa<ScaleRowsOp>(user) && isa<RowDotOp>(op) && user->getOperand(1) == op->getResult(0) &&
        cast<FeatType>(op->getResult(0).getType()).getWidth() > 1)
      return Storing::Must;
    // A sum over edges has no loop over their destinations.
    if (endsLoop(user) && domainOf(op->getResult(0)).isEdges())
      return Storing::Must;
    // A reduction over edges evaluates edge values once each, but row values once per edge.
    if (isa<ReduceDstOp, ReduceSrcOp>(user) && !domainOf(op->getResult(0)).isEdges())
      return Storing::Must;
    // Another loop domain that is not reached by a move: a sum over rows reads its rows as they
    // are.
    if (endsLoop(user) && isa<ReduceDstOp, ReduceSrcOp>(op))
      return Storing::Must;
    roots.insert(user);
  }
  // A chain of moves through edges inside a row loop is evaluated per edge; that is what it is for.
  // A reduction under a move would loop inside a loop.
  if (isa<ReduceDstOp, ReduceSrcOp, SparseLinearOp, LayerNormOp, LayerNormGradOp, SoftmaxXentOp,
          SoftmaxXentGradOp, SigmoidXentOp, SigmoidXentGradOp>(op))
    for (Operation *user : usersOf(op))
      if (isMove(user))
        return Storing::Must;
  if (maxFused > 0) {
    int64_t size = 1;
    for (Value operand : op->getOperands()) {
      Operation *def = operand.getDefiningOp();
      while (def && isView(def))
        def = def->getOperand(0).getDefiningOp();
      if (def && fusedSize.count(def) && !materialized.contains(def))
        size += fusedSize[def];
    }
    fusedSize[op] = size;
    if (size >= maxFused)
      return Storing::Must;
  }
  return perEdge || (roots.size() > 1 && !cheap) ? Storing::Choice : Storing::No;
}

void Fuser::chooseMaterialized() {
  auto stored = [&](Value value) { return isStored(value); };
  auto light = [&](Operation *op) { return isLight(op); };
  const Recompute::Known known = {stored, light};
  for (Operation &op : entry.getBody().front()) {
    if (!isCompute(&op) || isLibrary(&op) || isView(&op))
      continue;
    Storing choice = storing(&op);
    if (choice == Storing::Choice && again.evaluatesAgain(&op, usersOf(&op), known))
      evaluatedAgain.insert(&op);
    else if (choice != Storing::No)
      materialized.insert(&op);
  }
  // scale_rows is cheap over a stored operand only: under a move, what it scales must be stored, or
  // the chain below would be evaluated once per edge.
  bool changed = true;
  while (changed) {
    changed = false;
    for (Operation &op : entry.getBody().front()) {
      if (!isCompute(&op) || isLibrary(&op) || isView(&op) || materialized.contains(&op) ||
          !isLight(&op))
        continue;
      SmallVector<Operation *> users = usersOf(&op);
      bool underMove = llvm::any_of(users, [&](Operation *user) {
        return isMove(user) || (isLight(user) && !materialized.contains(user));
      });
      if (!underMove && users.size() <= 1)
        continue;
      for (Value operand : op.getOperands()) {
        Operation *def = operand.getDefiningOp();
        while (def && isView(def))
          def = def->getOperand(0).getDefiningOp();
        if (def && isCompute(def) && !isLibrary(def) && !isLight(def) &&
            !materialized.contains(def)) {
          materialized.insert(def);
          changed = true;
        }
      }
    }
  }
}

void Fuser::collect(Operation *op, SetVector<Operation *> &body, SetVector<Value> &inputs) {
  for (Value operand : op->getOperands()) {
    if (isStored(operand))
      inputs.insert(operand);
    else
      collect(operand.getDefiningOp(), body, inputs);
  }
  body.insert(op);
}

void Fuser::buildLaunch(Operation *root) {
  SetVector<Operation *> body;
  SetVector<Value> inputs;
  collect(root, body, inputs);
  KernelOp kernel = kernels.outline(body.getArrayRef(), inputs.getArrayRef(), entry);
  OpBuilder builder(root);
  SmallVector<Attribute> states;
  if (isStep(root)) {
    states.push_back(root->getAttr("state"));
    llvm::append_range(states, root->getAttrOfType<ArrayAttr>("moments"));
  }
  auto launch = LaunchOp::create(builder, root->getLoc(), root->getResultTypes(),
                                 FlatSymbolRefAttr::get(kernel.getSymNameAttr()),
                                 inputs.getArrayRef(), builder.getArrayAttr(states));
  for (auto [from, to] : llvm::zip(root->getResults(), launch.getResults()))
    from.replaceAllUsesWith(to);
  ++launches;
}

void Fuser::run() {
  chooseMaterialized();
  SmallVector<Operation *> roots, compute;
  for (Operation &op : entry.getBody().front()) {
    if (isStep(&op) || materialized.contains(&op))
      roots.push_back(&op);
    if (isStep(&op) || (isCompute(&op) && !isLibrary(&op)))
      compute.push_back(&op);
  }
  for (Operation *root : roots)
    buildLaunch(root);
  for (Operation *op : llvm::reverse(compute))
    if (op->use_empty())
      op->erase();
}

/// The sum over all rows, times 1 / their number for a mean, to each row.
void expandBatchReduce(BatchReduceOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Value rows = op.getInput();
  Value reduced = ColSumOp::create(builder, loc, rows, Value());
  if (op.getKind() == BatchReduction::Mean) {
    Value count = ColSumOp::create(builder, loc, OnesOp::create(builder, loc, rows), Value());
    Value inverse =
        UnaryOp::create(builder, loc, UnaryFnAttr::get(op.getContext(), UnaryFn::Reciprocal), count,
                        builder.getF64FloatAttr(1.0));
    reduced = ScaleByOp::create(builder, loc, reduced, inverse);
  }
  Value result = BroadcastRowsOp::create(builder, loc, reduced, rows);
  op.getResult().replaceAllUsesWith(result);
  op.erase();
}

struct FusePass : heddle::passes::impl::FusePassBase<FusePass> {
  using FusePassBase::FusePassBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    KernelTable kernels([](Operation *op) { return isCheap(op); });
    for (auto entry : module.getOps<EntryOp>())
      for (auto merge : entry.getOps<MergeOp>()) {
        merge.emitOpError("cannot be part of a kernel; run hgnn-insert-communication first");
        return signalPassFailure();
      }
    FailureOr<Decision> decision = readDecision(module, recompute);
    if (failed(decision))
      return signalPassFailure();
    // Only what is decided needs the tables of the module.
    if (*decision == Decision::Off) {
      for (auto entry : llvm::to_vector(module.getOps<EntryOp>()))
        fuse(entry, Recompute(*decision, nullptr), kernels);
    } else if (failed(forEntries(module, [&](EntryOp entry, const ExpectedRows &expected) {
                 fuse(entry, Recompute(*decision, &expected), kernels);
                 return success();
               }))) {
      return signalPassFailure();
    }
    numKernels += kernels.size();
  }

private:
  void fuse(EntryOp entry, Recompute choice, KernelTable &kernels) {
    for (auto output : llvm::make_early_inc_range(entry.getOps<OutputOp>()))
      if (!keepGradients && output.getName().starts_with("grad:"))
        output.erase();
    // What nothing reads any more (a gradient that only an output showed).
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(entry.getBody().front())))
      if (isCompute(&op) && op.use_empty())
        op.erase();
    for (auto reduce : llvm::make_early_inc_range(entry.getOps<BatchReduceOp>()))
      expandBatchReduce(reduce);
    Fuser fuser(entry, maxFused, kernels, choice);
    fuser.run();
    numLaunches += fuser.launches;
    if (entry.getKind() != EntryKind::Train || choice.tally().empty())
      return;
    const Tally &tally = choice.tally();
    numRecomputed += tally.made;
    auto remark = emitRemark(entry.getLoc()) << "recompute: ";
    if (tally.made)
      remark << (recompute == "on" ? "forced " : "chose ") << "evaluating " << tally.made
             << " values where they are read: " << milliseconds(tally.after) << " a step against "
             << milliseconds(tally.before);
    if (tally.stay)
      remark << (tally.made ? "; " : "") << tally.stay
             << " values are stored: " << milliseconds(tally.kept) << " against "
             << milliseconds(tally.other);
  }
};

} // namespace
