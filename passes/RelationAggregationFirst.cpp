//===- RelationAggregationFirst.cpp - one partial per root link ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Values over the seeds are marked with the root links that they depend on. From the outputs down,
// the program stays as it is until a value that depends on one link, or a sum of such values: there
// it is cut. Each link's part of the sum becomes its partial, the sum becomes a merge of partials,
// and what is above needs nothing from below but the merges. A link that several cuts would take
// has its own rows as its one partial. A combine of terms is cut like a sum, its terms are the
// partials of its merge.
//
//===----------------------------------------------------------------------===//

#include "passes/LayeredDag.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallBitVector.h"

namespace heddle::passes {
#define GEN_PASS_DEF_RELATIONAGGREGATIONFIRSTPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::passes;

namespace {

using Links = llvm::SmallBitVector; ///< by position in rootLinksOf

/// A summand of a merge: a value that depends on one link (or none), times a constant.
struct Term {
  Value value;
  double factor;
};

/// A value that becomes a merge of partials.
struct Cut {
  Value value;
  SmallVector<Term> terms;
  MergeRule merge;
  SmallVector<Term> stay; ///< terms that are made above it
};

class Rewriter {
public:
  Rewriter(EntryOp entry) : entry(entry), links(rootLinksOf(entry)) {}
  LogicalResult run();
  int64_t partials = 0, merges = 0, width = 0;

private:
  DomainAttr root() const { return cast<IdsType>(seeds.getType()).getDomain(); }
  LogicalResult mark();
  LogicalResult markResult(Operation &op, Value result);
  const Links &marksOf(Value value) const {
    auto found = marks.find(value);
    return found == marks.end() ? none : found->second;
  }
  /// Whether it depends on one link, whose rows travel whole.
  bool isOfWhole(Value value) const {
    const Links &of = marksOf(value);
    return of.count() == 1 && whole.test(of.find_first());
  }
  bool collect(Value value, double factor, bool nested, Cut &cut) const;
  bool isCut(Value value, Cut &cut) const;
  LogicalResult findCuts(SmallVectorImpl<Cut> &cuts);
  LogicalResult cut(const Cut &at);

