//===- GroupProducts.cpp - dense products that run together ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Two ways in which products of the same rows save passes through memory. A sum of products is one
// op that adds each to the rows of the ones before, so that no term is ever stored. Products that
// share an operand become a group, which the runtime runs tile by tile: the shared rows are read
// once.
//
//===----------------------------------------------------------------------===//

#include "passes/ExpectedRows.h"
#include "passes/OutlineKernels.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

#include <limits>

namespace heddle::passes {
#define GEN_PASS_DEF_GROUPPRODUCTSPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::passes;

namespace {

/// A group is at most so many times as wide as the rows that it shares: its results, or what its
/// gradients are of, are all there at once.
constexpr double mostWidths = 4;

FeatType typeOf(Value value) { return cast<FeatType>(value.getType()); }
bool isRowProduct(Operation *op) { return isa_and_nonnull<LinearOp, HeadLinearOp>(op); }
bool isWeightGradient(Operation *op) { return isa<LinearGradWeightOp, HeadLinearGradWeightOp>(op); }
bool isTransposed(Operation *op) {
  auto linear = dyn_cast<LinearOp>(op);
  return linear ? linear.getTranspose() : cast<HeadLinearOp>(op).getTranspose();
}

/// What a product moves and computes in one pass.
struct Work {
  double numbers = 0, flops = 0;
};

/// Where an op stands in its block: at or behind which op that has not been moved, and as which of
/// those that have been.
using Place = std::pair<int64_t, int64_t>;
constexpr Place start{0, 0}, end{std::numeric_limits<int64_t>::max(), 0};

class Grouper {
public:
  Grouper(EntryOp entry, Decision decision, const ExpectedRows &expected)
      : entry(entry), decision(decision), expected(expected) {}

  void run() {
    for (auto add : llvm::make_early_inc_range(entry.getOps<AddOp>()))
      sum(add);
    for (auto [i, op] : llvm::enumerate(entry.getBody().front())) {
      places[&op] = {int64_t(i), 0};
      ends.push_back(&op);
      if (isStep(&op))
        firstStep = std::min(firstStep, places[&op]);
    }
    share(isRowProduct, 0);
    share(isWeightGradient, 0);
    share(isWeightGradient, 1);
  }

  struct Products : Tally {
    int64_t groups = 0; ///< that were made
  };
  Products sums, shared;

private:
  double rowsOf(FeatType type) const {
    return type.getDomain().isParam() ? double(type.getShape().size() == 2 ? type.getShape()[0] : 1)
                                      : expected.rows(type.getDomain());
  }
  static double widthOf(FeatType type) {
    return double(type.getDomain().isParam() ? type.getShape().back() : type.getWidth());
  }
  Work workOf(Operation *op) const {
    FeatType first = typeOf(op->getOperand(0)), second = typeOf(op->getOperand(1));
    FeatType result = typeOf(op->getResult(0));
    const FeatType matrix = isWeightGradient(op) ? result : second;
    const double rows = rowsOf(first), numbers = double(matrix.getWidth());
    const double out = isWeightGradient(op) ? rows * widthOf(second) : rows * widthOf(result);
    return {rows * widthOf(first) + out + numbers, 2 * rows * numbers};
  }
  double seconds(double numbers, double flops) const { return expected.products(numbers, flops); }

  void sum(AddOp add);
  void share(bool (*takes)(Operation *), unsigned operand);
  struct Group;
  Group alone(Operation *op, unsigned operand);
  void close(const Group &group, Value key);
  /// Made of parameters alone, before any of them changes: it may stand anywhere before its uses.
  bool isOfParams(Operation *op);
  /// Such an op to where what comes behind `last` may use it, with what it is made of.
  void bring(Operation *op, Place last);
  void moveBehind(Operation *op, Place last);

