//===- EvaluateMerges.cpp - terms of merges that are no sum ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A row of a term has parts (the value's numbers, then what its merge needs beside them); tiles
// never lie across their seams. What a head of a softmax has once, weights and sums, is computed
// once for the heads of a tile.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/MathFunctions.h"

#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;
using hgnn::Merge;
using hgnn::MergeRule;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static int lanesOf(Value value) { return FunctionBuilder::laneCount(value.getType()); }
static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

Cuts KernelEmitter::seamsOf(MergeRule merge, int64_t width) {
  int64_t n = hgnn::valueWidth(merge, width);
  if (merge == Merge::Argmax)
    return {n};
  return merge == Merge::Softmax ? Cuts{n, n + merge.heads} : Cuts{};
}

/// The number of an empty term at the columns of a tile.
Values KernelEmitter::emptyTerm(MergeRule merge, int64_t width, const Tile &tile) {
  int64_t n = hgnn::valueWidth(merge, width);
  double number = 0;
  if (merge == Merge::Softmax)
    number = tile.low >= n && tile.high <= n + merge.heads ? -infinity : 0;
  else if (merge.kind != Merge::Sum)
    number = tile.low >= n ? infinity : -infinity;
  Values result;
  for (const Piece &piece : tile.pieces)
    result.push_back(f.f32(number, piece.lanes));
  return result;
}

/// Column `column` of a row.
Value KernelEmitter::evalColumn(Value value, const Place &place, int64_t column) {
  return eval(value, place, scalarTile().shifted(column)).front();
}

/// e^(score - largest); 0 where the score is -inf, so that infinities are never subtracted.
Value KernelEmitter::weightOf(Value score, Value largest) {
  Value none = f.cmp(FPred::OEQ, score, f.f32Like(-infinity, score));
  return f.select(none, f.f32Like(0, score), emitExp(f, f.sub(score, largest)));
}
Values KernelEmitter::weightsOf(ArrayRef<Value> scores, ArrayRef<Value> largest) {
  return map(scores, largest, [&](Value x, Value m) { return weightOf(x, m); });
}

Values KernelEmitter::onceForHeads(const void *what, int64_t kind, const Place &place,
                                   const Tile &heads, function_ref<Values()> make) {
  FunctionBuilder::Key key{{what, place.identity(), frame, heads.base.getAsOpaquePointer()},
                           {kind, heads.offset, heads.width}};
  if (const Values *known = f.find(key))
    return *known;
  Values values = make();
  f.remember(key, values);
  return values;
}

/// Of a softmax: the largest score of all terms, for each of the heads.
Values KernelEmitter::largestScores(hgnn::CombineOp op, const Place &place, const Tile &heads) {
  int64_t n = hgnn::valueWidth(op.getMerge(), widthOf(op.getResult()));
  return onceForHeads(op.getOperation(), -50, place, heads, [&] {
    Values none;
    for (const Piece &piece : heads.pieces)
      none.push_back(f.f32(-infinity, piece.lanes));
    return overTerms(op, none, [&](int, Value term, ArrayRef<Value> largest) {
      return map(evalHeads(term, place, heads.shifted(n)), largest,
                 [&](Value score, Value m) { return f.max(score, m); });
    });
  });
}

/// Of a softmax: the weights of one term.
Values KernelEmitter::termWeights(hgnn::CombineOp op, Value term, ArrayRef<Value> largest,
                                  const Place &place, const Tile &heads) {
  int64_t n = hgnn::valueWidth(op.getMerge(), widthOf(op.getResult()));
  // What the largest scores are says of which op and heads they are.
  FunctionBuilder::Key key{
      {largest.front().getAsOpaquePointer(), place.identity(), frame, term.getAsOpaquePointer()},
      {-54, heads.offset, heads.width}};
  if (const Values *known = f.find(key))
    return *known;
  Values weights = weightsOf(evalHeads(term, place, heads.shifted(n)), largest);
  f.remember(key, weights);
  return weights;
}

