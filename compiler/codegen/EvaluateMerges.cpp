//===- EvaluateMerges.cpp - terms of merges that are no sum ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A row of a term has parts (the value's numbers, then what its merge needs beside them); tiles
// never lie across their seams. What a row of a softmax has once, weights and sums, is computed
// once a row.
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

static constexpr double infinity = std::numeric_limits<double>::infinity();

static int lanesOf(Value value) { return FunctionBuilder::laneCount(value.getType()); }
static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

Cuts KernelEmitter::seamsOf(Merge merge, int64_t width) {
  int64_t n = hgnn::valueWidth(merge, width);
  if (merge == Merge::Argmax)
    return {n};
  return merge == Merge::Softmax ? Cuts{n, n + 1} : Cuts{};
}

/// The number of an empty term at the columns of a tile.
Values KernelEmitter::emptyTerm(Merge merge, int64_t width, const Tile &tile) {
  int64_t n = hgnn::valueWidth(merge, width);
  double number = 0;
  if (merge == Merge::Softmax)
    number = tile.low == n ? -infinity : 0;
  else if (merge != Merge::Sum)
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
  Value none = f.cmp(FPred::OEQ, score, f.f32(-infinity));
  return f.select(none, f.f32(0), emitExp(f, f.sub(score, largest)));
}

/// The op that makes an operand of a combine a term of one relation, or null.
static hgnn::TermOp termOf(Value operand) {
  if (auto expand = operand.getDefiningOp<hgnn::ExpandOp>())
    operand = expand.getInput();
  return operand.getDefiningOp<hgnn::TermOp>();
}

/// `body` of all terms from the first to the last, carrying values: a loop where they are of one
/// form, as accumulateSum does it.
Values KernelEmitter::overTerms(hgnn::CombineOp op, Values carried,
                                function_ref<Values(Value, ArrayRef<Value>)> body) {
  auto runs = runsOf(op);
  for (int i = 0, n = int(op->getNumOperands()); i < n;) {
    auto run = llvm::find_if(runs, [&](auto &r) { return r.first == i; });
    Value term = op->getOperand(i);
    if (run == runs.end()) {
      carried = body(term, carried);
      ++i;
      continue;
    }
    Group &group = groupOf(op, run->first, run->second);
    SmallVector<double> links;
    for (int member = i; member < i + run->second; ++member)
      if (hgnn::TermOp made = termOf(op->getOperand(member)))
        links.push_back(double(int64_t(made.getLink())));
    bool indexed = op.getMerge() == Merge::Argmax && int(links.size()) == run->second;
    Value table = indexed ? f.constantArray(links) : Value();
    carried = f.loop(f.integer(0), f.integer(group.count), 1, carried,
                     [&](Value member, ArrayRef<Value> inner) {
                       Value position = f.addi(group.base, f.muli(member, Value(group.stride)));
                       frame = &group;
                       framePointer = f.gep(f.args, position, f.ptrType);
                       frameTerm = termOf(term);
                       if (table)
                         frameLink = f.load(f.gep(table, member, f.f32Type()), 1);
                       Values next = body(term, inner);
                       frame = nullptr;
                       frameTerm = {};
                       frameLink = {};
                       return next;
                     });
    i += run->second;
  }
  return carried;
}

/// Of a softmax: the largest score of all terms.
Value KernelEmitter::largestScore(hgnn::CombineOp op, const Place &place) {
  FunctionBuilder::Key key{{op.getOperation(), place.identity(), frame}, {-50}};
  int64_t n = hgnn::valueWidth(op.getMerge(), widthOf(op.getResult()));
  return f.once(key, [&] {
    return overTerms(op, {f.f32(-infinity)},
                     [&](Value term, ArrayRef<Value> largest) {
                       return Values{f.max(evalColumn(term, place, n), largest.front())};
                     })
        .front();
  });
}

/// Of a softmax: the weight of one term.
Value KernelEmitter::termWeight(hgnn::CombineOp op, Value term, Value largest, const Place &place) {
  FunctionBuilder::Key key{{op.getOperation(), place.identity(), frame, term.getAsOpaquePointer()},
                           {-54}};
  int64_t n = hgnn::valueWidth(op.getMerge(), widthOf(op.getResult()));
  return f.once(key, [&] { return weightOf(evalColumn(term, place, n), largest); });
}

