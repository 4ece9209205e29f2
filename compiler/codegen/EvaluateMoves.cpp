//===- EvaluateMoves.cpp - values at rows, and changes of domain -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;

/// Edges ahead of the one being added whose rows are requested.
static constexpr int64_t prefetchDistance = 8;

static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

//===----------------------------------------------------------------------===//
// Any value
//===----------------------------------------------------------------------===//

Values KernelEmitter::eval(Value value, const Place &place, const Tile &tile) {
  if (isStitched(value, place))
    return stitchedSum(value, place, tile);
  FunctionBuilder::Key key{
      {value.getAsOpaquePointer(), place.identity(), frame, tile.base.getAsOpaquePointer()},
      {tile.offset, tile.width, 0}};
  if (const Values *known = f.find(key))
    return *known;
  Values result = emitValue(value, place, tile);
  f.remember(key, result);
  return result;
}

Values KernelEmitter::emitValue(Value value, const Place &place, const Tile &tile) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return evalBlockArgument(argument, place, tile);
  Operation *op = value.getDefiningOp();
  if (auto same = dyn_cast<hgnn::EdgeConstantOp>(op)) {
    Values numbers;
    for (const Piece &piece : tile.pieces)
      numbers.push_back(f.f32(same.getValue().convertToDouble(), piece.lanes));
    return numbers;
  }
  if (isa<hgnn::GatherSrcOp, hgnn::GatherDstOp, hgnn::ReduceDstOp, hgnn::ReduceSrcOp,
          hgnn::ExpandOp, hgnn::RestrictOp, hgnn::SelfGatherOp, hgnn::SelfScatterOp, hgnn::DegreeOp,
          hgnn::EdgePositionOp>(op))
    return evalMove(op, place, tile);
  if (isa<hgnn::RowDotOp, hgnn::LayerNormOp, hgnn::LayerNormXhatOp, hgnn::LayerNormGradOp,
          hgnn::SoftmaxXentOp, hgnn::SoftmaxXentGradOp, hgnn::SigmoidXentOp,
          hgnn::SigmoidXentGradOp>(op))
    return evalRowWise(op, place, tile);
  if (auto product = dyn_cast<hgnn::SparseLinearOp>(op))
    return evalSparseLinear(product, place, tile);
  if (isa<hgnn::TermOp, hgnn::CombineOp, hgnn::CombinedOp, hgnn::CombinedGradOp, hgnn::TermGradOp>(
          op))
    return evalMerge(op, place, tile);
  return evalElements(op, place, tile);
}

Values KernelEmitter::evalBlockArgument(BlockArgument value, const Place &place, const Tile &tile) {
  if (!isa<FeatType>(value.getType()))
    return fail(value, "is no tensor and has no rows to read", tile);
  Value pointer = arg(ArgPart::Data, value);
  if (place.kind == Place::Flat || cast<FeatType>(value.getType()).getDomain().isParam())
    return loadTile(pointer, {}, 0, tile);
  int64_t width = widthOf(value);
  Value row = place.row;
  if (place.kind == Place::Edge && !row) {
    row = edgeRowOf(place, cast<FeatType>(value.getType()).getDomain());
    if (!row)
      return fail(value, "is over edges of an adjacency that the kernel does not have", tile);
  }
  return loadTile(pointer, row, width, tile);
}

Values KernelEmitter::fail(Value value, const Twine &message, const Tile &tile) {
  if (!failed) {
    if (Operation *op = value.getDefiningOp())
      op->emitOpError() << message << " (in kernel @" << kernel.getSymName() << ")";
    else
      kernel.emitError() << "operand " << cast<BlockArgument>(value).getArgNumber() << " "
                         << message;
  }
  failed = true;
  return zeros(tile);
}

//===----------------------------------------------------------------------===//
// Where an edge's ends are
//===----------------------------------------------------------------------===//

Value KernelEmitter::activeOf(const Place &place, Value adj) {
  if (place.active)
    return place.active;
  return place.position ? f.loadIndex(arg(ArgPart::OutDst, adj), place.position) : Value();
}
Value KernelEmitter::sourceOf(const Place &place, Value adj) {
  return place.source ? place.source : f.loadIndex(arg(ArgPart::InSrc, adj), place.row);
}
Value KernelEmitter::edgeOf(const Place &place, Value adj) {
  return place.row ? place.row : f.loadIndex(arg(ArgPart::OutEdge, adj), place.position);
}

//===----------------------------------------------------------------------===//
// Changes of domain
//===----------------------------------------------------------------------===//

