//===- OrderAggregation.cpp - products before or after aggregation ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A product with a parameter and a weighted sum over edges may change places: sum_e w_e (W x_e) = W
// (sum_e w_e x_e). Aggregate first multiplies the destinations that have an edge, and its edges
// read rows as wide as the layer takes; transform first multiplies the sources, and its edges read
// rows as wide as it gives. Relations of one schema differ in which of the two are fewer, by orders
// of magnitude, so each is decided by itself. Weights of a softmax are weights too, once the value
// is taken out of the terms.
//
//===----------------------------------------------------------------------===//

#include "passes/ExpectedRows.h"
#include "passes/Passes.h"
#include "passes/Programs.h"

#include "mlir/IR/Builders.h"

namespace heddle::passes {
#define GEN_PASS_DEF_ORDERAGGREGATIONPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::compiler;
using namespace heddle::passes;

namespace {

FeatType typeOf(Value value) { return cast<FeatType>(value.getType()); }

/// A weighted sum over the edges of each destination, and the product that stands before or after
/// it.
struct Aggregation {
  Operation *product = nullptr; ///< hgnn.linear or hgnn.head_linear
  /// From gather_src to the last op that is as wide as what is gathered, each the reader of the one
  /// before.
  SmallVector<Operation *> ops;
  bool attends = false; ///< weights are a softmax
  int64_t scores = 0;   ///< inner products that read the product too: they go on as products of W a

  GatherSrcOp gather() const { return cast<GatherSrcOp>(ops.front()); }
  AdjType adj() const { return cast<AdjType>(GatherSrcOp(gather()).getAdj().getType()); }
};

bool isProduct(Operation *op) {
  if (auto linear = dyn_cast_or_null<LinearOp>(op))
    return !linear.getTranspose();
  auto heads = dyn_cast_or_null<HeadLinearOp>(op);
  return heads && !heads.getTranspose();
}

/// Whether an op multiplies each row of its first operand with one number.
bool scalesRows(Operation *op, Value rows) {
  if (isa<ScaleOp>(op))
    return true;
  auto scale = dyn_cast<ScaleRowsOp>(op);
  return scale && scale.getInput() == rows && scale.getScale() != rows &&
         typeOf(scale.getScale()).getWidth() == 1 && !typeOf(rows).getDomain().isParam();
}
/// The only reader of a value, or null.
Operation *readerOf(Value value) { return value.hasOneUse() ? *value.getUsers().begin() : nullptr; }

/// The aggregation that ends in front of `product`: a sum of edges times numbers.
std::optional<Aggregation> aggregatedBefore(Operation *product) {
  Aggregation found;
  found.product = product;
  Value value = product->getOperand(0);
  ReduceDstOp reduce;
  while (Operation *op = value.getDefiningOp()) {
    if (!value.hasOneUse())
      return std::nullopt;
    found.ops.push_back(op);
    if (isa<GatherSrcOp>(op))
      break;
    if (auto sum = dyn_cast<ReduceDstOp>(op); sum && !reduce && sum.getMerge() == Merge::Sum)
      reduce = sum;
    else if (!scalesRows(op, op->getOperand(0)))
      return std::nullopt;
    value = op->getOperand(0);
  }
  if (!reduce || !isa<GatherSrcOp>(found.ops.back()))
    return std::nullopt;
  std::reverse(found.ops.begin(), found.ops.end());
  return found.gather().getAdj() == reduce.getAdj() ? std::optional(found) : std::nullopt;
}

/// The aggregation of the rows that `product` gives: a sum, or a softmax's weighted sum of the same
/// heads.
std::optional<Aggregation> aggregatedAfter(Operation *product) {
  Aggregation found;
  found.product = product;
  GatherSrcOp gather;
  for (Operation *user : product->getUsers()) {
    auto dot = dyn_cast<RowDotOp>(user);
    if (auto edges = dyn_cast<GatherSrcOp>(user); edges && !gather)
      gather = edges;
    else if (dot && isa<LinearOp>(product) && typeOf(dot.getRhs()).getDomain().isParam())
      ++found.scores;
    else
      return std::nullopt;
  }
  if (!gather)
    return std::nullopt;
  found.ops.push_back(gather);
  Value value = gather.getResult();
  DropoutOp dropout;
  for (Operation *reader = readerOf(value); reader; reader = readerOf(value)) {
    if (auto drop = dyn_cast<DropoutOp>(reader); drop && drop.getHeads() > 0 && !dropout) {
      dropout = drop;
    } else if (auto term = dyn_cast<TermOp>(reader)) {
      MergeRule merge = term.getMerge();
      auto weight = typeOf(product->getOperand(1)).getShape();
      int64_t heads = isa<LinearOp>(product) ? 1 : weight[0];
      auto reduce = dyn_cast_or_null<ReduceDstOp>(readerOf(term.getResult()));
      auto combined =
          reduce ? dyn_cast_or_null<CombinedOp>(readerOf(reduce.getResult())) : CombinedOp();
      if (merge.kind != Merge::Softmax || merge.heads != heads || term.getInput() != value ||
          term.getKey() == value || !combined || (dropout && int64_t(dropout.getHeads()) != heads))
        return std::nullopt;
      found.ops.append({term, reduce, combined});
      found.attends = true;
      return found;
    } else if (auto reduce = dyn_cast<ReduceDstOp>(reader);
               reduce && reduce.getMerge() == Merge::Sum && !dropout && !found.scores) {
      found.ops.push_back(reduce);
      return found;
    } else if (!scalesRows(reader, value)) {
      return std::nullopt;
    }
    found.ops.push_back(reader);
    value = reader->getResult(0);
  }
  return std::nullopt;
}

class Orderer {
public:
  Orderer(EntryOp entry, Decision decision, bool compact, bool reorder,
          const ExpectedRows &expected)
      : entry(entry), decision(decision), compact(compact), reorder(reorder), expected(expected) {}
  LogicalResult run();

