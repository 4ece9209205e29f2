//===- StitchRelations.cpp - sums gone through relation by relation --------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A sum over relations has, at a row, a term for each relation that has an edge there. Where a
// schema has hundreds of relations, nearly all terms of a row are absent: a kernel that asks each
// term for each row spends its time asking. Such sums are marked, and the code generator goes
// through their terms one after the other for a block of rows: what rows a term has something for
// is told sixteen at once.
//
//===----------------------------------------------------------------------===//

#include "passes/ExpectedRows.h"
#include "passes/Passes.h"

namespace heddle::passes {
#define GEN_PASS_DEF_STITCHRELATIONSPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::passes;

namespace {

/// Fewer terms are unrolled into the code of a row.
constexpr int fewestTerms = 4;
/// In numbers moved: asking a term for one row (two loads through a pointer and a branch;
/// measured), for a row of a block, and adding a present number to a sum in the first cache instead
/// of in a register.
constexpr double askedAlone = 8, askedInBlock = 1, addedInCache = 0.4;

/// Rows that a term has something for; none where it has for all.
std::optional<double> presentRows(Value term, const ExpectedRows &expected) {
  Operation *op = term.getDefiningOp();
  auto rowsOf = [&](Value value) {
    return expected.rows(cast<FeatType>(value.getType()).getDomain());
  };
  if (auto expand = dyn_cast_if_present<ExpandOp>(op); expand)
    return rowsOf(expand.getInput());
  if (auto scatter = dyn_cast_if_present<SelfScatterOp>(op))
    return rowsOf(scatter.getInput());
  if (auto reduce = dyn_cast_if_present<ReduceSrcOp>(op)) {
    auto adj = cast<AdjType>(reduce.getAdj().getType());
    const double unique = expected.rows(DomainAttr::unique(adj.getHop(), adj.getRelation()));
    const double edges = expected.rows(DomainAttr::edges(adj.getHop(), adj.getRelation()));
    return std::min({rowsOf(term), edges, unique > 0 ? unique : edges});
  }
  return std::nullopt;
}

struct StitchRelationsPass : heddle::passes::impl::StitchRelationsPassBase<StitchRelationsPass> {
  using StitchRelationsPassBase::StitchRelationsPassBase;

  void runOnOperation() override {
    auto body = [&](EntryOp entry, Decision decision, const ExpectedRows &expected) {
      Sums sums;
      entry.walk([&](Operation *op) {
        if (auto add = dyn_cast<AddOp>(op))
          add.setStitched(stitches(op, 1, decision, expected, sums));
        else if (auto combine = dyn_cast<CombineOp>(op);
                 combine && combine.getMerge() == Merge::Softmax)
          combine.setStitched(stitches(op, 2, decision, expected, sums));
      });
      if (entry.getKind() != EntryKind::Train)
        return;
      numStitched += sums.made;
      if (!sums.empty())
        remark(entry, sums);
    };
    if (failed(decideEntries(getOperation(), decide, body)))
      signalPassFailure();
  }

private:
  struct Sums : Tally {
    int64_t terms = 0; ///< of those that are stitched
  };

  /// Whether to go through the terms of `op` one after the other, `passes` times.
  static bool stitches(Operation *op, double passes, Decision decision,
                       const ExpectedRows &expected, Sums &sums) {
    auto type = cast<FeatType>(op->getResult(0).getType());
    int64_t terms = 0;
    double present = 0;
    for (Value term : op->getOperands())
      if (auto rows = presentRows(term, expected)) {
        ++terms;
        present += *rows;
      }
    if (terms < fewestTerms || type.getDomain().isParam())
      return false;
    const double asked = expected.rows(type.getDomain()) * double(terms) * passes;
    const double before = expected.moved(askedAlone * asked, /*gathered=*/false);
    const double after = expected.moved(
        askedInBlock * asked + addedInCache * present * double(type.getWidth()), false);
    if (!sums.rewrites(decision, before, after))
      return false;
    sums.terms += terms;
    return true;
  }

  void remark(EntryOp entry, const Sums &sums) {
    auto remark = emitRemark(entry.getLoc()) << "stitch-relations: ";
    if (sums.made)
      remark << (decide == "on" ? "forced " : "chose ") << "relation by relation for " << sums.made
             << " sums of " << sums.terms << " terms: " << milliseconds(sums.after)
             << " a step of asking against " << milliseconds(sums.before);
    if (sums.stay)
      remark << (sums.made ? "; " : "") << "row by row stays for " << sums.stay
             << " sums: " << milliseconds(sums.kept) << " against " << milliseconds(sums.other);
  }
};

} // namespace