  EntryOp entry;
  SmallVector<RootLink> links;
  Value seeds;
  DenseMap<Value, Links> marks;
  Links none;
  bool oneLink = false;               ///< the outputs depend on
  /// Links whose rows are used in several ways (own rows in a product and in a residual): those
  /// rows travel as they are, once, and what is made of them is made above.
  Links whole;
  DenseMap<Value, Value> mergedOf;    ///< of values that were cut
  SmallVector<Operation *> partialOf; ///< by link
  DenseSet<Operation *> above;        ///< ops between the cuts and the outputs
};

/// What a result depends on. Values over the edges or active destinations of a root link are that
/// link's, also where they read the seeds' own rows beside it (attention): its sub-DAG then
/// includes the identity link.
LogicalResult Rewriter::markResult(Operation &op, Value result) {
  DomainAttr domain = cast<FeatType>(result.getType()).getDomain();
  Links all(links.size());
  for (Value operand : op.getOperands())
    all |= marksOf(operand);
  bool local = (domain.isEdges() || domain.isActive()) && domain.getHop() == 0;
  if (local) {
    Links own(links.size());
    for (auto [i, link] : llvm::enumerate(links)) {
      bool self = link.name == "self";
      if (!self && domain.getSymbol().getValue() == link.name)
        own.set(i);
      else if (!self && all.test(i))
        return op.emitOpError("combines root links before they are aggregated: it reads rows of ")
               << root() << " that depend on @\"" << link.name << "\" beside " << domain.getSymbol()
               << "; let `message` read the own rows of the layer before only";
    }
    marks[result] = own;
    return success();
  }
  if (domain.isRows() && domain.getHop() > 0) {
    Links tensors(links.size());
    for (Value operand : op.getOperands())
      if (isa<FeatType>(operand.getType()))
        tensors |= marksOf(operand);
    if (tensors.any())
      return op.emitOpError(
          "moves combined rows of the seeds away from the root; relation-aggregation-"
          "first has no place for that");
    return success();
  }
  if (all.any())
    marks[result] = all;
  return success();
}

LogicalResult Rewriter::mark() {
  for (auto [i, link] : llvm::enumerate(links)) {
    marks[link.value] = Links(links.size());
    marks[link.value].set(i);
  }
  for (Operation &op : entry.getBody().front()) {
    if (auto found = dyn_cast<SeedsOp>(op))
      seeds = found.getIds();
    if (isa<PartialOp, MergeOp>(op))
      return op.emitOpError("is there already; the entry is in the raf phase");
    for (Value result : op.getResults())
      if (isa<FeatType>(result.getType()) && failed(markResult(op, result)))
        return failure();
  }
  if (!seeds)
    return entry.emitOpError("has no hgnn.seeds");
  return success();
}

/// Whether a function is 0 at 0.
static bool keepsZero(UnaryFn fn) {
  return fn != UnaryFn::Sigmoid && fn != UnaryFn::Exp && fn != UnaryFn::Log &&
         fn != UnaryFn::Softplus;
}

/// Whether a relation's rows are 0 where it has no edge: what is made of expanded rows by nothing that
/// adds to them. Only then is a part of the edges a part of the sum, and a link that several partitions
/// share by blocks of the seeds the whole one.
static bool isZeroWithoutEdges(Value value) {
  Operation *op = value.getDefiningOp();
  auto each = [](ValueRange values) { return llvm::all_of(values, isZeroWithoutEdges); };
  if (!op || isa<ExpandOp>(op))
    return op;
  if (auto unary = dyn_cast<UnaryOp>(op))
    return keepsZero(unary.getFn()) && isZeroWithoutEdges(unary.getInput());
  if (isa<LinearOp, HeadLinearOp, ScaleOp, ScaleByOp, ScaleRowsOp, SliceOp, PadOp, DropoutOp,
          CombinedOp>(op))
    return isZeroWithoutEdges(op->getOperand(0));
  if (isa<AddOp, ConcatOp, CombineOp>(op))
    return each(op->getOperands());
  if (isa<MulOp, RowDotOp>(op))
    return isZeroWithoutEdges(op->getOperand(0)) || isZeroWithoutEdges(op->getOperand(1));
  return false;
}

/// The terms whose sum a value is. `nested`: it stands in a sum already, so a constant factor of a
/// whole sum goes to its terms; the factor of the outermost sum stays above the merge.
bool Rewriter::collect(Value value, double factor, bool nested, Cut &cut) const {
  if (isOfWhole(value)) {
    cut.stay.push_back({value, factor});
    return true;
  }
  const int link = marksOf(value).count() == 1 ? marksOf(value).find_first() : -1;
  const bool relation = link >= 0 && links[link].name != "self";
  if (marksOf(value).count() <= 1 && (!relation || isZeroWithoutEdges(value))) {
    cut.terms.push_back({value, factor});
    return true;
  }
  Operation *op = value.getDefiningOp();
  if (auto scale = dyn_cast<ScaleOp>(op); scale && nested)
    return collect(scale.getInput(), factor * scale.getFactor().convertToDouble(), true, cut);
  if (!isa<AddOp>(op))
    return false;
  return llvm::all_of(op->getOperands(),
                      [&](Value term) { return collect(term, factor, true, cut); });
}

/// Whether the walk down ends at this value, and what it is the merge of.
bool Rewriter::isCut(Value value, Cut &cut) const {
  auto type = dyn_cast<FeatType>(value.getType());
  if (!type || type.getDomain() != root())
    return false;
  cut.value = value;
  cut.merge = Merge::Sum;
  if (auto combine = value.getDefiningOp<CombineOp>()) {
    cut.merge = combine.getMerge();
    for (Value term : combine.getInputs())
      (isOfWhole(term) ? cut.stay : cut.terms).push_back({term, 1.0});
    return llvm::all_of(combine.getInputs(),
                        [&](Value term) { return marksOf(term).count() == 1; });
  }
  // With one link everything depends on it alone, the loss too: the cut is where its rows arrive.
  if (oneLink && !isa<ExpandOp, SelfGatherOp>(value.getDefiningOp()))
    return false;
  if (isOfWhole(value)) {
    cut.terms.push_back({value, 1.0});
    return isa<ExpandOp, SelfGatherOp>(value.getDefiningOp());
  }
  return collect(value, 1.0, false, cut);
}

LogicalResult Rewriter::cut(const Cut &cut) {
  Value value = cut.value;
  MergeRule merge = cut.merge;
  Operation *at = value.getDefiningOp();
  OpBuilder builder(at->getContext());
  builder.setInsertionPointAfter(at);
  Location loc = at->getLoc();
  SmallVector<SmallVector<Value>> byLink(links.size());
  SmallVector<Value> others; // constant rows: every partition has them
  for (const Term &term : cut.terms) {
    Value summand = term.value;
    if (term.factor != 1.0)
      summand = ScaleOp::create(builder, loc, summand, builder.getF64FloatAttr(term.factor));
    int link = marksOf(term.value).find_first();
    (link < 0 ? others : byLink[link]).push_back(summand);
  }
  SmallVector<Value> parts;
  for (auto [i, summands] : llvm::enumerate(byLink)) {
    if (summands.empty())
      continue;
    if (partialOf[i])
      return at->emitOpError("is the second combine that root link \"")
             << links[i].name
             << "\" goes into; a link ends in one partial. Use what it gives once in "
             << "`update`, or in one sum";
    Value sum = summands.front();
    if (summands.size() > 1)
      sum = merge == Merge::Sum ? Value(AddOp::create(builder, loc, summands))
                                : Value(CombineOp::create(builder, loc, merge, summands));
    auto partial =
        PartialOp::create(builder, loc, sum, builder.getStringAttr(links[i].name), -1, merge,
                          DenseI64ArrayAttr());
    partialOf[i] = partial;
    parts.push_back(partial);
    ++partials;
  }
  Value merged = MergeOp::create(builder, loc, parts, merge);
  if (!others.empty()) {
    others.insert(others.begin(), merged);
    merged = AddOp::create(builder, loc, others);
  }
  if (!cut.stay.empty()) {
    SmallVector<Value> parts{merged};
    for (const Term &term : cut.stay) {
      Value part = mergedOf.lookup(term.value);
      part = part ? part : term.value;
      parts.push_back(
          term.factor == 1.0
              ? part
              : Value(ScaleOp::create(builder, loc, part, builder.getF64FloatAttr(term.factor))));
    }
    merged = merge == Merge::Sum ? Value(AddOp::create(builder, loc, parts))
                                 : Value(CombineOp::create(builder, loc, merge, parts));
  }
  mergedOf[value] = merged;
  // What is below may read the value too: own rows in a message.
  value.replaceUsesWithIf(merged, [&](OpOperand &use) { return above.contains(use.getOwner()); });
  ++merges;
  width += cast<FeatType>(value.getType()).getWidth();
  return success();
}

/// The values where the walk from the outputs down ends, the last first; `above` gets the ops of
/// the walk.
LogicalResult Rewriter::findCuts(SmallVectorImpl<Cut> &cuts) {
  DenseSet<Value> needed;
  for (Operation &op : llvm::reverse(entry.getBody().front())) {
    bool stays = isa<OutputOp>(op);
    for (Value result : op.getResults()) {
      if (!needed.contains(result) || marksOf(result).none())
        continue;
      Cut cut;
      if (isCut(result, cut)) {
        for (const Term &term : cut.stay)
          needed.insert(term.value);
        cuts.push_back(std::move(cut));
      } else {
        stays = true; // and so needs its operands
      }
    }
    if (!stays)
      continue;
    above.insert(&op);
    for (Value operand : op.getOperands()) {
      if (llvm::any_of(links, [&](const RootLink &link) { return link.value == operand; }))
        return op.emitOpError(
            "is of one root link and shown as it is; outputs are of the merged rows");
      if (isa<FeatType>(operand.getType()))
        needed.insert(operand);
    }
  }
  return success();
}

LogicalResult Rewriter::run() {
  if (links.empty())
    return entry.emitOpError(
        "has no link into the seeds; relation-aggregation-first needs a relation "
        "into the target type or a layer that reads own rows");
  none.resize(links.size());
  Links shown(links.size());
  partialOf.assign(links.size(), nullptr);
  if (failed(mark()))
    return failure();
  for (auto output : entry.getOps<OutputOp>())
    shown |= marksOf(output.getValue());
  oneLink = shown.count() == 1;
  whole.resize(links.size());
  SmallVector<Cut> cuts;
  for (bool again = true; again;) {
    cuts.clear();
    above.clear();
    if (failed(findCuts(cuts)))
      return failure();
    again = false;
    Links once(links.size());
    for (const Cut &at : cuts) {
      Links own(links.size());
      for (const Term &term : at.terms)
        own |= marksOf(term.value);
      Links twice = once;
      twice &= own;
      for (int link : twice.set_bits())
        if (!whole.test(link)) {
          whole.set(link);
          again = true;
        }
      once |= own;
    }
  }
  for (const Cut &at : llvm::reverse(cuts))
    if (failed(cut(at)))
      return failure();
  SmallVector<Value> ends;
  for (Operation *partial : partialOf)
    if (partial)
      ends.push_back(partial->getResult(0));
  DenseSet<Value> used = rootLinksUsedBy(computationOf(ends, [](Value) { return false; }));
  for (const RootLink &link : links)
    if (!used.contains(link.value))
      return link.value.getDefiningOp()->emitOpError("samples root link \"")
             << link.name
             << "\", which gives nothing to the seeds; use it in the last layer's `update`, "
             << "or leave it out";
  // Sums that only the cuts used.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(entry.getBody().front())))
    if (isa<AddOp, ScaleOp, CombineOp>(op) && op.use_empty())
      op.erase();
  return success();
}

struct RelationAggregationFirstPass
    : heddle::passes::impl::RelationAggregationFirstPassBase<RelationAggregationFirstPass> {
  void runOnOperation() override {
    for (auto entry : getOperation().getOps<EntryOp>()) {
      Rewriter rewriter(entry);
      if (failed(rewriter.run()))
        return signalPassFailure();
      if (entry.getKind() != EntryKind::Train)
        continue;
      numPartials += rewriter.partials;
      emitRemark(entry.getLoc()) << "relation-aggregation-first: " << rewriter.partials
                                 << " root links, " << rewriter.merges << " merge"
                                 << (rewriter.merges == 1 ? "" : "s") << ", partials of "
                                 << rewriter.width << " numbers a seed";
    }
  }
};

} // namespace
