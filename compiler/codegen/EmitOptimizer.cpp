//===- EmitOptimizer.cpp - optimizer steps ---------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The update rules are in the description of the ops; numbers of a group are constants in the code,
// those that change from step to step are arguments.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;
using hgnn::OptimizerKind;

namespace {

/// One group's rule for pieces of (w, g, m, v), all of one length.
struct UpdateRule {
  FunctionBuilder &f;
  OptimizerKind kind;
  double beta1, beta2, eps, weightDecay, momentum;
  Value clip;                 ///< null: none
  Value rate, scaledRate, c2; ///< learning rate; Adam: rate / c1

  bool isAdam() const { return kind != OptimizerKind::Sgd; }

  Value spread(Value scalar, Value like) const {
    return f.splat(scalar, FunctionBuilder::laneCount(like.getType()));
  }
  /// Updates `moments` and returns the new w.
  Value apply(Value w, Value g, MutableArrayRef<Value> moments) const {
    if (clip)
      g = f.mul(g, spread(clip, g));
    if (weightDecay != 0 && kind == OptimizerKind::AdamW)
      w = f.sub(w, f.mul(spread(f.mul(rate, weightDecay), w), w));
    else if (weightDecay != 0)
      g = f.add(g, f.mul(w, weightDecay));
    if (!isAdam()) {
      if (!moments.empty())
        g = moments[0] = f.add(f.mul(moments[0], momentum), g);
      return f.sub(w, f.mul(spread(rate, g), g));
    }
    Value &m = moments[0], &v = moments[1];
    m = f.add(f.mul(m, beta1), f.mul(g, 1 - beta1));
    v = f.add(f.mul(v, beta2), f.mul(f.mul(g, g), 1 - beta2));
    Value root = f.add(f.sqrt(f.div(v, spread(c2, v))), eps);
    return f.sub(w, f.mul(spread(scaledRate, m), f.div(m, root)));
  }
};

UpdateRule makeRule(FunctionBuilder &f, hgnn::OptimizerOp group) {
  return {f,
          group.getKind(),
          group.getBeta1().convertToDouble(),
          group.getBeta2().convertToDouble(),
          group.getEps().convertToDouble(),
          group.getWeightDecay().convertToDouble(),
          group.getMomentum().convertToDouble(),
          {},
          {},
          {},
          {}};
}

} // namespace

hgnn::OptimizerOp KernelEmitter::optimizerOf(Operation *op, int64_t group) {
  for (auto optimizer : op->getParentOfType<ModuleOp>().getOps<hgnn::OptimizerOp>())
    if (int64_t(optimizer.getGroup()) == group)
      return optimizer;
  op->emitOpError("is of group ") << group << ", which no hgnn.optimizer describes";
  return {};
}

LogicalResult KernelEmitter::emitOptimizer(hgnn::OptimizerStepOp op) {
  hgnn::OptimizerOp group = optimizerOf(op, int64_t(op.getGroup()));
  if (!group)
    return failure();
  UpdateRule rule = makeRule(f, group);
  size_t moments = op.getMoments().size(), expected = rule.isAdam()        ? 2
                                                      : rule.momentum != 0 ? 1
                                                                           : 0;
  if (moments != expected)
    return op.emitOpError("needs ") << expected << " moments, got " << moments;
  if (op.getScalars().size() != (rule.isAdam() ? 3u : 1u))
    return op.emitOpError("needs ") << (rule.isAdam() ? "three scalars" : "one scalar") << ", got "
                                    << op.getScalars().size();
  int64_t total = cast<FeatType>(op.getGrad().getType()).getWidth();
  signature.domain = {CountKind::Constant, -1, total};
  auto scalar = [&](Value value) { return evalScalar(value, Place::flat()); };
  rule.rate = scalar(op.getScalars()[0]);
  if (rule.isAdam()) {
    rule.scaledRate = f.div(rule.rate, scalar(op.getScalars()[1]));
    rule.c2 = scalar(op.getScalars()[2]);
  }
  if (op.getClip())
    rule.clip = scalar(op.getClip());

  SmallVector<Value> states;
  for (size_t i = 0; i <= moments; ++i)
    states.push_back(arg(ArgPart::State, int(i)));
  auto step = [&](const Tile &tile) {
    Values grad = eval(op.getGrad(), Place::flat(), tile);
    SmallVector<Values> old;
    for (Value state : states)
      old.push_back(loadTile(state, {}, 0, tile));
    for (size_t piece = 0; piece < grad.size(); ++piece) {
      SmallVector<Value> own;
      for (size_t i = 1; i < old.size(); ++i)
        own.push_back(old[i][piece]);
      old[0][piece] = rule.apply(old[0][piece], grad[piece], own);
      for (size_t i = 1; i < old.size(); ++i)
        old[i][piece] = own[i - 1];
    }
    for (auto [state, values] : llvm::zip_equal(states, old))
      storeTile(state, {}, 0, tile, values);
  };
  const int64_t stride = gpu ? f.lanes : 16;
  Value length = f.subi(f.end, f.begin);
  Value whole = arith::DivUIOp::create(f.b, f.loc, length, f.integer(stride));
  Value middle = f.addi(f.begin, f.muli(whole, stride));
  if (gpu)
    setTeam(1);
  forNumbers(f.begin, middle, stride, {}, [&](Value base, ArrayRef<Value>) {
    Tile tile = makeTile(base, 0, stride, 0, total);
    tile.align = stride;
    step(tile);
    return Values();
  });
  forNumbers(middle, f.end, 1, {}, [&](Value base, ArrayRef<Value>) {
    step(makeTile(base, 0, 1, 0, total));
    return Values();
  });
  return success();
}