Values KernelEmitter::evalMove(Operation *op, const Place &place, const Tile &tile) {
  Value result = op->getResult(0);
  if (place.kind == Place::Flat)
    return fail(result, "needs a loop over rows", tile);
  if (!isa<BlockArgument>(op->getOperands().back()))
    return fail(result, "needs an adjacency or link that is an operand of the kernel", tile);
  SmallVector<Type> types;
  for (const Piece &piece : tile.pieces)
    types.push_back(f.f32Type(piece.lanes));
  return llvm::TypeSwitch<Operation *, Values>(op)
      .Case([&](hgnn::GatherSrcOp gather) {
        return eval(gather.getInput(), Place::at(sourceOf(place, gather.getAdj())), tile);
      })
      .Case([&](hgnn::GatherDstOp gather) {
        Value active = activeOf(place, gather.getAdj());
        if (!active)
          return fail(result, "cannot tell the destination of an edge here", tile);
        return eval(gather.getInput(), Place::at(active), tile);
      })
      .Case([&](hgnn::RestrictOp restrict) {
        Value row = f.loadIndex(arg(ArgPart::DstPos, restrict.getAdj()), place.row);
        return eval(restrict.getInput(), Place::at(row), tile);
      })
      .Case([&](hgnn::SelfGatherOp gather) {
        Value row = f.loadIndex(arg(ArgPart::SelfPos, gather.getLink()), place.row);
        return eval(gather.getInput(), Place::at(row), tile);
      })
      .Case<hgnn::ExpandOp, hgnn::SelfScatterOp>([&](Operation *) {
        ArgPart part = isa<hgnn::ExpandOp>(op) ? ArgPart::RowPos : ArgPart::SelfInv;
        Value row = f.loadIndex(arg(part, op->getOperand(1)), place.row);
        return f.branch(
            f.cmp(IPred::sge, row, f.integer(0)), types,
            [&] { return eval(op->getOperand(0), Place::at(row), tile); },
            [&] {
              auto expand = dyn_cast<hgnn::ExpandOp>(op);
              return expand ? emptyTerm(expand.getMerge(), widthOf(result), tile) : zeros(tile);
            });
      })
      .Case([&](hgnn::EdgePositionOp position) { return evalEdgePosition(position, place); })
      .Case([&](hgnn::ReduceDstOp reduce) {
        return reduce.getMerge() == hgnn::Merge::Sum ? accumulate(result, place, tile, {})
                                                     : evalReduceTerms(reduce, place, tile);
      })
      .Case([&](hgnn::DegreeOp degree) {
        Value pointers = arg(ArgPart::InPtr, degree.getAdj());
        Value low = f.loadIndex(pointers, place.row);
        Value high = f.loadIndex(pointers, f.addi(place.row, 1));
        Value edges = f.trunc(f.subi(high, low), 32);
        return Values{arith::SIToFPOp::create(f.b, f.loc, f.f32Type(), edges)};
      })
      .Default([&](Operation *) { return accumulate(result, place, tile, {}); });
}

Values KernelEmitter::reduceEdges(Value edges, Value adj, bool bySource, const Place &place,
                                  const Tile &tile, Values acc) {
  ArgPart part = bySource ? ArgPart::OutPtr : ArgPart::InPtr;
  Value pointers = arg(part, adj);
  if (place.row == rootRow && !frame && !balance)
    balance = Slot{int(cast<BlockArgument>(adj).getArgNumber()), part};
  Value low = f.loadIndex(pointers, place.row);
  Value high = f.loadIndex(pointers, f.addi(place.row, 1));
  hoistInvariant(edges, bySource, place, tile);
  return forParts(RowReduction::Sum, low, high, acc, [&](Value index, ArrayRef<Value> sums) {
    prefetchEdges(edges, adj, bySource, place, index, high, tile);
    Place edge = bySource ? Place{Place::Edge, {}, index, {}, place.row}
                          : Place{Place::Edge, index, {}, place.row, {}};
    return accumulate(edges, edge, tile, Values(sums));
  });
}

/// Evaluates, before the loop over a row's edges, what is the same for all of them.
void KernelEmitter::hoistInvariant(Value edges, bool bySource, const Place &place,
                                   const Tile &tile) {
  Operation *op = edges.getDefiningOp();
  if (!op)
    return;
  bool invariant = bySource ? isa<hgnn::GatherSrcOp>(op) : isa<hgnn::GatherDstOp>(op);
  if (invariant) {
    eval(op->getOperand(0), Place::at(place.row), tile);
  } else if (isa<hgnn::MulOp, hgnn::ScaleOp, hgnn::ScaleByOp, hgnn::UnaryOp, hgnn::UnaryGradOp,
                 hgnn::ScaleRowsOp>(op) ||
             (isa<hgnn::AddOp>(op) && op->getNumOperands() < 4)) {
    for (auto [number, operand] : llvm::enumerate(op->getOperands())) {
      bool scalar = number == 1 && isa<hgnn::ScaleRowsOp>(op);
      bool param = cast<FeatType>(operand.getType()).getDomain().isParam();
      if (!param && !(scalar && widthOf(operand) > 1)) // of heads: with the tile's own
        hoistInvariant(operand, bySource, place, scalar ? scalarTile() : tile);
    }
  }
}

