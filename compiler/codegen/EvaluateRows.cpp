//===- EvaluateRows.cpp - ops that reduce a row to numbers -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
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

/// Lanes of a row reduction, whatever the target's registers hold.
static constexpr int reductionLanes = 16;

static int lanesOf(Value value) { return FunctionBuilder::laneCount(value.getType()); }

//===----------------------------------------------------------------------===//
// Reductions over a row
//===----------------------------------------------------------------------===//

static double neutral(bool isSum) { return isSum ? 0.0 : -std::numeric_limits<double>::infinity(); }

Values KernelEmitter::emptyLanes(RowReduction kind) {
  return Values(reductionLanes / f.lanes, f.f32(neutral(kind == RowReduction::Sum), f.lanes));
}

Values KernelEmitter::addToLanes(RowReduction kind, Values lanes, const Tile &tile,
                                 ArrayRef<Value> terms) {
  bool isSum = kind == RowReduction::Sum;
  for (auto [piece, term] : llvm::zip_equal(tile.pieces, terms)) {
    int at = int(piece.offset % reductionLanes);
    Value wide = term;
    if (piece.lanes < f.lanes) { // the other lanes take the neutral element
      Value rest = f.f32(neutral(isSum), f.lanes);
      int first = at % f.lanes;
      if (piece.lanes == 1) {
        wide = LLVM::InsertElementOp::create(f.b, f.loc, rest, term, f.integer(first, 32));
      } else {
        SmallVector<int32_t> widen(f.lanes, -1), blend;
        for (int i = 0; i < piece.lanes; ++i)
          widen[first + i] = i;
        for (int i = 0; i < f.lanes; ++i)
          blend.push_back(i >= first && i < first + piece.lanes ? i : f.lanes + i);
        wide = f.shuffle(f.shuffle(term, term, widen), rest, blend);
      }
    }
    Value &lane = lanes[at / f.lanes];
    lane = isSum ? f.add(lane, wide) : f.max(wide, lane);
  }
  return lanes;
}

Value KernelEmitter::foldLanes(RowReduction kind, Values lanes) {
  auto join = [&](Value x, Value y) {
    return kind == RowReduction::Sum ? f.add(x, y) : f.max(x, y);
  };
  while (lanes.size() > 1) {
    size_t half = lanes.size() / 2;
    for (size_t i = 0; i < half; ++i)
      lanes[i] = join(lanes[i], lanes[i + half]);
    lanes.resize(half);
  }
  Value all = lanes.front();
  for (int n = lanesOf(all); n > 1; n /= 2)
    all = join(f.extract(all, 0, n / 2), f.extract(all, n / 2, n / 2));
  return all;
}

Value KernelEmitter::reduceRow(RowReduction kind, int64_t width, const Cuts &cuts,
                               function_ref<Values(const Tile &)> term) {
  if (width == 1)
    return term(scalarTile()).front();
  if (together && columnLanes > 1)
    return reduceRowTogether(kind, cuts, term);
  Values lanes =
      forTiles(width, cuts, emptyLanes(kind), false, [&](const Tile &tile, ArrayRef<Value> inner) {
        return addToLanes(kind, Values(inner), tile, term(tile));
      });
  return foldLanes(kind, lanes);
}

/// Once per row, what ops with row reductions need before any of their columns.
void KernelEmitter::prepareRow(Value value, const Place &place) {
  Operation *op = value.getDefiningOp();
  if (!op || place.kind == Place::Flat || isStitched(value, place))
    return;
  if (gpu) // what is reduced inside of a loop over columns is not shared by threads
    prepareOperands(op, place);
  llvm::TypeSwitch<Operation *>(op)
      .Case<hgnn::SoftmaxXentOp, hgnn::SigmoidXentOp>([&](Operation *) {
        if (gpu)
          evalScalar(value, place);
      })
      .Case([&](hgnn::ScaleRowsOp scale) {
        auto type = cast<FeatType>(scale.getScale().getType());
        if (type.getWidth() == 1 && type.getDomain().isParam() == domain.isParam())
          evalScalar(scale.getScale(), place);
      })
      .Case([&](hgnn::LayerNormOp norm) {
        meanAndRstd(norm.getInput(), norm.getEps().convertToDouble(), place);
      })
      .Case([&](hgnn::LayerNormXhatOp norm) {
        meanAndRstd(norm.getInput(), norm.getEps().convertToDouble(), place);
      })
      .Case([&](hgnn::LayerNormGradOp norm) { normGradStats(norm, place); })
      .Case([&](hgnn::SoftmaxXentGradOp loss) {
        softmaxStats(loss.getLogits(), place);
        evalScalar(loss.getGrad(), place);
      })
      .Case([&](hgnn::SigmoidXentGradOp loss) { evalScalar(loss.getGrad(), place); })
      .Default([&](Operation *) { prepareMerge(op, place); });
  if (!gpu)
    prepareOperands(op, place);
}

