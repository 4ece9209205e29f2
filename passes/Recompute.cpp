//===- Recompute.cpp - what kernels evaluate again -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/Recompute.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::passes {

namespace {

/// More stored arrays than this are not read in the place of one.
constexpr size_t mostLeaves = 3;

/// Arithmetic on numbers of one row, each result number from numbers of its own column.
bool isElementwise(Operation *op) {
  return isa<AddOp, MulOp, ScaleOp, ScaleByOp, ScaleRowsOp, AddBiasOp, UnaryOp, UnaryGradOp,
             DropoutOp>(op);
}

/// Of one number of the result.
double flopsOf(Operation *op) {
  if (isa<AddOp>(op))
    return double(op->getNumOperands()) - 1;
  if (isa<DropoutOp>(op))
    return 30; // a share of ten rounds of Philox
  if (auto unary = dyn_cast<UnaryOp>(op))
    return unary.getFn() == UnaryFn::Relu || unary.getFn() == UnaryFn::LeakyRelu ? 1 : 12;
  if (auto grad = dyn_cast<UnaryGradOp>(op))
    return grad.getFn() == UnaryFn::Relu || grad.getFn() == UnaryFn::LeakyRelu ? 2 : 16;
  return 1;
}

double widthOf(Value value) { return double(cast<FeatType>(value.getType()).getWidth()); }
DomainAttr domainOf(Value value) { return cast<FeatType>(value.getType()).getDomain(); }

} // namespace

/// What an evaluation reads and computes, for a row.
struct Recompute::Leaves {
  llvm::SmallSetVector<Value, 4> stored;
  double flops = 0;
};

bool Recompute::collect(Operation *op, Known known, Leaves &leaves) const {
  if (!isElementwise(op))
    return false;
  leaves.flops += flopsOf(op) * widthOf(op->getResult(0));
  for (Value operand : op->getOperands()) {
    if (!isa<FeatType>(operand.getType()))
      continue; // ids and keys, as short as rows
    // Numbers of a param are few, and in the cache.
    if (domainOf(operand).isParam() && known.isStored(operand))
      continue;
    if (known.isStored(operand)) {
      leaves.stored.insert(operand);
      continue;
    }
    Operation *def = operand.getDefiningOp();
    if (!def || !known.isLight(def) || !collect(def, known, leaves))
      return false;
  }
  return !leaves.stored.empty() && leaves.stored.size() <= mostLeaves;
}

bool Recompute::evaluatesAgain(Operation *op, ArrayRef<Operation *> users, Known known) {
  if (decision_ == Decision::Off || !expected_ || domainOf(op->getResult(0)).isParam())
    return false;
  Leaves leaves;
  if (!collect(op, known, leaves))
    return false;
  const double width = widthOf(op->getResult(0)),
               rows = expected_->rows(domainOf(op->getResult(0)));
  double read = 0;
  for (Value leaf : leaves.stored)
    read += widthOf(leaf);
  // Arithmetic in a loop over gathered rows does not hide behind loads that come from a cache: both
  // count.
  auto seconds = [&](double times, double numbers, double flops, bool gathered) {
    return expected_->elements(times * numbers, 0, gathered) +
           expected_->elements(0, times * flops, gathered);
  };
  double stored = seconds(rows, read + width, leaves.flops, false), again = 0;
  for (Operation *user : users) {
    // Edges read the rows of their ends; all else reads row by row.
    const DomainAttr domain = domainOf(user->getResult(0));
    const bool gathered = domain.isEdges() && !domainOf(op->getResult(0)).isEdges();
    const double times = gathered ? expected_->rows(domain) : rows;
    double more = read;
    for (Value leaf : leaves.stored)
      if (!gathered && llvm::is_contained(user->getOperands(), leaf))
        more -= widthOf(leaf); // its kernel reads it anyway
    stored += seconds(times, width, 0, gathered);
    again += seconds(times, more, leaves.flops + width, gathered); // and one more load
  }
  return tally_.rewrites(decision_, stored, again);
}

} // namespace heddle::passes