/// Rows far apart in memory are requested some edges ahead.
void KernelEmitter::prefetchEdges(Value edges, Value adj, bool bySource, const Place &place,
                                  Value index, Value high, const Tile &tile) {
  if (gpu) // its other threads run while one waits
    return;
  SmallVector<Value> sources; // block arguments read at the far end of each edge
  SmallVector<std::pair<Value, bool>> work{{edges, false}};
  for (size_t i = 0; i < work.size() && i < 64; ++i) {
    auto [value, far] = work[i];
    Operation *op = value.getDefiningOp();
    if (!op) {
      if (far && isa<FeatType>(value.getType()) && !llvm::is_contained(sources, value))
        sources.push_back(value);
      continue;
    }
    if (bySource ? isa<hgnn::GatherDstOp>(op) : isa<hgnn::GatherSrcOp>(op))
      work.push_back({op->getOperand(0), true});
    else if (isa<hgnn::MulOp, hgnn::AddOp, hgnn::ScaleOp, hgnn::ScaleRowsOp, hgnn::UnaryOp,
                 hgnn::UnaryGradOp, hgnn::DropoutOp>(op))
      for (Value operand : op->getOperands())
        work.push_back({operand, far});
    else if (auto grad = dyn_cast<hgnn::TermGradOp>(op); grad && grad.getInputs().size() == 2)
      work.push_back({grad.getInputs().front(), far});
  }
  llvm::erase_if(sources, [](Value source) { return widthOf(source) < 16; });
  if (sources.empty() || sources.size() > 2)
    return;
  // The last edge of the call where this is its loop, else of the row.
  Value last = high;
  if (place.row == rootRow && !frame) {
    FunctionBuilder::Key key{{adj.getAsOpaquePointer()}, {-21, bySource}};
    last = f.inPrelude([&] {
      const ArgPart part = bySource ? ArgPart::OutPtr : ArgPart::InPtr;
      Value pointers = arg(part, adj);
      return f.once(key, [&] { return f.loadIndex(pointers, f.end); });
    });
  }
  Value ahead =
      arith::MinSIOp::create(f.b, f.loc, f.addi(index, prefetchDistance), f.addi(last, -1));
  Value row = f.loadIndex(arg(bySource ? ArgPart::OutDst : ArgPart::InSrc, adj), ahead);
  for (Value source : sources) {
    Value start = tilePointer(arg(ArgPart::Data, source), row, widthOf(source), tile);
    for (int64_t column = 0; column < tile.width; column += 16)
      f.prefetch(f.gep(start, column, f.f32Type()));
  }
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

Values KernelEmitter::accumulate(Value value, const Place &place, const Tile &tile, Values acc) {
  Operation *op = isStitched(value, place) ? nullptr : value.getDefiningOp();
  bool fresh = acc.empty();
  // Adding into the caller's registers pays where nobody else needs the sum itself.
  if (op && (fresh || value.hasOneUse()) && place.kind != Place::Flat) {
    bool bySource = isa<hgnn::ReduceSrcOp>(op);
    auto reduce = dyn_cast<hgnn::ReduceDstOp>(op);
    bool sum = bySource || (reduce && reduce.getMerge() == hgnn::Merge::Sum);
    if (sum && isa<BlockArgument>(op->getOperand(1)))
      return reduceEdges(op->getOperand(0), op->getOperand(1), bySource, place, tile,
                         fresh ? zeros(tile) : acc);
    auto expand = dyn_cast<hgnn::ExpandOp>(op);
    bool zeroElsewhere =
        expand ? expand.getMerge() == hgnn::Merge::Sum : isa<hgnn::SelfScatterOp>(op);
    if (!fresh && zeroElsewhere) {
      ArgPart part = isa<hgnn::ExpandOp>(op) ? ArgPart::RowPos : ArgPart::SelfInv;
      Value row = f.loadIndex(arg(part, op->getOperand(1)), place.row);
      SmallVector<Type> types;
      for (Value value : acc)
        types.push_back(value.getType());
      return f.branch(
          f.cmp(IPred::sge, row, f.integer(0)), types,
          [&] { return accumulate(op->getOperand(0), Place::at(row), tile, acc); },
          [&] { return acc; });
    }
  }
  if (op && isa<hgnn::AddOp>(op) && (fresh || value.hasOneUse()))
    return accumulateSum(op, place, tile, acc);
  Values values = eval(value, place, tile);
  if (fresh)
    return values;
  return map(acc, values, [&](Value x, Value y) { return f.add(x, y); });
}

Values KernelEmitter::accumulateSum(Operation *add, const Place &place, const Tile &tile,
                                    Values acc) {
  if (auto runs = runsOf(add); acc.empty() && !runs.empty() && runs.front().first == 0)
    acc = zeros(tile);
  return overTerms(add, acc, [&](int, Value term, ArrayRef<Value> sum) {
    return sum.empty() ? eval(term, place, tile) : accumulate(term, place, tile, Values(sum));
  });
}