  EntryOp entry;
  Decision decision;
  const ExpectedRows &expected;
  int64_t numGroups = 0, moved = 0;
  llvm::DenseMap<Operation *, Place> places;
  llvm::DenseMap<Operation *, bool> ofParams;
  Place firstStep = end;
  SmallVector<Operation *> ends; ///< by the first number of places: the last op there
};

/// Products that only this sum reads, added up where they are made.
void Grouper::sum(AddOp add) {
  // Of params they are small, and may be terms of a sum over partitions.
  auto isTerm = [](Value value) {
    PlacementAttr placement = placementOf(value.getType());
    return placement && placement.isPartial();
  };
  if (typeOf(add.getResult()).getDomain().isParam() || isTerm(add.getResult()))
    return;
  for (bool transpose : {false, true}) {
    SmallVector<Operation *> terms;
    for (Value input : add.getInputs())
      if (Operation *op = input.getDefiningOp();
          isRowProduct(op) && isTransposed(op) == transpose && input.hasOneUse())
        terms.push_back(op);
    if (terms.size() < 2)
      continue;
    const double made = rowsOf(typeOf(add.getResult())) * widthOf(typeOf(add.getResult()));
    double before = 0, numbers = made, flops = 0;
    for (Operation *term : terms) {
      Work work = workOf(term);
      before += seconds(work.numbers, work.flops);
      numbers += work.numbers - made;
      flops += work.flops;
    }
    const bool whole = terms.size() == add.getInputs().size();
    before += expected.moved(double(terms.size() + whole) * made, /*gathered=*/false);
    double after = seconds(numbers, flops);
    if (!whole) // the sum is one term of what is left
      after += expected.moved(made, /*gathered=*/false);
    if (!sums.rewrites(decision, before, after, int64_t(terms.size())))
      continue;
    ++sums.groups;
    OpBuilder builder(add);
    SmallVector<Value> inputs, weights, rest;
    for (Operation *term : terms) {
      inputs.push_back(term->getOperand(0));
      weights.push_back(term->getOperand(1));
    }
    Value total = LinearSumOp::create(builder, add.getLoc(), inputs, weights, transpose);
    bool placed = false;
    for (Value input : add.getInputs()) {
      if (!llvm::is_contained(terms, input.getDefiningOp()))
        rest.push_back(input);
      else if (!std::exchange(placed, true))
        rest.push_back(total);
    }
    if (whole) {
      add.replaceAllUsesWith(total);
      add.erase();
    } else {
      add->setOperands(rest);
    }
    for (Operation *term : terms)
      term->erase();
    if (whole)
      return;
  }
}

/// Products that may stand behind one another: all their operands are there before any is read.
/// They go to the end of what has been moved behind `last`, so a use there comes too early.
struct Grouper::Group {
  SmallVector<Operation *> members;
  Place last = start, first = end; ///< of their operands' definitions, and of their uses
  double width = 0;                ///< of what is not shared
};

void Grouper::share(bool (*takes)(Operation *), unsigned operand) {
  llvm::MapVector<Value, SmallVector<Operation *>> readers;
  for (Operation &op : entry.getBody().front())
    if (takes(&op) && !op.hasAttr(productGroupName) &&
        !typeOf(op.getOperand(operand)).getDomain().isParam())
      readers[op.getOperand(operand)].push_back(&op);
  for (auto &[key, ops] : readers) {
    const double most = mostWidths * widthOf(typeOf(key));
    Group group;
    for (Operation *op : ops) {
      Group own = alone(op, operand);
      Place last = std::max(group.last, own.last), first = std::min(group.first, own.first);
      if (!group.members.empty() && (group.width + own.width > most || last.first >= first.first)) {
        close(group, key);
        group = std::move(own);
        continue;
      }
      group.members.push_back(op);
      group.last = last;
      group.first = first;
      group.width += own.width;
    }
    close(group, key);
  }
}

Grouper::Group Grouper::alone(Operation *op, unsigned operand) {
  Group group;
  group.members.push_back(op);
  for (Value each : op->getOperands())
    if (Operation *definition = each.getDefiningOp(); definition && !isOfParams(definition))
      group.last = std::max(group.last, places.lookup(definition));
  for (Operation *user : op->getUsers())
    group.first = std::min(group.first, places.lookup(user));
  group.width =
      widthOf(typeOf(isWeightGradient(op) ? op->getOperand(1 - operand) : op->getResult(0)));
  return group;
}

bool Grouper::isOfParams(Operation *op) {
  auto [known, isNew] = ofParams.try_emplace(op, false);
  if (!isNew)
    return known->second;
  bool is = op->getNumResults() == 1 && isa<FeatType>(op->getResult(0).getType()) &&
            typeOf(op->getResult(0)).getDomain().isParam() && places.lookup(op) < firstStep;
  if (is && !isa<ReadOp>(op))
    is = op->getNumOperands() > 0 && llvm::all_of(op->getOperands(), [&](Value operand) {
           Operation *definition = operand.getDefiningOp();
           return definition && isOfParams(definition);
         });
  return ofParams[op] = is;
}

void Grouper::moveBehind(Operation *op, Place last) {
  if (Operation *&left = ends[places.lookup(op).first]; left == op)
    left = op->getPrevNode();
  Operation *&behind = ends[last.first];
  op->moveAfter(behind);
  behind = op;
  places[op] = {last.first, ++moved};
}

void Grouper::bring(Operation *op, Place last) {
  // Behind the same op it stands before what comes there now.
  if (places.lookup(op).first <= last.first)
    return;
  for (Value operand : op->getOperands())
    bring(operand.getDefiningOp(), last);
  moveBehind(op, last);
}

void Grouper::close(const Group &group, Value key) {
  if (group.members.size() < 2)
    return;
  double before = 0, numbers = 0, flops = 0;
  for (Operation *op : group.members) {
    Work work = workOf(op);
    before += seconds(work.numbers, work.flops);
    numbers += work.numbers;
    flops += work.flops;
  }
  FeatType kept = typeOf(key);
  numbers -= double(group.members.size() - 1) * rowsOf(kept) * widthOf(kept);
  if (!shared.rewrites(decision, before, seconds(numbers, flops), int64_t(group.members.size())))
    return;
  ++shared.groups;
  auto number = IntegerAttr::get(IntegerType::get(entry.getContext(), 64), numGroups++);
  for (Operation *op : group.members)
    for (Value operand : op->getOperands())
      if (Operation *definition = operand.getDefiningOp(); definition && isOfParams(definition))
        bring(definition, group.last);
  for (Operation *op : group.members) {
    op->setAttr(productGroupName, number);
    moveBehind(op, group.last);
  }
}

struct GroupProductsPass : heddle::passes::impl::GroupProductsPassBase<GroupProductsPass> {
  using GroupProductsPassBase::GroupProductsPassBase;