LogicalResult KernelEmitter::emitRowOptimizer(hgnn::RowOptimizerStepOp op) {
  hgnn::OptimizerOp group = optimizerOf(op, int64_t(op.getGroup()));
  if (!group)
    return failure();
  UpdateRule rule = makeRule(f, group);
  rule.weightDecay = 0; // untouched rows would miss it
  size_t moments = op.getMoments().size(), expected = rule.isAdam() ? 3 : 0;
  if (moments != expected)
    return op.emitOpError("needs ") << expected << " moments, got " << moments;
  if (op.getScalars().size() != 1)
    return op.emitOpError("needs one scalar, the learning rate, got ") << op.getScalars().size();
  if (!isa<BlockArgument>(op.getIds()))
    return op.emitOpError("needs ids that are an operand of the kernel");
  int64_t width = cast<FeatType>(op.getGrad().getType()).getWidth();
  signature.domain = {CountKind::OperandRows, int(cast<BlockArgument>(op.getIds()).getArgNumber())};
  rule.rate = evalScalar(op.getScalars()[0], Place::flat());
  if (op.getClip())
    rule.clip = evalScalar(op.getClip(), Place::flat());
  SmallVector<Value> states;
  for (size_t i = 0; i <= (rule.isAdam() ? 2u : 0u); ++i)
    states.push_back(arg(ArgPart::State, int(i)));
  Value counters = rule.isAdam() ? arg(ArgPart::State, 3) : Value();
  Value ids = arg(ArgPart::RowIds, op.getIds());
  Type i32 = f.intType(32), f64 = f.b.getF64Type();

  if (gpu)
    setTeam(width);
  forRows({}, [&](Value row, ArrayRef<Value>) {
    rootRow = row;
    Value id = f.loadIndex(ids, row, 64);
    UpdateRule own = rule;
    if (rule.isAdam()) {
      // The row's own step, and both betas to its power by binary exponentiation.
      Value counter = f.gep(counters, id, i32);
      Value before = LLVM::LoadOp::create(f.b, f.loc, i32, counter, 4);
      Value t = f.addi(before, 1);
      if (gpu) { // one for all threads of the row, when all have read it
        meetTeam();
        f.when(f.cmp(IPred::eq, lane, f.integer(0)),
               [&] { LLVM::StoreOp::create(f.b, f.loc, t, counter, 4); });
      } else {
        LLVM::StoreOp::create(f.b, f.loc, t, counter, 4);
      }
      auto real = [&](double value) -> Value {
        return arith::ConstantOp::create(f.b, f.loc, f.b.getF64FloatAttr(value));
      };
      SmallVector<Type> types{i32, f64, f64, f64, f64};
      SmallVector<Value> init{t, real(rule.beta1), real(1), real(rule.beta2), real(1)};
      auto loop = scf::WhileOp::create(
          f.b, f.loc, types, init,
          [&](OpBuilder &, Location loc, ValueRange carried) {
            Value more = f.cmp(IPred::ne, carried[0], f.integer(0, 32));
            scf::ConditionOp::create(f.b, loc, more, carried);
          },
          [&](OpBuilder &, Location loc, ValueRange carried) {
            Value odd = f.cmp(IPred::ne, f.andi(carried[0], 1), f.integer(0, 32));
            SmallVector<Value> next{f.shr(carried[0], 1)};
            for (int i = 1; i < 5; i += 2) {
              next.push_back(f.mul(carried[i], carried[i]));
              next.push_back(f.select(odd, f.mul(carried[i + 1], carried[i]), carried[i + 1]));
            }
            scf::YieldOp::create(f.b, loc, next);
          });
      auto correction = [&](Value power) -> Value {
        Value c = arith::SubFOp::create(f.b, f.loc, real(1), power);
        return arith::TruncFOp::create(f.b, f.loc, f.f32Type(), c);
      };
      own.scaledRate = f.div(rule.rate, correction(loop.getResult(2)));
      own.c2 = correction(loop.getResult(4));
    }
    forSharedTiles(width, {0, width}, {}, false, [&](const Tile &tile, ArrayRef<Value>) {
      Values grad = eval(op.getGrad(), Place::at(row), tile);
      SmallVector<Values> old;
      for (Value state : states)
        old.push_back(loadTile(state, id, width, tile));
      for (size_t piece = 0; piece < grad.size(); ++piece) {
        SmallVector<Value> parts;
        for (size_t i = 1; i < old.size(); ++i)
          parts.push_back(old[i][piece]);
        old[0][piece] = own.apply(old[0][piece], grad[piece], parts);
        for (size_t i = 1; i < old.size(); ++i)
          old[i][piece] = parts[i - 1];
      }
      for (auto [state, values] : llvm::zip_equal(states, old))
        storeTile(state, id, width, tile, values);
      return Values();
    });
    return Values();
  });
  return success();
}