  /// Relations in each order, those that were turned, and seconds of what was chosen and of the
  /// others.
  int64_t aggregateFirst = 0, transformFirst = 0, turned = 0;
  double chosen = 0, other = 0;

private:
  /// Seconds with the product after the sum, and before it.
  double secondsAggregateFirst(const Aggregation &at) const;
  double secondsTransformFirst(const Aggregation &at) const;
  /// Whether the product is to stand after the sum.
  bool wantsAggregateFirst(const Aggregation &at);
  LogicalResult turn(const Aggregation &at, bool aggregateFirst);

  struct Widths {
    double k, n, heads; ///< of a product of rows [heads k] with a param of as many matrices [k, n]
  };
  static Widths widthsOf(const Aggregation &at) {
    auto shape = typeOf(at.product->getOperand(1)).getShape();
    return shape.size() == 3 ? Widths{double(shape[1]), double(shape[2]), double(shape[0])}
                             : Widths{double(shape[0]), double(shape[1]), 1};
  }
  double edgesOf(const Aggregation &at, double width) const {
    AdjType adj = at.adj();
    double edges = expected.rows(DomainAttr::edges(adj.getHop(), adj.getRelation()));
    // Values forward, their gradient backward, and with a softmax both again for the weights'
    // gradient.
    double passes = expected.trains() ? at.attends ? 3 : 2 : 1;
    return expected.moved(edges * width * passes, /*gathered=*/true);
  }

