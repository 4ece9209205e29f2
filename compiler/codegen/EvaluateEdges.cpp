//===- EvaluateEdges.cpp - terms of a destination's edges merged -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A loop over a destination's edges, in canonical order, for each tile. Of a softmax the largest
// scores come first, in a loop that reads nothing but scores; weights are then relative to the
// largest of all and nothing is scaled anew when a larger one appears: one exponential an edge and
// head, where keeping a running maximum takes two and a product for each number of the value, and
// the same numbers as the definition has.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/MathFunctions.h"

#include <limits>

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;
using hgnn::Merge;
using hgnn::MergeRule;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

Values KernelEmitter::overEdges(hgnn::ReduceDstOp op, const Place &place, const Tile &tile,
                                Values init, std::optional<RowReduction> kind,
                                function_ref<Values(const Place &, ArrayRef<Value>)> body) {
  Value adj = op.getAdj(), pointers = arg(ArgPart::InPtr, adj);
  if (place.row == rootRow && !frame && !balance)
    balance = Slot{int(cast<BlockArgument>(adj).getArgNumber()), ArgPart::InPtr};
  Value low = f.loadIndex(pointers, place.row);
  Value high = f.loadIndex(pointers, f.addi(place.row, 1));
  auto term = op.getInput().getDefiningOp<hgnn::TermOp>();
  bool values = term && tile.high <= widthOf(term.getInput());
  if (values)
    hoistInvariant(term.getInput(), /*bySource=*/false, place, tile);
  auto round = [&](Value edge, ArrayRef<Value> carried) {
    if (values)
      prefetchEdges(term.getInput(), adj, /*bySource=*/false, place, edge, high, tile);
    return body(Place{Place::Edge, edge, {}, place.row, {}}, carried);
  };
  return kind ? forParts(*kind, low, high, init, round) : f.loop(low, high, 1, init, round);
}

/// Of a softmax: the largest score of a destination's edges, for each of the heads.
Values KernelEmitter::largestOfEdges(hgnn::ReduceDstOp op, const Place &place, const Tile &heads) {
  Tile scores = heads.shifted(hgnn::valueWidth(op.getMerge(), widthOf(op.getResult())));
  return onceForHeads(op.getOperation(), -55, place, heads, [&] {
    Values none;
    for (const Piece &piece : heads.pieces)
      none.push_back(f.f32(-infinity, piece.lanes));
    return overEdges(op, place, scores, none, RowReduction::Max, [&](const Place &edge, ArrayRef<Value> largest) {
      return map(evalHeads(op.getInput(), edge, scores), largest,
                 [&](Value score, Value m) { return f.max(score, m); });
    });
  });
}

Values KernelEmitter::evalReduceTerms(hgnn::ReduceDstOp op, const Place &place, const Tile &tile) {
  MergeRule merge = op.getMerge();
  Value terms = op.getInput();
  int64_t width = widthOf(op.getResult()), n = hgnn::valueWidth(merge, width);
  if (merge == Merge::Softmax) {
    if (tile.low >= n && tile.low < n + merge.heads)
      return largestOfEdges(op, place, tile.shifted(-n));
    WeightedSum at = weightedSumAt(merge, tile, op.getResult());
    Values largest = largestOfEdges(op, place, at.heads.tile);
    return overEdges(op, place, tile, zeros(tile), RowReduction::Sum, [&](const Place &edge, ArrayRef<Value> sum) {
      Values weights = weightsOf(evalHeads(terms, edge, at.heads.tile.shifted(n)), largest);
      return addWeighted(at, sum, eval(terms, edge, tile), weights, tile);
    });
  }
  bool indices = merge == Merge::Argmax && tile.low >= n;
  Tile at = indices ? tile.shifted(-n) : tile;
  Values best = emptyTerm(merge, width, at);
  if (indices)
    best.append(emptyTerm(merge, width, tile));
  best = overEdges(op, place, at, best, {}, [&](const Place &edge, ArrayRef<Value> best) {
    return betterOf(eval(terms, edge, at), indices ? eval(terms, edge, tile) : Values(), best);
  });
  return indices ? Values(ArrayRef<Value>(best).drop_front(tile.pieces.size())) : best;
}

/// The position of an edge among its destination's.
Values KernelEmitter::evalEdgePosition(hgnn::EdgePositionOp op, const Place &place) {
  Value active = activeOf(place, op.getAdj());
  if (!active)
    return fail(op.getResult(), "cannot tell the destination of an edge here", scalarTile());
  Value first = f.loadIndex(arg(ArgPart::InPtr, op.getAdj()), active);
  Value position = f.trunc(f.subi(edgeOf(place, op.getAdj()), first), 32);
  return {arith::SIToFPOp::create(f.b, f.loc, f.f32Type(), position)};
}

Value KernelEmitter::edgeRowOf(const Place &place, hgnn::DomainAttr edges) {
  if (place.row)
    return place.row;
  // Only an adjacency says where an edge by source stands in canonical order.
  for (BlockArgument argument : body.getArguments()) {
    auto adj = dyn_cast<hgnn::AdjType>(argument.getType());
    if (adj && adj.getHop() == edges.getHop() && adj.getRelation() == edges.getSymbol())
      return edgeOf(place, argument);
  }
  return {};
}
