//===- EvaluateElements.cpp - element-wise ops and tiles in memory ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/MathFunctions.h"
#include "runtime/base/Keys.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;
using hgnn::UnaryFn;

static int lanesOf(Value value) { return FunctionBuilder::laneCount(value.getType()); }

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Values KernelEmitter::map(ArrayRef<Value> x, function_ref<Value(Value)> fn) {
  Values result;
  for (Value value : x)
    result.push_back(fn(value));
  return result;
}
Values KernelEmitter::map(ArrayRef<Value> x, ArrayRef<Value> y,
                          function_ref<Value(Value, Value)> fn) {
  Values result;
  for (auto [a, b] : llvm::zip_equal(x, y))
    result.push_back(fn(a, b));
  return result;
}
Values KernelEmitter::zeros(const Tile &tile) {
  Values result;
  for (const Piece &piece : tile.pieces)
    result.push_back(f.f32(0, piece.lanes));
  return result;
}

Value KernelEmitter::tilePointer(Value pointer, Value row, int64_t width, const Tile &tile) {
  FunctionBuilder::Key key{
      {pointer.getAsOpaquePointer(), row.getAsOpaquePointer(), tile.base.getAsOpaquePointer()},
      {-30, width, tile.offset}};
  return f.once(key, [&] {
    Type element = f.f32Type();
    Value at = pointer;
    if (row) {
      FunctionBuilder::Key rowKey{{pointer.getAsOpaquePointer(), row.getAsOpaquePointer()},
                                  {-31, width}};
      at = f.once(rowKey, [&] { return f.gep(pointer, f.muli(row, width), element); });
    }
    if (tile.base)
      at = f.gep(at, tile.base, element);
    return f.gep(at, tile.offset, element);
  });
}
Values KernelEmitter::loadTile(Value pointer, Value row, int64_t width, const Tile &tile) {
  Value start = tilePointer(pointer, row, width, tile);
  Values result;
  for (const Piece &piece : tile.pieces)
    result.push_back(f.load(f.gep(start, piece.offset, f.f32Type()), piece.lanes,
                            alignmentOf(tile, piece, width, bool(row))));
  return result;
}
void KernelEmitter::storeTile(Value pointer, Value row, int64_t width, const Tile &tile,
                              ArrayRef<Value> values) {
  Value start = tilePointer(pointer, row, width, tile);
  for (auto [piece, value] : llvm::zip_equal(tile.pieces, values))
    f.store(value, f.gep(start, piece.offset, f.f32Type()),
            alignmentOf(tile, piece, width, bool(row)));
}

/// The numbers of a piece's columns.
Value KernelEmitter::columns(const Tile &tile, const Piece &piece, unsigned bits) {
  Value lanes = f.iota(bits, piece.lanes, tile.offset + piece.offset);
  if (!tile.base)
    return lanes;
  Value base = bits == 64 ? tile.base : f.trunc(tile.base, bits);
  return f.addi(f.splat(base, piece.lanes), lanes);
}

//===----------------------------------------------------------------------===//
// Element-wise ops
//===----------------------------------------------------------------------===//

