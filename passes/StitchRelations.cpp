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
    FailureOr<Decision> decision = readDecision(getOperation(), decide);
    if (failed(decision))
      return signalPassFailure();
    if (*decision == Decision::Off)
      return;
    auto decideEntry = [&](EntryOp entry, const ExpectedRows &expected) -> LogicalResult {
      Counts counts;
      entry.walk([&](Operation *op) {
        if (auto add = dyn_cast<AddOp>(op))
          add.setStitched(stitches(op, 1, *decision, expected, counts));
        else if (auto combine = dyn_cast<CombineOp>(op);
                 combine && combine.getMerge() == Merge::Softmax)
          combine.setStitched(stitches(op, 2, *decision, expected, counts));
      });
      if (entry.getKind() != EntryKind::Train)
        return success();
      numStitched += counts.stitched;
      if (counts.stitched + counts.stay)
        remark(entry, counts);
      return success();
    };
    if (failed(forEntries(getOperation(), decideEntry)))
      signalPassFailure();
  }

private:
  struct Counts {
    int64_t stitched = 0, stay = 0, terms = 0;
    double before = 0, after = 0, kept = 0, other = 0;
  };

  /// Whether to go through the terms of `op` one after the other, `passes` times.
  static bool stitches(Operation *op, double passes, Decision decision,
                       const ExpectedRows &expected, Counts &counts) {
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
    if (decision == Decision::Auto && after >= before) {
      ++counts.stay;
      counts.kept += before;
      counts.other += after;
      return false;
    }
    ++counts.stitched;
    counts.terms += terms;
    counts.before += before;
    counts.after += after;
    return true;
  }

  void remark(EntryOp entry, const Counts &counts) {
    auto remark = emitRemark(entry.getLoc()) << "stitch-relations: ";
    if (counts.stitched)
      remark << (decide == "on" ? "forced " : "chose ") << "relation by relation for "
             << counts.stitched << " sums of " << counts.terms
             << " terms: " << milliseconds(counts.after) << " a step of asking against "
             << milliseconds(counts.before);
    if (counts.stay)
      remark << (counts.stitched ? "; " : "") << "row by row stays for " << counts.stay
             << " sums: " << milliseconds(counts.kept) << " against " << milliseconds(counts.other);
  }
};

} // namespace