/// prepareRow of the operands whose rows are those of an op.
void KernelEmitter::prepareOperands(Operation *op, const Place &place) {
  bool sameRow = isa<hgnn::MulOp, hgnn::ScaleOp, hgnn::ScaleByOp, hgnn::ScaleRowsOp, hgnn::UnaryOp,
                     hgnn::UnaryGradOp, hgnn::AddBiasOp, hgnn::DropoutOp, hgnn::ConcatOp,
                     hgnn::SliceOp, hgnn::PadOp, hgnn::LayerNormOp, hgnn::LayerNormGradOp,
                     hgnn::CombinedOp, hgnn::CombinedGradOp>(op) ||
                 (gpu && isa<hgnn::SoftmaxXentOp, hgnn::SoftmaxXentGradOp, hgnn::SigmoidXentOp,
                             hgnn::SigmoidXentGradOp>(op)) ||
                 (isa<hgnn::AddOp>(op) && runsOf(op).empty());
  if (sameRow)
    for (Value operand : op->getOperands())
      if (auto type = dyn_cast<FeatType>(operand.getType()))
        if (!type.getDomain().isParam() || domain.isParam())
          prepareRow(operand, place);
}

//===----------------------------------------------------------------------===//
// Layer normalisation
//===----------------------------------------------------------------------===//

KernelEmitter::RowStats KernelEmitter::meanAndRstd(Value input, double eps, const Place &place) {
  FunctionBuilder::Key key{{input.getAsOpaquePointer(), place.identity(), frame},
                           {-40, int64_t(llvm::bit_cast<uint64_t>(eps))}};
  if (const Values *known = f.find(key))
    return {(*known)[0], (*known)[1]};
  int64_t width = cast<FeatType>(input.getType()).getWidth();
  Cuts cuts = cutsOf({input}, width);
  Value sum = reduceRow(RowReduction::Sum, width, cuts,
                        [&](const Tile &tile) { return eval(input, place, tile); });
  Value mean = f.mul(sum, 1.0 / double(width));
  Value squares = reduceRow(RowReduction::Sum, width, cuts, [&](const Tile &tile) {
    return map(eval(input, place, tile), [&](Value x) {
      Value d = f.sub(x, f.splat(mean, lanesOf(x)));
      return f.mul(d, d);
    });
  });
  Value variance = f.mul(squares, 1.0 / double(width));
  Value rstd = f.div(f.f32(1), f.sqrt(f.add(variance, eps)));
  f.remember(key, {mean, rstd});
  return {mean, rstd};
}

KernelEmitter::RowStats KernelEmitter::normGradStats(hgnn::LayerNormGradOp op, const Place &place) {
  FunctionBuilder::Key key{{op.getOperation(), place.identity(), frame}, {-41}};
  if (const Values *known = f.find(key))
    return {(*known)[0], (*known)[1]};
  Value input = op.getInput();
  RowStats stats = meanAndRstd(input, op.getEps().convertToDouble(), place);
  int64_t width = cast<FeatType>(input.getType()).getWidth();
  Cuts cuts = cutsOf({input, op.getGrad(), op.getGamma()}, width);
  auto scaled = [&](const Tile &tile) {
    Values gamma = eval(op.getGamma(), Place::flat(), tile), grad = eval(op.getGrad(), place, tile);
    return map(gamma, grad, [&](Value x, Value y) { return f.mul(x, y); });
  };
  Value sum = reduceRow(RowReduction::Sum, width, cuts, scaled);
  Value product = reduceRow(RowReduction::Sum, width, cuts, [&](const Tile &tile) {
    Values x = eval(input, place, tile);
    return map(scaled(tile), x, [&](Value d, Value x) {
      int n = lanesOf(x);
      Value h = f.mul(f.sub(x, f.splat(stats.first, n)), f.splat(stats.second, n));
      return f.mul(d, h);
    });
  });
  Value meanD = f.mul(sum, 1.0 / double(width)), meanDh = f.mul(product, 1.0 / double(width));
  f.remember(key, {meanD, meanDh});
  return {meanD, meanDh};
}