Values KernelEmitter::evalElements(Operation *op, const Place &place, const Tile &tile) {
  auto operand = [&](unsigned number) { return eval(op->getOperand(number), place, tile); };
  auto param = [&](Value value) { // a parameter of a loop over rows
    return eval(value, Place::flat(), tile);
  };
  auto add = [&](Value x, Value y) { return f.add(x, y); };
  auto mul = [&](Value x, Value y) { return f.mul(x, y); };
  auto times = [&](const Values &x, Value scalar) {
    return map(x, [&](Value value) { return f.mul(value, f.splat(scalar, lanesOf(value))); });
  };
  auto sizeOf = [](Value value) { return cast<FeatType>(value.getType()).getWidth(); };
  return llvm::TypeSwitch<Operation *, Values>(op)
      .Case([&](hgnn::AddOp) { return accumulateSum(op, place, tile, {}); })
      .Case([&](hgnn::MulOp) { return map(operand(0), operand(1), mul); })
      .Case([&](hgnn::ScaleOp scale) {
        double factor = scale.getFactor().convertToDouble();
        return map(operand(0), [&](Value x) { return f.mul(x, factor); });
      })
      .Case([&](hgnn::ScaleRowsOp scale) {
        auto at = [&](Value value) { // a param is the same for all rows
          bool shared = cast<FeatType>(value.getType()).getDomain().isParam() && !domain.isParam();
          return shared ? Place::flat() : place;
        };
        Values x = eval(scale.getInput(), at(scale.getInput()), tile);
        int64_t heads = sizeOf(scale.getScale());
        if (heads == 1)
          return times(x, evalScalar(scale.getScale(), at(scale.getScale())));
        Heads over = headsOf(tile, sizeOf(scale.getResult()) / heads, scale.getResult());
        Values numbers = evalHeads(scale.getScale(), at(scale.getScale()), over.tile);
        return map(x, spread(over, numbers, tile), mul);
      })
      .Case([&](hgnn::ScaleByOp scale) {
        return times(operand(0), evalScalar(scale.getFactor(), Place::flat()));
      })
      .Case([&](hgnn::AddBiasOp bias) { return map(operand(0), param(bias.getBias()), add); })
      .Case([&](hgnn::BroadcastRowsOp broadcast) { return param(broadcast.getInput()); })
      .Case([&](hgnn::OnesOp) {
        Values result;
        for (const Piece &piece : tile.pieces)
          result.push_back(f.f32(1, piece.lanes));
        return result;
      })
      .Case([&](hgnn::UnaryOp unary) { return evalUnary(unary, place, tile); })
      .Case([&](hgnn::UnaryGradOp unary) { return evalUnaryGrad(unary, place, tile); })
      .Case([&](hgnn::DropoutOp dropout) { return evalDropout(dropout, place, tile); })
      .Case([&](hgnn::ZerosOp rows) {
        return emptyTerm(rows.getMerge(), sizeOf(rows.getResult()), tile);
      })
      .Case([&](hgnn::ReshapeOp) { return operand(0); })
      .Case([&](hgnn::SliceOp slice) {
        return eval(slice.getInput(), place, tile.shifted(int64_t(slice.getOffset())));
      })
      .Case([&](hgnn::PadOp pad) {
        int64_t low = int64_t(pad.getOffset()), high = low + sizeOf(pad.getInput());
        if (tile.high <= low || tile.low >= high)
          return zeros(tile);
        return eval(pad.getInput(), place, tile.shifted(-low));
      })
      .Case([&](hgnn::ConcatOp concat) {
        int64_t low = 0;
        for (Value input : concat.getInputs()) {
          int64_t high = low + sizeOf(input);
          if (tile.low >= low && tile.high <= high)
            return eval(input, place, tile.shifted(-low));
          low = high;
        }
        return fail(op->getResult(0), "has a seam inside a tile", tile);
      })
      .Case([&](hgnn::ClipFactorOp clip) {
        Value factor = clipFactor(clip);
        Values result; // a loop over numbers has wide tiles, whatever few there are
        for (const Piece &piece : tile.pieces)
          result.push_back(f.splat(factor, piece.lanes));
        return result;
      })
      .Default(
          [&](Operation *) { return fail(op->getResult(0), "cannot be part of a kernel", tile); });
}

Value KernelEmitter::clipFactor(hgnn::ClipFactorOp op) {
  Values sum = accumulateSum(op, Place::flat(), scalarTile(), {});
  Value norm = f.add(f.sqrt(sum.front()), 1e-6);
  return f.min(f.div(f.f32(op.getMaxNorm().convertToDouble()), norm), f.f32(1));
}

//===----------------------------------------------------------------------===//
// Functions of one element
//===----------------------------------------------------------------------===//

static constexpr double sqrtHalf = 0.70710678118654752440, invSqrt2Pi = 0.39894228040143267794;

/// Phi(x), the distribution function of the normal distribution.
static Value normalCdf(FunctionBuilder &f, Value x) {
  return f.mul(f.add(emitErf(f, f.mul(x, sqrtHalf)), 1.0), 0.5);
}