  void runOnOperation() override {
    auto body = [&](EntryOp entry, Decision decision, const ExpectedRows &expected) {
      Grouper grouper(entry, decision, expected);
      grouper.run();
      if (entry.getKind() != EntryKind::Train)
        return;
      numSummed += grouper.sums.made;
      numShared += grouper.shared.made;
      if (!grouper.sums.empty() || !grouper.shared.empty())
        remark(entry, grouper);
    };
    if (failed(decideEntries(getOperation(), decide, body)))
      signalPassFailure();
  }

private:
  void remark(EntryOp entry, const Grouper &grouper) {
    auto remark = emitRemark(entry.getLoc()) << "group-products: ";
    StringRef between = "";
    auto say = [&](const Grouper::Products &products, StringRef made, StringRef stay) {
      if (products.made)
        remark << between << (decide == "on" ? "forced " : "chose ") << made << " for "
               << products.made << " products in " << products.groups
               << " groups: " << milliseconds(products.after) << " a step against "
               << milliseconds(products.before);
      between = products.made ? "; " : between;
      if (products.stay)
        remark << between << stay << " for " << products.stay
               << " products: " << milliseconds(products.kept) << " against "
               << milliseconds(products.other);
      between = products.stay ? "; " : between;
    };
    say(grouper.sums, "sums where they are made", "sums of stored terms stay");
    say(grouper.shared, "one reading of shared rows", "one by one stays");
  }
};

} // namespace