/// Of a softmax: 1 / s of each head, 0 where no term takes part.
Values KernelEmitter::inverseSums(MergeRule merge, Value merged, const Place &place,
                                  const Tile &heads) {
  return onceForHeads(merged.getAsOpaquePointer(), -51, place, heads, [&] {
    Values sums = evalHeads(merged, place, heads.shifted(widthOf(merged) - merge.heads));
    return map(sums, [&](Value sum) {
      Value zero = f.f32Like(0, sum);
      return f.select(f.cmp(FPred::OEQ, sum, zero), zero, f.div(f.f32Like(1, sum), sum));
    });
  });
}

/// Of a softmax: -(gradient . o) / s^2 of each head.
Values KernelEmitter::gradientOfSums(hgnn::CombinedGradOp op, const Place &place,
                                     const Tile &heads) {
  return onceForHeads(op.getOperation(), -52, place, heads, [&] {
    int64_t size = widthOf(op.getGrad()) / op.getMerge().heads;
    Values inverse = inverseSums(op.getMerge(), op.getMerged(), place, heads);
    // The gradient last: the product is as wide as it.
    return map(dotOfHeads(op.getMerged(), op.getGrad(), size, place, heads), inverse,
               [&](Value dot, Value r) { return f.neg(f.mul(f.mul(dot, r), r)); });
  });
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Values KernelEmitter::evalTerm(hgnn::TermOp op, const Place &place, const Tile &tile) {
  int64_t n = widthOf(op.getInput());
  MergeRule merge = op.getMerge();
  if (tile.high <= n)
    return eval(op.getInput(), place, tile);
  if (tile.low < n)
    return fail(op.getResult(), "has a seam inside a tile", tile);
  if (merge == Merge::Softmax && tile.low < n + merge.heads)
    return evalHeads(op.getKey(), place, tile.shifted(-n));
  Value from; // one of several in a loop, or an edge
  if (merge == Merge::Argmax)
    from = op.getKey() ? evalScalar(op.getKey(), place) : op == frameTerm ? frameLink : Value();
  double number = merge == Merge::Softmax ? 1 : double(int64_t(op.getLink()));
  Values result;
  for (const Piece &piece : tile.pieces)
    result.push_back(from ? f.splat(from, piece.lanes) : f.f32(number, piece.lanes));
  return result;
}

/// The winner of two terms, number by number: larger numbers, then lower relations or positions.
/// Not a number wins over all, the first one it meets.
static Value wins(FunctionBuilder &f, Value b, Value relationOfB, Value a, Value relationOfA) {
  Value larger = f.cmp(FPred::UGT, b, a); // or not a number
  if (relationOfA) {
    Value lower = f.cmp(FPred::OLT, relationOfB, relationOfA);
    larger = arith::OrIOp::create(
        f.b, f.loc, larger, arith::AndIOp::create(f.b, f.loc, f.cmp(FPred::OEQ, b, a), lower));
  }
  return arith::AndIOp::create(f.b, f.loc, larger, f.cmp(FPred::ORD, a, a));
}

Values KernelEmitter::betterOf(ArrayRef<Value> numbers, ArrayRef<Value> from,
                               ArrayRef<Value> best) {
  size_t pieces = numbers.size();
  bool indices = !from.empty();
  Values next(best);
  for (size_t i = 0; i < pieces; ++i) {
    Value won = wins(f, numbers[i], indices ? from[i] : Value(), best[i],
                     indices ? best[pieces + i] : Value());
    next[i] = f.select(won, numbers[i], best[i]);
    if (indices)
      next[pieces + i] = f.select(won, from[i], best[pieces + i]);
  }
  return next;
}

KernelEmitter::WeightedSum KernelEmitter::weightedSumAt(MergeRule merge, const Tile &tile,
                                                        Value term) {
  const int64_t n = hgnn::valueWidth(merge, widthOf(term));
  WeightedSum at{tile.low >= n, {}};
  if (at.weights)
    at.heads.tile = tile.shifted(-n - merge.heads);
  else
    at.heads = headsOf(tile, n / merge.heads, term);
  return at;
}

Values KernelEmitter::addWeighted(const WeightedSum &at, ArrayRef<Value> sum, ArrayRef<Value> x,
                                  ArrayRef<Value> weights, const Tile &tile) {
  Values w = at.weights ? Values(weights) : spread(at.heads, weights, tile);
  Values weighted = map(x, w, [&](Value x, Value w) { return f.mul(x, w); });
  return map(sum, weighted, [&](Value sum, Value x) { return f.add(sum, x); });
}

Values KernelEmitter::evalCombine(hgnn::CombineOp op, const Place &place, const Tile &tile) {
  MergeRule merge = op.getMerge();
  int64_t n = hgnn::valueWidth(merge, widthOf(op.getResult()));
  if (merge == Merge::Softmax) {
    if (tile.low >= n && tile.low < n + merge.heads)
      return largestScores(op, place, tile.shifted(-n));
    WeightedSum at = weightedSumAt(merge, tile, op.getResult());
    Values largest = largestScores(op, place, at.heads.tile);
    return overTerms(op, zeros(tile), [&](int, Value term, ArrayRef<Value> sum) {
      Values weights = termWeights(op, term, largest, place, at.heads.tile);
      return addWeighted(at, sum, eval(term, place, tile), weights, tile);
    });
  }
  // Winners are found anew for numbers and for their relations, which are in different tiles.
  bool indices = merge == Merge::Argmax && tile.low >= n;
  Tile at = indices ? tile.shifted(-n) : tile;
  Values carried = emptyTerm(merge, widthOf(op.getResult()), at);
  if (indices)
    carried.append(emptyTerm(merge, widthOf(op.getResult()), tile));
  carried = overTerms(op, carried, [&](int, Value term, ArrayRef<Value> best) {
    return betterOf(eval(term, place, at), indices ? eval(term, place, tile) : Values(), best);
  });
  return indices ? Values(ArrayRef<Value>(carried).drop_front(tile.pieces.size())) : carried;
}

Values KernelEmitter::evalCombined(hgnn::CombinedOp op, const Place &place, const Tile &tile) {
  Values terms = eval(op.getInput(), place, tile);
  if (op.getMerge() == Merge::Softmax) {
    Heads heads = headsOf(tile, widthOf(op.getResult()) / op.getMerge().heads, op.getResult());
    Values inverse = inverseSums(op.getMerge(), op.getInput(), place, heads.tile);
    return map(terms, spread(heads, inverse, tile), [&](Value x, Value r) { return f.mul(x, r); });
  }
  return map(terms, [&](Value x) {
    return f.select(f.cmp(FPred::OEQ, x, f.f32Like(-infinity, x)), f.f32Like(0, x), x);
  });
}

Values KernelEmitter::evalCombinedGrad(hgnn::CombinedGradOp op, const Place &place,
                                       const Tile &tile) {
  MergeRule merge = op.getMerge();
  int64_t n = widthOf(op.getGrad());
  if (tile.low >= n) // winners; the largest score, and what the sum gets
    return merge == Merge::Softmax && tile.low >= n + merge.heads
               ? gradientOfSums(op, place, tile.shifted(-n - merge.heads))
               : eval(op.getMerged(), place, tile);
  Values grad = eval(op.getGrad(), place, tile);
  if (merge == Merge::Softmax) {
    Heads heads = headsOf(tile, n / merge.heads, op.getResult());
    Values inverse = inverseSums(merge, op.getMerged(), place, heads.tile);
    return map(grad, spread(heads, inverse, tile), [&](Value x, Value r) { return f.mul(x, r); });
  }
  return map(eval(op.getMerged(), place, tile), grad, [&](Value x, Value g) {
    return f.select(f.cmp(FPred::OEQ, x, f.f32Like(-infinity, x)), f.f32Like(0, x), g);
  });
}

/// Of a softmax: the weights of a term's message.
Values KernelEmitter::messageWeights(hgnn::TermGradOp op, const Place &place, const Tile &heads) {
  return onceForHeads(op.getOperation(), -53, place, heads, [&] {
    Value grad = op.getInputs()[0];
    Tile largest = heads.shifted(widthOf(grad) - 2 * op.getMerge().heads);
    return weightsOf(evalHeads(op.getInputs()[1], place, heads), evalHeads(grad, place, largest));
  });
}

Values KernelEmitter::evalTermGrad(hgnn::TermGradOp op, const Place &place, const Tile &tile) {
  MergeRule merge = op.getMerge();
  Value grad = op.getInputs()[0];
  int64_t n = hgnn::valueWidth(merge, widthOf(grad));
  if (merge == Merge::Argmax) {
    Value position = op.getInputs().size() > 1 ? evalScalar(op.getInputs()[1], place) : Value();
    return map(eval(grad, place, tile), eval(grad, place, tile.shifted(n)),
               [&](Value g, Value winner) {
                 Value own = position ? f.splat(position, lanesOf(g))
                                      : f.f32Like(double(int64_t(op.getLink())), g);
                 return f.select(f.cmp(FPred::OEQ, winner, own), g, f.f32Like(0, g));
               });
  }
  if (op.getInputs().size() == 2) {
    Heads heads = headsOf(tile, n / merge.heads, op.getResult());
    Values weights = messageWeights(op, place, heads.tile);
    return map(eval(grad, place, tile), spread(heads, weights, tile),
               [&](Value x, Value w) { return f.mul(x, w); });
  }
  Values dots = dotOfHeads(grad, op.getInputs()[2], n / merge.heads, place, tile);
  dots = map(dots, evalHeads(grad, place, tile.shifted(n + merge.heads)),
             [&](Value dot, Value sum) { return f.add(dot, sum); });
  return map(messageWeights(op, place, tile), dots, [&](Value w, Value x) { return f.mul(w, x); });
}

Values KernelEmitter::evalMerge(Operation *op, const Place &place, const Tile &tile) {
  if (place.kind == Place::Flat)
    return fail(op->getResult(0), "needs a loop over rows", tile);
  return llvm::TypeSwitch<Operation *, Values>(op)
      .Case([&](hgnn::TermOp term) { return evalTerm(term, place, tile); })
      .Case([&](hgnn::CombineOp combine) { return evalCombine(combine, place, tile); })
      .Case([&](hgnn::CombinedOp combined) { return evalCombined(combined, place, tile); })
      .Case([&](hgnn::CombinedGradOp grad) { return evalCombinedGrad(grad, place, tile); })
      .Case([&](hgnn::TermGradOp grad) { return evalTermGrad(grad, place, tile); });
}

/// What loops over tiles would repeat for each: of one head, whose numbers all tiles share.
void KernelEmitter::prepareMerge(Operation *op, const Place &place) {
  if (gpu && together && shareTiles)
    prepareHeadsTogether(op, place);
  auto attribute = op->getAttrOfType<hgnn::MergeAttr>("merge");
  if (!attribute || !(attribute.getValue() == MergeRule(Merge::Softmax)))
    return;
  const Tile head = scalarTile();
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](hgnn::CombineOp combine) {
        Values largest = largestScores(combine, place, head);
        if (runsOf(combine).empty()) // else weights are made in loops over terms
          for (Value term : combine.getInputs())
            termWeights(combine, term, largest, place, head);
      })
      .Case([&](hgnn::ReduceDstOp reduce) { largestOfEdges(reduce, place, head); })
      .Case([&](hgnn::CombinedOp combined) {
        inverseSums(combined.getMerge(), combined.getInput(), place, head);
      })
      .Case([&](hgnn::CombinedGradOp grad) {
        inverseSums(grad.getMerge(), grad.getMerged(), place, head);
      })
      .Case([&](hgnn::TermGradOp grad) { messageWeights(grad, place, head); });
}