  EntryOp entry;
  Decision decision;
  bool compact, reorder;
  const ExpectedRows &expected;
};

double Orderer::secondsAggregateFirst(const Aggregation &at) const {
  auto [k, n, heads] = widthsOf(at);
  AdjType adj = at.adj();
  double active = expected.rows(DomainAttr::active(adj.getHop(), adj.getRelation()));
  double sources = expected.rows(compact ? DomainAttr::unique(adj.getHop(), adj.getRelation())
                                         : adj.sourceDomain());
  return expected.product(active, k, n, heads, true) + edgesOf(at, k * heads) +
         (reorder     ? double(at.scores) * expected.product(sources, k, 1, 1, true)
          : at.scores ? expected.product(sources, k, n, 1, true)
                      : 0);
}

double Orderer::secondsTransformFirst(const Aggregation &at) const {
  auto [k, n, heads] = widthsOf(at);
  AdjType adj = at.adj();
  double all = expected.rows(adj.sourceDomain());
  double seconds = edgesOf(at, n * heads);
  if (!compact)
    return seconds + expected.product(all, k, n, heads, true);
  double unique = expected.rows(DomainAttr::unique(adj.getHop(), adj.getRelation()));
  // Sources are numbered and copied, and their gradients go back to all rows.
  double copied = expected.product(unique, k, n, heads, true) +
                  expected.moved(2 * unique * k * heads, true) * (expected.trains() ? 2 : 1) +
                  expected.moved(4 * all, false);
  return seconds + std::min(copied, expected.product(all, k, n, heads, true));
}

bool Orderer::wantsAggregateFirst(const Aggregation &at) {
  double after = secondsAggregateFirst(at), before = secondsTransformFirst(at);
  bool isAfter = at.ops.back()->isBeforeInBlock(at.product);
  bool wanted = decision == Decision::On || (decision == Decision::Auto && after < before) ||
                (decision == Decision::Auto && after == before && isAfter);
  ++(wanted ? aggregateFirst : transformFirst);
  chosen += wanted ? after : before;
  other += wanted ? before : after;
  return wanted;
}

/// Makes the ops again in the other order, where the last of them stands.
LogicalResult Orderer::turn(const Aggregation &at, bool aggregateFirst) {
  Operation *product = at.product;
  Operation *last = aggregateFirst ? at.ops.back() : product;
  Value rows = aggregateFirst ? product->getOperand(0) : at.gather().getInput();
  OpBuilder builder(last);
  auto append = [&](Operation *op) {
    SmallVector<Value> operands(op->getOperands());
    operands.front() = rows;
    FailureOr<Operation *> made = recreate(builder, op, operands);
    if (succeeded(made))
      rows = (*made)->getResult(0);
    return succeeded(made);
  };
  if (!aggregateFirst && !append(product))
    return failure();
  for (Operation *op : at.ops)
    if (!append(op))
      return failure();
  if (aggregateFirst && !append(product))
    return failure();
  last->getResult(0).replaceAllUsesWith(rows);
  if (!aggregateFirst)
    product->erase();
  for (Operation *op : llvm::reverse(at.ops))
    op->erase();
  if (aggregateFirst && product->use_empty()) // scores may read it still
    product->erase();
  ++turned;
  return success();
}

LogicalResult Orderer::run() {
  SmallVector<Operation *> products;
  for (Operation &op : entry.getBody().front())
    if (isProduct(&op))
      products.push_back(&op);
  for (Operation *product : products) {
    DomainAttr domain = typeOf(product->getResult(0)).getDomain();
    std::optional<Aggregation> at;
    if (domain.isActive())
      at = aggregatedBefore(product);
    else if (domain.isRows())
      at = aggregatedAfter(product);
    if (!at || (domain.isRows() && domain != at->adj().sourceDomain()))
      continue;
    bool wanted = wantsAggregateFirst(*at);
    if (wanted != domain.isActive() && failed(turn(*at, wanted)))
      return failure();
  }
  return success();
}

struct OrderAggregationPass : heddle::passes::impl::OrderAggregationPassBase<OrderAggregationPass> {
  using OrderAggregationPassBase::OrderAggregationPassBase;

  void runOnOperation() override {
    FailureOr<Decision> decision = readDecision(getOperation(), decide);
    if (failed(decision))
      return signalPassFailure();
    auto decideEntry = [&](EntryOp entry, const ExpectedRows &expected) -> LogicalResult {
      Orderer orderer(entry, *decision, compact, reorder, expected);
      if (failed(orderer.run()))
        return failure();
      if (entry.getKind() != EntryKind::Train)
        return success();
      numAggregateFirst += orderer.aggregateFirst;
      numTransformFirst += orderer.transformFirst;
      numTurned += orderer.turned;
      if (orderer.aggregateFirst + orderer.transformFirst)
        emitRemark(entry.getLoc())
            << "aggregate-first: " << (*decision == Decision::Auto ? "chose" : "forced")
            << " products after the sums over edges for " << orderer.aggregateFirst
            << " links, before them for " << orderer.transformFirst << ": "
            << milliseconds(orderer.chosen)
            << " a step; the other order of each: " << milliseconds(orderer.other);
      return success();
    };
    if (failed(forEntries(getOperation(), decideEntry)))
      signalPassFailure();
  }
};

} // namespace