Values KernelEmitter::evalUnary(hgnn::UnaryOp op, const Place &place, const Tile &tile) {
  double alpha = op.getAlpha().convertToDouble();
  return map(eval(op.getInput(), place, tile), [&](Value x) -> Value {
    Value zero = f.f32Like(0, x);
    switch (op.getFn()) {
    case UnaryFn::Relu: // lets not-a-number through
      return f.select(f.cmp(FPred::OLT, x, zero), zero, x);
    case UnaryFn::LeakyRelu:
      return f.select(f.cmp(FPred::OGT, x, zero), x, f.mul(x, alpha));
    case UnaryFn::Elu:
      return f.select(f.cmp(FPred::OGT, x, zero), x, f.mul(emitExpm1(f, x), alpha));
    case UnaryFn::Tanh:
      return emitTanh(f, x);
    case UnaryFn::Sigmoid:
      return emitSigmoid(f, x);
    case UnaryFn::Gelu:
      return f.mul(x, normalCdf(f, x));
    case UnaryFn::Reciprocal:
      return f.select(f.cmp(FPred::OEQ, x, zero), zero, f.div(f.f32Like(1, x), x));
    case UnaryFn::Exp:
      return emitExp(f, x);
    case UnaryFn::Log:
      return emitLogOfAny(f, x);
    case UnaryFn::Softplus:
      return emitSoftplus(f, x);
    case UnaryFn::Rsqrt:
      return f.select(f.cmp(FPred::OEQ, x, zero), zero, f.div(f.f32Like(1, x), f.sqrt(x)));
    }
    return x;
  });
}

