//===- ReorderProducts.cpp - (x W) a becomes x (W a) -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A score of attention is a product with a matrix and then an inner product with a vector. Both are
// parameters, so they can be multiplied first, once a step: rows are then multiplied with as many
// columns as there are heads. Where nothing but scores reads what the first product gives (the
// destinations of graph attention), it is not made at all.
//
//===----------------------------------------------------------------------===//

#include "passes/ExpectedRows.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

namespace heddle::passes {
#define GEN_PASS_DEF_REORDERPRODUCTSPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::compiler;
using namespace heddle::passes;

namespace {

bool isParam(Value value) { return cast<FeatType>(value.getType()).getDomain().isParam(); }
int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

/// The product of rows with a matrix, plus a bias or none, that an inner product with a param is
/// of.
LinearOp productOf(RowDotOp dot) {
  if (isParam(dot.getLhs()) || !isParam(dot.getRhs()))
    return {};
  Value rows = dot.getLhs();
  if (auto bias = rows.getDefiningOp<AddBiasOp>())
    rows = bias.getInput();
  auto product = rows.getDefiningOp<LinearOp>();
  return product && !product.getTranspose() ? product : LinearOp();
}

/// The scores of one product.
struct Scores {
  SmallVector<RowDotOp> dots;
  bool alone = true; ///< nothing else reads the product
  double before = 0, after = 0;
};

class Reorderer {
public:
  Reorderer(EntryOp entry, Decision decision, bool compact, const ExpectedRows &expected)
      : entry(entry), decision(decision), compact(compact), expected(expected) {}
  void run();
  Tally scores;
  int64_t gone = 0; ///< products left out

private:
  void estimate(LinearOp product, Scores &scores) const;
  Value combined(OpBuilder &builder, Value weight, Value vector, int64_t heads);
  void rewrite(LinearOp product, RowDotOp dot);

  EntryOp entry;
  Decision decision;
  bool compact;
  const ExpectedRows &expected;
  /// Products of a matrix and a vector of heads: several relations may share both.
  DenseMap<std::pair<std::pair<Value, Value>, int64_t>, Value> made;
};

/// Who reads a value, or the value plus a bias, other than `dots`.
bool isReadByOthers(Value value, ArrayRef<RowDotOp> dots) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (isa<AddBiasOp>(user) && user->getOperand(0) == value)
      return isReadByOthers(user->getResult(0), dots);
    auto dot = dyn_cast<RowDotOp>(user);
    return !dot || !llvm::is_contained(dots, dot);
  });
}

void Reorderer::estimate(LinearOp product, Scores &scores) const {
  auto weight = cast<FeatType>(product.getWeight().getType());
  double k = double(weight.getShape()[0]), n = double(weight.getShape()[1]);
  double rows = compact ? expected.compactRows(product.getResult())
                        : expected.rows(cast<FeatType>(product.getType()).getDomain());
  bool gradient = !isa_and_nonnull<FetchDenseOp, FetchEdgeOp>(product.getInput().getDefiningOp());
  scores.alone = !isReadByOthers(product.getResult(), scores.dots);
  if (scores.alone)
    scores.before += expected.product(rows, k, n, 1, gradient);
  for (RowDotOp dot : scores.dots) {
    double heads = double(dot.getHeads());
    // Backward, the rows' gradient is made, and the vector's is a sum over rows.
    scores.before += expected.elements(rows * (n + heads), 2 * rows * n, /*gathered=*/false) *
                     (expected.trains() ? 3 : 1);
    scores.after += expected.product(rows, k, heads, 1, gradient) +
                    expected.product(k, n / heads, 1, heads, true);
  }
}

/// W a: of each head its columns times its part of the vector, [rows of W, heads].
Value Reorderer::combined(OpBuilder &builder, Value weight, Value vector, int64_t heads) {
  Value &known = made[{{weight, vector}, heads}];
  if (known)
    return known;
  Location loc = vector.getLoc();
  int64_t width = widthOf(vector);
  if (heads == 1) {
    Value column =
        ReshapeOp::create(builder, loc, vector, builder.getDenseI64ArrayAttr({width, 1}));
    known = LinearOp::create(builder, loc, weight, column, /*transpose=*/false);
  } else {
    Value columns = ReshapeOp::create(builder, loc, vector,
                                      builder.getDenseI64ArrayAttr({heads, width / heads, 1}));
    known = HeadLinearOp::create(builder, loc, weight, columns, /*transpose=*/false);
  }
  return known;
}

void Reorderer::rewrite(LinearOp product, RowDotOp dot) {
  OpBuilder builder(dot);
  Location loc = dot.getLoc();
  Value vector = dot.getRhs();
  int64_t heads = dot.getHeads();
  Value both = combined(builder, product.getWeight(), vector, heads);
  Value scores = LinearOp::create(builder, loc, product.getInput(), both, /*transpose=*/false);
  auto biased = dot.getLhs().getDefiningOp<AddBiasOp>();
  if (biased) {
    Value bias = ReshapeOp::create(
        builder, loc, biased.getBias(),
        builder.getDenseI64ArrayAttr(cast<FeatType>(vector.getType()).getShape()));
    scores = AddBiasOp::create(builder, loc, scores,
                               RowDotOp::create(builder, loc, bias, vector, uint64_t(heads)));
  }
  dot.replaceAllUsesWith(scores);
  dot.erase();
  if (biased && biased.use_empty())
    biased.erase();
}

void Reorderer::run() {
  llvm::MapVector<Operation *, Scores> found;
  for (auto dot : entry.getOps<RowDotOp>())
    if (LinearOp product = productOf(dot))
      found[product].dots.push_back(dot);
  for (auto &[op, own] : found) {
    auto product = cast<LinearOp>(op);
    estimate(product, own);
    if (!scores.rewrites(decision, own.before, own.after, int64_t(own.dots.size())))
      continue;
    gone += own.alone;
    for (RowDotOp dot : own.dots)
      rewrite(product, dot);
    if (product.use_empty())
      product.erase();
  }
}

struct ReorderProductsPass : heddle::passes::impl::ReorderProductsPassBase<ReorderProductsPass> {
  using ReorderProductsPassBase::ReorderProductsPassBase;

  void runOnOperation() override {
    auto body = [&](EntryOp entry, Decision decision, const ExpectedRows &expected) {
      Reorderer reorderer(entry, decision, compact, expected);
      reorderer.run();
      if (entry.getKind() != EntryKind::Train)
        return;
      numReordered += reorderer.scores.made;
      numProductsLess += reorderer.gone;
      if (!reorderer.scores.empty())
        remark(entry, reorderer);
    };
    if (failed(decideEntries(getOperation(), decide, body)))
      signalPassFailure();
  }

private:
  void remark(EntryOp entry, const Reorderer &made) {
    auto remark = emitRemark(entry.getLoc()) << "reorder-products: ";
    const Tally &scores = made.scores;
    if (scores.made)
      remark << (decide == "on" ? "forced " : "chose ") << "x (W a) for " << scores.made
             << " scores, " << made.gone << " products less: " << milliseconds(scores.after)
             << " a step against " << milliseconds(scores.before);
    if (scores.stay)
      remark << (scores.made ? "; " : "") << "(x W) a stays for " << scores.stay
             << " scores: " << milliseconds(scores.kept) << " against "
             << milliseconds(scores.other);
  }
};

} // namespace