Values KernelEmitter::evalLayerNorm(Operation *op, const Place &place, const Tile &tile) {
  Value input = op->getOperand(0);
  double eps = cast<FloatAttr>(op->getAttr("eps")).getValueAsDouble();
  RowStats stats = meanAndRstd(input, eps, place);
  Values h = map(eval(input, place, tile), [&](Value x) {
    int n = lanesOf(x);
    return f.mul(f.sub(x, f.splat(stats.first, n)), f.splat(stats.second, n));
  });
  auto mul = [&](Value x, Value y) { return f.mul(x, y); };
  if (auto norm = dyn_cast<hgnn::LayerNormOp>(op)) {
    h = map(h, eval(norm.getGamma(), Place::flat(), tile), mul);
    return map(h, eval(norm.getBeta(), Place::flat(), tile),
               [&](Value x, Value y) { return f.add(x, y); });
  }
  auto norm = dyn_cast<hgnn::LayerNormGradOp>(op);
  if (!norm)
    return h;
  RowStats means = normGradStats(norm, place);
  Values d =
      map(eval(norm.getGamma(), Place::flat(), tile), eval(norm.getGrad(), place, tile), mul);
  return map(d, h, [&](Value d, Value h) {
    int n = lanesOf(d);
    Value rest = f.sub(f.sub(d, f.splat(means.first, n)), f.mul(h, f.splat(means.second, n)));
    return f.mul(rest, f.splat(stats.second, n));
  });
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

/// The largest logit, and the sum of e^(logit - largest).
KernelEmitter::RowStats KernelEmitter::softmaxStats(Value logits, const Place &place) {
  FunctionBuilder::Key key{{logits.getAsOpaquePointer(), place.identity(), frame}, {-42}};
  if (const Values *known = f.find(key))
    return {(*known)[0], (*known)[1]};
  int64_t width = cast<FeatType>(logits.getType()).getWidth();
  Cuts cuts = cutsOf({logits}, width);
  Value largest = reduceRow(RowReduction::Max, width, cuts,
                            [&](const Tile &tile) { return eval(logits, place, tile); });
  Value sum = reduceRow(RowReduction::Sum, width, cuts, [&](const Tile &tile) {
    return map(eval(logits, place, tile),
               [&](Value x) { return emitExp(f, f.sub(x, f.splat(largest, lanesOf(x)))); });
  });
  f.remember(key, {largest, sum});
  return {largest, sum};
}

Values KernelEmitter::evalLoss(Operation *op, const Place &place, const Tile &tile) {
  Value logits = op->getOperand(0), labels = op->getOperand(1);
  if (!isa<BlockArgument>(labels))
    return fail(op->getResult(0), "needs labels that are an operand of the kernel", tile);
  int64_t width = cast<FeatType>(logits.getType()).getWidth();
  auto weights = op->getAttrOfType<DenseF64ArrayAttr>("class_weights");
  Value table = weights ? f.constantArray(weights.asArrayRef()) : Value();
  Value zero = f.f32(0);

  if (isa<hgnn::SoftmaxXentOp, hgnn::SoftmaxXentGradOp>(op)) {
    Value label = f.loadIndex(arg(ArgPart::Classes, labels), place.row);
    Value known = f.cmp(IPred::sge, label, f.integer(0));
    Value safe = arith::MaxSIOp::create(f.b, f.loc, label, f.integer(0));
    Value weight = table ? f.load(f.gep(table, safe, f.f32Type()), 1) : Value();
    RowStats stats = softmaxStats(logits, place);
    if (auto loss = dyn_cast<hgnn::SoftmaxXentGradOp>(op)) {
      Value g = evalScalar(loss.getGrad(), place);
      Value scale = f.select(known, weight ? f.mul(weight, g) : g, zero);
      Value inverse = f.div(f.f32(1), stats.second);
      Values x = eval(logits, place, tile), result;
      Value label32 = f.trunc(label, 32);
      for (auto [piece, z] : llvm::zip_equal(tile.pieces, x)) {
        int n = piece.lanes;
        Value p = emitExp(f, f.sub(z, f.splat(stats.first, n)));
        p = f.mul(p, f.splat(inverse, n));
        Value own = f.cmp(IPred::eq, columns(tile, piece, 32), f.splat(label32, n));
        Value d = f.mul(f.sub(p, f.select(own, f.f32(1, n), f.f32(0, n))), f.splat(scale, n));
        result.push_back(f.select(known, d, f.f32(0, n)));
      }
      return result;
    }
    Value own;
    if (isa<BlockArgument>(logits)) {
      Value row = f.gep(arg(ArgPart::Data, logits), f.muli(place.row, width), f.f32Type());
      own = f.load(f.gep(row, safe, f.f32Type()), 1);
    } else { // one term is not zero, so the sum is exact
      Value label32 = f.trunc(safe, 32);
      own = reduceRow(RowReduction::Sum, width, cutsOf({logits}, width), [&](const Tile &t) {
        Values x = eval(logits, place, t), result;
        for (auto [piece, z] : llvm::zip_equal(t.pieces, x)) {
          Value is = f.cmp(IPred::eq, columns(t, piece, 32), f.splat(label32, piece.lanes));
          result.push_back(f.select(is, z, f.f32Like(0, z)));
        }
        return result;
      });
    }
    Value value = f.sub(emitLog(f, stats.second), f.sub(own, stats.first));
    if (weight)
      value = f.mul(value, weight);
    return {f.select(known, value, zero)};
  }

  Value known = f.cmp(
      FPred::OGT, f.load(f.gep(arg(ArgPart::LabelMask, labels), place.row, f.f32Type()), 1), zero);
  Value targets = arg(ArgPart::MultiLabels, labels);
  // y softplus(-z) is weighted by class, (1 - y) softplus(z) is not.
  auto weighted = [&](const Tile &t) {
    Values y = loadTile(targets, place.row, width, t);
    if (!table)
      return y;
    return map(y, loadTile(table, {}, 0, t), [&](Value y, Value w) { return f.mul(y, w); });
  };
  if (auto loss = dyn_cast<hgnn::SigmoidXentGradOp>(op)) {
    Value scale = f.mul(evalScalar(loss.getGrad(), place), 1.0 / double(width));
    Values z = eval(logits, place, tile), y = loadTile(targets, place.row, width, tile);
    Values wy = weighted(tile), result;
    for (size_t i = 0; i < z.size(); ++i) {
      Value s = emitSigmoid(f, z[i]), negative = f.sub(f.f32Like(1, s), y[i]);
      Value d = f.add(f.mul(wy[i], f.add(s, -1.0)), f.mul(negative, s));
      Value zeros = f.f32Like(0, d);
      result.push_back(f.select(known, f.mul(d, f.splat(scale, lanesOf(d))), zeros));
    }
    return result;
  }
  Value sum = reduceRow(RowReduction::Sum, width, cutsOf({logits}, width), [&](const Tile &t) {
    Values zs = eval(logits, place, t), y = loadTile(targets, place.row, width, t);
    Values wy = weighted(t), terms;
    for (size_t i = 0; i < zs.size(); ++i) {
      Value z = zs[i], zero = f.f32Like(0, z);
      Value rest = emitLog1p(f, emitExp(f, f.neg(f.abs(z))));
      Value plus = f.add(f.max(z, zero), rest), minus = f.add(f.max(f.neg(z), zero), rest);
      Value negative = f.sub(f.f32Like(1, z), y[i]);
      terms.push_back(f.add(f.mul(wy[i], minus), f.mul(negative, plus)));
    }
    return terms;
  });
  return {f.select(known, f.mul(sum, 1.0 / double(width)), zero)};
}

Values KernelEmitter::evalRowWise(Operation *op, const Place &place, const Tile &tile) {
  if (place.kind == Place::Flat)
    return fail(op->getResult(0), "needs a loop over rows", tile);
  if (auto dot = dyn_cast<hgnn::RowDotOp>(op)) {
    int64_t width = cast<FeatType>(dot.getLhs().getType()).getWidth();
    return dotOfHeads(dot.getLhs(), dot.getRhs(), width / int64_t(dot.getHeads()), place, tile);
  }
  if (isa<hgnn::LayerNormOp, hgnn::LayerNormXhatOp, hgnn::LayerNormGradOp>(op))
    return evalLayerNorm(op, place, tile);
  return evalLoss(op, place, tile);
}

//===----------------------------------------------------------------------===//
// Sparse rows
//===----------------------------------------------------------------------===//

Values KernelEmitter::evalSparseLinear(hgnn::SparseLinearOp op, const Place &place,
                                       const Tile &tile) {
  Value sparse = op.getInput();
  if (!isa<BlockArgument>(sparse) || place.kind != Place::Row)
    return fail(op.getResult(), "needs sparse rows that are an operand of the kernel", tile);
  Value pointers = arg(ArgPart::SparsePtr, sparse), indices = arg(ArgPart::SparseIdx, sparse);
  Value numbers = arg(ArgPart::SparseVal, sparse);
  if (place.row == rootRow && !frame && !balance)
    balance = Slot{int(cast<BlockArgument>(sparse).getArgNumber()), ArgPart::SparsePtr};
  int64_t width = cast<FeatType>(op.getResult().getType()).getWidth();
  Value low = f.loadIndex(pointers, place.row), high = f.loadIndex(pointers, f.addi(place.row, 1));
  return forParts(RowReduction::Sum, low, high, zeros(tile), [&](Value entry, ArrayRef<Value> acc) {
    Value number = f.load(f.gep(numbers, entry, f.f32Type()), 1);
    Value start = f.muli(f.loadIndex(indices, entry), width);
    // The weight is read as one long row.
    Tile row = tile;
    row.base = tile.base ? f.addi(start, tile.base) : start;
    row.align = width % f.lanes != 0 ? 1 : tile.base ? tile.align : f.lanes;
    row.low = 0, row.high = cast<FeatType>(op.getWeight().getType()).getWidth();
    Values weight = eval(op.getWeight(), Place::flat(), row);
    return map(acc, weight,
               [&](Value x, Value w) { return f.add(x, f.mul(w, f.splat(number, lanesOf(w)))); });
  });
}