Values KernelEmitter::evalUnaryGrad(hgnn::UnaryGradOp op, const Place &place, const Tile &tile) {
  double alpha = op.getAlpha().convertToDouble();
  Values input = eval(op.getInput(), place, tile), grad = eval(op.getGrad(), place, tile);
  return map(input, grad, [&](Value x, Value g) -> Value {
    Value zero = f.f32Like(0, x), one = f.f32Like(1, x);
    Value positive = f.cmp(FPred::OGT, x, zero);
    switch (op.getFn()) {
    case UnaryFn::Relu:
      return f.select(positive, g, zero);
    case UnaryFn::LeakyRelu:
      return f.select(positive, g, f.mul(g, alpha));
    case UnaryFn::Elu:
      return f.select(positive, g, f.mul(g, f.mul(emitExp(f, x), alpha)));
    case UnaryFn::Tanh: {
      Value t = emitTanh(f, x);
      return f.mul(g, f.sub(one, f.mul(t, t)));
    }
    case UnaryFn::Sigmoid: {
      Value s = emitSigmoid(f, x);
      return f.mul(g, f.mul(s, f.sub(one, s)));
    }
    case UnaryFn::Gelu: {
      Value density = f.mul(emitExp(f, f.mul(f.mul(x, x), -0.5)), invSqrt2Pi);
      return f.mul(g, f.add(normalCdf(f, x), f.mul(x, density)));
    }
    case UnaryFn::Reciprocal: {
      Value r = f.div(one, x);
      return f.select(f.cmp(FPred::OEQ, x, zero), zero, f.neg(f.mul(g, f.mul(r, r))));
    }
    case UnaryFn::Exp:
      return f.mul(g, emitExp(f, x));
    case UnaryFn::Log:
      return f.mul(g, f.div(one, x));
    case UnaryFn::Softplus:
      return f.mul(g, emitSigmoid(f, x));
    case UnaryFn::Rsqrt: {
      Value r = f.div(one, f.sqrt(x));
      return f.select(f.cmp(FPred::OEQ, x, zero), zero, f.mul(f.mul(g, -0.5), f.div(r, x)));
    }
    }
    return g;
  });
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

Values KernelEmitter::evalDropout(hgnn::DropoutOp op, const Place &place, const Tile &tile) {
  double p = op.getP().convertToDouble();
  if (!op.getIds() || !isa<BlockArgument>(op.getIds()))
    return fail(op.getResult(), "needs the ids of its rows as an operand of the kernel", tile);
  hgnn::DomainAttr rows = cast<hgnn::IdsType>(op.getIds().getType()).getDomain();
  Value row = place.kind == Place::Edge && rows.isEdges() ? edgeRowOf(place, rows) : place.row;
  if (place.kind == Place::Flat || !row)
    return fail(op.getResult(), "needs a loop over rows", tile);
  // Keys name the hop, so a kernel with dropout serves one hop only.
  int64_t hop = rows.getHop();
  Value keys = arg(ArgPart::Keys, -1);
  auto key = [&](int64_t number) {
    return f.andi(f.loadIndex(keys, f.integer(number), 32), 0xFFFFFFFF);
  };
  Value id = f.loadIndex(arg(ArgPart::Ids, op.getIds()), row, 64);
  Value word0 = f.andi(id, 0xFFFFFFFF);
  Value word1 = f.ori(f.shl(f.andi(f.shr(id, 32), 0xFFFF), 16), f.integer(int64_t(op.getSite())));
  int64_t purpose = int64_t(keys::Purpose::Dropout) << 28 | (hop & 0xF) << 24;
  Value seedLow = key(0), seedHigh = key(1), step = key(2);
  /// Words of the given draw blocks (64-bit integers).
  auto draw = [&](Value blocks) {
    int n = lanesOf(blocks);
    Value word3 = f.ori(f.andi(blocks, 0xFFFFFF), f.intLike(purpose, blocks));
    return emitPhilox(f, {f.splat(word0, n), f.splat(word1, n), f.splat(step, n), word3}, seedLow,
                      seedHigh);
  };
  Values x = eval(op.getInput(), place, tile), result;
  Value threshold = f.integer(int64_t(keys::dropoutThreshold(p)), 32);
  auto keep = [&](Value value, Value words) {
    Value kept = f.cmp(IPred::uge, words, f.splat(threshold, lanesOf(value)));
    return f.select(kept, f.mul(value, 1 / (1 - p)), f.f32Like(0, value));
  };
  if (int64_t count = int64_t(op.getHeads())) {
    // A number for each head, whose mask its columns share.
    Heads heads =
        headsOf(tile, cast<FeatType>(op.getResult().getType()).getWidth() / count, op.getResult());
    Values factors;
    for (const Piece &piece : heads.tile.pieces) {
      Value head = columns(heads.tile, piece, 64);
      auto words = draw(f.shr(head, 2));
      Value which = f.andi(head, 3), word = words[3];
      for (int w = 2; w >= 0; --w)
        word = f.select(f.cmp(IPred::eq, which, f.intLike(w, which)), words[w], word);
      Value kept = f.cmp(IPred::uge, f.trunc(word, 32), f.splat(threshold, piece.lanes));
      factors.push_back(f.select(kept, f.f32(1 / (1 - p), piece.lanes), f.f32(0, piece.lanes)));
    }
    // Chosen, not multiplied: what is dropped is 0 whatever it was.
    return map(x, spread(heads, factors, tile), [&](Value value, Value factor) {
      Value zero = f.f32Like(0, value);
      return f.select(f.cmp(FPred::OEQ, factor, zero), zero, f.mul(value, factor));
    });
  }
  // Column 4 b + w takes word w of block b. A tile's first column is low plus a multiple of 16.
  bool aligned = tile.low % 4 == 0;
  SmallVector<Value> groups; // 16 columns of words each
  for (auto [piece, value] : llvm::zip_equal(tile.pieces, x)) {
    if (!aligned) {
      Value column = columns(tile, piece, 64);
      auto words = draw(f.shr(column, 2));
      Value which = f.andi(column, 3), word = words[3];
      for (int w = 2; w >= 0; --w)
        word = f.select(f.cmp(IPred::eq, which, f.intLike(w, which)), words[w], word);
      result.push_back(keep(value, f.trunc(word, 32)));
      continue;
    }
    while (int64_t(groups.size()) * 16 <= piece.offset) {
      int64_t column = tile.offset + int64_t(groups.size()) * 16;
      Value blocks = f.iota(64, 4);
      Value first = tile.base ? f.shr(f.addi(tile.base, column), 2) : f.integer(column / 4);
      auto words = draw(f.addi(blocks, f.splat(first, 4)));
      auto pair = [&](Value a, Value b) {
        return f.shuffle(f.trunc(a, 32), f.trunc(b, 32), {0, 4, 1, 5, 2, 6, 3, 7});
      };
      Value low = pair(words[0], words[1]), high = pair(words[2], words[3]);
      groups.push_back(
          f.shuffle(low, high, {0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15}));
    }
    result.push_back(
        keep(value, f.extract(groups[piece.offset / 16], int(piece.offset % 16), piece.lanes)));
  }
  return result;
}
