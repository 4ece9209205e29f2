//===- CompactSources.cpp - one row for each (relation, source) ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What a message makes of the rows of its source type with parameters of its own is read by the
// edges of one relation only. Instead of for all rows of the type at that hop it can be made for
// those that have such an edge: the relation's sources are then numbered among themselves, and a
// link says where they stand among the rows. The rows that go in are gathered by the link, all that
// is made of them has fewer rows, and so have its gradients.
//
//===----------------------------------------------------------------------===//

#include "passes/ExpectedRows.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SetVector.h"

namespace heddle::passes {
#define GEN_PASS_DEF_COMPACTSOURCESPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::compiler;
using namespace heddle::passes;

namespace {

int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }
bool isOver(Value value, DomainAttr domain) {
  auto type = dyn_cast<FeatType>(value.getType());
  return type && type.getDomain() == domain;
}

/// Whether a row of the result is a function of the same row of the operands, and of params.
bool isRowWise(Operation *op) {
  return isa<LinearOp, HeadLinearOp, AddBiasOp, RowDotOp, ScaleRowsOp, AddOp, MulOp, ScaleOp,
             UnaryOp, LayerNormOp, ConcatOp, SliceOp, PadOp>(op);
}
bool isProduct(Operation *op) { return isa<LinearOp, HeadLinearOp>(op); }

/// What one sample's edges read.
struct Relation {
  SampleOp sample;
  FrontierOp frontier;
  /// What is made for these edges alone of rows of the frontier, in program order.
  SmallVector<Operation *> made;
  /// Rows that it is made of, and rows that edges read as they are.
  llvm::SetVector<Value> rows;
  SmallVector<GatherSrcOp> gathers; ///< of the latter
  double before = 0, after = 0;
};

class Compacter {
public:
  Compacter(EntryOp entry, Decision decision, const ExpectedRows &expected)
      : entry(entry), decision(decision), expected(expected) {}
  void run();
  Tally links;
  double allRows = 0, uniqueRows = 0; ///< of the relations that are compacted

private:
  void find(Relation &relation) const;
  void estimate(Relation &relation) const;
  void rewrite(Relation &relation);

  EntryOp entry;
  Decision decision;
  const ExpectedRows &expected;
};

void Compacter::find(Relation &relation) const {
  Value adj = relation.sample.getAdj();
  DomainAttr rows = cast<AdjType>(adj.getType()).sourceDomain();
  llvm::SetVector<Operation *> made;
  SmallVector<Operation *> pending;
  for (Operation *user : adj.getUsers())
    if (isa<GatherSrcOp>(user))
      pending.push_back(user);
  // From the gathers up: an op whose readers are all among these is one of them.
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val();
    for (Value operand : op->getOperands()) {
      Operation *def = isOver(operand, rows) ? operand.getDefiningOp() : nullptr;
      if (!def || !isRowWise(def) || made.contains(def))
        continue;
      bool own = llvm::all_of(def->getUsers(), [&](Operation *user) {
        auto gather = dyn_cast<GatherSrcOp>(user);
        return gather ? gather.getAdj() == adj : made.contains(user);
      });
      if (own && made.insert(def))
        pending.push_back(def);
    }
  }
  relation.made.assign(made.begin(), made.end());
  llvm::sort(relation.made, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *op : relation.made)
    for (Value operand : op->getOperands())
      if (isOver(operand, rows) && !made.contains(operand.getDefiningOp()))
        relation.rows.insert(operand);
  for (Operation *user : adj.getUsers())
    if (auto gather = dyn_cast<GatherSrcOp>(user);
        gather && !made.contains(gather.getInput().getDefiningOp()))
      relation.gathers.push_back(gather);
  llvm::sort(relation.gathers, [](GatherSrcOp a, GatherSrcOp b) { return a->isBeforeInBlock(b); });
}