/// Of a softmax: 1 / s, 0 where no term takes part.
Value KernelEmitter::inverseSum(Value merged, const Place &place) {
  FunctionBuilder::Key key{{merged.getAsOpaquePointer(), place.identity(), frame}, {-51}};
  return f.once(key, [&] {
    Value sum = evalColumn(merged, place, widthOf(merged) - 1), zero = f.f32(0);
    return f.select(f.cmp(FPred::OEQ, sum, zero), zero, f.div(f.f32(1), sum));
  });
}

/// Of a softmax: (gradient . o) / s^2.
Value KernelEmitter::gradientOfSum(hgnn::CombinedGradOp op, const Place &place) {
  FunctionBuilder::Key key{{op.getOperation(), place.identity(), frame}, {-52}};
  return f.once(key, [&] {
    int64_t n = widthOf(op.getGrad());
    Value inverse = inverseSum(op.getMerged(), place);
    Value dot = reduceRow(RowReduction::Sum, n, cutsOf({op.getGrad(), op.getMerged()}, n),
                          [&](const Tile &t) {
                            return map(eval(op.getGrad(), place, t), eval(op.getMerged(), place, t),
                                       [&](Value x, Value y) { return f.mul(x, y); });
                          });
    return f.neg(f.mul(f.mul(dot, inverse), inverse));
  });
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Values KernelEmitter::evalTerm(hgnn::TermOp op, const Place &place, const Tile &tile) {
  int64_t n = widthOf(op.getInput());
  if (tile.high <= n)
    return eval(op.getInput(), place, tile);
  if (tile.low < n)
    return fail(op.getResult(), "has a seam inside a tile", tile);
  if (op.getMerge() == Merge::Softmax && tile.low == n)
    return {evalColumn(op.getScore(), place, 0)};
  double number = op.getMerge() == Merge::Softmax ? 1 : double(int64_t(op.getLink()));
  bool member = frameLink && op == frameTerm; // one of several in a loop
  Values result;
  for (const Piece &piece : tile.pieces)
    result.push_back(member ? f.splat(frameLink, piece.lanes) : f.f32(number, piece.lanes));
  return result;
}

/// The winner of two terms, number by number: larger numbers, then lower relations. Not a number
/// wins over all, the first one it meets.
static Value wins(FunctionBuilder &f, Value b, Value relationOfB, Value a, Value relationOfA) {
  Value larger = f.cmp(FPred::UGT, b, a); // or not a number
  if (relationOfA) {
    Value lower = f.cmp(FPred::OLT, relationOfB, relationOfA);
    larger = arith::OrIOp::create(
        f.b, f.loc, larger, arith::AndIOp::create(f.b, f.loc, f.cmp(FPred::OEQ, b, a), lower));
  }
  return arith::AndIOp::create(f.b, f.loc, larger, f.cmp(FPred::ORD, a, a));
}

Values KernelEmitter::evalCombine(hgnn::CombineOp op, const Place &place, const Tile &tile) {
  int64_t n = hgnn::valueWidth(op.getMerge(), widthOf(op.getResult()));
  if (op.getMerge() == Merge::Softmax) {
    Value largest = largestScore(op, place);
    if (tile.low == n)
      return {largest};
    return overTerms(op, zeros(tile), [&](Value term, ArrayRef<Value> sum) {
      Value weight = termWeight(op, term, largest, place);
      return map(sum, eval(term, place, tile), [&](Value sum, Value x) {
        return f.add(sum, f.mul(x, f.splat(weight, lanesOf(x))));
      });
    });
  }
  // Winners are found anew for numbers and for their relations, which are in different tiles.
  bool indices = op.getMerge() == Merge::Argmax && tile.low >= n;
  Tile at = indices ? tile.shifted(-n) : tile;
  size_t pieces = tile.pieces.size();
  Values carried = emptyTerm(op.getMerge(), widthOf(op.getResult()), at);
  if (indices)
    carried.append(emptyTerm(op.getMerge(), widthOf(op.getResult()), tile));
  carried = overTerms(op, carried, [&](Value term, ArrayRef<Value> best) {
    Values numbers = eval(term, place, at), own, next(best);
    if (indices)
      own = eval(term, place, tile);
    for (size_t i = 0; i < pieces; ++i) {
      Value won = wins(f, numbers[i], indices ? own[i] : Value(), best[i],
                       indices ? best[pieces + i] : Value());
      next[i] = f.select(won, numbers[i], best[i]);
      if (indices)
        next[pieces + i] = f.select(won, own[i], best[pieces + i]);
    }
    return next;
  });
  return indices ? Values(ArrayRef<Value>(carried).drop_front(pieces)) : carried;
}

Values KernelEmitter::evalCombined(hgnn::CombinedOp op, const Place &place, const Tile &tile) {
  Values terms = eval(op.getInput(), place, tile);
  if (op.getMerge() == Merge::Softmax) {
    Value inverse = inverseSum(op.getInput(), place);
    return map(terms, [&](Value x) { return f.mul(x, f.splat(inverse, lanesOf(x))); });
  }
  return map(terms, [&](Value x) {
    return f.select(f.cmp(FPred::OEQ, x, f.f32Like(-infinity, x)), f.f32Like(0, x), x);
  });
}

Values KernelEmitter::evalCombinedGrad(hgnn::CombinedGradOp op, const Place &place,
                                       const Tile &tile) {
  int64_t n = widthOf(op.getGrad());
  if (tile.low >= n) // winners; the largest score, and what the sum gets
    return op.getMerge() == Merge::Softmax && tile.low == n + 1 ? Values{gradientOfSum(op, place)}
                                                                : eval(op.getMerged(), place, tile);
  Values grad = eval(op.getGrad(), place, tile);
  if (op.getMerge() == Merge::Softmax) {
    Value inverse = inverseSum(op.getMerged(), place);
    return map(grad, [&](Value x) { return f.mul(x, f.splat(inverse, lanesOf(x))); });
  }
  return map(eval(op.getMerged(), place, tile), grad, [&](Value x, Value g) {
    return f.select(f.cmp(FPred::OEQ, x, f.f32Like(-infinity, x)), f.f32Like(0, x), g);
  });
}

/// Of a softmax: the weight of a term's message.
Value KernelEmitter::messageWeight(hgnn::TermGradOp op, const Place &place) {
  FunctionBuilder::Key key{{op.getOperation(), place.identity(), frame}, {-53}};
  return f.once(key, [&] {
    Value grad = op.getInputs()[0];
    return weightOf(evalColumn(op.getInputs()[1], place, 0),
                    evalColumn(grad, place, widthOf(grad) - 2));
  });
}

Values KernelEmitter::evalTermGrad(hgnn::TermGradOp op, const Place &place, const Tile &tile) {
  Value grad = op.getInputs()[0];
  int64_t n = hgnn::valueWidth(op.getMerge(), widthOf(grad));
  if (op.getMerge() == Merge::Argmax)
    return map(eval(grad, place, tile), eval(grad, place, tile.shifted(n)),
               [&](Value g, Value winner) {
                 Value link = f.f32Like(double(int64_t(op.getLink())), g);
                 return f.select(f.cmp(FPred::OEQ, winner, link), g, f.f32Like(0, g));
               });
  Value weight = messageWeight(op, place);
  if (op.getInputs().size() == 2)
    return map(eval(grad, place, tile),
               [&](Value x) { return f.mul(x, f.splat(weight, lanesOf(x))); });
  Value value = op.getInputs()[2];
  Value dot = reduceRow(RowReduction::Sum, n, cutsOf({grad, value}, n), [&](const Tile &t) {
    return map(eval(grad, place, t), eval(value, place, t),
               [&](Value x, Value y) { return f.mul(x, y); });
  });
  return {f.mul(weight, f.add(dot, evalColumn(grad, place, n + 1)))};
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

void KernelEmitter::prepareMerge(Operation *op, const Place &place) {
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](hgnn::CombineOp combine) {
        if (combine.getMerge() != Merge::Softmax)
          return;
        Value largest = largestScore(combine, place);
        if (runsOf(combine).empty()) // else weights are made in loops over terms
          for (Value term : combine.getInputs())
            termWeight(combine, term, largest, place);
      })
      .Case([&](hgnn::CombinedOp combined) {
        if (combined.getMerge() == Merge::Softmax)
          inverseSum(combined.getInput(), place);
      })
      .Case([&](hgnn::CombinedGradOp grad) {
        if (grad.getMerge() == Merge::Softmax)
          inverseSum(grad.getMerged(), place);
      })
      .Case([&](hgnn::TermGradOp grad) {
        if (grad.getMerge() == Merge::Softmax)
          messageWeight(grad, place);
      });
}