void Compacter::estimate(Relation &relation) const {
  auto adj = cast<AdjType>(relation.sample.getAdj().getType());
  const double all = expected.rows(adj.sourceDomain());
  const double unique = expected.rows(DomainAttr::unique(adj.getHop(), adj.getRelation()));
  const double edges = expected.rows(DomainAttr::edges(adj.getHop(), adj.getRelation()));
  const double passes = expected.trains() ? 2 : 1; // forward, and its transpose
  auto made = [&](Operation *op, double rows) {
    if (auto linear = dyn_cast<LinearOp>(op)) {
      auto weight = cast<FeatType>(linear.getWeight().getType()).getShape();
      return expected.product(rows, double(weight[0]), double(weight[1]), 1, true);
    }
    if (auto linear = dyn_cast<HeadLinearOp>(op)) {
      auto weight = cast<FeatType>(linear.getWeight().getType()).getShape();
      return expected.product(rows, double(weight[1]), double(weight[2]), double(weight[0]), true);
    }
    double numbers = double(widthOf(op->getResult(0)));
    for (Value operand : op->getOperands())
      numbers += double(widthOf(operand));
    return expected.moved(rows * numbers, /*gathered=*/false) * passes;
  };
  for (Operation *op : relation.made) {
    relation.before += made(op, all);
    relation.after += made(op, unique);
  }
  for (Value rows : relation.rows) {
    double width = double(widthOf(rows));
    // The rows are copied; backward, the gradient is added to that of all rows, each of which looks
    // whether it has one.
    relation.after += expected.moved(2 * unique * width, /*gathered=*/true);
    if (expected.trains()) {
      relation.before += expected.moved(all * width, /*gathered=*/false);
      relation.after += expected.moved(all, /*gathered=*/false) +
                        expected.moved(unique * width, /*gathered=*/true);
    }
  }
  for (GatherSrcOp gather :
       relation.gathers) // one more look for each edge; backward, sums are stored
    relation.after +=
        expected.moved(edges, /*gathered=*/true) +
        (expected.trains() ? expected.moved(2 * unique * double(widthOf(gather.getInput())), true)
                           : 0);
  // Numbering: each edge marks its source and takes its number, each row is looked at.
  relation.after += expected.moved(3 * edges, /*gathered=*/true) + expected.moved(3 * all, false);
}

void Compacter::rewrite(Relation &relation) {
  Value adj = relation.sample.getAdj();
  DomainAttr rows = cast<AdjType>(adj.getType()).sourceDomain();
  auto type = cast<AdjType>(adj.getType()).withUniqueSources();
  adj.setType(type);
  OpBuilder builder(entry.getContext());
  builder.setInsertionPointAfter(relation.frontier);
  Location loc = relation.sample.getLoc();
  Value link =
      SourcesOp::create(builder, loc, LinkType::ofSources(type), adj, relation.frontier.getIds());
  DenseMap<Value, Value> sources;
  auto sourcesOf = [&](Value value) {
    Value &known = sources[value];
    if (!known) {
      builder.setInsertionPointAfterValue(value);
      known = SelfGatherOp::create(builder, loc, value, link);
    }
    return known;
  };
  for (Operation *op : relation.made) {
    for (OpOperand &operand : op->getOpOperands())
      if (isOver(operand.get(), rows))
        operand.set(sourcesOf(operand.get()));
    Value result = op->getResult(0);
    result.setType(cast<FeatType>(result.getType()).withDomain(type.sourceDomain()));
  }
  for (GatherSrcOp gather : relation.gathers)
    gather.getInputMutable().set(sourcesOf(gather.getInput()));
}

void Compacter::run() {
  DenseMap<Value, FrontierOp> frontiers;
  for (auto frontier : entry.getOps<FrontierOp>())
    for (Value sample : frontier.getSamples())
      frontiers[sample] = frontier;
  for (auto sample : llvm::to_vector(entry.getOps<SampleOp>())) {
    FrontierOp frontier = frontiers.lookup(sample.getAdj());
    if (!frontier || cast<AdjType>(sample.getAdj().getType()).getUnique())
      continue;
    Relation relation{sample, frontier, {}, {}, {}};
    find(relation);
    if (llvm::none_of(relation.made, isProduct))
      continue;
    estimate(relation);
    if (!links.rewrites(decision, relation.before, relation.after))
      continue;
    auto adj = cast<AdjType>(sample.getAdj().getType());
    allRows += expected.rows(adj.sourceDomain());
    uniqueRows += expected.rows(DomainAttr::unique(adj.getHop(), adj.getRelation()));
    rewrite(relation);
  }
}

struct CompactSourcesPass : heddle::passes::impl::CompactSourcesPassBase<CompactSourcesPass> {
  using CompactSourcesPassBase::CompactSourcesPassBase;

  void runOnOperation() override {
    auto body = [&](EntryOp entry, Decision decision, const ExpectedRows &expected) {
      Compacter compacter(entry, decision, expected);
      compacter.run();
      if (entry.getKind() != EntryKind::Train)
        return;
      numCompacted += compacter.links.made;
      if (!compacter.links.empty())
        remark(entry, compacter);
    };
    if (failed(decideEntries(getOperation(), decide, body)))
      signalPassFailure();
  }

private:
  void remark(EntryOp entry, const Compacter &made) {
    auto remark = emitRemark(entry.getLoc()) << "compact-sources: ";
    const Tally &links = made.links;
    if (links.made)
      remark << (decide == "on" ? "forced " : "chose ") << "distinct sources for " << links.made
             << " links, " << int64_t(made.uniqueRows) << " rows of " << int64_t(made.allRows)
             << ": " << milliseconds(links.after) << " a step against "
             << milliseconds(links.before);
    if (links.stay)
      remark << (links.made ? "; " : "") << "all rows stay for " << links.stay
             << " links: " << milliseconds(links.kept) << " against " << milliseconds(links.other);
  }
};

} // namespace
